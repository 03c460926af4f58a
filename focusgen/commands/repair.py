"""Make damaged scenes whole: redo exactly what is missing or damaged, keep the rest.

Every phase is redone under the settings of its own record; paths come from its last run, or from --config.
Ends with 0 if everything asked is whole afterwards, with 3 if not.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from focusgen import config
from focusgen.base.errors import ExitCode
from focusgen.base.names import first_lines, rich_text, shell_word
from focusgen.base.shipped import script_command
from focusgen.base.signals import stop_on_signals
from focusgen.commands.groups import DataSetFlags, settings_to_write
from focusgen.config.flags import Parsed, parse, positional, sets
from focusgen.config.graph import GRAPH, PhaseName
from focusgen.dataset.layout import DatasetLayout
from focusgen.run.console import ConsoleObserver, make_console

if TYPE_CHECKING:
    from rich.console import Console

    from focusgen.tools.repair import SceneRepair


@dataclass(frozen=True)
class RepairFlags(DataSetFlags):
    """Which scenes, and where their raw frames lie now."""

    scene: tuple[str, ...] = positional((), "scenes; default: all")
    raw_root: Path | None = sets("data.raw_root")
    depth_root: Path | None = sets("depth.depth_root")
    device: str | None = sets("run.device")


FLAGS = RepairFlags
MAX_TOLD = 20


def main(argv: Sequence[str]) -> int:
    """Run `focusgen repair`."""
    parsed = parse(FLAGS, argv, prog="focusgen repair", doc=__doc__)
    given = parsed.flags
    cfg = settings_to_write(given.config, parsed.overrides)
    from focusgen.dataset.index import known_scene, read_index
    from focusgen.dataset.index_edits import edits_text
    from focusgen.tools.repair import SceneRepairer
    from focusgen.tools.repair_index import restore_index

    dataset = DatasetLayout.of(cfg)
    restored = restore_index(dataset)
    index = read_index(dataset)
    scene_ids = [known_scene(index, name) for name in given.scene] or list(index)
    settings_of = functools.partial(_settings_of, parsed, cfg)
    is_whole = True
    with stop_on_signals() as stop, ConsoleObserver(make_console()) as observer:
        console = observer.console
        for text in filter(None, [restored, edits_text(dataset)]):
            console.print(rich_text(text))
        for scene_id in scene_ids:
            result = SceneRepairer(dataset, scene_id, index[scene_id], settings_of, observer, stop).run()
            _show(console, result)
            is_whole &= result.is_whole
        if is_whole and (text := _about_verdict(dataset)):
            console.print(rich_text(text), soft_wrap=True)
    return int(ExitCode.COMPLETE if is_whole else ExitCode.INCOMPLETE)


def _settings_of(parsed: Parsed[RepairFlags], cfg: config.Config, phase: PhaseName) -> config.Config | None:
    """Return where a phase finds its files: as its last run, or as was said now; None if neither tells."""
    from focusgen.run.settings import saved_config, with_overrides

    given = parsed.flags
    saved = None if given.config else saved_config(DatasetLayout.of(cfg), phase)
    if saved is not None:
        return with_overrides(saved, parsed.overrides)
    return cfg if given.config or given.raw_root or given.depth_root else None


def _about_verdict(dataset: DatasetLayout) -> str:
    """Return how a verdict that failed is given anew, now that all is whole; "" if there is none."""
    from focusgen.run.status import last_verdict

    verdict = last_verdict(dataset, [])
    if verdict is None or verdict.verdict != "fail":
        return ""
    how = f"{script_command(GRAPH['validate'].script)} --out_root {shell_word(dataset.root)}"
    return f"the last verdict, fail, is of before; phase 6 gives it anew: {how}"


def _show(console: Console, result: SceneRepair) -> None:
    colour, word = ("green", "whole") if result.is_whole else ("red", "not whole")
    console.print(f"[{colour}]{word}[/{colour}] {rich_text(result.scene_id)}")
    lines = [*result.actions, *result.problems]
    if result.report is not None:
        for texts in (result.report.errors, result.report.warnings):
            lines += first_lines(texts, MAX_TOLD)
    for text in lines:
        console.print(f"  {rich_text(text)}")
