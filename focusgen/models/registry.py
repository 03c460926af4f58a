"""Which backend a name stands for; a factory imports it only when it is asked for."""

from __future__ import annotations

from pathlib import Path

from focusgen.base.errors import ConfigError
from focusgen.config import Config
from focusgen.models.protocols import BokehRenderer, Deblurrer, DepthModel


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
        from focusgen.models.bokeh.thin_lens import ThinLensRenderer

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
