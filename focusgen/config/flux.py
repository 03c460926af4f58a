"""The settings that DeblurNet and BokehNet share: both are LoRA files on one diffusion model."""

from __future__ import annotations

import copy
import functools
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import field_validator

from focusgen.config.graph import PhaseName
from focusgen.config.section import Effect, Section, effect_of, refuse_blank_name, setting

_changes_bytes = functools.partial(setting, affects=["deblur", "render"])
_of_tiles = functools.partial(_changes_bytes, when={"disable_tiling": [False]})


class DiffusionSection(Section):
    """The first of the shared settings, apart so that a section may put its own behind it.

    Fields are listed in the order of the bases, the last base first; saved configurations show that order.
    """

    steps: int = _changes_bytes(30, ge=1, help="diffusion steps")


class FluxSection(DiffusionSection):
    """How a network on FLUX.1-dev is run. A subclass says in which phase, and under which backend's name."""

    phase: ClassVar[PhaseName]
    network: ClassVar[str]

    prompt: str = _changes_bytes("", help="embedded by weights prompts")
    guidance_scale: float = _changes_bytes(1.0, ge=0, help="the distilled guidance that is embedded")
    posterior: Literal["mean", "sample"] = _changes_bytes("mean", help="sample: the VAE's, with own noise")
    disable_tiling: bool = _changes_bytes(False, help="denoise the frame as one piece")
    tile_px: int = _of_tiles(512, ge=32, multiple_of=16, help="side of a tile; the net knows 512")
    tile_overlap_px: int | None = _of_tiles(None, ge=0, multiple_of=16, help="default an eighth of tile_px")
    precision: Literal["bf16", "fp32", "fp8", "nf4"] = _changes_bytes("bf16", help="fp8, nf4: approximations")
    compile: bool = _changes_bytes(False, help="torch.compile: faster after a minute, rounds differently")
    model_id: str = _changes_bytes("black-forest-labs/FLUX.1-dev", help="hub id or folder")
    lora_path: Path = setting(Path("."), help="folder of the LoRA file")
    lora_weight: str = setting("", help="file name of the LoRA")
    prompt_cache: Path = setting(Path("checkpoints/flux_prompts"), help="folder of embedded prompts")
    offload: bool = setting(False, help="keep weights in host memory between uses")
    sequential_vae: bool = setting(False, help="one frame at a time through the VAE")
    batch_size: int | None = setting(None, ge=1, help="frames at once; default: what fits, 1 on a CPU")

    _no_blank_name = field_validator("model_id", "lora_weight")(refuse_blank_name)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Narrow what the shared settings change to the subclass's own phase and backend."""
        super().__pydantic_init_subclass__(**kwargs)
        for name in FluxSection.model_fields:
            info = cls.model_fields[name]
            shared = effect_of(info)
            assert shared is not None
            mine = tuple(phase for phase in shared.affects if phase == cls.phase)
            own = Effect(mine, {"backend": [cls.network], **shared.when})
            info.json_schema_extra = own.document()


def with_default(name: str, default: Any) -> Any:
    """Return a shared setting with a default of the subclass's own."""
    info = copy.copy(FluxSection.model_fields[name])
    info.default = default
    return info
