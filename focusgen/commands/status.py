"""Where every scene stands in every phase, read from files only.

States: complete, partial, stale (with the key that differs), failed (with its reason), pending.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from focusgen import config, options
from focusgen.config import SCENE_PHASES
from focusgen.layout import DatasetLayout
from focusgen.names import rich_text

if TYPE_CHECKING:
    from focusgen.records import PhaseState
    from focusgen.report import SceneStatus

COLOURS = {"complete": "green", "partial": "yellow", "stale": "magenta", "failed": "red", "pending": "dim"}
MAX_ROWS = 200

EXTRAS: list[options.Extra] = [
    options.CONFIG_FLAG,
    ("json", bool, False, "print machine-readable JSON"),
    ("all", bool, False, f"list every scene, not only the first {MAX_ROWS} that need attention"),
]


def main(argv: Sequence[str]) -> int:
    """Run `focusgen status`."""
    flags = options.flags_class("StatusFlags", options.DATA_SET_FLAGS, EXTRAS)
    parsed, dotted = options.parse(flags, argv, prog="focusgen status", doc=__doc__ or "")
    cfg = config.load(parsed.config, {**options.overrides_of(parsed, options.DATA_SET_FLAGS), **dotted})
    from focusgen.phases.index import read_index
    from focusgen.report import all_status, status_document

    dataset = DatasetLayout.of(cfg)
    # Without a configuration of today's, each phase is compared with the settings of its own last run.
    today = cfg if parsed.config or dotted else None
    statuses = all_status(dataset, read_index(dataset), today)
    if parsed.json:
        print(json.dumps(status_document(statuses), indent=1))
        return 0
    console = Console(highlight=False)
    shown = _shown(statuses, show_all=parsed.all)
    console.print(_table(shown, len(statuses)))
    for status in shown:
        for phase in SCENE_PHASES:
            if _matters(status.phases[phase]):
                state = status.phases[phase]
                text = f"{status.scene_id}: {phase} {state.state.value}: {state.reason}"
                console.print(rich_text(text), soft_wrap=True)
    for phase, counts in status_document(statuses)["counts"].items():
        console.print(f"{phase:<7} " + ", ".join(f"{n} {state}" for state, n in counts.items()))
    return 0


def _shown(statuses: Sequence[SceneStatus], *, show_all: bool) -> list[SceneStatus]:
    if show_all or len(statuses) <= MAX_ROWS:
        return list(statuses)
    return [s for s in statuses if any(p.state.value != "complete" for p in s.phases.values())][:MAX_ROWS]


def _table(shown: Sequence[SceneStatus], n_scenes: int) -> Table:
    table = Table(title=f"{len(shown)} of {n_scenes} scenes")
    for column in ("scene", "split", "frames", *SCENE_PHASES):
        table.add_column(column, overflow="fold")
    for status in shown:
        states = [status.phases[phase] for phase in SCENE_PHASES]
        cells = [f"[{COLOURS[s.state.value]}]{s.state.value}[/]" for s in states]
        table.add_row(rich_text(status.scene_id), status.split, str(status.n_frames), *cells)
    return table


def _matters(state: PhaseState) -> bool:
    return state.state.value not in ("complete", "pending") and bool(state.reason)
