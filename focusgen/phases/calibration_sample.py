"""A scene of the calibration's sample: its pixels by depth, and the lenses that they are seen through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from focusgen.base.errors import CalibrationError, CorruptInputError, LensError
from focusgen.config import Config
from focusgen.dataset.footage import Footage
from focusgen.dataset.index import IndexEntry
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.published import read_depth
from focusgen.dataset.records import read_record
from focusgen.optics.coc import Lens
from focusgen.optics.stats import Counts, depth_counts, merged_counts
from focusgen.phases.drawn_sets import draw_sets, law_sets
from focusgen.phases.focus_moves import MovingLens
from focusgen.phases.scene_depth import SURFACES, SceneDepth

LAW_FRAMES, FRAME_SURFACES = 32, 256  # of a clip and of a frame, that stand for all of them in the law


@dataclass(frozen=True)
class SampledScene:
    """A scene of the sample, with the lenses drawn for it.

    Attributes:
        cfg: the settings, tied to this scene's footage.
    """

    scene_id: str
    width: int
    lenses: tuple[MovingLens, ...]
    n_redrawn: int
    depth: SceneDepth
    is_whole_law: bool
    cfg: Config

    def counts(self) -> Counts:
        """Return its pixels by depth; through thousands of lenses a thousand depths tell the same."""
        counts = self.depth.counts()
        return merged_counts(counts, SURFACES) if self.is_whole_law else counts

    def seen(self, counts: Counts) -> Iterator[tuple[Counts, Lens]]:
        """Yield pixels and the lens that they are seen through: each frame's own, where focus moves.

        Of the whole law, frames that are spread evenly over the clip stand for all of them.
        """
        yield from ((counts, one.lens) for one in self.lenses if one.path is None)
        moving = [one for one in self.lenses if one.path is not None]
        for frame in self._frames() if moving else ():
            of_frame = depth_counts(read_depth(self.depth.scene, frame))
            if self.is_whole_law:
                of_frame = merged_counts(of_frame, FRAME_SURFACES)
            yield from ((of_frame, one.at(frame)) for one in moving)

    def _frames(self) -> list[int]:
        n_frames = self.depth.record.n_frames
        n_counted = min(n_frames, LAW_FRAMES) if self.is_whole_law else n_frames
        return [i * n_frames // n_counted for i in range(n_counted)]


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
        SceneError: the depth of one vanished, or nobody knows its footage's view.
    """
    sampled, without, advice = list[SampledScene](), dict[str, str](), ""
    for scene_id in scene_ids:
        try:
            sampled.append(sample_scene(footage.tied(scene_id), dataset, scene_id, entries[scene_id]))
        except LensError as error:
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
    return SampledScene(scene_id, depth.long_side_px, drawn.moving, drawn.n_redrawn, depth, is_whole_law, cfg)
