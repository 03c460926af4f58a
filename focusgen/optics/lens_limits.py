"""What no lens and no sensor can be: most often a number in another unit."""

from __future__ import annotations

import math

FOCAL_MM = (0.5, 5000.0)
"""The lenses of phones begin at 1.5 mm."""

SENSOR_MM = (0.5, 500.0)
F_NUMBERS = (0.3, 1000.0)


def problem_mm(value_mm: float, limits_mm: tuple[float, float]) -> tuple[str, str]:
    """Return what is wrong with a length and what to do; empty where nothing is.

    Args:
        value_mm: millimetres, as somebody said.
        limits_mm: what a lens or sensor may have.
    """
    least_mm, most_mm = limits_mm
    if math.isfinite(value_mm) and least_mm <= value_mm <= most_mm:
        return "", ""
    meant = f" {1e3 * value_mm:g} mm, if {value_mm:g} was in metres." if 0 < value_mm < least_mm else ""
    return (
        f"must be from {least_mm:g} to {most_mm:g} mm, not {value_mm:g} mm",
        f"Give millimetres.{meant}",
    )
