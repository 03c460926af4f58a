"""Depth of long scenes from a model that sees short ones: chunks, one scale, a linear crossfade.

A chunk's metric scale drifts from its neighbour's, and a crossfade alone would turn that step into a slow
slope. Each chunk is first brought to the scale of the one before it, by the median ratio of log depth over
the frames they share; what the aligned maps still differ by is the residual of the seam, and is recorded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen.optics.windows import Chunk, crossfade_weights

Depth = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Seam:
    """How two chunks met.

    Attributes:
        frame: first shared frame.
        step: relative difference of scale before alignment, median over the shared frames.
        scale: factor put on the later chunk, relative to its own output.
        residual: relative difference of the maps as they are blended, mean absolute over the shared frames:
            measured on them, so that an alignment gone wrong shows.
    """

    frame: int
    step: float
    scale: float
    residual: float


def crossfaded(
    chunks: Sequence[Chunk],
    first_chunk: int,
    infer: Callable[[Chunk], Iterator[Depth]],
    *,
    align: bool,
    recall: Callable[[int], dict[str, Any] | None],
    remember: Callable[[int, dict[str, Any]], None],
) -> Iterator[tuple[int, Depth]]:
    """Yield (frame, depth_m) from the first frame of a chunk on, each frame once, in order.

    All are final, but those that a first chunk which is not 0 shares with the one before: those were yielded
    by an earlier run, blended.

    Args:
        chunks: of the whole sequence, from `plan_chunks` with overlap <= chunk / 2.
        first_chunk: where to begin; its own seam must be known to `recall` if it is not 0.
        infer: yields the (H, W) metres of a chunk's frames, in order.
        align: bring each chunk to the scale of the one before it.
        recall: seam of a chunk from an earlier run, so that a restart in the middle gives the same bytes.
        remember: called with each seam before its first frame is yielded.
    """
    weights = crossfade_weights(chunks, chunks[-1].stop)
    known = recall(first_chunk) if first_chunk else None
    scale = known["scale"] if known else 1.0
    tail: list[Depth] = []  # aligned frames of the chunk before, where it overlaps this one
    for number in range(first_chunk, len(chunks)):
        chunk = chunks[number]
        frames = infer(chunk)
        head = [next(frames) for _ in tail]
        if head:
            step = _median_log_ratio(tail, head)
            scale = math.exp(step) if align else 1.0
        aligned = [_scaled(depth_m, scale) for depth_m in head]
        if head and recall(number) is None:
            residual = _mean_difference(tail, aligned)
            remember(number, asdict(Seam(chunk.start, math.expm1(-step), scale, residual)))
        weight = weights[number]
        for offset, (old, new) in enumerate(zip(tail, aligned, strict=True)):
            yield chunk.start + offset, _blend(old, new, float(weight[offset]))
        stop = chunks[number + 1].start if number + 1 < len(chunks) else chunk.stop
        skipped = range(chunk.start + len(tail), chunk.stop)
        tail = []
        for frame, depth_m in zip(skipped, frames, strict=True):
            if frame < stop:
                yield frame, _scaled(depth_m, scale)
            else:
                tail.append(_scaled(depth_m, scale))


def _scaled(depth_m: Depth, scale: float) -> Depth:
    return depth_m if scale == 1.0 else np.asarray(depth_m * np.float32(scale), np.float32)


def _blend(old: Depth, new: Depth, weight: float) -> Depth:
    """Mix two maps; where one has a hole the other speaks alone."""
    mixed = old * np.float32(1.0 - weight) + new * np.float32(weight)
    mixed = np.where(np.isfinite(old), mixed, new)
    return np.asarray(np.where(np.isfinite(new), mixed, old), np.float32)


def _log_ratio(old: Sequence[Depth], new: Sequence[Depth]) -> npt.NDArray[np.float64]:
    """Return log(old / new) of every pixel that both chunks see, subsampled to bounded memory."""
    parts = []
    for before, after in zip(old, new, strict=True):
        step = max(1, int(math.sqrt(before.size / 65536)))
        a, b = before[::step, ::step].ravel(), after[::step, ::step].ravel()
        both = np.isfinite(a) & np.isfinite(b) & (a > 0) & (b > 0)
        parts.append(np.log(a[both].astype(np.float64)) - np.log(b[both].astype(np.float64)))
    return np.concatenate(parts) if parts else np.empty(0)


def _median_log_ratio(old: Sequence[Depth], new: Sequence[Depth]) -> float:
    """Return the log of the factor that brings `new` to the scale of `old`; 0 where they share nothing."""
    ratio = _log_ratio(old, new)
    return float(np.median(ratio)) if ratio.size else 0.0


def _mean_difference(old: Sequence[Depth], new: Sequence[Depth]) -> float:
    ratio = _log_ratio(old, new)
    return float(np.mean(np.abs(np.expm1(ratio)))) if ratio.size else 0.0


def covering_chunk(chunks: Sequence[Chunk], frame: int) -> int:
    """Return the number of the first chunk that holds a frame."""
    return next(number for number, chunk in enumerate(chunks) if chunk.start <= frame < chunk.stop)
