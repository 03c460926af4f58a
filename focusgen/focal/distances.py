"""Where each slice is focused, as people write it: units, fractions, infinity; checked, never guessed."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence

from focusgen.base.errors import ConfigError
from focusgen.base.names import display, listed

UNITS_M = {"um": 1e-6, "mm": 1e-3, "cm": 1e-2, "m": 1.0}
NUMBER_WITH_UNIT = re.compile(r"(.*?)\s*(um|mm|cm|m)?")
MICRO = re.compile("[\u00b5\u03bc]m")
DETACHED_UNIT = re.compile(r"(?<=\d)\s+(?=(?:[u\u00b5\u03bc]m|mm|cm|m)\b)")
THOUSANDS = re.compile(r"[1-9]\d{0,2}([.,]\d{3})+\s*([u\u00b5\u03bc]m|mm|cm|m)?")
DECIMAL_COMMA = re.compile(r"\d+,\d+\s*([u\u00b5\u03bc]m|mm|cm|m)?")
ALIKE = 1e-4
"""Two distances that differ by a smaller share are the same: no lens is set so exactly."""

INFINITE = frozenset({"inf", "infinity", "\u221e", "+inf"})
HOW_TO_GIVE = (
    "Give --focus-distances 0.5,1,inf (metres, one per slice in name order), a file with them, "
    "or exif where the camera wrote them."
)

HOW_TO_DO_WITHOUT = "Where nobody knows them: near-to-far or far-to-near; depth is then relative."

HOW_TO_ASK_EXIFTOOL = (
    "Where they stand in the maker's own notes, exiftool tells them: "
    "exiftool -csv -FocusDistance FOLDER > focus.csv, then --focus-distances focus.csv."
)


NAMES = "names"
"""What may be said in place of distances that the names of slices bear."""

ORDERS = ("near-to-far", "far-to-near")
"""What may be said in place of distances that nobody knows: how the names go."""

STEPPED_DIOPTERS = (4.0, 2.0)
"""Slices of unknown distances stand evenly between. Any would do for relative depth, far from 0."""


def order_of(given: str | None) -> str | None:
    """Return which of `ORDERS` was said; None for distances, files and words."""
    word = (given or "").strip().lower()
    return word if word in ORDERS else None


def stepped_m(order: str, n_slices: int) -> list[float]:
    """Return stand-ins for distances that nobody knows, evenly spaced in diopters as cameras step focus.

    Args:
        order: one of `ORDERS`.
        n_slices: in name order.
    """
    near, far = STEPPED_DIOPTERS
    step = (near - far) / max(n_slices - 1, 1)
    distances_m = [1.0 / (near - step * n) for n in range(n_slices)]
    return distances_m if order == ORDERS[0] else distances_m[::-1]


def parse_distance(text: str, where: str, unit: str = "m") -> float:
    """Return metres of `0.5`, `1/2`, `50cm` or `500 mm`; `inf` and `infinity` are infinite.

    Args:
        text: the distance.
        where: it stands, for the message.
        unit: of numbers that bring none.

    Raises:
        ConfigError: no distance; names where it stands.
    """
    parts = NUMBER_WITH_UNIT.fullmatch(MICRO.sub("um", text.strip().lower()))
    assert parts is not None, "the pattern fits any text"
    if parts[1] in INFINITE:
        return math.inf
    try:
        metres = _number(parts[1]) * UNITS_M[parts[2] or unit]
    except (ValueError, ZeroDivisionError) as error:
        raise ConfigError(
            f"{where}: {display(text)!r} is no distance", "Metres, such as 0.5, 50cm or 1/2, or inf."
        ) from error
    if math.isnan(metres) or metres <= 0:
        raise ConfigError(
            f"{where}: a focus distance must be > 0 m, not {display(text)}",
            "The decimal sign is a point: 0.5, not 0,5. Positions of a stage or rail count from the lens.",
        )
    return metres


def _number(text: str) -> float:
    above, slash, below = text.partition("/")
    return float(above) / float(below) if slash else float(above)


def parse_distances(text: str, where: str, unit: str = "m") -> list[float]:
    """Return the distances of a list separated by commas, spaces, or semicolons (and then 0,5 is 0.5)."""
    joined = DETACHED_UNIT.sub("", text.strip().strip("[](){}"))
    if ";" in joined:
        joined = " ".join(with_point(part) for part in joined.split(";"))
    words = joined.replace(",", " ").split()
    distances_m = [parse_distance(word, where, unit) for word in words]
    _refuse_unit_for_all(words, distances_m, where)
    refuse_thousands(words, where)
    return distances_m


def _refuse_unit_for_all(words: Sequence[str], distances_m: Sequence[float], where: str) -> None:
    """Refuse `300,500,1000mm`: the last unit may be meant for all, and says 300 m as it stands.

    Raises:
        ConfigError: the last alone has a unit, and the numbers rise or fall only if it holds for all.
    """
    units = [_unit_in(word) for word in words]
    if len(words) < 2 or any(units[:-1]) or units[-1] in (None, "m"):
        return
    as_one = [parse_distance(word, where, units[-1] or "m") for word in words]
    if _direction(as_one) and _direction(distances_m) != _direction(as_one):
        meant = ",".join(f"{word}{units[-1]}" for word in words[:-1])
        raise ConfigError(
            f"{where}: is {units[-1]} the unit of {words[-1]} alone?",
            f"Write the unit to each distance: {meant},{words[-1]}, or m where it is metres.",
        )


def refuse_thousands(words: Sequence[str], where: str) -> None:
    """Refuse `500, 900, 1.500`: read as it stands it is 1.5, and only 1500 goes on as the others do.

    Raises:
        ConfigError: names the first number that may hold a mark of thousands.
    """
    marked = [word for word in words if THOUSANDS.fullmatch(word.strip())]
    if not marked:
        return
    whole = [re.sub("[.,]", "", word) if word in marked else with_point(word) for word in words]
    as_read, as_whole = (
        [parse_distance(word, where) for word in kind] for kind in (map(with_point, words), whole)
    )
    if _direction(as_whole) and _direction(as_read) != _direction(as_whole):
        raise ConfigError(
            f"{where}: is {display(marked[0])} a number with decimals, or with a mark of thousands?",
            f"Write thousands without a mark: {re.sub('[.,]', '', marked[0])}.",
        )


def _unit_in(word: str) -> str | None:
    parts = NUMBER_WITH_UNIT.fullmatch(MICRO.sub("um", word.lower()))
    return parts[2] if parts else None


def _direction(values: Sequence[float]) -> int:
    """Return 1 for values that rise, -1 for such that fall, else 0."""
    steps = {1 if b > a else -1 if b < a else 0 for a, b in itertools.pairwise(values)}
    return steps.pop() if len(steps) == 1 else 0


def with_point(cell: str) -> str:
    """Return a number as written where the comma is the decimal sign, as written here."""
    return cell.replace(",", ".") if DECIMAL_COMMA.fullmatch(cell.strip()) else cell


def from_the_lens(distances_m: Sequence[float], names: Sequence[str], focal_length_m: float) -> list[float]:
    """Return focus distances from a thin lens of such that count from the sensor behind it.

    Raises:
        ConfigError: one is shorter than any at which this lens gives a sharp picture.
    """
    for distance_m, name in zip(distances_m, names, strict=True):
        if distance_m < 4.0 * focal_length_m:
            raise ConfigError(
                f"{display(name)}: {distance_m:g} m from the sensor is nearer than four focal lengths, "
                f"{4e3 * focal_length_m:g} mm: no thin lens is focused there",
                "Give distances from the lens, without --distances-from sensor.",
            )
    return [
        metres if math.isinf(metres) else metres / 2 + math.sqrt(metres * (metres / 4 - focal_length_m))
        for metres in distances_m
    ]


def check_distances(
    distances_m: Sequence[float],
    names: Sequence[str],
    focal_length_m: float | None,
    left_out: Sequence[str] = (),
) -> None:
    """Refuse what is no focal stack.

    Args:
        distances_m: one per slice.
        names: of the slices.
        focal_length_m: of their lens, where it is known.
        left_out: pictures beside them that were taken for none.

    Raises:
        ConfigError: one slice only, another number of distances, one twice, or one nearer than the lens.
    """
    n = len(names)
    if n < 2:
        raise ConfigError(
            f"{display(names[0]) if names else 'the stack'}: a focal stack has at least 2 slices, not {n}",
            "One picture holds no depth from focus: focusgen run estimates it with a network.",
        )
    if len(distances_m) != n:
        what = "more slices than distances" if n > len(distances_m) else "more distances than slices"
        shown = ", ".join(display(name) for name in list(names)[:12])
        others = f"; not of their series: {listed(left_out, 4)}" if left_out else ""
        by_name = " Or name the slices one by one: --input a.png,b.png,..." if left_out else ""
        commas = " The decimal sign is a point: 0.5, not 0,5." if len(distances_m) == 2 * n else ""
        raise ConfigError(
            f"{what}: {n} slices ({shown}), {len(distances_m)} distances{others}",
            HOW_TO_GIVE + commas + by_name,
        )
    seen: dict[float, str] = {}
    for distance, name in zip(distances_m, names, strict=True):
        twin = next((other for at, other in seen.items() if math.isclose(at, distance, rel_tol=ALIKE)), None)
        if twin is not None:
            raise ConfigError(
                f"duplicate focus distance {distance:g} m: {display(twin)} and {display(name)}",
                "Leave one of them out, or correct the distances. Cameras round them: near-to-far or "
                "far-to-near, in their place, take the order of the names alone, and depth is relative.",
            )
        seen[distance] = name
        if focal_length_m is not None and distance <= focal_length_m:
            raise ConfigError(
                f"{display(name)}: focus distance {distance:g} m is not beyond the focal length, "
                f"{1e3 * focal_length_m:g} mm",
                "Distances are metres, measured from the lens; focal lengths are millimetres.",
            )
