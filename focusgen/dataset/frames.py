"""The input video at the published size: what phase 2 restores, and what later steps compare with."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import CorruptInputError, MissingUpstreamError
from focusgen.dataset.index import IndexEntry
from focusgen.dataset.layout import SceneLayout
from focusgen.dataset.records import read_record
from focusgen.optics.sizes import FramePlan, frame_plan, resize_frame

if TYPE_CHECKING:
    from focusgen.media.video import FrameReader


class RawFrames:
    """Raw frames by number, resized; the last few are kept, since neighbours are asked for again."""

    def __init__(self, reader: FrameReader, plan: FramePlan, n_kept: int) -> None:
        self._reader, self._plan = reader, plan
        self.frame = functools.lru_cache(maxsize=n_kept)(self._load)

    def _load(self, index: int) -> npt.NDArray[np.uint8]:
        return resize_frame(self._reader.read(index, index + 1)[0], self._plan)

    def read(self, start: int, stop: int) -> npt.NDArray[np.uint8]:
        """Return frames [start, stop), (B, H, W, 3) uint8 RGB."""
        return np.stack([self.frame(index) for index in range(start, stop)])


@contextlib.contextmanager
def open_raw(
    raw_root: Path,
    scene_id: str,
    entry: IndexEntry,
    plan: FramePlan,
    *,
    n_kept: int = 8,
    digests: Sequence[str] = (),
) -> Iterator[RawFrames]:
    """Open a scene's raw frames.

    Args:
        raw_root: folder that phase 1 scanned.
        plan: how raw frames are brought to the published size.
        n_kept: frames kept in memory.
        digests: of phase 1, one per image file or one for a video: a file with other bytes is refused.

    Raises:
        CorruptInputError: a file is gone or does not decode.
    """
    from focusgen.media.video import open_frames  # decoders: published_plan is asked for without a frame

    raw = entry.raw_scene(scene_id, raw_root)
    with open_frames(raw, n_frames=entry.n_frames, digests=digests) as reader:
        yield RawFrames(reader, plan, n_kept)


def published_plan(scene: SceneLayout, entry: IndexEntry) -> FramePlan:
    """Return how phase 2 brought the scene's frames to their size: from its record, not from today's flags.

    Raises:
        MissingUpstreamError: phase 2 has no record of this scene.
        CorruptInputError: an adopted scene was brought to its size in another way than ours.
    """
    record = read_record(scene.done("deblur")) or read_record(scene.partial("deblur"))
    if record is None:
        raise MissingUpstreamError(
            f"scene {scene.scene_id!r}: phase 2 (deblur) has no record", "Run phase 2 for this scene first."
        )
    plan = frame_plan(entry.width, entry.height, record.document["settings"]["deblur.resize_long_side"])
    if (plan.width, plan.height) != (record.details["width"], record.details["height"]):
        raise CorruptInputError(
            f"scene {scene.scene_id!r}: nobody knows how {entry.width}x{entry.height} became "
            f"{record.details['width']}x{record.details['height']}",
            "Run phase 2 with --on_stale redo to make its sharp frames anew.",
        )
    return plan
