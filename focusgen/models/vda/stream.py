"""Scenes of any length through the network, window by window, in memory that does not grow.

What is saved against running each window from its pictures, with the same numbers: a frame is resized and
encoded once, whether it is carried into the next window or repeated past the end; slots whose depth nobody
uses are not drawn; windows of several scenes of one size go through the network as one batch.
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
    """How much is done at once; one step down after each allocation that failed.

    Attributes:
        window_batch: windows (of different scenes) mixed at once.
    """

    # (frames encoded, frames drawn, sequences along time) at once; the numbers do not depend on it.
    LEVELS = ((32, 8, 32_768), (8, 4, 8_192), (2, 1, 1_024))

    window_batch: int = 1
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
        if self.window_batch > 1:
            self.window_batch //= 2
        elif self.level + 1 < len(self.LEVELS):
            self.level += 1
        else:
            return False
        return True

    def __str__(self) -> str:
        return (
            f"{self.window_batch} window(s), {self.encoded_at_once} frames encoded "
            f"and {self.drawn_at_once} drawn at once"
        )


@dataclass
class _SceneState:
    """One scene on its way; `features` holds the frames that the next window shows again."""

    number: int
    scene: SceneFrames
    windows: Iterator[Window]
    joiner: Joiner
    features: dict[int, FrameFeatures] = field(default_factory=dict)


@dataclass
class _Job:
    """One window of one scene, its new frames already resized."""

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
        window_batch: windows of different scenes that go through the network together.
        align: join windows by scale and shift (relative depth); False for metric.
        every_slot: compute also what has no effect, for comparisons with the published loop.
    """

    def __init__(
        self,
        net: VideoDepthNet,
        *,
        input_size: int = 518,
        window_batch: int = 1,
        align: bool = False,
        every_slot: bool = False,
    ) -> None:
        self.net = net
        self.device = next(net.parameters()).device
        self.ladder = MemoryLadder(max(1, window_batch))
        self._input_size = input_size
        self._align = align
        self._every_slot = every_slot

    def run(self, scenes: Sequence[SceneFrames]) -> Iterator[tuple[int, int, DepthMap]]:
        """Yield (number of the scene, frame_index, (H, W) float32 depth), per scene in order and final.

        Raises:
            ModelMemoryError: out of memory although as little as possible was done at once.
        """
        by_size: dict[tuple[int, int], list[_SceneState]] = {}
        for number, scene in enumerate(scenes):
            windows = plan_windows(len(scene), every_window=self._every_slot)
            state = _SceneState(number, scene, windows, Joiner(len(scene), align=self._align))
            by_size.setdefault((scene.height, scene.width), []).append(state)
        for states in by_size.values():
            yield from self._run_batch(iter(states))

    def _run_batch(self, waiting: Iterator[_SceneState]) -> Iterator[tuple[int, int, DepthMap]]:
        active: list[_SceneState] = []
        jobs = self._next_jobs(active, waiting)
        depths = self._infer(jobs)
        while jobs:
            # A GPU works on what was queued while the next frames are read and resized here ...
            next_jobs = self._next_jobs(active, waiting)
            fetched = [depth.cpu() for depth in depths]
            if self.device.type == "cuda":  # ... and on the next windows while these frames are taken.
                depths = self._infer(next_jobs)
            for job, depth in zip(jobs, fetched, strict=True):
                yield from self._join(job, depth)
            if self.device.type != "cuda":
                depths = self._infer(next_jobs)
            jobs = next_jobs

    def _next_jobs(self, active: list[_SceneState], waiting: Iterator[_SceneState]) -> list[_Job]:
        """Return one job per active scene, after scenes that are through gave way to waiting ones."""
        jobs = []
        for state in list(active):
            window = next(state.windows, None)
            if window is None:
                active.remove(state)
            else:
                jobs.append(self._prepare(state, window))
        while len(active) < self.ladder.window_batch:
            entering = next(waiting, None)
            if entering is None:
                break
            window = next(entering.windows, None)
            if window is not None:  # None: a scene without frames
                active.append(entering)
                jobs.append(self._prepare(entering, window))
        return jobs

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

    def _join(self, job: _Job, depth: Tensor) -> Iterator[tuple[int, int, DepthMap]]:
        maps = dict(zip(job.slots, depth.numpy(), strict=True))
        state = job.state
        for frame_index, depth_map in state.joiner.add(job.window, maps):
            yield state.number, frame_index, depth_map

    def _infer(self, jobs: list[_Job]) -> list[Tensor]:
        """Return (slots, H, W) depth on the device per job, doing less at once where memory asks for it."""
        depths: list[Tensor] = []
        while len(depths) < len(jobs):
            part = jobs[len(depths) : len(depths) + self.ladder.window_batch]
            failure = ""
            try:
                depths += self._infer_together(part)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                failure = str(error).splitlines()[0] if str(error) else type(error).__name__
            if failure:  # outside of the handler, whose traceback holds on to tensors
                self._step_down(part[0], failure)
        return depths

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
    def _infer_together(self, jobs: list[_Job]) -> list[Tensor]:
        self._encode_new(jobs)
        path = self._mix(jobs)
        wanted = [
            (job, slot, WINDOW_FRAMES * row + slot) for row, job in enumerate(jobs) for slot in job.slots
        ]
        drawn = [
            self._draw(path, wanted[start : start + self.ladder.drawn_at_once])
            for start in range(0, len(wanted), self.ladder.drawn_at_once)
        ]
        depths = torch.split(torch.cat(drawn), [len(job.slots) for job in jobs])
        kept = [self._carried(job) for job in jobs]
        # Only now, when nothing is left that can fail: another try needs the features as they were.
        for job, features in zip(jobs, kept, strict=True):
            job.state.features = features
        return list(depths)

    def _encode_new(self, jobs: list[_Job]) -> None:
        todo = [
            (job.state.features, frame, pixels)
            for job in jobs
            for frame, pixels in zip(job.new_frames, job.pixels, strict=True)
            if frame not in job.state.features  # it is there if this is another try
        ]
        for start in range(0, len(todo), self.ladder.encoded_at_once):
            part = todo[start : start + self.ladder.encoded_at_once]
            pixels = torch.from_numpy(np.stack([entry[2] for entry in part])).to(self.device)
            encoded = self.net.encode(normalise(pixels))
            # Slices of one frame keep four dimensions, and with them the channels-last order of memory.
            frames = zip(*(torch.split(level, 1) for level in encoded), strict=True)
            for (features, frame, _), levels in zip(part, frames, strict=True):
                features[frame] = FrameFeatures(*levels)

    def _mix(self, jobs: list[_Job]) -> Tensor:
        shown = [job.state.features[frame] for job in jobs for frame in job.window.sources]
        self.net.limit_sequences(self.ladder.sequences_at_once)
        return self.net.mix(
            torch.cat([features.coarse for features in shown]),
            torch.cat([features.coarsest for features in shown]),
            WINDOW_FRAMES,
        )

    def _draw(self, path: Tensor, wanted: Sequence[tuple[_Job, int, int]]) -> Tensor:
        shown = [job.state.features[job.window.sources[slot]] for job, slot, _ in wanted]
        depth = self.net.draw(
            path[[row for _, _, row in wanted]],
            torch.cat([features.middle for features in shown]),
            torch.cat([features.fine for features in shown]),
        )
        scene = wanted[0][0].state.scene
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
