"""BokehNet: FLUX shown the sharp frame and a defocus map, denoising a picture with that blur."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from focusgen.config import Config
from focusgen.models.devices import pick_device
from focusgen.models.flux.conditions import ImageCondition, MapCondition
from focusgen.models.flux.loading import load_sampler
from focusgen.models.flux.net import FluxNet
from focusgen.models.flux.noise import initial_tokens, posterior_noise, set_seed
from focusgen.models.flux.options import options_of
from focusgen.models.flux.sampler import Batch
from focusgen.models.flux.tokens import grid_of
from focusgen.models.protocols import BokehRenderer, Frames, RenderContext, RenderSession

ADAPTER = "bokeh"
N_CONDITIONS = 2


class BokehNet(BokehRenderer):
    """Draws lens blur with FLUX; see `BokehRenderer`.

    Args:
        net: FLUX with the BokehNet adapter.
        guidance: "normalised" feeds 1 - focus_map, "physical" the blur radius over `max_radius_px`.
        max_radius_px: the radius that the net knows as 1.
    """

    def __init__(self, net: FluxNet, guidance: str, max_radius_px: float) -> None:
        self.net = net
        self.guidance = guidance
        self.max_radius_px = max_radius_px

    @property
    def approximations(self) -> list[str]:
        """What makes pictures differ from the net as published, in words for the record."""
        return self.net.approximations

    def start(self, context: RenderContext) -> BokehNetSession:
        """Return a session whose frames all start from the same noise."""
        return BokehNetSession(self, context)

    def defocus_maps(
        self, signed_radius_px: npt.NDArray[np.float32], focus_maps: npt.NDArray[np.float16]
    ) -> npt.NDArray[np.float32]:
        """Return what the net is shown, in [0, 1], 1 = most blurred."""
        if self.guidance == "physical":
            shown = np.abs(signed_radius_px).astype(np.float32) / np.float32(self.max_radius_px)
        else:
            shown = np.float32(1.0) - focus_maps.astype(np.float32)
        clipped: npt.NDArray[np.float32] = np.clip(shown, np.float32(0.0), np.float32(1.0))
        return clipped


class BokehNetSession(RenderSession):
    """Renders the frames of one lens set; see `RenderSession`."""

    def __init__(self, renderer: BokehNet, context: RenderContext) -> None:
        self.renderer = renderer
        self.context = context
        self.grid = grid_of(context.height, context.width)
        # The same initial noise in every frame of the set: what it invents stays in place.
        self._noise = initial_tokens(self._seed("latents"), self.grid)

    def render(
        self,
        frames: Frames,
        signed_radius_px: npt.NDArray[np.float32],
        focus_maps: npt.NDArray[np.float16],
        frame_indices: Sequence[int],
    ) -> Frames:
        """Return the blurred frames.

        Raises:
            ModelMemoryError: out of memory after every step of the ladder.
        """
        if not len(frame_indices):
            return frames.copy()
        maps = self.renderer.defocus_maps(signed_radius_px, focus_maps)
        what = f"scene {self.context.scene_id!r}, set {self.context.set_index}, frame {frame_indices[0]}"
        batches = self._batches(frames, maps, frame_indices)
        return np.concatenate(list(self.renderer.net.frames(batches, frames.shape[1:3], what)))

    def frames_per_call(self) -> int:
        """Return how many frames are best handed over at once."""
        return self.renderer.net.frames_at_once(self.grid, n_conditions=N_CONDITIONS)

    def _batches(
        self, frames: Frames, maps: npt.NDArray[np.float32], frame_indices: Sequence[int]
    ) -> Iterator[Batch]:
        step = self.frames_per_call()
        for start in range(0, len(frames), step):
            part = slice(start, start + step)
            indices = frame_indices[part]
            yield Batch(
                self.grid,
                (ImageCondition(frames[part], ADAPTER), MapCondition(maps[part], ADAPTER, (0, 0))),
                self._noise.expand(len(indices), -1, -1),
                tuple(self._posterior_noise(indices, index) for index in range(N_CONDITIONS)),
            )

    def _posterior_noise(self, frame_indices: Sequence[int], index: int) -> Tensor | None:
        if not self.renderer.net.options.is_posterior_sampled:
            return None
        seeds = [self._seed(f"posterior/{index}/{frame}") for frame in frame_indices]
        return torch.cat([posterior_noise(seed, self.grid) for seed in seeds])

    def _seed(self, purpose: str) -> int:
        context = self.context
        return set_seed(context.seed, context.scene_id, context.set_index, f"bokeh/{purpose}")


def load_bokehnet(cfg: Config, device: str | None) -> BokehNet:
    """Return BokehNet as `render` describes it.

    Raises:
        ConfigError: says what is missing: GPU, library, weights, access, embedded prompt.
    """
    options = options_of("render", cfg.render)
    chosen = pick_device(device, "render.backend: bokehnet")
    net = FluxNet(load_sampler(options, ADAPTER, chosen), options)
    return BokehNet(net, cfg.render.guidance, cfg.render.guidance_max_radius_px)
