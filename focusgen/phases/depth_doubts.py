"""What is odd about the depth of a whole scene: steps, flat maps, numbers that are hardly metres."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from focusgen.base.errors import DepthRangeError
from focusgen.base.names import shortened
from focusgen.config.backends import PROVIDED
from focusgen.media.depth_units import is_plausible_median
from focusgen.phases.job import SceneJob

NORMALISED_MAX = {"0..1": (0.95, 1.0), "0..255": (255.0, 255.0)}
"""Where depth ends that somebody brought to a range, frame by frame or over the clip."""

OTHER_UNIT_RATIO = 50.0
"""Medians of a frame and of its scene that differ by more are in two units; metres and feet are 3.3 apart."""


def flat_texts(flat: Sequence[int], n_frames: int) -> Iterator[str]:
    """Yield what to say of maps that are one number everywhere: a mark for "no depth", or a made-up map."""
    if len(flat) == n_frames:
        yield "the depth is one number everywhere: nothing will be out of focus before something else"
    elif flat:
        yield f"the depth of {len(flat)} of {n_frames} frames is one number everywhere: {_frames(flat)}"


def normalised_texts(job: SceneJob, stats: Mapping[str, float]) -> Iterator[str]:
    """Yield what to say of provided depth that ends at 1 or 255, as relative depth does."""
    if job.cfg.depth.backend != PROVIDED.name:
        return
    for span, (low, high) in NORMALISED_MAX.items():
        if low <= stats["d_max"] <= high:
            yield (
                f"all depth lies between {stats['d_min']:.2g} and {stats['d_max']:.3g}: depth that was "
                f"brought to {span} is no metric depth, and its labels would mean nothing"
            )


def step_texts(job: SceneJob, medians: Mapping[int, float]) -> Iterator[str]:
    """Yield where the median jumps from one frame to the next within a shot."""
    for frame in range(1, job.n_frames):
        step = abs(medians[frame] - medians[frame - 1]) / medians[frame - 1]
        if step > job.cfg.depth.warn_median_step and frame not in job.shot_cuts:
            yield f"median depth changes by {100 * step:.1f} % from frame {frame - 1} to {frame}"


def check_one_unit(job: SceneJob, median_m: float, medians: Mapping[int, float]) -> None:
    """Refuse a scene of which some frames are in another unit.

    Raises:
        DepthRangeError: names the frames.
    """
    cfg = job.cfg.depth
    if cfg.backend != PROVIDED.name or cfg.accept_range:
        return
    odd = [
        frame
        for frame, m in sorted(medians.items())
        if not is_plausible_median(m) and max(m / median_m, median_m / m) > OTHER_UNIT_RATIO
    ]
    if not odd:
        return
    raise DepthRangeError(
        f"scene {job.scene_id!r}: the median depth of frame {odd[0]} is {medians[odd[0]]:.4g} m, that of the "
        f"scene {median_m:.4g} m: {len(odd)} of {job.n_frames} frames seem to have another unit "
        f"({_frames(odd)})",
        "Bring the files of the scene to one unit; or say that they are right: --depth.accept_range true.",
    )


def _frames(frames: Sequence[int]) -> str:
    return f"frame{'s' * (len(frames) > 1)} {shortened(map(str, frames))}"
