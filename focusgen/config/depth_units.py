"""Units of provided depth: settings name them, records keep them as a scale."""

from __future__ import annotations

from collections.abc import Mapping

UNITS = {"m": 1.0, "cm": 100.0, "mm": 1000.0}
"""Units per metre by the unit's name."""
OF_UNIT = ("depth.depth_scale", "depth.scale_floats")
"""What records hold in the place of a unit."""


def change_of_unit(before: Mapping[str, object], now: Mapping[str, object]) -> str:
    """Return a remark on two recorded settings where one was given `unit`, which records keep as a scale."""
    was, is_now = _unit_of(before), _unit_of(now)
    if was == is_now:
        return ""
    then = f", now with {is_now}" if is_now else ""
    return f" (made with --depth.unit {was}{then})" if was else f" (made without --depth.unit {is_now})"


def _unit_of(settings: Mapping[str, object]) -> str:
    """Return the unit that settings as records hold them stand for, if any."""
    scale, of_floats = map(settings.get, OF_UNIT)
    return next((name for name, value in UNITS.items() if of_floats is True and value == scale), "")
