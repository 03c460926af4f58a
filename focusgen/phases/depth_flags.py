"""The masks of a scene's doubtful depth: noticed frame by frame, published once all maps are saved."""

from __future__ import annotations

import functools
from collections import Counter

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import CorruptInputError
from focusgen.base.files import publish
from focusgen.dataset.published import SharpFrames
from focusgen.media.codecs import decode_grey_png, encode_grey_png
from focusgen.optics.validity import DepthFlag, count_flags, edge_flags
from focusgen.phases.job import SceneJob

TRAINED_SHARE = 0.98
"""A network whose depth ends at a fixed distance comes close to it, and never reaches it."""


class SceneFlags:
    """What phase 3 keeps of doubtful pixels over a kill, until the masks stand.

    Kept for scenes that begin under it: one that an earlier release began is finished, or repaired, with the
    files that that release would have written.

    Args:
        frames: its frames, which know where provided depth is saturated.
        trained_to_m: largest depth that the model was trained on, None where nobody knows.
    """

    def __init__(self, job: SceneJob, frames: SharpFrames, trained_to_m: float | None) -> None:
        self._job, self._frames, self._trained_to_m = job, frames, trained_to_m
        self._is_kept = job.store.recall("masks") is not None or not job.store.recall_frames("pixels")
        if self._is_kept and job.store.recall("masks") is None:
            job.store.remember("masks", 1)
        self._frames_noticed = set(job.store.recall_frames("noticed"))
        self.counts: Counter[str] = Counter()
        self._plain: list[int] = []  # frames without a doubtful pixel, while no frame has any

    def lacking(self) -> set[int]:
        """Return frames of which something was noticed that is nowhere to be found any more."""
        return {frame for frame in self._frames_noticed if self._noticed(frame) is None}

    def remember(
        self, frame: int, depth_m: npt.NDArray[np.float32], flags: npt.NDArray[np.uint8] | None
    ) -> None:
        """Keep what was noticed of a frame's depth; before the frame is published.

        Args:
            depth_m: (H, W) inside the allowed range.
            flags: what was done to bring it there, None for nothing.
        """
        if not self._is_kept:
            return
        found = np.zeros(depth_m.shape, np.uint8) if flags is None else flags
        is_saturated = self._frames.saturated(frame)
        if is_saturated is not None:
            found = found | is_saturated * np.uint8(DepthFlag.SATURATED)
        if self._trained_to_m is not None:
            is_beyond = depth_m >= TRAINED_SHARE * self._trained_to_m
            found = found | is_beyond * np.uint8(DepthFlag.EXTRAPOLATED)
        if found.any():
            publish(self._job.scene.held_back_flags(frame), encode_grey_png(found))
            self._job.store.remember(f"noticed/{frame}", 1)
            self._frames_noticed.add(frame)

    def add(self, frame: int, depth_m: npt.NDArray[np.float16]) -> None:
        """Publish the mask of a saved map, once all frames were remembered; frames come in order.

        A scene has a mask of every frame or none. The edges of exact depth alone are no reason for masks:
        they lie where the picture's do.
        """
        if not self._is_kept or (self._job.cfg.depth.taken_as_exact and not self._frames_noticed):
            return
        flags = self._flags(frame, depth_m)
        if not flags.any() and not self.counts:
            self._plain.append(frame)
            return
        self.counts.update(count_flags(flags))
        for earlier in self._plain:
            self._put(earlier, np.zeros_like(flags))
        self._plain.clear()
        self._put(frame, flags)

    def details(self) -> dict[str, object]:
        """Return what the record says of the masks: pixels by flag; nothing where there are none."""
        return {"flagged_pixels": dict(sorted(self.counts.items()))} if self.counts else {}

    def _put(self, frame: int, flags: npt.NDArray[np.uint8]) -> None:
        self._job.store.put((self._job.scene.valid(frame), functools.partial(encode_grey_png, flags)))

    def _flags(self, frame: int, depth_m: npt.NDArray[np.float16]) -> npt.NDArray[np.uint8]:
        edges = edge_flags(depth_m)
        if frame not in self._frames_noticed:
            return edges
        noticed = self._noticed(frame)
        assert noticed is not None, "what was lacking has been made again"
        return edges | noticed

    def _noticed(self, frame: int) -> npt.NDArray[np.uint8] | None:
        """Return what was noticed of a frame: held back, or from the mask that a repair left in place."""
        for path in (self._job.scene.held_back_flags(frame), self._job.scene.valid(frame)):
            try:
                return decode_grey_png(path.read_bytes()) & ~np.uint8(DepthFlag.EDGE)
            except (FileNotFoundError, CorruptInputError):
                continue
        return None
