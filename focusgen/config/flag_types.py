"""What one flag looks like to tyro, and to whoever reads --help: its type, its value's words, its default."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import tyro

if TYPE_CHECKING:
    from focusgen.config import Section

# What tyro is told of a flag that brings its own reader. Of `T | None` it would ask typeguard whether the
# default fits, and that imports asyncio and looks through all installed packages: 60 ms of each start.
_ANY = object


@dataclass(frozen=True)
class Declared:
    """What is known of a flag beside its type and default."""

    help: str = ""
    key: str = ""
    is_positional: bool = False


def annotated(kind: Any, name: str, declared: Declared, default: object = None) -> Any:
    """Return a flag's type with what --help says of it; the default of a setting is the setting's."""
    if declared.is_positional:
        return _annotated_word(kind, name, declared)
    if declared.key:  # a choice among names is typed `str | None` in the class
        kind, _, default = setting_of(declared.key)
        if kind is bool:
            return Annotated[bool, tyro.conf.arg(help=declared.help)]
        kind = kind | None
    words = _metavar(kind, declared.key)
    is_said = default is not None and default is not False and default not in ((), dataclasses.MISSING)
    hint = f"(default: {default})" if is_said else ""
    note = tyro.conf.arg(help=declared.help, metavar=words, help_behavior_hint=hint)
    if _is_optional(kind) or kind is Path:
        return Annotated[_ANY, _optional(without_none(kind), words), note]
    item = _item_of(kind)
    if item is not None:
        return Annotated[_ANY, _several(item, words), note]
    return Annotated[kind, note]


def _annotated_word(kind: Any, name: str, declared: Declared) -> Any:
    """Return the type of words that stand without a flag's name, with what --help says of them."""
    note = tyro.conf.arg(help=declared.help, help_behavior_hint="")
    item, inner = _item_of(kind), without_none(kind)
    if item is not None:
        read = _several(item, f"{name.upper()} ...", may_be_none_given=True)
        return Annotated[_ANY, read, note, tyro.conf.Positional]
    if inner is not kind and inner in _WORDS:
        return Annotated[_ANY, _optional(inner, name.upper()), note, tyro.conf.Positional]
    if kind in _WORDS:
        note = tyro.conf.arg(help=declared.help, metavar=name.upper(), help_behavior_hint="")
    return Annotated[kind, note, tyro.conf.Positional]


def _several(
    item: Callable[[str], object], words: str | None, *, may_be_none_given: bool = False
) -> tyro.constructors.PrimitiveConstructorSpec[Any]:
    """Return how a flag is read that takes one word or more, or words that stand without a flag's name."""

    def read(given: list[str]) -> tuple[Any, ...]:
        if not given and not may_be_none_given:
            raise ValueError("needs a value")
        return tuple(_read(item, word) for word in given)

    return tyro.constructors.PrimitiveConstructorSpec(
        nargs="*",
        metavar=words or "TEXT",
        instance_from_str=read,
        is_instance=lambda value: value is None or isinstance(value, tuple),
        str_from_instance=lambda value: [str(part) for part in value or ()],
    )


def _read(kind: Callable[[str], object], word: str) -> object:
    """Return what one word of a command line says; an empty path would be the current folder."""
    if kind is Path and not word.strip():
        raise ValueError("is empty: give a path")
    return kind(word)


def _item_of(kind: object) -> Callable[[str], object] | None:
    """Return T of `tuple[T, ...]`, None for any other type."""
    inner = without_none(kind)
    item, *more = get_args(inner) if get_origin(inner) is tuple else (None,)
    return item if more == [Ellipsis] and item in _WORDS else None


def _optional(kind: Any, words: str | None) -> tyro.constructors.PrimitiveConstructorSpec[Any]:
    """Return how the value of a flag is read that is None where it was not given, and only there.

    tyro's own reading of `T | None` takes the word None, and offers it in messages.
    """
    choices = {str(one): one for one in (get_args(kind) if get_origin(kind) is Literal else ())}
    return tyro.constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar=words or "TEXT",
        instance_from_str=lambda given: choices[given[0]] if choices else _read(kind, given[0]),
        is_instance=lambda value: value is None or not choices or value in choices.values(),
        str_from_instance=lambda value: [str(value)],
        choices=tuple(choices) or None,
    )


def choices_of(kind: object, key: str) -> tuple[str, ...]:
    """Return the words that a flag's value is one of; () if it may be any."""
    if key.endswith(".backend"):
        from focusgen.config.backends import BUILT_IN, names_of

        return tuple(names_of(next(section for section in BUILT_IN if key == f"{section}.backend")))
    return tuple(str(choice) for choice in get_args(kind)) if get_origin(kind) is Literal else ()


def _metavar(kind: object, key: str) -> str | None:
    """Return how a value is shown in --help: a word for its type, its choices, nothing for a switch."""
    item = _item_of(kind)
    if item is not None:
        return f"{_WORDS[item]} [{_WORDS[item]} ...]"
    kind = without_none(kind)
    choices = choices_of(kind, key)
    return "{" + ",".join(choices) + "}" if choices else _WORDS.get(kind)


_WORDS: dict[Any, str] = {str: "TEXT", int: "N", float: "X", Path: "PATH"}


def _is_optional(kind: object) -> bool:
    """Say whether it is `T | None` of a T that is read from one word."""
    inner = without_none(kind)
    return inner is not kind and (inner in _WORDS or get_origin(inner) is Literal)


def without_none(kind: object) -> object:
    """Return `kind` of `kind | None`."""
    if get_origin(kind) in (Union, types.UnionType):
        return next(arg for arg in get_args(kind) if arg is not type(None))
    return kind


def setting_of(key: str) -> tuple[Any, str, Any]:
    """Return (type without None, help, default) of a dotted setting."""
    from focusgen.config import Config

    section, _, name = key.rpartition(".")
    model: Section = dict(Config().sections())[section] if section else Config()
    info = type(model).model_fields[name]
    return without_none(info.annotation), str(info.description), info.default
