"""Display values and the linear light that lenses add up, for tensors."""

from __future__ import annotations

from torch import Tensor

from focusgen.optics.transfer import Transfer, display_values, linear_light


def decode_display(display_rgb: Tensor, transfer: Transfer = "gamma22") -> Tensor:
    """Return linear light of display values in [0, 1]."""
    light: Tensor = linear_light(display_rgb, transfer)
    return light


def encode_display(linear_rgb: Tensor, transfer: Transfer = "gamma22") -> Tensor:
    """Return display values in [0, 1] of linear light."""
    display: Tensor = display_values(linear_rgb, transfer)
    return display
