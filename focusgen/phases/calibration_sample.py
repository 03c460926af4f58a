"""A scene of the calibration's sample: its pixels by depth, and the lenses that they are seen through."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from focusgen.base.errors import CalibrationError, CorruptInputError, SceneError
from focusgen.config import Config
from focusgen.dataset.footage import Footage
from focusgen.dataset.index import IndexEntry
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.published import read_depth
from focusgen.dataset.records import read_record
from focusgen.optics.coc import Lens
from focusgen.optics.stats import Counts, depth_counts, merged_counts
from focusgen.phases.drawn_sets import draw_sets, law_sets
from focusgen.phases.focus_moves import MovingLens, move_focus
from focusgen.phases.scene_depth import SURFACES, SceneDepth

LAW_FRAMES, FRAME_SURFACES = 32, 256  # of a clip and of a frame, that stand for all of them in the law


@dataclass(frozen=True)
class SampledScene:
    """A scene of the sample, with the lenses drawn for it.

    Attributes:
        cfg: the settings, tied to this scene's footage.
        entry: of the index.
    """

    scene_id: str
    width: int
    lenses: tuple[MovingLens, ...]
    n_redrawn: int
    depth: SceneDepth
    is_whole_law: bool
    cfg: Config
    entry: IndexEntry

    def counts(self) -> Counts:
        """Return its pixels by depth; through thousands of lenses a thousand depths tell the same."""
        counts = self.depth.counts()
        return merged_counts(counts, SURFACES) if self.is_whole_law else counts

    def seen(self, counts: Counts) -> Iterator[tuple[Counts, Lens]]:
        """Yield pixels and the lens that they are seen through: each frame's own, where focus moves.

        Of the whole law, frames that are spread evenly over the clip stand for all of them.
        """
        views = _seen_roughly if self.is_whole_law else _seen_by
        return ((pixels, lens) for pixels, lens, _ in views(self.depth, counts, self.lenses))

    def seen_otherwise(self, lenses: Sequence[Lens], seed: int) -> Iterator[tuple[Counts, Lens, int]]:
        """Yield pixels, the lens that they are seen through, and its number among other lenses.

        Their focus moves as that of the scene's own lenses, on other ways; frames stand for all of them as
        in the whole law.

        Raises:
            SceneError: focus has nothing to move over.
        """
        moving = move_focus(self.cfg, self.depth, self.entry, lenses, seed)
        return _seen_roughly(self.depth, merged_counts(self.depth.counts(), SURFACES), moving)


def _seen_by(
    depth: SceneDepth, counts: Counts, lenses: Sequence[MovingLens], *, n_frames: int | None = None
) -> Iterator[tuple[Counts, Lens, int]]:
    """Yield pixels, the lens that they are seen through, and the number of the one that it belongs to.

    Args:
        counts: pixels of the whole clip by depth, for lenses at rest.
        lenses: with their ways.
        n_frames: that stand for all where focus moves, spread evenly and their depths put together; None to
            look at all as they are.
    """
    yield from ((counts, one.lens, number) for number, one in enumerate(lenses) if one.path is None)
    moving = [(number, one) for number, one in enumerate(lenses) if one.path is not None]
    n_all = depth.record.n_frames if moving else 0
    n_counted = min(n_all, n_frames or n_all)
    for frame in (i * n_all // n_counted for i in range(n_counted)):
        pixels = depth_counts(read_depth(depth.scene, frame))
        if n_frames is not None:
            pixels = merged_counts(pixels, FRAME_SURFACES)
        yield from ((pixels, one.at(frame), number) for number, one in moving)


_seen_roughly = functools.partial(_seen_by, n_frames=LAW_FRAMES)


def clips_of(cfg: Config, scene_ids: Sequence[str], entries: Mapping[str, IndexEntry]) -> Sequence[str]:
    """Return the scenes that phase 5 can make: where focus moves, it has nothing to move over in a still.

    Raises:
        CalibrationError: there is no other.
    """
    if cfg.lens.motion == "fixed":
        return scene_ids
    clips = [scene_id for scene_id in scene_ids if entries[scene_id].n_frames > 1]
    if not clips:
        raise CalibrationError(
            "every scene is a still picture: focus has nothing to move over "
            f"(lens.motion: {cfg.lens.motion})",
            "Say --lens.motion fixed, or give clips of two frames or more.",
        )
    return clips


def sample_scenes(
    footage: Footage, dataset: DatasetLayout, scene_ids: Sequence[str], entries: Mapping[str, IndexEntry]
) -> tuple[list[SampledScene], dict[str, str]]:
    """Return scenes with their lenses, and why others have none: phase 5 will fail those by name.

    Raises:
        CalibrationError: none has any.
    """
    sampled, without, advice = list[SampledScene](), dict[str, str](), ""
    for scene_id in scene_ids:
        try:
            sampled.append(sample_scene(footage.tied(scene_id), dataset, scene_id, entries[scene_id]))
        except SceneError as error:  # only this one cannot: its masks, its view, or no lens reaches it
            without[scene_id], advice = error.message, error.advice
    if not sampled:
        scene_id, reason = next(iter(without.items()))
        raise CalibrationError(f"none of the sampled scenes has lenses: {scene_id}: {reason}", advice)
    return sampled, without


def sample_scene(cfg: Config, dataset: DatasetLayout, scene_id: str, entry: IndexEntry) -> SampledScene:
    """Return a scene with the lenses that its calibration sees it through.

    Raises:
        SceneError: its depth vanished, or nothing can be drawn in it.
    """
    scene = dataset.scene(scene_id)
    record = read_record(scene.done("depth"))
    if record is None:
        raise CorruptInputError(f"{scene.done('depth')}: vanished while calibrating", "Start phase 4 again.")
    depth, is_whole_law = SceneDepth(scene, record), cfg.calibrate.lenses == "law"
    n_sets = cfg.calibrate.n_lens_sets
    drawn = law_sets(cfg, depth, entry) if is_whole_law else draw_sets(cfg, depth, entry, n_sets)
    return SampledScene(
        scene_id, depth.long_side_px, drawn.moving, drawn.n_redrawn, depth, is_whole_law, cfg, entry
    )
