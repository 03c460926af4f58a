"""GenFocus' LoRA files: which modules they may touch, and what is refused.

The reference sets the adapter's scale to exactly 1 while a condition runs through a listed projection, so
y = W x + B (A x) there, whatever alpha says. A LoRA on any other module would act on the text and image
branches too, which these nets never do: such keys are refused, not skipped.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from focusgen.base.errors import ConfigError
from focusgen.models.checkpoints import check_finite, read_tensors
from focusgen.models.flux.files import weight_advice

log = logging.getLogger(__name__)

LISTED = re.compile(
    r"x_embedder"
    r"|transformer_blocks\.\d+\.(norm1\.linear|attn\.to_[qkv]|attn\.to_out\.0|ff\.net\.2)"
    r"|single_transformer_blocks\.\d+\.(norm\.linear|proj_mlp|proj_out|attn\.to_[qkv])"
)
KEY = re.compile(r"transformer\.(?P<module>.+)\.(?P<part>lora_A\.weight|lora_B\.weight|alpha)")
NAMING = "transformer.<module>.lora_A.weight and .lora_B.weight, as diffusers saves them"


@dataclass(frozen=True, eq=False)
class LowRank:
    """B A of y = W x + B (A x)."""

    down: Tensor
    up: Tensor

    def to(self, device: torch.device, dtype: torch.dtype) -> LowRank:
        """Return it on a device, in a precision."""
        return LowRank(self.down.to(device, dtype), self.up.to(device, dtype))


Adapter = Mapping[str, LowRank]
"""{module name: its low-rank part}"""


def load_adapter(path: Path) -> dict[str, LowRank]:
    """Return the low-rank parts of a LoRA file.

    Raises:
        ConfigError: no file, no safetensors file, or a key that the function cannot honour, by name.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: no such LoRA file", weight_advice("flux/lora"))
    tensors = read_tensors(path)
    adapter = adapter_from(tensors, str(path))
    # Only what is used: alpha is often saved as an integer, and never read.
    check_finite({key: value for key, value in tensors.items() if not key.endswith(".alpha")}, path)
    if all(not bool(pair.up.any()) for pair in adapter.values()):
        log.warning("%s: every lora_B is zero, so that it changes nothing: was it saved untrained?", path)
    return adapter


def adapter_from(tensors: Mapping[str, Tensor], source: str) -> dict[str, LowRank]:
    """Return the low-rank parts of a LoRA state dict; `source` names it in errors."""
    parts: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        match = KEY.fullmatch(key)
        if match is None:
            raise ConfigError(
                f"{source}: key {key} is not named {NAMING}",
                "Another trainer's file must be converted first.",
            )
        if LISTED.fullmatch(match["module"]) is None:
            raise ConfigError(
                f"{source}: key {key} cannot be honoured: the nets apply LoRA to condition tokens only, "
                f"and {match['module']} serves all tokens",
                "This is no GenFocus file; use deblurNet.safetensors or bokehNet.safetensors.",
            )
        parts.setdefault(match["module"], {})[match["part"]] = tensor
    if not parts:
        raise ConfigError(f"{source}: holds no LoRA weight", f"Expected {NAMING}.")
    return {module: _pair(module, found, source) for module, found in parts.items()}


def _pair(module: str, found: Mapping[str, Tensor], source: str) -> LowRank:
    """Join A and B; alpha is dropped because the reference overrides what it would scale."""
    for part in ("lora_A.weight", "lora_B.weight"):
        if part not in found:
            raise ConfigError(
                f"{source}: key transformer.{module}.{part} is missing", "Download the file again."
            )
    down, up = found["lora_A.weight"], found["lora_B.weight"]
    if down.ndim != 2 or up.ndim != 2 or down.shape[0] != up.shape[1]:
        raise ConfigError(
            f"{source}: transformer.{module}: A {tuple(down.shape)} and B {tuple(up.shape)} do not multiply"
        )
    return LowRank(down, up)


def check_fits(adapter: Adapter, shapes: Mapping[str, tuple[int, int]], source: str) -> None:
    """Refuse an adapter of another model.

    Args:
        adapter: what `adapter_from` returned.
        shapes: {module name: (out features, in features)} of the model's listed projections.
        source: names the adapter in errors.

    Raises:
        ConfigError: names the first key whose module is missing or has another shape.
    """
    for module, pair in adapter.items():
        wanted = shapes.get(module)
        if wanted is None:
            raise ConfigError(
                f"{source}: key transformer.{module}.lora_A.weight: the model has no such module"
            )
        given = (pair.up.shape[0], pair.down.shape[1])
        if given != wanted:
            raise ConfigError(
                f"{source}: key transformer.{module}.lora_A.weight is for {given}, the model has {wanted}"
            )


def coverage(adapter: Adapter, shapes: Mapping[str, tuple[int, int]]) -> str:
    """Return "1 of 25" for an adapter of few of the projections that a LoRA may change, "" if it has all."""
    return f"{len(adapter)} of {len(shapes)}" if len(adapter) < len(shapes) else ""


def ranks(adapter: Adapter) -> Iterable[int]:
    """Return the ranks that occur, sorted."""
    return sorted({pair.down.shape[0] for pair in adapter.values()})
