"""Metres to the [-1, 1] that the autoencoder reads, and back; the scale comes from focus distances only."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

MARGIN_SHARE = 0.35
"""Depth may lie beyond the nearest and farthest slice by this part of their distance in diopters."""

FLOOR = 0.02
"""Nothing farther than 50 m is told apart, unless a slice is focused there."""


class DiopterRange(NamedTuple):
    """What -1 and 1 stand for, (B, 1, 1, 1) inverse metres each."""

    low: Tensor
    high: Tensor


def range_of(diopters: Tensor, mask: Tensor) -> DiopterRange:
    """Return the range of inverse depth that slices can tell of.

    Args:
        diopters: (B, N) inverse focus distances.
        mask: (B, N), True where there is a slice.
    """
    near = diopters.masked_fill(~mask, -torch.inf).amax(1)
    far = diopters.masked_fill(~mask, torch.inf).amin(1)
    beyond = MARGIN_SHARE * (near - far).clamp_min(1e-6)
    floor = torch.where(far < FLOOR, torch.zeros_like(far), torch.full_like(far, FLOOR))
    low, high = torch.maximum(far - beyond, floor), near + beyond
    return DiopterRange(low.view(-1, 1, 1, 1), high.view(-1, 1, 1, 1))


def to_unit(diopters: Tensor, span: DiopterRange) -> Tensor:
    """Return inverse depth as -1 (far) to 1 (near); what lies beyond is not clamped."""
    return 2.0 * (diopters - span.low) / (span.high - span.low) - 1.0


def from_unit(unit: Tensor, span: DiopterRange) -> Tensor:
    """Return inverse depth of -1 to 1."""
    return span.low + 0.5 * (unit + 1.0) * (span.high - span.low)
