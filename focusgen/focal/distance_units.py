"""Which unit a heading says of the distances below it: `focus_mm`, `Distance [cm]`, `focusDistanceMm`."""

from __future__ import annotations

import re

from focusgen.base.errors import ConfigError
from focusgen.base.names import display
from focusgen.focal.distances import MICRO, UNITS_M

NO_METRES = frozenset(
    "micron microns inch inches ft feet foot yd yards dm km nm px pixel pixels "
    "dpt inverse inv reciprocal vergence disp disparity "
    "step steps code codes dac vcm voltage volt volts".split()
)
AT_THE_END = re.compile(r"[^A-Za-z0-9](in|D)[^A-Za-z0-9]*$")
"""Inches and diopters, where nothing comes behind them: `focus_in`, `focus [D]`; a `d` is a distance."""

WITHOUT_UNIT = {
    "lensfocusdistance": "diopters, as Android gives them",
    "lensposition": "diopters, as libcamera gives them, or parts of the lens' way",
    **dict.fromkeys(("focuspos", "focusvalue", "motor"), "counts of the lens' motor"),
}
"""What columns hold that are called so and say no unit; of diopters, 0 is infinity."""


def said_unit(title: str, where: str) -> str | None:
    """Return the unit that a heading says of its column, None where it says none.

    Raises:
        ConfigError: it says another than metres or parts of them.
    """
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", MICRO.sub("um", title))
    words = [word for word in re.split(r"[^a-z0-9]+", apart.lower()) if word]
    numbered = {n + 1 for n, word in enumerate(words) if word.isdigit()}  # the 50 mm of a lens
    units = [word for n, word in enumerate(words) if word in UNITS_M and n not in numbered]
    joined = "".join(words)
    other = None if units else next((WITHOUT_UNIT[name] for name in WITHOUT_UNIT if name in joined), None)
    is_other = bool(NO_METRES & set(words)) or "diopt" in joined or "1/m" in title
    is_other = is_other or AT_THE_END.search(title) is not None
    if other or is_other or len(set(units)) > 1:
        raise ConfigError(
            f"{where}: {display(title.strip())} are no metres" + (f", but {other}" if other else ""),
            "Write metres, or um, mm or cm, and that into the heading: focus_mm. Diopters are 1 / metres.",
        )
    return units[0] if units else None


def unit_of(title: str, where: str) -> str:
    """Return the unit that a heading says of its column; metres where it says none.

    Raises:
        ConfigError: it says another than metres or parts of them.
    """
    return said_unit(title, where) or "m"
