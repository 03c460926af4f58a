"""The command line: `focusgen COMMAND` and the numbered scripts. Parsing and dispatch only."""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING

from focusgen.base.errors import ConfigError, ExitCode, FocusgenError
from focusgen.base.interpreter import import_for_good, keep_to_one_thread, protect_children
from focusgen.base.shipped import is_checkout, shipped
from focusgen.commands.table import COMMANDS
from focusgen.run.output import in_utf8, print_error, printing, unnamed_error

if TYPE_CHECKING:
    from focusgen.config.graph import PhaseName


def guarded(body: Callable[[], int]) -> int:
    """Run a command; turn every error that we raise on purpose into a message and an exit status."""
    return printing(lambda: _outcome_of(body))


def _outcome_of(body: Callable[[], int]) -> int:
    try:
        return int(body())
    except FocusgenError as error:
        print_error(error)
        return int(error.exit_code)
    except BrokenPipeError:
        raise  # not a failure of the command
    except OSError as error:
        return _storage_outcome(error)
    except KeyboardInterrupt:
        return int(ExitCode.INTERRUPTED)


def _storage_outcome(error: OSError) -> int:
    """Blame the file that is named, or the standard output where none is and that takes no more."""
    from pathlib import Path

    from focusgen.base.files import STORAGE_ERRNOS, storage_error

    if isinstance(error, FileNotFoundError) and _is_nowhere():
        gone = ConfigError("the folder where this command was started is gone", "cd to one that is there.")
        print_error(gone)
        return int(gone.exit_code)
    if error.errno not in STORAGE_ERRNOS:
        raise error
    is_named = error.filename is not None
    print_error(storage_error(error, Path(error.filename)) if is_named else unnamed_error(error))
    return int(ExitCode.INCOMPLETE)


def _is_nowhere() -> bool:
    """Say whether the folder where the process was started is deleted."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


def phase_main(phase: PhaseName, doc: str | None, argv: Sequence[str] | None = None) -> int:
    """Run one phase as a script; the return value is the exit status."""
    load: Callable[[str], ModuleType] = importlib.import_module
    if argv is None:
        protect_children()
        keep_to_one_thread()
        in_utf8()
        load = import_for_good
    words = sys.argv[1:] if argv is None else argv
    return guarded(lambda: int(load("focusgen.commands.phase").main(phase, doc, words)))


def main(argv: Sequence[str] | None = None) -> int:
    """Run `focusgen COMMAND ...`; the return value is the exit status."""
    if argv is not None:
        return guarded(lambda: _dispatch(list(argv), importlib.import_module))
    in_utf8()
    return guarded(lambda: _dispatch(sys.argv[1:], import_for_good))


def _dispatch(words: list[str], load: Callable[[str], ModuleType]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        from focusgen.config.help_text import wrapped_output

        with wrapped_output():
            print(usage())
        return int(ExitCode.COMPLETE if words else ExitCode.USAGE)
    if words[0] in ("-V", "--version", "version"):
        from focusgen import __version__

        print(f"focusgen {__version__}")
        return int(ExitCode.COMPLETE)
    name, rest = words[0].replace("-", "_"), words[1:]
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        print(f"focusgen: unknown command {words[0]!r}{hint}\n\n{usage()}", file=sys.stderr)
        return int(ExitCode.USAGE)
    return int(load(COMMANDS[name][0]).main(rest))


def usage() -> str:
    """Return the list of commands."""
    from focusgen.config import GRAPH, shipped_names

    width = max(len(name) for name in COMMANDS)
    lines = [f"  {name:<{width}}  {what}" for name, (_, what) in COMMANDS.items()]
    folder = "scripts" if is_checkout() else str(shipped("scripts"))
    return "\n".join(
        [
            "usage: focusgen COMMAND [--help]",
            "",
            "Sharp frames, metric depth, focus labels and bokeh renders from raw video.",
            "",
            *lines,
            "",
            f"One phase at a time (in {folder}):",
            *(f"  {phase.script}" for phase in GRAPH.values()),
            "",
            f"Configurations (--config NAME): {', '.join(shipped_names())}",
            f"They and job scripts lie in {shipped('configs').parent}.",
        ]
    )


def entry_point(*words: str) -> None:
    """Console entry point; a script says first which command it is."""
    protect_children()
    keep_to_one_thread()
    sys.argv[1:1] = words
    sys.exit(main())


if __name__ == "__main__":
    entry_point()
