"""What the choices of phases 2 and 5 buy and what they cost, measured on a few frames of one scene.

    temporal   each temporal strategy, on the same restored frames
    steps      the number of diffusion steps of the deblurrer
    window     the neighbourhood: radius of `flow`, window and stride of `draws`
    sets       the number of lens sets per scene

Each returns a `Table`, one row per value, that prints, plots and saves itself. What is measured comes in as
callables, so that the same code serves a data set, a procedural scene with exact truth, and a test.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from focusgen.motion.flow import Image
from focusgen.motion.metrics import FlowPair, VideoFrame, VideoMeter
from focusgen.motion.temporal import STRATEGIES, ReadRaw, Restore, Stretch, TemporalNumbers, fuse
from focusgen.tools.ablate_table import Row, Table

LABEL_BINS = 16


DEFAULT_WINDOWS: tuple[tuple[str, TemporalNumbers], ...] = (
    *(("flow", TemporalNumbers(radius=radius)) for radius in (1, 2, 3, 4)),
    *(
        ("draws", TemporalNumbers(window_size=size, stride=stride))
        for size, stride in ((8, 4), (16, 8), (16, 4), (16, 2))
    ),
)


@dataclass(frozen=True)
class Excerpt:
    """The frames that an ablation of phase 2 runs on; indices count from the start of the excerpt.

    Attributes:
        n_frames: how many.
        read_raw: frame index -> (H, W, 3) uint8 of the input video at output size.
        shot_cuts: index of the first frame of every shot but the first.
        read_truth: frame index -> the sharp frame, where it is known; else the raw frame is the reference of
            sharpness_ratio, tof and psnr_db.
        read_flow: frame index t -> exact flow and occlusion from frame t to t + 1, where known; else DIS.
    """

    n_frames: int
    read_raw: ReadRaw
    shot_cuts: Sequence[int] = ()
    read_truth: ReadRaw | None = None
    read_flow: Callable[[int], FlowPair] | None = None


def ablate_temporal(
    excerpt: Excerpt, restore: Restore, numbers: TemporalNumbers, *, strategies: Sequence[str] = STRATEGIES
) -> Table:
    """Return one row per temporal strategy.

    Args:
        restore: (frame index, draw) -> restored frame, as phase 2 does it. Called anew by each strategy, so
            that `seconds` holds what the strategy really costs.
        numbers: radius, window and stride; window and stride are made smaller in proportion where the excerpt
            is too short for overlapping windows. The title says which were used.
        strategies: some of temporal.STRATEGIES.
    """
    used = numbers.fitting(excerpt.n_frames)
    rows = [measure(excerpt, restore, strategy, used, name=strategy) for strategy in strategies]
    title = f"temporal strategies, {excerpt.n_frames} frames, radius {used.radius}, "
    return Table(f"{title}window {used.window_size}, stride {used.stride}", tuple(rows))


def ablate_steps(
    excerpt: Excerpt,
    restorer_of: Callable[[int], Restore],
    strategy: str,
    numbers: TemporalNumbers,
    *,
    steps: Sequence[int],
) -> Table:
    """Return one row per number of diffusion steps.

    Args:
        restorer_of: number of steps -> the restorer that takes so many.
        strategy: the temporal strategy behind it.
        numbers: radius, window and stride.
    """
    rows = [measure(excerpt, restorer_of(n), strategy, numbers, name=f"steps={n}") for n in steps]
    return Table(f"diffusion steps, {strategy}, {excerpt.n_frames} frames", tuple(rows))


def ablate_window(
    excerpt: Excerpt, restore: Restore, *, windows: Sequence[tuple[str, TemporalNumbers]] = DEFAULT_WINDOWS
) -> Table:
    """Return one row per neighbourhood: `flow radius=2`, `draws window=16 stride=8`, ...

    Args:
        excerpt: the frames; more of them than a window, or its windows do not overlap as they would.
        restore: as for `ablate_temporal`.
        windows: strategies and their numbers.
    """
    rows = [measure(excerpt, restore, strategy, n, name=_window_name(strategy, n)) for strategy, n in windows]
    return Table(f"temporal neighbourhood, {excerpt.n_frames} frames", tuple(rows))


def _window_name(strategy: str, numbers: TemporalNumbers) -> str:
    if strategy == "flow":
        return f"flow radius={numbers.radius}"
    return f"{strategy} window={numbers.window_size} stride={numbers.stride}"


def measure(excerpt: Excerpt, restore: Restore, strategy: str, numbers: TemporalNumbers, *, name: str) -> Row:
    """Return the metrics of one way of making the video, and its wall-clock seconds per frame."""
    read_raw = functools.lru_cache(maxsize=2 * numbers.radius + 4)(excerpt.read_raw)
    wanted = Stretch.whole(excerpt.n_frames, excerpt.shot_cuts)
    outputs = fuse(wanted, read_raw, restore, strategy, numbers)
    meter, elapsed_s = VideoMeter(with_long_term=True), 0.0
    for frame_index, output, seconds in _timed(outputs):
        meter.add(_video_frame(excerpt, frame_index, output, read_raw(frame_index)))
        elapsed_s += seconds
    result = meter.result(excerpt.n_frames)
    columns = ("e_warp", "long_term_e_warp", "sharpness_ratio", "tof", "psnr_db", "flicker")
    row: Row = {"strategy": name, **{column: result.get(column, math.nan) for column in columns}}
    row["seconds"] = elapsed_s / max(excerpt.n_frames, 1)
    return row


def _timed(outputs: Iterator[tuple[int, Image]]) -> Iterator[tuple[int, Image, float]]:
    """Yield each output with the seconds that it took, measuring excluded."""
    while True:
        started_s = time.perf_counter()
        item = next(outputs, None)
        if item is None:
            return
        yield *item, time.perf_counter() - started_s


def _video_frame(excerpt: Excerpt, index: int, output: Image, raw: Image) -> VideoFrame:
    truth = None if excerpt.read_truth is None else excerpt.read_truth(index)
    starts_shot = index == 0 or index in excerpt.shot_cuts
    known = None if excerpt.read_flow is None or starts_shot else excerpt.read_flow(index - 1)
    return VideoFrame(index, output, raw, truth, starts_shot, known)


Label = npt.NDArray[np.float16]
"""(H, W) focus label: 1 = in focus, 0 = blurred by max_coc or more."""


@dataclass(frozen=True)
class LensSets:
    """The frames that an ablation of phase 5 runs on.

    Attributes:
        n_frames: how many.
        read_sharp: frame index -> (H, W, 3) uint8, the sharp frame.
        start: number of lens sets -> for each set a function from a frame index to its render and its label.
    """

    n_frames: int
    read_sharp: ReadRaw
    start: Callable[[int], Sequence[Callable[[int], tuple[Image, Label]]]]


def ablate_sets(source: LensSets, *, n_sets: Sequence[int]) -> Table:
    """Return one row per number of lens sets.

    Columns: label_coverage, share of the 16 bins of the label range that a pixel is shown in by some set;
    label_spread, largest minus smallest label of a pixel; in_focus, share of pixels that are in focus (label
    >= 0.9) in some set; e_warp of the renders, mean over sets; seconds per frame, all sets together. Choose
    the number behind which coverage and spread no longer grow with the cost.
    """
    rows = [_measure_sets(source, source.start(n), f"sets={n}") for n in n_sets]
    return Table(f"lens sets, {source.n_frames} frames", tuple(rows))


def _measure_sets(source: LensSets, sets: Sequence[Callable[[int], tuple[Image, Label]]], name: str) -> Row:
    meters = [VideoMeter() for _ in sets]
    coverage, spread, in_focus, elapsed_s = [], [], [], 0.0
    for index in range(source.n_frames):
        sharp, labels = source.read_sharp(index), []
        for meter, render in zip(meters, sets, strict=True):
            started_s = time.perf_counter()
            picture, label = render(index)
            elapsed_s += time.perf_counter() - started_s
            meter.add(VideoFrame(index, picture, sharp, starts_shot=index == 0))
            labels.append(label.astype(np.float32))
        stack = np.stack(labels)
        coverage.append(_label_coverage(stack))
        spread.append(float(np.ptp(stack, axis=0).mean()))
        in_focus.append(float((stack.max(axis=0) >= 0.9).mean()))
    errors = [meter.result(source.n_frames).get("e_warp", math.nan) for meter in meters]
    return {
        "strategy": name,
        "label_coverage": float(np.mean(coverage)),
        "label_spread": float(np.mean(spread)),
        "in_focus": float(np.mean(in_focus)),
        "e_warp": float(np.mean(errors)),
        "seconds": elapsed_s / max(source.n_frames, 1),
    }


def _label_coverage(labels: npt.NDArray[np.float32]) -> float:
    """Return the mean share of the label's bins that a pixel is shown in, over (sets, H, W)."""
    bins = np.minimum((labels * LABEL_BINS).astype(np.int64), LABEL_BINS - 1)
    seen = np.zeros((LABEL_BINS, *labels.shape[1:]), bool)
    for one_set in bins:
        np.put_along_axis(seen, one_set[None], True, axis=0)
    return float(seen.mean())
