"""Bright areas of 8-bit pictures: the light that they stood for before the camera bent it under white.

A camera bends bright light under white with a shoulder. Blurring the bent values gives dull grey where the
blur of a lamp is a bright ball. Here light above the shoulder regains its energy before the blur, and goes
back through the same curve afterwards: what is sharp stays exactly as it was.
"""

from __future__ import annotations

from typing import Any

from focusgen.optics.arrays import Values

SHOULDER = 0.7
"""Linear light from which the curve bends."""

PEAK = 4.0
"""Light that white stands for: two stops above it. With three, 8 bits near white cost 1.2 dB."""

_BEND = 1.0 - (1.0 - SHOULDER) / (PEAK - SHOULDER)


def regained_light(light: Values) -> Values:
    """Return the light that bent light in [0, 1] stood for, up to `PEAK`; numpy or torch."""
    bent: Any = light
    above = ((bent - SHOULDER) / (1.0 - SHOULDER)).clip(0.0, 1.0)
    regained: Values = bent.clip(0.0, SHOULDER) + (1.0 - SHOULDER) * above / (1.0 - _BEND * above)
    return regained


def bent_light(light: Values) -> Values:
    """Return light in [0, `PEAK`] as the camera's curve bends it, in [0, 1]; undoes `regained_light`."""
    regained: Any = light
    above = ((regained - SHOULDER) / (1.0 - SHOULDER)).clip(0.0, None)
    bent: Values = regained.clip(0.0, SHOULDER) + (1.0 - SHOULDER) * above / (1.0 + _BEND * above)
    return bent
