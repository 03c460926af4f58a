"""Which parts run in half precision."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch

Precision = Literal["fp32", "fp16", "bf16"]
DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """Return the context of a part; "fp32" also switches an outer one off."""
    if not torch.amp.is_autocast_available(device.type):
        return nullcontext()  # e.g. meta tensors, which have shapes and costs but no numbers
    return torch.autocast(device.type, dtype=DTYPES[precision], enabled=precision != "fp32")
