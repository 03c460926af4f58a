"""What a command prints reaches whoever reads it, or ends without a fuss: pipes, full disks, any locale."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from focusgen.base.errors import ExitCode, FocusgenError, StorageError
from focusgen.base.shipped import PACKAGE


def printing(body: Callable[[], int]) -> int:
    """Run a command and hand over what it printed.

    A reader that leaves early (`| head`) is no error; a standard output that takes no more is one.
    """
    _open_what_is_closed()
    _print_any_name()
    try:
        with warnings_as_notes():
            code = body()
    except BrokenPipeError:
        _mute(sys.stdout)
        return int(ExitCode.COMPLETE)
    except SystemExit:  # --help, or a wrong flag
        _flush()
        raise
    return max(code, _flush())


@contextlib.contextmanager
def warnings_as_notes() -> Iterator[None]:
    """Print what focusgen's own code warns of, or logs, as notes: its source means nothing to who runs it.

    Training code that imports focusgen gets them as Python's warnings, and so do commands those of others.
    """
    with _log_as_notes(logging.getLogger("focusgen")), warnings.catch_warnings():
        others = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if issubclass(category, UserWarning) and Path(filename).is_relative_to(PACKAGE):
                print(f"note: {message}", file=sys.stderr)
            else:
                others(message, category, filename, lineno, file, line)

        warnings.showwarning = show
        yield


@contextlib.contextmanager
def _log_as_notes(own_log: logging.Logger) -> Iterator[None]:
    if any(isinstance(handler, _Notes) for handler in own_log.handlers):  # of a command that calls this one
        yield
        return
    notes = _Notes()
    own_log.addHandler(notes)
    try:
        yield
    finally:
        own_log.removeHandler(notes)


class _Notes(logging.Handler):
    """Prints as `print` does, above a bar where there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        print(f"note: {self.format(record)}", file=sys.stderr)


def print_error(error: FocusgenError) -> None:
    """Print an error and its next step on stderr."""
    print(f"focusgen: {error.message}", file=sys.stderr)
    if error.advice:
        print(error.advice, file=sys.stderr)


def unnamed_error(error: OSError) -> StorageError:
    """Return the failure of a call that names no file: of the standard output, if that takes no more."""
    try:
        print(flush=True)  # what could not be written may be lost: only a write tells
    except OSError as second:
        _mute(sys.stdout)
        return _output_error(second)
    return StorageError(
        f"{error.strerror} (which file is not told)",
        "Look at the file systems of the data set, of the raw files and of TMPDIR (df -h; focusgen doctor "
        "tries the first), then start the same command again.",
    )


def _output_error(error: OSError) -> StorageError:
    return StorageError(
        f"standard output: {error.strerror}",
        "What was made is in place; start the command again with its output elsewhere.",
    )


def _flush() -> int:
    if sys.stdout.closed:
        return int(ExitCode.COMPLETE)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _mute(sys.stdout)
    except OSError as error:
        _mute(sys.stdout)
        print_error(_output_error(error))
        return int(ExitCode.INCOMPLETE)
    return int(ExitCode.COMPLETE)


def _mute(stream: TextIO) -> None:
    """Point a stream at nothing, so that not even the end of the process tries to write to it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _open_what_is_closed() -> None:
    """Print to nothing where whoever started this closed the output (`>&-`); else the next file is fd 1."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")


def _print_any_name() -> None:
    """Print a name that the terminal's encoding lacks as escapes instead of ending with a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def in_utf8() -> None:
    """Start this very process again in Python's UTF-8 mode, where the locale knows ASCII names only.

    Names of files would else be other text than on every other machine, and go into the index like that.
    """
    if sys.getfilesystemencoding() != "utf-8" and os.environ.get("PYTHONUTF8") != "1":
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
