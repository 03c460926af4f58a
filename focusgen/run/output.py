"""What a command prints reaches whoever reads it, or ends without a fuss: pipes, full disks, any locale."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from typing import TextIO

from focusgen.base.errors import ExitCode, FocusgenError, StorageError


def printing(body: Callable[[], int]) -> int:
    """Run a command and hand over what it printed.

    A reader that leaves early (`| head`) is no error; a standard output that takes no more is one.
    """
    _print_any_name()
    try:
        code = body()
    except BrokenPipeError:
        _mute(sys.stdout)
        return int(ExitCode.COMPLETE)
    except SystemExit:  # --help, or a wrong flag
        _flush()
        raise
    return max(code, _flush())


def print_error(error: FocusgenError) -> None:
    """Print an error and its next step on stderr."""
    print(f"focusgen: {error.message}", file=sys.stderr)
    if error.advice:
        print(error.advice, file=sys.stderr)


def output_error(error: OSError) -> StorageError:
    """Return the failure of a write that names no file: ours all do, so it was to the standard output."""
    return StorageError(
        f"standard output: {error.strerror}",
        "What was made is in place; start the command again with its output elsewhere.",
    )


def mute_output() -> None:
    """Stop printing to a standard output that takes no more."""
    _mute(sys.stdout)


def _flush() -> int:
    if sys.stdout is None or sys.stdout.closed:
        return int(ExitCode.COMPLETE)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _mute(sys.stdout)
    except OSError as error:
        _mute(sys.stdout)
        print_error(output_error(error))
        return int(ExitCode.INCOMPLETE)
    return int(ExitCode.COMPLETE)


def _mute(stream: TextIO) -> None:
    """Point a stream at nothing, so that not even the end of the process tries to write to it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


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
