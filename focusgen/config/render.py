"""Settings of phase 5: what draws the blur, and how labels saturate."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from focusgen.config.backend_names import RenderBackend
from focusgen.config.backends import BOKEHNET, THIN_LENS
from focusgen.config.flux import FluxSection, with_default
from focusgen.config.render_camera import RenderCamera
from focusgen.config.section import Section, setting

_THIN_LENS = {"backend": [THIN_LENS.name]}


class _Drawing(Section):
    """What holds whatever draws the blur, and what only one of the backends is told."""

    backend: RenderBackend = setting(THIN_LENS.name, affects=["render"], help="what draws the blur")
    n_sets: int = setting(4, affects=["render"], ge=1, le=100, help="lens sets per scene")
    max_coc: float | None = setting(
        None, affects=["render"], gt=0, help="CoC in metres where the label reaches 0; given by a person"
    )
    clip_to_max_coc: bool = setting(True, affects=["render"], help="picture and label saturate together")
    max_radius_px: float = setting(
        64.0, affects=["render"], when=_THIN_LENS, gt=0, help="larger blur is drawn as this"
    )
    depth_edge_snap: Literal["auto", "on", "off"] = setting(
        "auto",
        affects=["render"],
        when=_THIN_LENS,
        help="no effect since 0.2.0: pictures are drawn from the published depth (focusgen render snaps)",
    )
    guidance: Literal["normalised", "physical"] = setting(
        "normalised", affects=["render"], when={"backend": [BOKEHNET.name]}, help="unit of the defocus map"
    )
    guidance_max_radius_px: float = setting(
        100.0,
        affects=["render"],
        when={"backend": [BOKEHNET.name], "guidance": ["physical"]},
        gt=0,
        help="radius of physical guidance 1.0",
    )

    @field_validator("depth_edge_snap", mode="before")
    @classmethod
    def _words(cls, value: object) -> object:
        """YAML reads on and off as true and false."""
        return {True: "on", False: "off"}[value] if isinstance(value, bool) else value


class RenderConfig(FluxSection, RenderCamera, _Drawing):
    """Phase 5."""

    phase = "render"
    network = BOKEHNET.name

    prompt: str = with_default("prompt", "an excellent photo with a large aperture")
    lora_weight: str = with_default("lora_weight", "bokehNet.safetensors")
    warn_focus_mean: tuple[float, float] = setting((0.2, 0.8), help="mean focus outside is worth a warning")

    @field_validator("warn_focus_mean")
    @classmethod
    def _ordered(cls, value: tuple[float, float]) -> tuple[float, float]:
        if value[0] > value[1]:
            raise ValueError(f"needs low <= high, not {list(value)}")
        return value
