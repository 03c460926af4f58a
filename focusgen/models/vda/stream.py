"""Scenes of any length through the network, window by window, in memory that does not grow.

What is saved against running each window from its pictures, with the same numbers: a frame is resized and
encoded once, whether it is carried into the next window or repeated past the end; slots whose depth nobody
uses are not drawn.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from focusgen.base.errors import ModelMemoryError
from focusgen.models.devices import free_cached_memory, is_out_of_memory
from focusgen.models.protocols import SceneFrames
from focusgen.models.vda.frames import network_size, normalise, resize_frames
from focusgen.models.vda.head import FrameFeatures, upsample
from focusgen.models.vda.network import VideoDepthNet
from focusgen.models.vda.schedule import CARRIED_SLOTS, DepthMap, Joiner, Window, needed_slots, plan_windows
from focusgen.models.vda.variants import WINDOW_FRAMES

log = logging.getLogger(__name__)


@dataclass
class MemoryLadder:
    """How much is done at once; one step down after each allocation that failed."""

    # (frames encoded, frames drawn, sequences along time) at once; the numbers do not depend on it.
    LEVELS = ((32, 8, 32_768), (8, 4, 8_192), (2, 1, 1_024))

    level: int = 0

    @property
    def encoded_at_once(self) -> int:
        """Frames per call of the encoder."""
        return self.LEVELS[self.level][0]

    @property
    def drawn_at_once(self) -> int:
        """Frames per call of the last layers."""
        return self.LEVELS[self.level][1]

    @property
    def sequences_at_once(self) -> int:
        """Pixels per call of a motion module."""
        return self.LEVELS[self.level][2]

    def step_down(self) -> bool:
        """Ask for less from now on; False if there is nothing left to give up."""
        if self.level + 1 == len(self.LEVELS):
            return False
        self.level += 1
        return True

    def __str__(self) -> str:
        return f"{self.encoded_at_once} frames encoded and {self.drawn_at_once} drawn at once"


@dataclass
class _SceneState:
    """One scene on its way; `features` holds the frames that the next window shows again."""

    scene: SceneFrames
    features: dict[int, FrameFeatures] = field(default_factory=dict)


@dataclass
class _Job:
    """One window of a scene, its new frames already resized."""

    state: _SceneState
    window: Window
    slots: list[int]
    new_frames: range
    pixels: np.ndarray


class VideoStreamer:
    """Runs scenes through a network.

    Args:
        net: loaded, on its device, in eval mode.
        input_size: short side that the network sees, pixels.
        align: join windows by scale and shift (relative depth); False for metric.
        every_slot: compute also what has no effect, for comparisons with the published loop.
    """

    def __init__(
        self,
        net: VideoDepthNet,
        *,
        input_size: int = 518,
        align: bool = False,
        every_slot: bool = False,
    ) -> None:
        self.net = net
        self.device = next(net.parameters()).device
        self.ladder = MemoryLadder()
        self._input_size = input_size
        self._align = align
        self._every_slot = every_slot

    def run(self, scene: SceneFrames) -> Iterator[tuple[int, DepthMap]]:
        """Yield (frame_index, (H, W) float32 depth), in order and final.

        Raises:
            ModelMemoryError: out of memory although as little as possible was done at once.
        """
        joiner = Joiner(len(scene), align=self._align)
        for job, depth in self._windows(_SceneState(scene)):
            yield from joiner.add(job.window, dict(zip(job.slots, depth.numpy(), strict=True)))

    def _windows(self, state: _SceneState) -> Iterator[tuple[_Job, Tensor]]:
        """Yield each window with its depth, always one window ahead where a GPU works by itself."""
        windows = plan_windows(len(state.scene), every_window=self._every_slot)
        jobs = (self._prepare(state, window) for window in windows)
        job = next(jobs, None)
        depth = None if job is None else self._infer(job)
        while job is not None and depth is not None:
            # A GPU works on what was queued while the next frames are read and resized here ...
            upcoming = next(jobs, None)
            fetched, depth = depth.cpu(), None
            if upcoming is not None and self.device.type == "cuda":
                depth = self._infer(upcoming)  # ... and on the next window while these frames are taken.
            yield job, fetched
            if upcoming is not None and depth is None:
                depth = self._infer(upcoming)
            job = upcoming

    def _prepare(self, state: _SceneState, window: Window) -> _Job:
        scene = state.scene
        first_new = len(CARRIED_SLOTS) if not window.is_first else 0
        new = [frame for frame in window.sources[first_new:] if frame not in state.features]
        frames = range(min(new), max(new) + 1) if new else range(0)
        size = network_size(scene.height, scene.width, self._input_size)
        pixels = np.empty((0, *size, 3), np.float32)
        if frames:
            pixels = resize_frames(scene.read(frames.start, frames.stop), size)
        slots = list(range(WINDOW_FRAMES))
        if not self._every_slot:
            slots = needed_slots(window, len(scene), align=self._align)
        return _Job(state, window, slots, frames, pixels)

    def _infer(self, job: _Job) -> Tensor:
        """Return (slots, H, W) depth on the device, doing less at once where memory asks for it."""
        while True:
            try:
                return self._infer_once(job)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                failure = str(error).splitlines()[0] if str(error) else type(error).__name__
            self._step_down(job, failure)  # outside of the handler, whose traceback holds on to tensors

    def _step_down(self, job: _Job, failure: str) -> None:
        free_cached_memory(self.device)
        tried = str(self.ladder)
        where = f"scene {job.state.scene.scene_id!r}, window at frame {job.window.start}"
        if not self.ladder.step_down():
            height, width = job.pixels.shape[1:3]
            raise ModelMemoryError(
                f"{where}: out of memory on {self.device} at {height} x {width} with {tried}: {failure}",
                f"Lower depth.input_size (now {self._input_size}), take a smaller checkpoint, "
                "or a device with more free memory.",
            )
        log.warning("%s: out of memory with %s; going on with %s", where, tried, self.ladder)

    @torch.inference_mode()
    def _infer_once(self, job: _Job) -> Tensor:
        self._encode_new(job)
        path = self._mix(job)
        at_once = self.ladder.drawn_at_once
        drawn = [
            self._draw(path, job, job.slots[start : start + at_once])
            for start in range(0, len(job.slots), at_once)
        ]
        depth = torch.cat(drawn)
        # Only now, when nothing is left that can fail: another try needs the features as they were.
        job.state.features = self._carried(job)
        return depth

    def _encode_new(self, job: _Job) -> None:
        features = job.state.features
        todo = [
            (frame, pixels)
            for frame, pixels in zip(job.new_frames, job.pixels, strict=True)
            if frame not in features  # it is there if this is another try
        ]
        for start in range(0, len(todo), self.ladder.encoded_at_once):
            part = todo[start : start + self.ladder.encoded_at_once]
            pixels = torch.from_numpy(np.stack([entry[1] for entry in part])).to(self.device)
            encoded = self.net.encode(normalise(pixels))
            # Slices of one frame keep four dimensions, and with them the channels-last order of memory.
            frames = zip(*(torch.split(level, 1) for level in encoded), strict=True)
            for (frame, _), levels in zip(part, frames, strict=True):
                features[frame] = FrameFeatures(*levels)

    def _mix(self, job: _Job) -> Tensor:
        shown = [job.state.features[frame] for frame in job.window.sources]
        self.net.limit_sequences(self.ladder.sequences_at_once)
        return self.net.mix(
            torch.cat([features.coarse for features in shown]),
            torch.cat([features.coarsest for features in shown]),
            WINDOW_FRAMES,
        )

    def _draw(self, path: Tensor, job: _Job, slots: Sequence[int]) -> Tensor:
        shown = [job.state.features[job.window.sources[slot]] for slot in slots]
        depth = self.net.draw(
            path[list(slots)],
            torch.cat([features.middle for features in shown]),
            torch.cat([features.fine for features in shown]),
        )
        scene = job.state.scene
        return upsample(depth[:, None], (scene.height, scene.width))[:, 0]

    @staticmethod
    def _carried(job: _Job) -> dict[int, FrameFeatures]:
        """Return the features of carried frames, new ones as copies: a view keeps its whole batch alive."""
        features = job.state.features
        carried = () if job.window.is_last else CARRIED_SLOTS
        kept = {frame: features[frame] for frame in {job.window.sources[slot] for slot in carried}}
        for frame in kept.keys() & set(job.new_frames):
            kept[frame] = FrameFeatures(*(level.clone() for level in kept[frame]))
        return kept
