"""Depth that came with the data, as phase 3 meets it: opened, its unit told, its marks counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from focusgen.base.errors import DepthRangeError, MissingUpstreamError, UndecidedInputError
from focusgen.config import Config, DepthConfig
from focusgen.config.backends import PROVIDED
from focusgen.dataset.index import IndexEntry, recorded_raw_root
from focusgen.dataset.ingest import was_cut_short
from focusgen.dataset.layout import DatasetLayout
from focusgen.media.brought import BroughtDepth
from focusgen.media.depth_brought import check_told_unit, open_brought
from focusgen.media.depth_files import holds_depth, open_depth
from focusgen.media.depth_pairs import FrameNames
from focusgen.media.depth_sources import DepthSource
from focusgen.media.depth_steps import MILLIMETRES_PER_METRE, are_counted, look_turned
from focusgen.media.depth_units import (
    PLAUSIBLE_MEDIAN_M,
    SATURATED,
    STRANGELY_FAR_M,
    DepthOptions,
    is_plausible_median,
    unit_text,
)
from focusgen.optics.stats import Counts
from focusgen.optics.surfaces import CUT_PEAK, counted_depths, farthest_stands_in, is_cut_off
from focusgen.phases.depth_planes import plane_texts
from focusgen.phases.job import SceneJob

MAX_NEXT = 0.5
"""The largest other depth, as part of a farthest one that is no surface: nothing lies between them."""

NO_FOLDER = "depth.backend is `provided`, but no folder of depth is given"
GIVE_FOLDER = "Give --depth_root DIR, or another --depth.backend (dryrun rehearses without depth)."


def depth_options(cfg: DepthConfig) -> DepthOptions:
    """Return how depth files are to be read."""
    return DepthOptions(
        depth_scale=cfg.depth_scale,
        scale_floats=cfg.scale_floats,
        invalid_values=cfg.invalid_value,
        ray_distance_focal_px=cfg.ray_distance_focal_px,
        channel=cfg.channel,
        key=cfg.key,
    )


def open_provided(cfg: Config, dataset: DatasetLayout, scene_id: str, entry: IndexEntry) -> DepthSource:
    """Return the depth files that came with a scene: those of `depth_root`, else those of its layout.

    Raises:
        SceneError: nobody gave or brought any, it is missing, or it is another number of maps than frames.
    """
    root, options = cfg.depth.depth_root, depth_options(cfg.depth)
    brought = brought_depth(cfg, dataset, scene_id, entry)
    if brought is not None and brought.files:
        size = (entry.width, entry.height)
        return open_brought(brought, str(entry.layout), entry.n_frames, size, options)
    name = scene_id
    if brought is not None:
        root, name = brought.as_given
    if root is None:
        raise _no_depth(scene_id, entry)
    is_cut = was_cut_short(dataset, scene_id, entry)
    return open_depth(
        root,
        name,
        entry.n_frames,
        options,
        is_cut=is_cut,
        frames=FrameNames(entry.frames, is_video=entry.source.get("kind") == "video"),
    )


def brought_depth(
    cfg: Config, dataset: DatasetLayout, scene_id: str, entry: IndexEntry
) -> BroughtDepth | None:
    """Return the depth that a scene's layout brought; None if it has none, or depth_root has the scene."""
    root = cfg.depth.depth_root
    if root is not None and holds_depth(root, scene_id):
        return None
    return entry.brought_depth(recorded_raw_root(dataset, cfg.data.raw_root))


def _no_depth(scene_id: str, entry: IndexEntry) -> MissingUpstreamError:
    why = NO_FOLDER if entry.layout is None else f"layout {entry.layout} brought no depth with it"
    return MissingUpstreamError(f"scene {scene_id!r}: {why}", GIVE_FOLDER)


class ProvidedNotes:
    """What phase 3 remembers of the files of a scene over a kill: their unit, and what is saturated.

    Kept for scenes that begin under it. A scene that an earlier release began is finished, or repaired, with
    the record that that release would have written.
    """

    def __init__(self, job: SceneJob, source: DepthSource | None) -> None:
        self._job, self._source = job, source
        self._is_kept = job.store.recall("unit") is not None or not job.store.recall_frames("pixels")

    def remember(self, frame: int) -> None:
        """Keep what was noticed while a frame was read; before the frame is published."""
        if self._source is None or not self._is_kept:
            return
        if self._job.store.recall("unit") is None:
            self._job.store.remember("unit", self._source.unit)
        if frame in self._source.saturated_fractions:
            self._job.store.remember(f"saturated/{frame}", self._source.saturated_fractions[frame])

    def unit(self, median_m: float) -> str | None:
        """Return e.g. "1000 per metre, median 2.4 m (uint16)"; None where no record shall say it."""
        unit = self._job.store.recall("unit")
        return None if unit is None else unit_text(unit, median_m)

    def details(self, stats: Mapping[str, float]) -> dict[str, object]:
        """Return what the record says of the files."""
        unit = self.unit(stats["d_median"])
        found: dict[str, object] = {} if unit is None else {"unit": unit}
        far = {str(f): p[3] for f, p in self._job.store.recall_frames("pixels").items() if len(p) > 3}
        if far:
            far_m = self._job.cfg.depth.far_m
            found |= {"far_pixels": far, "far_m": stats["d_max"] if far_m is None else far_m}
        return found

    def warnings(
        self, details: Mapping[str, object], stats: Mapping[str, float], counts: Counts
    ) -> list[str]:
        """Return what a person should look at."""
        texts = list(self._source.notes) if self._source is not None and self._is_kept else []
        saturated = self._job.store.recall_frames("saturated")
        if saturated:
            share = _percent(sum(saturated.values()) / self._job.n_frames)
            texts.append(
                f"{share} of the depth numbers are {SATURATED}, the largest of 16 bits: too far to be "
                f"measured, or no depth (then set depth.invalid_value: {SATURATED}), or the top of relative "
                "depth that was brought to the range of the file, and is not metric"
            )
        texts += self._step_texts()
        if self._source is not None and self._is_kept:
            from focusgen.phases.depth_standing import standing_texts  # brings OpenCV

            texts += standing_texts(self._job)
            texts += plane_texts(self._source.read(frame) for frame in self._job.sampled_frames)
        if self._source is not None and not saturated and "far_pixels" not in details:
            texts += self._end_texts(counts)
        far = details.get("far_pixels")
        if isinstance(far, dict):
            texts += self._far_texts(_percent(sum(far.values()) / int(counts.sum())), stats["d_max"])
        return texts

    def _end_texts(self, counts: Counts) -> Iterator[str]:
        """Yield what to say of a farthest depth that nobody films, or that is far from all others.

        Nothing where somebody stated how far is far.
        """
        cfg = self._job.cfg.depth
        depth_m, pixels = counted_depths(counts)
        if cfg.max_m is not None or cfg.far_m is not None:
            return
        share = _percent(pixels[-1] / pixels.sum())
        is_lone = farthest_stands_in(depth_m, pixels) and depth_m[-2] <= MAX_NEXT * depth_m[-1]
        if is_lone or depth_m[-1] >= STRANGELY_FAR_M:
            told = f" {share} of the pixels have it, the next is {depth_m[-2]:.4g} m."
            yield (
                f"the largest depth is {depth_m[-1]:.5g} m: a number for the sky, or for no depth?"
                f"{told if is_lone else ''} It is taken as a surface; depth.max_m (what is farther is "
                "flagged as far) or depth.invalid_value (the number as it stands in the file) says otherwise"
            )
        elif is_cut_off(depth_m, pixels):
            yield (
                f"the depth seems to be cut off at {depth_m[-1]:.5g} m: {share} of the pixels have this "
                f"number, at least {CUT_PEAK:g} times as many as those before it. It is taken as a surface; "
                f"--depth.max_m {0.999 * depth_m[-1]:.4g} flags it as far"
            )

    def _step_texts(self) -> Iterator[str]:
        """Yield what to say of metres that are all whole, and of millimetres that are all eighths."""
        scale = self._job.cfg.depth.depth_scale
        if self._source is None:
            return
        if scale is None and are_counted(self._source.values(0)):
            yield (
                "all depth numbers are whole, as metres hardly are: in another unit (--depth.unit cm or mm), "
                "or grey of 0..255, which is no depth? --depth.unit m says that they are metres"
            )
        if scale == MILLIMETRES_PER_METRE and look_turned(self._source.values(0)):
            yield (
                "all depth numbers divide by 8: SUN RGB-D's, whose bits are turned by three, are eight times "
                "too far so (v >> 3 | v << 13 turns them back); in eighths of a millimetre say "
                "--depth_scale 8000"
            )

    def _far_texts(self, share: str, largest_m: float) -> Iterator[str]:
        """Yield what to say of where the sky lies."""
        far_m = self._job.cfg.depth.far_m
        if far_m is None:
            yield (
                f"{share} of the depth pixels are infinite, or sky by their number: taken as far, at the "
                f"scene's largest depth of {largest_m:.4g} m (depth.far_m sets another)"
            )
        elif np.float16(far_m) < largest_m:
            yield (
                f"{share} of the depth pixels, infinite or sky by their number, lie at depth.far_m "
                f"({far_m:g} m) before surfaces up to {largest_m:.4g} m: its blur and labels are those of "
                "something nearer. A larger --depth.far_m puts it behind them"
            )


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"


def check_name(job: SceneJob, source: DepthSource) -> None:
    """Refuse files that are named like something else than depth, unless somebody says that they are depth.

    Raises:
        UndecidedInputError: says what they are named like.
    """
    if source.contradiction and not job.cfg.depth.accept_name:
        raise UndecidedInputError(
            f"scene {job.scene_id!r}: {source.contradiction}",
            "If they hold depth along the axis all the same, say --depth.accept_name true.",
        )


def check_measured(job: SceneJob, stats: Mapping[str, float]) -> None:
    """Refuse a scene of which nothing but the largest 16-bit number is known.

    Raises:
        DepthRangeError: names the number.
    """
    saturated = job.store.recall_frames("saturated")
    if len(saturated) < job.n_frames or stats["d_min"] < stats["d_max"]:
        return
    raise DepthRangeError(
        f"scene {job.scene_id!r}: every depth number is {SATURATED}, the largest of 16 bits, or a hole: "
        "nothing was measured",
        f"Check the depth source; where {SATURATED} means no depth, say --depth.invalid_value {SATURATED}.",
    )


def check_assumed_unit(job: SceneJob) -> None:
    """Refuse depth in a unit that only the form of the recording tells.

    Raises:
        UndecidedInputError: neither its name, nor a person, nor the numbers tell it for certain.
    """
    brought = brought_depth(job.cfg, job.dataset, job.scene_id, job.entry)
    if brought is not None:
        check_told_unit(brought, depth_options(job.cfg.depth))


def check_median(job: SceneJob, median_m: float) -> None:
    """Refuse a scene whose depth is hardly in metres.

    Raises:
        DepthRangeError: names the unit that was assumed, and the ways out.
    """
    cfg = job.cfg.depth
    if cfg.backend != PROVIDED.name or cfg.accept_range:
        return
    if is_plausible_median(median_m):
        return
    unit = job.store.recall("unit")
    low_m, high_m = PLAUSIBLE_MEDIAN_M
    raise DepthRangeError(
        f"scene {job.scene_id!r}: a median depth of {median_m:.4g} m is implausible (below {low_m:g} m or "
        f"above {high_m:g} m)" + (f"; read as {unit}" if unit else ""),
        "State the unit: --depth_scale N with N units per metre, e.g. 1000 for millimetres; or say that it "
        "is right: depth.accept_range: true (--depth.accept_range true).",
    )
