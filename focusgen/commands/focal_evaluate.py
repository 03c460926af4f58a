"""Score depth and sharp pictures over lists of stacks: json, csv, md and one picture.

What `focal infer` does is judged; a constant guess, the sharpest slice, plain depth from focus and the
classical method stand beside it in every table, with 95 % intervals. A stack that cannot be used is left out
and named; the exit status is 3 then.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from focusgen.base.errors import ConfigError, ExitCode
from focusgen.commands.focal import DIR_ALIASES, checkpoint_of, note_what_has_no_effect, renamed
from focusgen.config.flags import Flags, option, parse

if TYPE_CHECKING:
    from focusgen.focal.presets import Preset
    from focusgen.tools.focal_evaluate import EvaluateJob


@dataclass(frozen=True)
class EvaluateFlags(Flags):
    """What is judged, and how."""

    config: str | None = option(None, "preset: its lists, or how --list is read")
    list: Path | None = option(None, "file list")
    data_root: str | None = option(None, "where relative paths start; default: beside the list")
    backend: Literal["auto", "classical", "learned", "sd3"] = option(
        "auto", "what is judged beside the others; auto: what focal infer does"
    )
    checkpoint: Path | None = option(None, "weights of learned (default: those that ship) or sd3")
    base_model: str | None = option(None, "sd3: folder or hub id; default: that of training")
    device: str = option("cpu", "where --backend sd3 computes: cpu, cuda, cuda:1")
    split: str | None = option(
        None, "train, val or test; default: all. A list that names no split is taken for it"
    )
    n_slices: str | None = option(None, "such as 3,5,9: cut every stack to these")
    max_samples: int | None = option(None, "stop after so many (--limit)")
    save_viz: bool = option(False, "write every depth map as a picture")
    protocol: Literal["own", "ddff", "zedd"] = option(
        "own", "ddff: also in disparity (px); zedd: also write its files"
    )
    output_dir: Path = option(Path("focal_evaluation"), "folder for the results (-o)")


FLAGS = EvaluateFlags
EVALUATE_ALIASES = {**DIR_ALIASES, "--limit": "--max_samples"}


def main(argv: Sequence[str]) -> int:
    """Run `focusgen focal evaluate`."""
    words = renamed(argv, EVALUATE_ALIASES)
    flags = parse(FLAGS, words, prog="focusgen focal evaluate", doc=__doc__).flags

    from focusgen.base.names import rich_text
    from focusgen.run.console import passing_bar
    from focusgen.tools.focal_evaluate import evaluate
    from focusgen.tools.focal_score_table import markdown

    job = _job(flags)
    with passing_bar() as progress:
        task = progress.add_task("evaluate", total=1.0)
        found = evaluate(
            job, lambda name, part: progress.update(task, description=rich_text(name), completed=part), _note
        )
    if any(found.table.values()):
        print("\n".join(markdown(found.table)))
    print(f"{flags.output_dir}/evaluation.json, .csv, .md, .png")
    for line in found.left_out:
        print(f"focusgen: {line}", file=sys.stderr)
    return int(ExitCode.INCOMPLETE if found.left_out else ExitCode.COMPLETE)


def _job(flags: EvaluateFlags) -> EvaluateJob:
    from focusgen.focal.backends import BackendOptions
    from focusgen.focal.presets import roots_of
    from focusgen.tools.focal_evaluate import EvaluateJob

    if flags.max_samples is not None and flags.max_samples < 1:
        raise ConfigError(f"--max_samples must be at least 1, not {flags.max_samples}")
    note_what_has_no_effect(flags.backend, flags.base_model, flags.device)
    lists, preset = _lists(flags)
    return EvaluateJob(
        lists,
        roots_of(flags.data_root, preset),
        flags.output_dir,
        flags.split,
        _counts(flags.n_slices),
        flags.max_samples,
        flags.save_viz,
        flags.protocol,
        preset,
        flags.backend,
        BackendOptions(checkpoint_of(flags.checkpoint, flags.backend), flags.base_model, flags.device),
    )


def _note(line: str) -> None:
    print(f"note: {line}", file=sys.stderr)


def _lists(flags: EvaluateFlags) -> tuple[Sequence[Path], Preset | None]:
    from focusgen.focal.presets import load_preset

    if flags.config is None and flags.list is not None:
        return [flags.list], None
    if flags.config is None:
        raise ConfigError(
            "focusgen focal evaluate needs --list or --config", "A list: focusgen focal stacks."
        )
    preset = load_preset(flags.config)
    if flags.list is not None:  # read as the preset says, as focal check reads it
        return [flags.list], preset
    names = [path for split, path in preset.lists.items() if flags.split in (None, split)]
    if not names:
        raise ConfigError(f"preset {preset.name} names no lists", "Say --list FILE, or give it a key lists.")
    return [Path(name) for name in names], preset


def _counts(text: str | None) -> list[int]:
    if text is None:
        return []
    try:
        counts = [int(word) for word in text.replace(",", " ").split()]
    except ValueError as error:
        raise ConfigError(f"--n_slices {text}: give numbers, such as 3,5,9") from error
    if min(counts, default=0) < 2:
        raise ConfigError(f"--n_slices {text}: a focal stack has at least 2 slices")
    return counts
