"""Display values and the linear light that lenses and sensors add up: the curves between them.

Operators only, so that numpy and torch arrays both pass. Blurring display values as they are costs 2.9 dB.
"""

from __future__ import annotations

from typing import Any, Literal

from focusgen.optics.arrays import Values

Transfer = Literal["gamma22", "srgb"]
"""gamma22: the plain power 2.2 that procedural scenes are made with; srgb: the exact curve of IEC 61966-2-1,
which cameras and players mean. In the dark they differ: level 10 of sRGB is as bright as gamma22 is at 18."""

DISPLAY_GAMMA = 2.2


def linear_light(display: Values, transfer: Transfer = "gamma22") -> Values:
    """Return linear light of display values in [0, 1]; same shape and type."""
    shown: Any = display
    light: Values
    if transfer == "gamma22":
        light = shown**DISPLAY_GAMMA
        return light
    is_low = shown <= 0.04045
    light = is_low * (shown / 12.92) + ~is_low * ((shown + 0.055) / 1.055) ** 2.4
    return light


def display_values(linear: Values, transfer: Transfer = "gamma22") -> Values:
    """Return display values of linear light, clipped to [0, 1]; same shape and type (numpy srgb: float64)."""
    unclipped: Any = linear
    light = unclipped.clip(0.0, 1.0)
    shown: Values
    if transfer == "gamma22":
        shown = light ** (1.0 / DISPLAY_GAMMA)
        return shown
    is_low = light <= 0.0031308
    # The low part is lifted before its power: a root's slope at 0 is infinite, and would reach gradients.
    shown = is_low * (light * 12.92) + ~is_low * (1.055 * (light + 1.0 * is_low) ** (1.0 / 2.4) - 0.055)
    return shown
