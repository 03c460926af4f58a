"""Which scenes a run is about: those that were asked for, and those that an earlier phase has finished."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from focusgen.base.errors import ConfigError, CorruptInputError
from focusgen.config import Config, PhaseName
from focusgen.config.data import SPLITS
from focusgen.dataset.index import IndexEntry, known_scene
from focusgen.dataset.index_draft import outline_of
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import read_record


@dataclass(frozen=True)
class Selection:
    """Which scenes a command is about: those of which everything holds that is said.

    Attributes:
        scene_idx: their place in the index.
        scenes: their names.
        split: theirs.
    """

    scene_idx: int | None = None
    scenes: Sequence[str] | None = None
    split: str | None = None


def select_scenes(index: Mapping[str, IndexEntry], asked: Selection) -> list[str]:
    """Return the asked scenes in index order.

    Raises:
        ConfigError: no such index, name or split, or not all of them of one scene.
    """
    names = list(index)
    if asked.scene_idx is not None:
        if not 0 <= asked.scene_idx < len(names):
            known = f"scenes 0..{len(names) - 1}" if names else "no scenes"
            raise ConfigError(f"--scene_idx {asked.scene_idx}: the index has {known}")
        names = [names[asked.scene_idx]]
    if asked.scenes is not None:
        named = {known_scene(index, name) for name in asked.scenes}
        if named and named.isdisjoint(names):
            raise ConfigError(f"--scene_idx {asked.scene_idx} is {names[0]!r}, and other scenes are named")
        names = [name for name in names if name in named]
    if asked.split is not None:
        names = _of_split(index, names, asked.split)
    return names


def _of_split(index: Mapping[str, IndexEntry], names: Sequence[str], split: str) -> list[str]:
    """Return the scenes of a split: asking for none of any would be an empty success, or an empty verdict.

    Raises:
        ConfigError: there is no such split, or no scene in it.
    """
    if split not in SPLITS:
        raise ConfigError(f"--split {split}: no such split", f"Choose from {', '.join(SPLITS)}.")
    found = [name for name in names if outline_of(index, name).split == split]
    if names and not found:
        raise ConfigError(
            f"--split {split}: none of {len(names)} scenes is in it", "focusgen status lists them."
        )
    return found


def complete_scenes(cfg: Config, phase: PhaseName, index: Mapping[str, IndexEntry]) -> list[str]:
    """Return the scenes that have a trustworthy completion record of a phase, in index order."""
    dataset = DatasetLayout.of(cfg)
    names = []
    for scene_id in index:
        try:
            if read_record(dataset.scene(scene_id).done(phase)) is not None:
                names.append(scene_id)
        except CorruptInputError:
            continue  # status and phase 6 name it
    return names
