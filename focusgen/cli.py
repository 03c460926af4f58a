"""The command line: `focusgen COMMAND` and the numbered scripts. Parsing and dispatch only."""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Callable, Sequence

from focusgen.base.errors import ExitCode, FocusgenError
from focusgen.base.interpreter import protect_children
from focusgen.config import GRAPH, PhaseName
from focusgen.run.console import print_error
from focusgen.run.output import in_utf8, mute_output, output_error, printing

COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("focusgen.commands.run", "all phases on this machine, stopping where a person has to approve"),
    "demo": ("focusgen.commands.demo", "procedural scenes through all phases, with previews"),
    "synth": ("focusgen.commands.synth", "write procedural RGB-D scenes with exact depth"),
    "status": ("focusgen.commands.status", "scene x phase: complete, partial, stale, failed and why"),
    "repair": ("focusgen.commands.repair", "redo exactly what is missing or damaged, keep the rest"),
    "explain": ("focusgen.commands.explain", "all about one scene: records, differences, failures, advice"),
    "adopt": ("focusgen.commands.adopt", "take over a data set that the reference pipeline made"),
    "approve": ("focusgen.commands.approve", "approve the calibration, so that phase 5 may start"),
    "preview": ("focusgen.commands.preview", "contact sheet and video of a scene"),
    "report": ("focusgen.commands.report", "one HTML page: verdict, scenes, label coverage, calibration"),
    "view": ("focusgen.commands.view", "a scene for Rerun's viewer: depth in 3D, labels, focus over time"),
    "card": (
        "focusgen.commands.card",
        "README, split indices and Croissant: loaders then find the splits",
    ),
    "export": ("focusgen.commands.export", "shards to pass on: WebDataset tars, or Parquet"),
    "push": ("focusgen.commands.push", "upload an export with its card to the Hugging Face hub"),
    "plan": ("focusgen.commands.plan", "what a run will take: bytes, files, CPU and GPU hours, tasks"),
    "submit": ("focusgen.commands.submit", "phases as SLURM jobs: packed, linked, drained in time"),
    "resubmit": ("focusgen.commands.resubmit", "submit again just what failed, is missing or stale"),
    "cancel": ("focusgen.commands.cancel", "end the jobs of a submission"),
    "task": ("focusgen.commands.task", "run one array index of a plan (what jobs call)"),
    "render": ("focusgen.commands.render", "lens blur for one picture with depth, or a folder of them"),
    "focal": ("focusgen.commands.focal", "depth and an all-in-focus picture from focal stacks"),
    "ablate": ("focusgen.commands.ablate", "what a choice of phases 2 and 5 buys and costs, measured"),
    "weights": ("focusgen.commands.weights", "fetch and check published weights, store prompt embeddings"),
    "doctor": ("focusgen.commands.doctor", "what is wrong with this machine, and how to mend it"),
    "config": ("focusgen.commands.config", "print the resolved settings, or explain each"),
}


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
    """Blame the file that could not be written, or the standard output where none is named."""
    from pathlib import Path

    from focusgen.base.files import STORAGE_ERRNOS, storage_error

    if error.errno not in STORAGE_ERRNOS:
        raise error
    if error.filename is None:
        mute_output()
        print_error(output_error(error))
    else:
        print_error(storage_error(error, Path(error.filename)))
    return int(ExitCode.INCOMPLETE)


def phase_main(phase: PhaseName, doc: str | None, argv: Sequence[str] | None = None) -> int:
    """Run one phase as a script; the return value is the exit status."""
    if argv is None:
        protect_children()
        in_utf8()
    from focusgen.commands import phase as command

    return guarded(lambda: command.main(phase, doc, sys.argv[1:] if argv is None else argv))


def main(argv: Sequence[str] | None = None) -> int:
    """Run `focusgen COMMAND ...`; the return value is the exit status."""
    if argv is None:
        in_utf8()
    words = list(sys.argv[1:] if argv is None else argv)
    return guarded(lambda: _dispatch(words))


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
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
    return int(importlib.import_module(COMMANDS[name][0]).main(rest))


def usage() -> str:
    """Return the list of commands."""
    width = max(len(name) for name in COMMANDS)
    lines = [f"  {name:<{width}}  {what}" for name, (_, what) in COMMANDS.items()]
    scripts = [f"  scripts/{phase.script}" for phase in GRAPH.values()]
    return "\n".join(
        [
            "usage: focusgen COMMAND [--help]",
            "",
            "Sharp frames, metric depth, focus labels and bokeh renders from raw video.",
            "",
            *lines,
            "",
            "One phase at a time:",
            *scripts,
        ]
    )


def entry_point() -> None:
    """Console entry point."""
    protect_children()
    sys.exit(main())


if __name__ == "__main__":
    entry_point()
