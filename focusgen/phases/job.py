"""What each phase does to one scene; a phase is handed its model and knows nothing of where it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from focusgen.config import Config
from focusgen.dataset.index import IndexEntry
from focusgen.dataset.layout import DatasetLayout, SceneLayout
from focusgen.dataset.scene_store import PhaseStore


@dataclass(frozen=True)
class SceneJob:
    """One phase of one scene, ready to be worked on.

    Attributes:
        n_frames: frames to make; fewer than the entry's in a rehearsal.
        on_frame: called after each frame was handed to the writer; raises to stop cleanly.
        on_note: called with what a person should read now; the record is told by the phase itself.
    """

    cfg: Config
    dataset: DatasetLayout
    scene_id: str
    entry: IndexEntry
    store: PhaseStore
    n_frames: int
    on_frame: Callable[[int], None]
    on_note: Callable[[str], None] = lambda text: None

    @property
    def scene(self) -> SceneLayout:
        """Paths of the scene."""
        return self.dataset.scene(self.scene_id)

    @property
    def sampled_frames(self) -> tuple[int, ...]:
        """The first, the middle and the last frame, for what is looked at in a few."""
        return tuple(sorted({0, self.n_frames // 2, self.n_frames - 1}))

    @property
    def shot_cuts(self) -> tuple[int, ...]:
        """First frames of new shots, within the frames to make."""
        return tuple(cut for cut in self.entry.shot_cuts if cut < self.n_frames)


def runs_of(frames: list[int]) -> list[tuple[int, int]]:
    """Return [start, stop) spans of consecutive numbers in an ascending list."""
    spans: list[tuple[int, int]] = []
    for frame in frames:
        if spans and spans[-1][1] == frame:
            spans[-1] = (spans[-1][0], frame + 1)
        else:
            spans.append((frame, frame + 1))
    return spans
