"""What no lens and no sensor can be: most often a number in another unit."""

from __future__ import annotations

import math

from focusgen.base.errors import ConfigError

SHORTEST_FOCAL_MM, LONGEST_FOCAL_MM = 0.5, 5000.0
"""The lenses of phones begin at 1.5 mm."""

NARROWEST_SENSOR_MM, WIDEST_SENSOR_MM = 0.5, 500.0
SMALLEST_F_NUMBER, LARGEST_F_NUMBER = 0.3, 1000.0


def check_lens(
    focal_length_mm: float | None, f_number: float | None, sensor_width_mm: float | None, where: str
) -> None:
    """Refuse a lens that cannot be; what is None is not looked at.

    Args:
        focal_length_mm: millimetres.
        f_number: N.
        sensor_width_mm: millimetres.
        where: begins the message.

    Raises:
        ConfigError: not finite, not > 0, or far from any lens; says what was meant if it fits metres.
    """
    _check_mm(focal_length_mm, SHORTEST_FOCAL_MM, LONGEST_FOCAL_MM, f"{where}: focal length")
    _check_mm(sensor_width_mm, NARROWEST_SENSOR_MM, WIDEST_SENSOR_MM, f"{where}: sensor width")
    if f_number is not None and not SMALLEST_F_NUMBER <= f_number <= LARGEST_F_NUMBER:
        raise ConfigError(
            f"{where}: f-number must be from {SMALLEST_F_NUMBER:g} to {LARGEST_F_NUMBER:g}, not {f_number:g}",
            "The f-number is focal length / diameter of the opening, such as 2.8.",
        )


def _check_mm(value_mm: float | None, least_mm: float, most_mm: float, what: str) -> None:
    if value_mm is None or (math.isfinite(value_mm) and least_mm <= value_mm <= most_mm):
        return
    meant = f" {1e3 * value_mm:g} mm, if {value_mm:g} was in metres." if 0 < value_mm < least_mm else ""
    said = f"{what} must be from {least_mm:g} to {most_mm:g} mm, not {value_mm:g} mm"
    raise ConfigError(said, f"Give millimetres.{meant}")
