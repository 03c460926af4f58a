"""What a depth model is asked: each shot by itself, long ones in chunks whose seams are remembered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen.config.backends import PROVIDED
from focusgen.dataset.published import SharpFrames
from focusgen.models.protocols import DepthModel
from focusgen.optics.windows import Chunk, cut_segments, plan_chunks
from focusgen.phases.chunks import covering_chunk, crossfaded
from focusgen.phases.job import SceneJob
from focusgen.phases.outputs import backend_words, checked_depth


def estimates(
    job: SceneJob, model: DepthModel, frames: SharpFrames, todo: set[int]
) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
    """Yield the model's depth for at least the frames to do; each shot is a sequence of its own."""
    for number, (start, stop) in enumerate(cut_segments(job.n_frames, job.shot_cuts)):
        wanted = [frame for frame in range(start, stop) if frame in todo]
        if not wanted:
            continue
        if model.handles_long_video:
            shot = _span(frames, start, stop)
            yield from ((start + index, depth_m) for index, depth_m in _asked(job, model, shot))
        else:
            yield from _chunked(job, model, frames, number, (start, stop), wanted)


def _asked(
    job: SceneJob, model: DepthModel, frames: SharpFrames
) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
    """Yield a model's depth of some frames, checked."""
    return checked_depth(
        model.estimate(frames),
        len(frames),
        (frames.height, frames.width),
        f"scene {job.scene_id!r}, from frame {frames.start} on: {backend_words(job.cfg, 'depth')}",
        may_have_holes=job.cfg.depth.backend == PROVIDED.name,
    )


def _chunked(
    job: SceneJob,
    model: DepthModel,
    frames: SharpFrames,
    shot_number: int,
    shot: tuple[int, int],
    wanted: list[int],
) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
    cfg, start = job.cfg.depth, shot[0]
    chunks = plan_chunks(shot[1] - start, cfg.max_chunk, cfg.overlap)
    first = covering_chunk(chunks, wanted[0] - start)

    def recall(chunk_number: int) -> dict[str, Any] | None:
        return seams(job).get((shot_number, chunk_number))

    if first and recall(first) is None:
        first = 0  # its scale hangs on all chunks before it

    def infer(chunk: Chunk) -> Iterator[npt.NDArray[np.float32]]:
        shown = _span(frames, start + chunk.start, start + chunk.stop)
        return (depth_m for _, depth_m in _asked(job, model, shown))

    faded = crossfaded(
        chunks,
        first,
        infer,
        align=cfg.align == "scale",
        recall=recall,
        remember=lambda number, seam: job.store.remember(
            f"seam/{shot_number}/{number}", {**seam, "frame": seam["frame"] + start}
        ),
    )
    for index, depth_m in faded:
        yield start + index, depth_m
        if start + index >= wanted[-1]:
            return


def seams(job: SceneJob) -> dict[tuple[int, int], dict[str, Any]]:
    """Return (shot, chunk) -> seam, in order; release 0.1.0 remembered shot * 1,000,000 + chunk."""
    found = {}
    for key, seam in job.store.recall_all("seam").items():
        shot, _, chunk = key.rpartition("/")
        found[(int(shot), int(chunk)) if shot else divmod(int(chunk), 1_000_000)] = seam
    return dict(sorted(found.items()))


def _span(frames: SharpFrames, start: int, stop: int) -> SharpFrames:
    return SharpFrames(**{**frames.__dict__, "start": start, "stop": stop})
