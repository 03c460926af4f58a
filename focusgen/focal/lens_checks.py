"""Refuses what no lens and no sensor can be."""

from __future__ import annotations

from focusgen.base.errors import ConfigError
from focusgen.optics.lens_limits import F_NUMBERS, FOCAL_MM, SENSOR_MM, problem_mm


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
    _check_mm(focal_length_mm, FOCAL_MM, f"{where}: focal length")
    _check_mm(sensor_width_mm, SENSOR_MM, f"{where}: sensor width")
    if f_number is not None and not F_NUMBERS[0] <= f_number <= F_NUMBERS[1]:
        raise ConfigError(
            f"{where}: f-number must be from {F_NUMBERS[0]:g} to {F_NUMBERS[1]:g}, not {f_number:g}",
            "The f-number is focal length / diameter of the opening, such as 2.8.",
        )


def _check_mm(value_mm: float | None, limits_mm: tuple[float, float], what: str) -> None:
    problem, advice = problem_mm(value_mm, limits_mm) if value_mm is not None else ("", "")
    if problem:
        raise ConfigError(f"{what} {problem}", advice)
