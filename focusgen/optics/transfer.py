"""Display values and the linear light that lenses and sensors add up: the curves between them.

Operators only, so that numpy and torch arrays both pass. Blurring display values as they are costs 2.9 dB.
"""

from __future__ import annotations

from typing import Any, Literal

Transfer = Literal["gamma22", "srgb"]
"""gamma22: the plain power 2.2 that procedural scenes are made with; srgb: the exact curve of IEC 61966-2-1,
which cameras and players mean. In the dark they differ: level 10 of sRGB is as bright as gamma22 is at 18."""

DISPLAY_GAMMA = 2.2


def linear_light(display: Any, transfer: Transfer = "gamma22") -> Any:
    """Return linear light of display values in [0, 1]; same shape and type."""
    if transfer == "gamma22":
        return display**DISPLAY_GAMMA
    is_low = display <= 0.04045
    return is_low * (display / 12.92) + ~is_low * ((display + 0.055) / 1.055) ** 2.4


def display_values(linear: Any, transfer: Transfer = "gamma22") -> Any:
    """Return display values of linear light, clipped to [0, 1]; same shape and type."""
    light = linear.clip(0.0, 1.0)
    if transfer == "gamma22":
        return light ** (1.0 / DISPLAY_GAMMA)
    is_low = light <= 0.0031308
    # The low part is lifted before its power: a root's slope at 0 is infinite, and would reach gradients.
    return is_low * (light * 12.92) + ~is_low * (1.055 * (light + 1.0 * is_low) ** (1.0 / 2.4) - 0.055)
