"""Settings of phase 2: what sharpens a frame, and how neighbours are fused."""

from __future__ import annotations

import functools
from typing import Any, Literal

from pydantic import model_validator

from focusgen.config.backend_names import DeblurBackend
from focusgen.config.backends import DEBLURNET, PASSTHROUGH
from focusgen.config.flux import DiffusionSection, FluxSection, with_default
from focusgen.config.section import Section, setting

_deblurnet = functools.partial(setting, affects=["deblur"], when={"backend": [DEBLURNET.name]})


class _Sharpening(Section):
    """What holds whatever sharpens a frame."""

    backend: DeblurBackend = setting(PASSTHROUGH.name, affects=["deblur"], help="what sharpens one frame")
    temporal: Literal["auto", "flow", "draws", "none", "cached_window"] = setting(
        "auto", affects=["deblur"], help="auto: none for passthrough, flow else"
    )
    radius: int = setting(
        2, affects=["deblur"], when={"temporal": ["flow"]}, ge=1, le=16, help="neighbours fused on each side"
    )
    window_size: int = setting(
        16, affects=["deblur"], when={"temporal": ["draws", "cached_window"]}, ge=1, help="frames per window"
    )
    stride: int = setting(
        8,
        affects=["deblur"],
        when={"temporal": ["draws", "cached_window"]},
        ge=1,
        help="frames between windows",
    )
    resize_long_side: int | None = setting(
        None,
        affects=["deblur"],
        ge=16,
        help="Lanczos resize to this long side, centre crop to multiples of 16",
    )


class _DeblurNet(DiffusionSection, _Sharpening):
    """What DeblurNet alone is told."""

    on_oom: Literal["fail", "input"] = _deblurnet("fail", help="input: publish the raw frame, flagged")
    protocol: Literal["frame", "black+frame"] = _deblurnet("frame", help="what the LoRA file is shown")


class DeblurConfig(FluxSection, _DeblurNet):
    """Phase 2."""

    phase = "deblur"
    network = DEBLURNET.name

    steps: int = with_default("steps", 8)
    prompt: str = with_default("prompt", "a sharp photo with everything in focus")
    guidance_scale: float = with_default("guidance_scale", 3.5)
    lora_weight: str = with_default("lora_weight", "deblurNet.safetensors")

    @model_validator(mode="after")
    def _stride_fits(self) -> DeblurConfig:
        if self.stride > self.window_size:
            raise ValueError(
                f"stride {self.stride} is larger than window_size {self.window_size}: "
                "frames would be left out"
            )
        return self

    def effective(self, name: str) -> Any:
        """Resolve temporal: auto."""
        if name == "temporal" and self.temporal == "auto":
            return "none" if self.backend == PASSTHROUGH.name else "flow"
        return getattr(self, name)
