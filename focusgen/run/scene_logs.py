"""The logs of a data set, put together from its scenes' own lines; of very many scenes not by every task."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from focusgen.base.locks import exclusive
from focusgen.config.graph import PhaseName
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.store import merge_scene_logs
from focusgen.run.table import PHASES

MERGED_LATER_FROM_SCENES = 1000


def merge_logs(dataset: DatasetLayout, index: Collection[str], phases: Sequence[PhaseName]) -> None:
    """Write the logs of phases anew, in index order."""
    for phase in phases:
        for name, header in PHASES[phase].logs:
            with exclusive(dataset.internal / "locks" / f"{name}.lock"):
                merge_scene_logs(dataset.internal, dataset.logs / name, index, header)


def merge_after_share(
    dataset: DatasetLayout, index: Collection[str], phase: PhaseName, scene_ids: Collection[str]
) -> None:
    """Write a phase's logs anew after a run over some scenes.

    A task of hundreds leaves that to the phase that looks at all scenes next (4 or 6).
    """
    if len(index) < MERGED_LATER_FROM_SCENES or len(scene_ids) == len(index):
        merge_logs(dataset, index, [phase])


def merge_what_tasks_left(
    dataset: DatasetLayout, index: Collection[str], phases: Sequence[PhaseName]
) -> None:
    """Write the logs anew that `merge_after_share` may have left."""
    if len(index) >= MERGED_LATER_FROM_SCENES:
        merge_logs(dataset, index, phases)
