"""What is wrong with a setting, told so that a person can mend it: the key, the way out, what was given."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from focusgen.config.section import is_range
from focusgen.config.sections import Config

_BUILDS_ON = "defaults"
_SHOWN = 4
_ASKED_FOR = {
    "float_parsing": "give a number, without a unit",
    "float_type": "give one number",
    "int_parsing": "give a whole number, without a unit",
    "int_from_float": "give a whole number",
    "int_type": "give one whole number",
    "path_type": "give one path",
    "string_type": "give one word or text",
    "bool_parsing": "give true or false",
    "bool_type": "give true or false",
    "model_type": "a section holds settings, each as KEY: VALUE on a line of its own",
}
_OF_SEVERAL = frozenset({"tuple_type", "too_long", "too_short", "missing"})


def problems_of(error: ValidationError) -> Iterator[tuple[str, str]]:
    """Yield (dotted key, what is wrong with it), once for a value that stands for a whole table."""
    items = error.errors()
    shared = Counter(_same(item) for item in items)
    told = set[str]()
    for item in items:
        key = _dotted(item["loc"] if shared[_same(item)] == 1 else item["loc"][:2])
        text = _explain(item, key)
        if text not in told:
            told.add(text)
            yield _dotted(item["loc"]), text


def _same(item: ErrorDetails) -> tuple[str, str, str]:
    return _dotted(item["loc"][:2]), item["type"], repr(item["input"])


def _dotted(place: Sequence[int | str]) -> str:
    return ".".join(str(part) for part in place if part != "[key]")


def _explain(item: ErrorDetails, dotted: str) -> str:
    if item["type"] == "extra_forbidden":
        return _unknown(dotted)
    wanted, place = item["msg"].removeprefix("Value error, "), item["loc"]
    if item["type"] in _OF_SEVERAL and len(place) > 1:
        dotted, wanted = _dotted(place[:2]), _wanted(place)
    elif item["type"] in _ASKED_FOR:
        is_share = isinstance(item["input"], str) and item["input"].endswith("%")
        wanted = "give a share: 0.05 for 5%" if is_share else _ASKED_FOR[item["type"]]
    is_whole_section = isinstance(item["input"], Mapping) and len(place) < 2
    got = "" if is_whole_section else f" (got {item['input']!r})"
    return f"{dotted or 'configuration'}: {wanted}{got}"


def _wanted(place: Sequence[int | str]) -> str:
    """Return what a setting that holds several values may be given as."""
    section = dict(Config().sections())[str(place[0])]
    kind = type(section).model_fields[str(place[1])].annotation
    return "give one number, or [low, high]" if is_range(kind) else "give a list, e.g. [ONE, TWO]"


def _unknown(dotted: str) -> str:
    section, _, rest = dotted.partition(".")
    if dotted in known_keys():  # a key that holds a dot, as a flag does
        return f"unknown key {dotted!r}: in a file it stands on two levels, {section}: {{{rest}: ...}}"
    word = dotted.rpartition(".")[2]
    near = settings_called(word)  # the wrong section, or none
    if not near:
        choices = known_keys() if "." in dotted else [*section_names(), "seed", _BUILDS_ON]
        near = difflib.get_close_matches(dotted, choices, n=1, cutoff=0.5)
    if near:
        return f"unknown key {dotted}; did you mean {' or '.join(near)}?"
    return f"unknown key {dotted}; sections: {', '.join(section_names())}"


def settings_called(name: str) -> list[str]:
    """Return the keys of the first settings of that name, in whatever section."""
    return [key for key in known_keys() if key.rpartition(".")[2] == name][:_SHOWN]


def section_names() -> list[str]:
    """Return the names of all sections."""
    return [name for name, _ in Config().sections()]


def known_keys() -> list[str]:
    """Return every dotted key that a configuration may hold."""
    keys = ["seed"]
    for section_name, section in Config().sections():
        keys += [f"{section_name}.{name}" for name in type(section).model_fields]
    return keys


def keys_of_groups() -> list[str]:
    """Return the dotted keys of settings that hold keys of their own, e.g. render.sensor.noise_iso."""
    return [
        f"{section_name}.{name}.{key}"
        for section_name, section in Config().sections()
        for name in type(section).model_fields
        if isinstance(group := getattr(section, name), BaseModel)
        for key in type(group).model_fields
    ]
