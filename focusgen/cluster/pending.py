"""Which scenes still need work, read from files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from focusgen.config import SCENE_PHASES, Config, PhaseName
from focusgen.dataset.index import IndexEntry
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.states import State
from focusgen.run.status import all_status


def unfinished(
    cfg: Config,
    index: Mapping[str, IndexEntry],
    phases: Sequence[PhaseName],
    scenes: Sequence[str] | None = None,
) -> list[str]:
    """Return the scenes of which a phase is not complete under today's settings, in index order.

    Most scenes of a first submission have no record at all: those are told by one look, without reading.
    """
    dataset = DatasetLayout.of(cfg)
    wanted = [phase for phase in phases if phase in SCENE_PHASES]
    scenes = list(index) if scenes is None else scenes
    begun = [scene for scene in scenes if all(dataset.scene(scene).done(phase).exists() for phase in wanted)]
    complete = {
        status.scene_id
        for status in all_status(dataset, index, cfg, begun)
        if all(status.phases[phase].state is State.COMPLETE for phase in wanted)
    }
    return [scene for scene in scenes if scene not in complete]
