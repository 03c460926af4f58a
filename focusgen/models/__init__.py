"""What a phase asks of a model: three small Protocols, and factories that import a backend only when asked.

A phase is handed its model, so the same code runs with the doubles of `tests/fakes.py`, with the weight-free
backends and with the diffusion models.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from focusgen.config import Config
from focusgen.errors import ConfigError
from focusgen.optics import Lens

Frames = npt.NDArray[np.uint8]
"""(B, H, W, 3) uint8 RGB."""


class NoiseKey(NamedTuple):
    """Which noise a restored frame draws: the same key, the same noise, on every node."""

    scene_id: str
    frame_index: int
    draw: int


class SceneFrames(Protocol):
    """The frames of one scene, read as they are needed."""

    @property
    def scene_id(self) -> str:
        """The scene's id."""

    @property
    def width(self) -> int:
        """Pixels."""

    @property
    def height(self) -> int:
        """Pixels."""

    @property
    def fps(self) -> float | None:
        """Frames per second of the source, None for a folder of images."""

    def __len__(self) -> int:
        """Return the number of frames."""

    def read(self, start: int, stop: int) -> Frames:
        """Return frames [start, stop)."""

    def provided_depth(self, index: int) -> npt.NDArray[np.float32] | None:
        """Return the depth that came with the data, (H, W) metres, or None."""


class Deblurrer(Protocol):
    """Sharpens frames one by one."""

    def deblur(self, frames: Frames, keys: Sequence[NoiseKey]) -> Frames:
        """Return the sharp frames, same shape.

        Raises:
            ModelMemoryError: out of memory after every step of the ladder.
        """


class DepthModel(Protocol):
    """Estimates metric depth of a scene."""

    @property
    def handles_long_video(self) -> bool:
        """True if any number of frames may be handed over at once; else phase 3 cuts into chunks."""

    def estimate(self, scene: SceneFrames) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
        """Yield (frame_index, (H, W) float32 metres), each frame once, in order, final."""


@dataclass(frozen=True)
class RenderContext:
    """What is fixed for all frames of one lens set of one scene.

    Attributes:
        depth_m: {"d_min", "d_max", "d_median", "d_p5", "d_p95"} of the scene, metres.
        is_depth_exact: false when a network predicted it (edges may then be snapped to the picture's).
        max_coc_m: CoC where the label reaches 0; None when nothing is clipped.
    """

    scene_id: str
    set_index: int
    width: int
    height: int
    lens: Lens
    max_coc_m: float | None
    sensor_width_m: float
    depth_m: Mapping[str, float]
    is_depth_exact: bool
    seed: int


class RenderSession(Protocol):
    """Renders the frames of one lens set."""

    def render(
        self,
        frames: Frames,
        signed_radius_px: npt.NDArray[np.float32],
        focus_maps: npt.NDArray[np.float16],
        frame_indices: Sequence[int],
    ) -> Frames:
        """Return the blurred frames.

        Args:
            frames: (B, H, W, 3) uint8 RGB, sharp.
            signed_radius_px: (B, H, W) blur radius, + nearer than the focus plane.
            focus_maps: (B, H, W) the published label of the same pixels.
            frame_indices: B positions in the scene.
        """


class BokehRenderer(Protocol):
    """Draws lens blur.

    A renderer whose sessions may work at the same time says how many in `n_parallel`; a session that is best
    handed several frames at once says how many in `frames_per_call()`. Both default to one.
    """

    def start(self, context: RenderContext) -> RenderSession:
        """Return a session for one lens set of one scene."""


def load_deblurrer(cfg: Config, *, device: str | None = None) -> Deblurrer:
    """Return the deblurrer that `deblur.backend` names.

    Raises:
        ConfigError: the backend cannot run here; says what is missing.
    """
    if cfg.deblur.backend == "passthrough":
        from focusgen.models.passthrough import Passthrough

        return Passthrough()
    if cfg.deblur.backend == "classical":
        from focusgen.models.classical import ClassicalDeblurrer

        return ClassicalDeblurrer()
    if cfg.deblur.backend == "deblurnet":
        from focusgen.models.flux.deblurnet import load_deblurnet

        return load_deblurnet(cfg, device)
    raise _not_in_this_version("deblur", cfg.deblur.backend)


def load_depth_model(cfg: Config, *, device: str | None = None) -> DepthModel:
    """Return the depth model that `depth.backend` names.

    Raises:
        ConfigError: the backend cannot run here; says what is missing.
    """
    if cfg.depth.backend == "provided":
        from focusgen.models.provided import ProvidedDepth

        return ProvidedDepth()
    if cfg.depth.backend == "dryrun":
        from focusgen.models.dryrun import DryRunDepth

        return DryRunDepth()
    if cfg.depth.backend == "vda":
        from focusgen.models.vda.backend import load_video_depth

        return load_video_depth(cfg.depth, device=device)
    if cfg.depth.backend == "hf":
        from focusgen.models.hf import load_hf_depth

        return load_hf_depth(cfg.depth, device=device)
    raise _not_in_this_version("depth", cfg.depth.backend)


def load_renderer(cfg: Config, *, device: str | None = None) -> BokehRenderer:
    """Return the renderer that `render.backend` names.

    Raises:
        ConfigError: the backend cannot run here; says what is missing.
    """
    if cfg.render.backend == "thin_lens":
        from focusgen.models.thin_lens import ThinLensRenderer

        return ThinLensRenderer(
            max_radius_px=cfg.render.max_radius_px,
            depth_edge_snap=cfg.render.depth_edge_snap,
            device=device or "cpu",
        )
    if cfg.render.backend == "bokehnet":
        from focusgen.models.flux.bokehnet import load_bokehnet

        return load_bokehnet(cfg, device)
    raise _not_in_this_version("render", cfg.render.backend)


def weight_files(cfg: Config, phase: str) -> dict[str, Path]:
    """Return {name: file} of the weights that a phase's bytes depend on, without loading them."""
    if phase == "depth" and cfg.depth.backend == "vda":
        return {"vda": cfg.depth.checkpoint}
    if phase == "depth" and cfg.depth.backend == "hf":
        from focusgen.models.hf_files import hf_weight_files

        return hf_weight_files(cfg.depth.model_id, cfg.depth.model_revision)
    if (phase, cfg.deblur.backend) == ("deblur", "deblurnet"):
        from focusgen.models.flux.files import flux_weight_files

        return flux_weight_files(cfg.deblur)
    if (phase, cfg.render.backend) == ("render", "bokehnet"):
        from focusgen.models.flux.files import flux_weight_files

        return flux_weight_files(cfg.render)
    return {}


def weight_advice(name: str) -> str:
    """Return what to do when a file of `weight_files` is not there."""
    if name.startswith("flux/"):
        from focusgen.models.flux.files import weight_advice as flux_advice

        return flux_advice(name)
    return "focusgen doctor says what is missing; focusgen weights fetch brings what is published."


def _not_in_this_version(section: str, backend: str) -> ConfigError:
    return ConfigError(
        f"{section}.backend: {backend} is not part of this version of focusgen",
        f"Choose another with --{section}.backend, or update focusgen.",
    )
