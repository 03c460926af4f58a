"""Half precision: when it is used, and in which context."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch

from focusgen.base.errors import ConfigError
from focusgen.config.depth import DepthConfig

Precision = Literal["fp32", "fp16", "bf16"]
DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """Return the context of a part; "fp32" also switches an outer one off."""
    if not torch.amp.is_autocast_available(device.type):
        return nullcontext()  # e.g. meta tensors, which have shapes and costs but no numbers
    return torch.autocast(device.type, dtype=DTYPES[precision], enabled=precision != "fp32")


def choose_precision(cfg: DepthConfig, device: torch.device) -> Precision:
    """Return the precision of the matrices.

    Raises:
        ConfigError: bf16 on a GPU that has none.
    """
    if cfg.fp32:
        return "fp32"
    if cfg.precision == "auto":
        # fp16, as the published code runs: bf16 has three bits less, and the residual stream is float32.
        return "fp16" if device.type == "cuda" else "fp32"
    if cfg.precision == "bf16" and device.type == "cuda" and not torch.cuda.is_bf16_supported():
        raise ConfigError("depth.precision: this GPU has no bf16", "Set depth.precision: fp16.")
    return cfg.precision
