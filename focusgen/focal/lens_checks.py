"""What of a sensor pictures show, and what no lens and no sensor can be."""

from __future__ import annotations

from collections.abc import Sequence

from focusgen.base.errors import ConfigError
from focusgen.base.names import display
from focusgen.optics.coc import FULL_FRAME_WIDTH_M, shown_width
from focusgen.optics.lens_limits import F_NUMBERS, FOCAL_MM, SENSOR_MM, problem_mm

LEAST_CHANGE_PX, FAR_M = 0.1, 20.0
"""A stack whose nearest slice is focused farther than this, and whose blur changes by less from the nearest
to the farthest, tells nothing, and its distances are hardly metres."""


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


def sensor_shown_m(
    size: tuple[int, int],
    focal_length_m: float,
    *,
    given_m: float | None,
    fx_px: float | None,
    told_m: float | None,
) -> float:
    """Return how much of the sensor the width of pictures shows, in metres.

    Args:
        size: (height, width) of the pictures.
        focal_length_m: of the lens.
        given_m: the answer, where somebody said it.
        fx_px: focal length in pixels, which comes next.
        told_m: long side of the sensor, as the pictures tell it; where nothing does, it is 36 mm.
    """
    if given_m is not None:
        return given_m
    if fx_px is not None:
        return focal_length_m * size[1] / fx_px
    return shown_width(FULL_FRAME_WIDTH_M if told_m is None else told_m, size[1], size[0])


def check_tells(name: str, radius_px_m: float, rising_m: Sequence[float]) -> None:
    """Refuse distances between which a lens' blur does not change: most often they are no metres.

    Args:
        name: of the stack.
        radius_px_m: of its lens, in px per diopter.
        rising_m: its focus distances, nearest first.

    Raises:
        ConfigError: the nearest and the farthest slice show the same.
    """
    change_px = radius_px_m * (1.0 / rising_m[0] - 1.0 / rising_m[-1])
    if change_px < LEAST_CHANGE_PX and rising_m[0] >= FAR_M:
        raise ConfigError(
            f"{display(name)}: from {rising_m[0]:g} to {rising_m[-1]:g} m this lens' blur changes by "
            f"{change_px:.2g} px: no depth can be told from it",
            "Are the focus distances metres? Millimetres are written 500mm. --focal-length is millimetres.",
        )


def _check_mm(value_mm: float | None, limits_mm: tuple[float, float], what: str) -> None:
    problem, advice = problem_mm(value_mm, limits_mm) if value_mm is not None else ("", "")
    if problem:
        raise ConfigError(f"{what} {problem}", advice)


def outside_focus(distances_m: Sequence[float], low_m: float, high_m: float) -> list[str]:
    """Return a line where no depth lies between the focus distances: most often one is not in metres.

    Args:
        distances_m: of the slices.
        low_m: depth that 5 % are nearer than.
        high_m: depth that 5 % are farther than.
    """
    if not distances_m or (min(distances_m) <= high_m and low_m <= max(distances_m)):
        return []
    return [
        f"depth ({low_m:.3g} to {high_m:.3g} m) lies outside the focus distances "
        f"({min(distances_m):g} to {max(distances_m):g} m): are both in metres (depth_scale)?"
    ]
