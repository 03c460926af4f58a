"""The command line: `focusgen COMMAND` and the numbered scripts. Parsing and dispatch only."""

from __future__ import annotations

import difflib
import importlib
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from focusgen import config
from focusgen.base.errors import ExitCode, FocusgenError, Interrupted
from focusgen.base.signals import stop_on_signals
from focusgen.config import GRAPH, SCENE_PHASES, Config, PhaseName, flags
from focusgen.models.registry import needs_gpu
from focusgen.run.console import ConsoleObserver, make_console, print_error

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
    "plan": ("focusgen.commands.plan", "what a run will take: bytes, files, CPU and GPU hours, tasks"),
    "submit": ("focusgen.commands.submit", "phases as SLURM jobs: packed, linked, drained in time"),
    "resubmit": ("focusgen.commands.resubmit", "submit again just what failed, is missing or stale"),
    "cancel": ("focusgen.commands.cancel", "end the jobs of a submission"),
    "task": ("focusgen.commands.task", "run one array index of a plan (what jobs call)"),
    "render": ("focusgen.commands.render", "lens blur for one picture with depth, or a folder of them"),
    "ablate": ("focusgen.commands.ablate", "what a choice of phases 2 and 5 buys and costs, measured"),
    "weights": ("focusgen.commands.weights", "fetch and check published weights, store prompt embeddings"),
    "doctor": ("focusgen.commands.doctor", "what is wrong with this machine, and how to mend it"),
    "config": ("focusgen.commands.config", "print the resolved settings, or explain each"),
}


def guarded(body: Callable[[], int]) -> int:
    """Run a command; turn every error that we raise on purpose into a message and an exit status."""
    try:
        return int(body())
    except Interrupted as error:
        print_error(error)
        return int(error.exit_code)
    except FocusgenError as error:
        print_error(error)
        return int(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `focusgen status | head`
        return int(ExitCode.COMPLETE)
    except OSError as error:
        from pathlib import Path

        from focusgen.base.files import STORAGE_ERRNOS, storage_error

        if error.errno not in STORAGE_ERRNOS:
            raise
        print_error(storage_error(error, Path(error.filename or os.curdir)))
        return int(ExitCode.INCOMPLETE)
    except KeyboardInterrupt:
        return int(ExitCode.INTERRUPTED)


def phase_main(phase: PhaseName, doc: str | None, argv: Sequence[str] | None = None) -> int:
    """Run one phase as a script; the return value is the exit status."""
    return guarded(lambda: _phase(phase, doc or "", sys.argv[1:] if argv is None else argv))


def _phase(phase: PhaseName, doc: str, argv: Sequence[str]) -> int:
    settings = flags.SCRIPT_FLAGS | flags.PHASE_FLAGS[phase]
    extras = [flags.CONFIG_FLAG, flags.SCENE_IDX_FLAG]
    if phase in ("index", *SCENE_PHASES):
        settings = settings | {"on_stale": "run.on_stale"}
    if phase in SCENE_PHASES:
        settings = settings | {"device": "run.device"}
    extras += _report_flags(phase)
    flag_set = flags.flags_class(f"{phase.title()}Flags", settings, extras)
    parsed, dotted = flags.parse(flag_set, argv, prog=GRAPH[phase].script, doc=doc)
    if getattr(parsed, "no_temporal_avg", False):
        dotted["deblur.temporal"] = "none"
    cfg = config.load(parsed.config, {**flags.overrides_of(parsed, settings), **dotted})
    flags.report_without_effect(cfg, parsed, settings)
    for flag in ("vda_repo", "target_fps"):
        if getattr(parsed, flag, None) is not None:
            print(f"note: --{flag} is accepted for older job files; it has no effect", file=sys.stderr)
    if parsed.scene_idx is not None and phase not in SCENE_PHASES:
        print(f"note: --scene_idx has no effect: phase {phase} looks at all scenes", file=sys.stderr)
    return run_phases(cfg, [phase], {"scene_idx": parsed.scene_idx})


def _report_flags(phase: PhaseName) -> list[flags.Extra]:
    """Return flags of the published interface that are no settings."""
    if phase == "deblur":
        return [("no_temporal_avg", bool, False, "no temporal stage: the same as --deblur.temporal none")]
    if phase == "depth":
        return [
            ("vda_repo", str | None, None, "accepted, without effect: the model is part of focusgen"),
            ("target_fps", float | None, None, "accepted, without effect: no frame is ever dropped"),
        ]
    return []


def run_phases(cfg: Config, phases: Sequence[PhaseName], selection: Mapping[str, Any]) -> int:
    """Run phases in order with progress on stderr; stop at the first that is not complete."""
    from focusgen.run.pipeline import Selection, run_phase

    warn_on_login_node(cfg, phases)
    code = ExitCode.COMPLETE
    with stop_on_signals() as stop, ConsoleObserver(make_console()) as observer:
        for phase in phases:
            code = max(code, run_phase(cfg, phase, Selection(selection), observer, stop))
    return code


def warn_on_login_node(cfg: Config, phases: Sequence[PhaseName]) -> None:
    """Say that a network was started outside a job, on a machine that can submit one."""
    on_cluster = shutil.which("sbatch") is not None and "SLURM_JOB_ID" not in os.environ
    if on_cluster and any(needs_gpu(cfg, phase) for phase in phases):
        print(
            "warning: this looks like a login node (sbatch is here, no job is running): "
            "submit the phase as a job instead, see jobs/",
            file=sys.stderr,
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Run `focusgen COMMAND ...`; the return value is the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
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
    module = importlib.import_module(COMMANDS[name][0])
    return guarded(lambda: module.main(rest))


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
    sys.exit(main())


if __name__ == "__main__":
    entry_point()
