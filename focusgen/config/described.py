"""Flags as a shell completes them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_type_hints

from focusgen.config.flag_types import choices_of, setting_of, without_none
from focusgen.config.flags import Flags, declared


@dataclass(frozen=True)
class Described:
    """A flag as a shell completes it.

    Attributes:
        choices: what its value can be, where that is one of a few words.
        takes: "nothing", "choice", "path" or "text".
    """

    name: str
    help: str
    takes: Literal["nothing", "choice", "path", "text"]
    choices: tuple[str, ...] = ()
    is_positional: bool = False


def described(kind: type[Flags]) -> list[Described]:
    """Return the flags of a command, in the order of its class."""
    hints = get_type_hints(kind)
    return [_described(field, hints[field.name]) for field in dataclasses.fields(kind)]


def _described(field: dataclasses.Field[Any], kind: Any) -> Described:
    what = declared(field)
    kind = setting_of(what.key)[0] if what.key else without_none(kind)
    choices = choices_of(kind, what.key)
    takes: Literal["nothing", "choice", "path", "text"] = "choice" if choices else _TAKES.get(kind, "text")
    return Described(field.name, what.help, takes, choices, what.is_positional)


_TAKES: dict[Any, Literal["nothing", "path"]] = {bool: "nothing", Path: "path"}
