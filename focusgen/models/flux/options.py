"""The settings of a FLUX net, checked and in the units of the maths."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from focusgen.config.flux import FluxSection
from focusgen.models.flux.tiling import Tiling, tiling_of

APPROXIMATIONS = {
    "fp8": "weights in 8-bit floats (torchao)",
    "nf4": "weights in 4-bit floats (bitsandbytes)",
}


@dataclass(frozen=True)
class FluxOptions:
    """What one net is run with; `section` names its settings in messages.

    Attributes:
        tiling: None denoises every frame in one piece.
        is_posterior_sampled: a sample of the VAE's posterior with own noise, instead of its mean.
    """

    section: str
    model_id: str
    lora_file: Path
    prompt_cache: Path
    prompt: str
    n_steps: int
    guidance_scale: float
    tiling: Tiling | None
    is_posterior_sampled: bool
    precision: str
    is_offloaded: bool
    is_vae_sliced: bool
    is_compiled: bool
    batch_size: int | None

    @property
    def approximations(self) -> tuple[str, ...]:
        """What makes the output differ from the same net in bfloat16, in words for the record."""
        return (APPROXIMATIONS[self.precision],) if self.precision in APPROXIMATIONS else ()


def options_of(section: str, cfg: FluxSection) -> FluxOptions:
    """Return the options of `deblur` or `render`.

    Raises:
        ConfigError: tiles that leave no stride.
    """
    return FluxOptions(
        section=section,
        model_id=cfg.model_id,
        lora_file=cfg.lora_path / cfg.lora_weight,
        prompt_cache=cfg.prompt_cache,
        prompt=cfg.prompt,
        n_steps=cfg.steps,
        guidance_scale=cfg.guidance_scale,
        tiling=None if cfg.disable_tiling else tiling_of(cfg.tile_px, cfg.tile_overlap_px),
        is_posterior_sampled=cfg.posterior == "sample",
        precision=cfg.precision,
        is_offloaded=cfg.offload,
        is_vae_sliced=cfg.sequential_vae,
        is_compiled=cfg.compile,
        batch_size=cfg.batch_size,
    )
