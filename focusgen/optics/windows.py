"""How a video is cut: chunks with a crossfade, windows of repeated draws, segments between shot cuts.

All spans are half open, [start, stop).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Chunk(NamedTuple):
    """Frames [start, stop)."""

    start: int
    stop: int

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return self.stop - self.start

    def frames(self) -> range:
        """Return the frame indices."""
        return range(self.start, self.stop)


def plan_chunks(n_frames: int, chunk: int, overlap: int) -> list[Chunk]:
    """Return chunks that cover every frame, each sharing `overlap` frames with the one before it.

    The last chunk ends with the video and is neither shifted nor padded: it may be shorter than `chunk`,
    but it always brings at least one new frame, so it has more than `overlap` frames (unless the whole
    video is shorter). With `overlap <= chunk / 2` no frame lies in more than two chunks.

    Args:
        n_frames: frames in the video; 0 gives no chunk.
        chunk: frames per chunk.
        overlap: frames shared by neighbours, below `chunk`.
    """
    if n_frames < 0 or chunk < 1 or not 0 <= overlap < chunk:
        raise ValueError(f"cannot cut {n_frames} frames into chunks of {chunk} with overlap {overlap}")
    return _spans(n_frames, chunk, chunk - overlap)


def plan_windows(n_frames: int, window: int, stride: int) -> list[Chunk]:
    """Return windows that start every `stride` frames and together cover every frame.

    The last one ends with the video and may be shorter. Frames near both ends lie in fewer windows.
    """
    if n_frames < 0 or not 1 <= stride <= window:
        raise ValueError(f"windows of {window} every {stride} frames leave frames out")
    return _spans(n_frames, window, stride)


def _spans(n_frames: int, length: int, step: int) -> list[Chunk]:
    spans: list[Chunk] = []
    while not spans or spans[-1].stop < n_frames:
        start = len(spans) * step
        spans.append(Chunk(start, min(start + length, n_frames)))
    return spans if n_frames else []


def crossfade_weights(chunks: Sequence[Chunk], n_frames: int) -> list[npt.NDArray[np.float64]]:
    """Return one weight per frame of each chunk; over all chunks they sum to 1 on every frame.

    Over m shared frames the newer chunk rises as 1/(m+1) .. m/(m+1) while the older falls: no weight is
    zero, so even the last frame of an overlap hears both. Where more than two chunks meet (overlap above
    half a chunk) the ramps are divided by their sum.

    Args:
        chunks: ordered, as from `plan_chunks`.

    Raises:
        ValueError: a frame lies in no chunk.
    """
    weights = [np.minimum(_rise(chunks, i), _fall(chunks, i)) for i in range(len(chunks))]
    total = np.zeros(n_frames)
    for span, weight in zip(chunks, weights, strict=True):
        total[span.start : span.stop] += weight
    if not np.all(total > 0.0):
        raise ValueError(f"frame {int(np.argmin(total))} lies in no chunk")
    return [w / total[span.start : span.stop] for span, w in zip(chunks, weights, strict=True)]


def _rise(chunks: Sequence[Chunk], index: int) -> npt.NDArray[np.float64]:
    span = chunks[index]
    n_shared = max(0, chunks[index - 1].stop - span.start) if index else 0
    return np.minimum(1.0, np.arange(1, span.n_frames + 1) / (n_shared + 1.0))


def _fall(chunks: Sequence[Chunk], index: int) -> npt.NDArray[np.float64]:
    span = chunks[index]
    is_last = index + 1 == len(chunks)
    n_shared = 0 if is_last else max(0, span.stop - chunks[index + 1].start)
    return np.minimum(1.0, np.arange(span.n_frames, 0, -1) / (n_shared + 1.0))


def cut_segments(n_frames: int, shot_cuts: Iterable[int]) -> list[tuple[int, int]]:
    """Return the spans between shot cuts, in order, covering every frame once.

    Args:
        shot_cuts: index of the first frame of each new shot. A cut at or behind the end is of no effect: a
            rehearsal shortened by `max_frames` keeps the list of the whole video.
    """
    inner = sorted({int(cut) for cut in shot_cuts})
    if inner and inner[0] < 0:
        raise ValueError(f"a shot cannot begin at frame {inner[0]}")
    edges = [0, *(cut for cut in inner if 0 < cut < n_frames), n_frames]
    return [(start, stop) for start, stop in zip(edges, edges[1:], strict=False) if stop > start]
