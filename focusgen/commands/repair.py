"""Make damaged scenes whole: redo exactly what is missing or damaged, keep the rest.

Every phase is redone under the settings of its own record; paths come from its last run, or from --config.
Ends with 0 if everything asked is whole afterwards, with 3 if not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import tyro

from focusgen import config, options
from focusgen.config import PhaseName
from focusgen.console import ConsoleObserver, make_console
from focusgen.errors import ExitCode
from focusgen.layout import DatasetLayout
from focusgen.names import rich_text
from focusgen.progress import stop_on_signals

if TYPE_CHECKING:
    from rich.console import Console

    from focusgen.repair import SceneRepair

EXTRAS: list[options.Extra] = [
    ("scene", Annotated[tuple[str, ...], tyro.conf.Positional], (), "scenes; default: all"),
    options.CONFIG_FLAG,
]
SETTINGS = options.DATA_SET_FLAGS | {"raw_root": "data.raw_root", "device": "run.device"}


def main(argv: Sequence[str]) -> int:
    """Run `focusgen repair`."""
    flags = options.flags_class("RepairFlags", SETTINGS, EXTRAS)
    parsed, dotted = options.parse(flags, argv, prog="focusgen repair", doc=__doc__ or "")
    given = {**options.overrides_of(parsed, SETTINGS), **dotted}
    cfg = config.load(parsed.config, given)
    from focusgen.phases.index import read_index
    from focusgen.repair import repair_scenes, restore_index
    from focusgen.report import check_scene

    dataset = DatasetLayout.of(cfg)
    restored = restore_index(dataset)
    index = read_index(dataset)
    scene_ids = list(parsed.scene) or list(index)
    for scene_id in scene_ids:
        check_scene(index, scene_id)

    def settings_of(phase: PhaseName) -> config.Config | None:
        saved = dataset.config_yaml(phase)
        if parsed.config:
            return cfg
        return config.load(saved, given) if saved.exists() else None

    is_whole = True
    with stop_on_signals() as stop, ConsoleObserver(make_console()) as observer:
        console = observer.console
        if restored:
            console.print(rich_text(restored))
        for result in repair_scenes(
            dataset, scene_ids, settings_of=settings_of, observer=observer, stop=stop
        ):
            _show(console, result)
            is_whole &= result.is_whole
    return int(ExitCode.COMPLETE if is_whole else ExitCode.INCOMPLETE)


def _show(console: Console, result: SceneRepair) -> None:
    colour, word = ("green", "whole") if result.is_whole else ("red", "not whole")
    console.print(f"[{colour}]{word}[/{colour}] {rich_text(result.scene_id)}")
    lines = [*result.actions, *result.problems]
    if result.report is not None:
        lines += [*result.report.errors[:20], *result.report.warnings[:20]]
    for text in lines:
        console.print(f"  {rich_text(text)}")
