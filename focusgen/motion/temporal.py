"""The temporal stage of phase 2: one restored video out of restored frames, in order, in bounded memory.

A restorer that works frame by frame invents detail afresh in each frame, and that flickers. Four strategies:

    flow            each frame is the weighted mean of itself and its neighbours within `radius`, warped along
                    the optical flow of the *input* video. Weights: forward-backward consistency x photometric
                    agreement of the input frames, in units of their noise where that is more than a few
                    levels; the frame itself counts 1. Nothing crosses a shot cut.
    draws           windows of `window_size` frames every `stride`; each window restores with its own noise,
                    and a frame is the mean over the windows that cover it.
    none            the restored frame.
    cached_window   the reference's stage: windows as in `draws`, but each frame restored once and averaged
                    with itself. An exact identity, kept so that an ablation can show it.

Every output depends on its own neighbourhood alone (no running state), so a start in the middle gives the
same bytes. Means are taken in float32 (`flow`) or from exact integer sums, rounded to the nearest integer,
halves to even, and clipped to 0..255.

Flow between frames further apart is composed from the flows of consecutive frames. Each of those is estimated
once per direction: two estimates per frame whatever the radius, and DIS is best at small displacements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from focusgen.motion import flow
from focusgen.motion.flow import Image
from focusgen.motion.noise import clip_noise_levels, smoothed
from focusgen.optics.windows import cut_segments, plan_windows

STRATEGIES = ("flow", "draws", "none", "cached_window")

ReadRaw = Callable[[int], Image]
"""Frame index -> (H, W, 3) uint8 RGB of the input video at output size."""
Restore = Callable[[int, int], Image]
"""(frame index, draw) -> (H, W, 3) uint8 RGB, with noise of its own for each (frame, draw)."""

PHOTOMETRIC_FULL = 6.0  # levels of 255 up to which a neighbour counts fully
PHOTOMETRIC_NONE = 18.0  # levels from which on it does not count at all
NOISE_FULL = 2.5  # the same in standard deviations of the clip's noise, where that is more: the largest of
NOISE_NONE = 5.0  # three channels of noise alone exceeds 2.5 in one pixel of 27, and 5 in one of 580,000
NOISE_FLOOR_LEVELS = PHOTOMETRIC_FULL / NOISE_FULL  # less noise changes nothing


@dataclass(frozen=True)
class TemporalNumbers:
    """The numbers of the temporal stage, as in the deblur settings.

    Attributes:
        radius: `flow`: neighbours on each side.
        window_size: `draws`, `cached_window`: frames per window.
        stride: `draws`, `cached_window`: frames between the starts of two windows, <= window_size.
    """

    radius: int = 2
    window_size: int = 16
    stride: int = 8

    def fitting(self, n_frames: int) -> TemporalNumbers:
        """Return numbers under which most of n frames lie in as many windows as in a long video."""
        window_size = min(self.window_size, max(n_frames // 3, 2))
        stride = max(1, round(self.stride * window_size / self.window_size))
        return TemporalNumbers(self.radius, window_size, min(stride, window_size))


class Stretch(NamedTuple):
    """The frames [start, stop) of a scene; a start in the middle gives the same bytes.

    Attributes:
        n_frames: of the scene.
        shot_cuts: index of the first frame of every shot but the first (`windows.cut_segments`).
    """

    n_frames: int
    shot_cuts: Sequence[int]
    start: int
    stop: int

    @classmethod
    def whole(cls, n_frames: int, shot_cuts: Sequence[int] = ()) -> Stretch:
        """Return all frames of a scene."""
        return cls(n_frames, shot_cuts, 0, n_frames)


def fuse(
    wanted: Stretch,
    read_raw: ReadRaw,
    restore: Restore,
    strategy: str,
    numbers: TemporalNumbers,
    noise_levels: float | None = None,
) -> Iterator[tuple[int, Image]]:
    """Yield (frame_index, output frame) for the wanted frames, in order.

    Args:
        wanted: which frames of which scene.
        read_raw: reads the input video at output size; asked only by `flow`, once per frame, and before that
            for a few frames of the whole clip where `noise_levels` is not given.
        restore: restores one frame; asked for each (frame, draw) at most once, frames ascending. `flow`
            also asks for the `radius` frames around them that lie in the same shot.
        strategy: one of STRATEGIES.
        numbers: of the strategy.
        noise_levels: `flow`: from `noise.clip_noise_levels`, which None asks for.

    Raises:
        ValueError: the strategy is unknown, or the numbers leave frames out.
    """
    _check_asked(strategy, wanted)
    n_frames, shot_cuts, start, stop = wanted
    if strategy == "flow":
        if noise_levels is None:
            noise_levels = clip_noise_levels(read_raw, n_frames, shot_cuts)
        shots = [range(*span) for span in cut_segments(n_frames, shot_cuts)]
        window = _FusionWindow(read_raw, restore, numbers.radius, photometric_weights(noise_levels))
        return _fuse_along_flow(range(start, stop), shots, window)
    if strategy == "none":
        return ((index, restore(index, 0)) for index in range(start, stop))
    windows = plan_windows(n_frames, numbers.window_size, numbers.stride)
    average = _mean_of_draws if strategy == "draws" else _mean_of_one
    return (
        (index, average(index, sum(index in window.frames() for window in windows), restore))
        for index in range(start, stop)
    )


def _check_asked(strategy: str, wanted: Stretch) -> None:
    n_frames, _, start, stop = wanted
    if strategy not in STRATEGIES:
        raise ValueError(f"temporal strategy {strategy!r} is none of {', '.join(STRATEGIES)}")
    if not 0 <= start <= stop <= n_frames:
        raise ValueError(f"frames [{start}, {stop}) are not within the {n_frames} frames of the scene")


def asked_pairs(wanted: Stretch, strategy: str, numbers: TemporalNumbers) -> Iterator[tuple[int, int]]:
    """Yield the (frame, draw) pairs that `fuse` asks to restore, in its order: a model may batch them."""
    n_frames, shot_cuts, first, stop = wanted
    if strategy == "draws":
        windows = plan_windows(n_frames, numbers.window_size, numbers.stride)
        for index in range(first, stop):
            covering = sum(index in window.frames() for window in windows)
            yield from ((index, draw) for draw in range(max(covering, 1)))
        return
    margin = numbers.radius if strategy == "flow" else 0
    for start, end in cut_segments(n_frames, shot_cuts):
        inside = range(max(start, first), min(end, stop))
        if inside:
            yield from ((i, 0) for i in range(max(start, first - margin), min(end, stop + margin)))


def _mean_of_draws(index: int, n_draws: int, restore: Restore) -> Image:
    if n_draws == 1:
        return restore(index, 0)
    total = restore(index, 0).astype(np.uint32)
    for draw in range(1, n_draws):
        total += restore(index, draw)
    return _to_uint8(total / np.float64(n_draws))


def _mean_of_one(index: int, n_windows: int, restore: Restore) -> Image:
    restored = restore(index, 0)
    total = np.zeros(restored.shape, np.float64)
    for _ in range(n_windows):
        total += restored
    return _to_uint8(total / n_windows)


def _to_uint8(values: npt.NDArray[np.floating]) -> Image:
    return np.asarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


@dataclass(frozen=True)
class _LoadedFrame:
    """What is kept of one frame while a neighbour may need it.

    Attributes:
        luma: (H, W) uint8 of the input, for flow.
        smooth: (H, W, 3) uint8 of the input, lightly blurred, for the photometric test.
        restored: (H, W, 3) uint8.
        fine: the restored frame, `flow.doubled`, which neighbours sample.
    """

    luma: flow.Gray
    smooth: Image
    restored: Image
    fine: Image


Hop = npt.NDArray[np.float32]
"""(H, W, 3) float32: flow dx, dy in px and confidence 0..1, on the grid of the frame it starts from."""


class _FusionWindow:
    """The frames and flows around the frame being fused; everything older is forgotten."""

    def __init__(
        self, read_raw: ReadRaw, restore: Restore, radius: int, gap_weights: npt.NDArray[np.float32]
    ) -> None:
        self._read_raw = read_raw
        self._restore = restore
        self._radius = radius
        self._gap_weights = gap_weights
        self._estimator = flow.FlowEstimator()
        self._frames: dict[int, _LoadedFrame] = {}
        self._hops: dict[tuple[int, int], Hop] = {}

    def fuse(self, index: int, shot: range) -> Image:
        """Return one output frame of a shot; asked for ascending indices."""
        near = range(max(shot.start, index - self._radius), min(shot.stop, index + self._radius + 1))
        self._keep_from(near.start)
        for wanted in near:
            if wanted not in self._frames:
                self._load(wanted)
        return self._weighted_mean(index, near)

    def _keep_from(self, oldest: int) -> None:
        self._frames = {index: frame for index, frame in self._frames.items() if index >= oldest}
        self._hops = {pair: hop for pair, hop in self._hops.items() if min(pair) >= oldest}

    def _load(self, index: int) -> None:
        raw = self._read_raw(index)
        restored = self._restore(index, 0)
        self._frames[index] = _LoadedFrame(flow.luma(raw), smoothed(raw), restored, flow.doubled(restored))
        if index - 1 in self._frames:  # of the same shot: `fuse` forgets the one before
            first, second = self._frames[index - 1].luma, self._frames[index].luma
            there_px, back_px = self._estimator.flow_px(first, second), self._estimator.flow_px(second, first)
            self._hops[index - 1, index] = believed_hop(there_px, back_px)
            self._hops[index, index - 1] = believed_hop(back_px, there_px)

    def _weighted_mean(self, index: int, near: range) -> Image:
        centre = self._frames[index]
        total = centre.restored.astype(np.float32)
        weights = np.ones(total.shape[:2], np.float32)
        for direction in (-1, 1):
            hop: Hop | None = None
            for other in range(index + direction, near.start - 1 if direction < 0 else near.stop, direction):
                hop = extended_hop(hop, self._hops[other - direction, other])
                weight = self._weight(centre, self._frames[other], hop)
                weights += weight
                moved = flow.warp_bicubic(self._frames[other].fine, hop[..., :2])
                total += cv2.multiply(moved, cv2.merge([weight, weight, weight]), dtype=cv2.CV_32F)
        total /= weights[..., None]
        return _to_uint8(total)

    def _weight(self, centre: _LoadedFrame, other: _LoadedFrame, hop: Hop) -> npt.NDArray[np.float32]:
        """Return how much a neighbour counts in each pixel: agreement of the input frames x confidence."""
        moved = flow.warp_bilinear(other.smooth, hop[..., :2])
        red, green, blue = cv2.split(cv2.absdiff(centre.smooth, moved))
        gap = cv2.max(cv2.max(red, green), blue)
        return np.asarray(cv2.LUT(gap, self._gap_weights) * hop[..., 2], np.float32)


def believed_hop(there_px: flow.Flow, back_px: flow.Flow) -> Hop:
    """Return a flow with its confidence: 0 where there and back disagree, or where it leaves the frame."""
    believed = ~(flow.disagrees(there_px, back_px) | flow.leaves_frame(there_px))
    return np.asarray(cv2.merge([*cv2.split(there_px), believed.astype(np.float32)]), np.float32)


def extended_hop(hop: Hop | None, step: Hop) -> Hop:
    """Return a hop with one more step behind it: the step is fetched where the hop arrives."""
    if hop is None:
        return step
    further = flow.warp_inside(step, hop[..., :2])  # 0, and so no confidence, outside the frame
    further[..., :2] += hop[..., :2]
    further[..., 2] *= hop[..., 2]
    return further


def photometric_weights(noise_levels: float) -> npt.NDArray[np.float32]:
    """Return the weight of each of the 256 photometric differences: 1, then a ramp, then 0.

    Args:
        noise_levels: from `noise.clip_noise_levels`; up to NOISE_FLOOR_LEVELS it changes nothing.
    """
    full = max(PHOTOMETRIC_FULL, NOISE_FULL * noise_levels)
    none = max(PHOTOMETRIC_NONE, NOISE_NONE * noise_levels)
    gap = np.arange(256, dtype=np.float32)
    return np.asarray(np.clip((none - gap) / (none - full), 0, 1), np.float32)


def _fuse_along_flow(
    wanted: range, shots: Sequence[range], window: _FusionWindow
) -> Iterator[tuple[int, Image]]:
    for shot in shots:
        for index in range(max(wanted.start, shot.start), min(wanted.stop, shot.stop)):
            yield index, window.fuse(index, shot)
