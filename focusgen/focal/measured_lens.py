"""What the slices themselves tell of a lens that is not known, or of which nobody vouches for the sensor."""

from __future__ import annotations

from dataclasses import replace

from focusgen.focal.fit import blur_factor
from focusgen.focal.measured_gain import fits_inverse_better, measured_gain
from focusgen.focal.opened import OpenedStack, Progress

SENSORS_MM = (1.0, 60.0)
"""From endoscopes to medium format. What would need another sensor is no matter of the sensor."""

NOT_FOR_SURE = ("assumed", "exif_resolution")
"""What a sensor's width may come from that is often wrong: EXIF's resolution outlives a resize."""


def with_measured_lens(opened: OpenedStack, progress: Progress) -> OpenedStack:
    """Return a stack whose blur is known from its slices, where nothing else says it and they do.

    Without a lens, depth stays relative. A sensor that is assumed, or told by a resolution, gives way to the
    one that gives the blur which the slices show, where its own is clearly not that.

    Args:
        opened: as flags and EXIF tell it.
        progress: told where it is measured.
    """
    if opened.lens is not None:
        if opened.width_from not in NOT_FOR_SURE:
            return opened
        opened = opened._replace(blur_factor=blur_factor(opened.stack))
        if opened.blur_factor == 1.0:
            return opened
    progress("lens", 0.0)
    gain = measured_gain(opened.stack)
    if opened.lens is None and opened.knows_distances:
        opened = opened._replace(are_likelier_inverse=fits_inverse_better(opened.stack))
    if gain is None:
        return opened
    stack = replace(opened.stack, radius_px_m=gain)
    seen = opened._replace(stack=stack, is_measured=True, blur_factor=1.0)
    return seen if opened.lens is None else _with_sensor(opened, seen, gain)


def _with_sensor(opened: OpenedStack, seen: OpenedStack, gain: float) -> OpenedStack:
    """Return the stack as seen, with the sensor that its blur needs; as opened where no sensor is such."""
    assert opened.lens is not None and opened.stack.radius_px_m is not None, "the caller has a lens"
    width_m = opened.lens.sensor_width_m * opened.stack.radius_px_m / gain
    if not SENSORS_MM[0] <= 1e3 * width_m <= SENSORS_MM[1]:
        return opened
    lens = replace(opened.lens, sensor_width_m=width_m)
    return seen._replace(lens=lens, missing=[], width_from="measured")
