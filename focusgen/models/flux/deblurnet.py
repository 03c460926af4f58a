"""DeblurNet: FLUX shown the blurred frame, denoising a sharp one."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from focusgen.config import Config
from focusgen.models.devices import pick_device
from focusgen.models.flux.conditions import BlackCondition, Condition, ImageCondition
from focusgen.models.flux.loading import load_sampler
from focusgen.models.flux.net import FluxNet
from focusgen.models.flux.noise import frame_seed, initial_tokens, posterior_noise
from focusgen.models.flux.options import options_of
from focusgen.models.flux.sampler import Batch
from focusgen.models.flux.tokens import Grid, grid_of
from focusgen.models.protocols import Deblurrer, Frames, NoiseKey

log = logging.getLogger(__name__)

ADAPTER = "deblurring"
BLACK_DELTA = (0, 32)
"""Where the black picture of protocol `black+frame` claims to lie: 32 tokens to the right."""


class DeblurNet(Deblurrer):
    """Sharpens frames; see `Deblurrer`.

    Args:
        net: FLUX with the DeblurNet adapter.
        protocol: "frame" shows the frame; "black+frame" a black picture first.
        run_seed: the run's seed, one part of every noise's.
    """

    def __init__(self, net: FluxNet, protocol: str, run_seed: int) -> None:
        self.net = net
        self.protocol = protocol
        self.run_seed = run_seed

    @property
    def approximations(self) -> list[str]:
        """What makes pictures differ from the net as published, in words for the record."""
        return self.net.approximations

    def deblur(self, frames: Frames, keys: Sequence[NoiseKey]) -> Frames:
        """Return the sharp frames; each draws the noise of its own key.

        Raises:
            ModelMemoryError: out of memory after every step of the ladder.
        """
        if not len(keys):
            return frames.copy()
        what = f"scene {keys[0].scene_id!r}, frame {keys[0].frame_index}"
        return np.concatenate(list(self.net.frames(self._batches(frames, keys), frames.shape[1:3], what)))

    def frames_per_call(self, height_px: int, width_px: int) -> int:
        """Return how many frames are best handed over at once."""
        return self.net.frames_at_once(
            grid_of(height_px, width_px), n_conditions=len(self.protocol.split("+"))
        )

    def _batches(self, frames: Frames, keys: Sequence[NoiseKey]) -> Iterator[Batch]:
        grid = grid_of(*frames.shape[1:3])
        step = self.frames_per_call(*frames.shape[1:3])
        for start in range(0, len(frames), step):
            part = slice(start, start + step)
            conditions = self._conditions(frames[part])
            yield Batch(
                grid,
                conditions,
                torch.cat([initial_tokens(self._seed(key, "latents"), grid) for key in keys[part]]),
                tuple(self._posterior_noise(keys[part], grid, index) for index in range(len(conditions))),
            )

    def _conditions(self, frames: Frames) -> tuple[Condition, ...]:
        frame = ImageCondition(frames, ADAPTER, (0, 0))
        if self.protocol == "frame":
            return (frame,)
        height_px, width_px = frames.shape[1:3]
        return (BlackCondition(height_px, width_px, ADAPTER, BLACK_DELTA), frame)

    def _posterior_noise(self, keys: Sequence[NoiseKey], grid: Grid, index: int) -> Tensor | None:
        if not self.net.options.is_posterior_sampled:
            return None
        return torch.cat([posterior_noise(self._seed(key, f"posterior/{index}"), grid) for key in keys])

    def _seed(self, key: NoiseKey, purpose: str) -> int:
        return frame_seed(self.run_seed, key.scene_id, key.frame_index, key.draw, f"deblur/{purpose}")


def load_deblurnet(cfg: Config, device: str | None) -> DeblurNet:
    """Return DeblurNet as `deblur` describes it.

    Raises:
        ConfigError: says what is missing: GPU, library, weights, access, embedded prompt.
    """
    options = options_of("deblur", cfg.deblur)
    chosen = pick_device(device, "deblur.backend: deblurnet")
    log.warning(
        "%s: used with deblur.protocol %s. Its keys cannot tell whether it was trained with one condition "
        "(frame) or two (black+frame): if sharp frames look wrong, try the other.",
        options.lora_file,
        cfg.deblur.protocol,
    )
    return DeblurNet(FluxNet(load_sampler(options, ADAPTER, chosen), options), cfg.deblur.protocol, cfg.seed)
