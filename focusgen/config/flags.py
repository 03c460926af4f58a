"""Command-line flags: a typed dataclass per command; a flag that sets a setting takes its words from there.

    @dataclass(frozen=True)
    class RepairFlags(Flags):
        scene: tuple[str, ...] = positional((), "scenes; default: all")
        raw_root: Path | None = sets("data.raw_root")

A flag of a setting is None (a switch: False) where it was not given, so that files keep their say; help text
and default come from the setting. In --help the flags of settings stand behind the command's own.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import sys
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

import tyro

from focusgen import config
from focusgen.base.errors import ConfigError
from focusgen.config import Config, Section
from focusgen.config.backends import BUILT_IN, names_of
from focusgen.config.retired import RETIRED_KEYS

T = TypeVar("T")
_DECLARED = "flag"


@dataclass(frozen=True)
class Declared:
    """What is known of a flag beside its type and default."""

    help: str = ""
    key: str = ""
    is_positional: bool = False


def option(default: T, help: str) -> T:
    """Declare a flag that is no setting; one that is False by default is a switch."""
    return cast(T, _field(Declared(help), default=default))


def required(help: str) -> Any:
    """Declare a flag that has to be given."""
    return _field(Declared(help))


def positional(default: T, help: str) -> T:
    """Declare words that stand without a flag's name."""
    return cast(T, _field(Declared(help, is_positional=True), default=default))


def required_positional(help: str) -> Any:
    """Declare a word that has to be given, without a flag's name."""
    return _field(Declared(help, is_positional=True))


def sets(key: str) -> Any:
    """Declare a flag that sets a setting, by its dotted key; type it `T | None`, or bool for a switch."""
    kind, help_text, _ = setting_of(key)
    return _field(Declared(help_text, key), default=False if kind is bool else None)


def _field(declared: Declared, **default: Any) -> Any:
    return dataclasses.field(metadata={_DECLARED: declared}, **default)


@dataclass(frozen=True)
class Flags:
    """The flags of one command, as given."""

    @classmethod
    def keys(cls) -> dict[str, str]:
        """Return flag -> dotted key of every flag that sets a setting."""
        known = {field.name: declared(field) for field in dataclasses.fields(cls)}
        return {name: what.key for name, what in known.items() if what.key}

    def settings(self) -> dict[str, Any]:
        """Return the dotted overrides of the flags that were given."""
        given = {key: getattr(self, name) for name, key in self.keys().items()}
        return {key: value for key, value in given.items() if value is not None and value is not False}


F = TypeVar("F", bound=Flags)


@dataclass(frozen=True)
class Parsed(Generic[F]):
    """A command line.

    Attributes:
        flags: the command's own flags, typed.
        dotted: what was given as `--section.key VALUE`.
    """

    flags: F
    dotted: Mapping[str, Any]

    @property
    def overrides(self) -> dict[str, Any]:
        """Every setting that the command line sets, by dotted key."""
        return {**self.flags.settings(), **self.dotted}


def parse(kind: type[F], argv: Sequence[str], *, prog: str, doc: str | None) -> Parsed[F]:
    """Return what a command line says.

    Exits with status 2 on a wrong flag, 0 after --help; `-` and `_` mean the same in a flag.

    Raises:
        ConfigError: a dotted key that is unknown, or has no value; a switch that has one.
    """
    rest, dotted = split_dotted(list(argv))
    _refuse_values_of_switches(kind, rest)
    text = f"{_paragraphs(doc or '')}\n\nAny setting can be given as --section.key VALUE (focusgen config)."
    given = tyro.cli(
        kind,
        args=rest,
        prog=prog,
        description=text,
        use_underscores=True,
        config=(tyro.conf.FlagCreatePairsOff,),
        registry=_REGISTRY,
    )
    return Parsed(given, dotted)


def _refuse_values_of_switches(kind: type[Flags], words: Sequence[str]) -> None:
    """Refuse `--json=false`, which tyro reads as `--json` and a word of its own: as yes."""
    switches = {field.name for field in dataclasses.fields(kind) if field.default is False}
    for word in words:
        flag, has_value, value = word.partition("=")
        if has_value and flag.startswith("--") and flag[2:].replace("-", "_") in switches:
            raise ConfigError(f"{flag} takes no value, not {value!r}", f"Leave {flag} away to say no.")


def _paragraphs(doc: str) -> str:
    """Keep the Reads, Writes and Usage lines of a script's docstring apart: tyro joins lines."""
    return re.sub(r"\n(Reads|Writes|Usage) +", r"\n\n\1: ", doc.strip())


def split_dotted(argv: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """Take `--section.key VALUE` and `--section.key=VALUE` out of an argument list.

    Raises:
        ConfigError: an unknown key (with the nearest one), or no value.
    """
    rest: list[str] = []
    dotted: dict[str, Any] = {}
    words = iter(argv)
    for word in words:
        key, has_value, value = word[2:].partition("=")
        key = key.replace("-", "_")
        if not word.startswith("--") or "." not in key:
            rest.append(word)
            continue
        known = [*config.known_keys(), *config.keys_of_groups()]
        if key not in known and key not in RETIRED_KEYS:
            near = difflib.get_close_matches(key, known, n=1)
            raise ConfigError(f"unknown setting --{key}", f"Did you mean --{near[0]}?" if near else "")
        if not has_value:
            value = next(words, "")
            if not value:
                raise ConfigError(f"--{key} needs a value")
        dotted[key] = config.parse_value(key, value)
    return rest, dotted


def report_without_effect(cfg: Config, flags: Flags) -> None:
    """Say on stderr, one line each, which given flags do nothing under the chosen settings."""
    sections: dict[str, Section] = dict(cfg.sections())
    given = flags.settings()
    for flag, key in flags.keys().items():
        section, _, name = key.rpartition(".")
        if key not in given or not section or sections[section].has_effect(name):
            continue
        chosen = ", ".join(
            f"{section}.{sibling} = {sections[section].effective(sibling)}"
            for sibling in sections[section].effect(name).when
        )
        print(f"note: --{flag} has no effect with {chosen}", file=sys.stderr)


_REGISTRY = tyro.constructors.ConstructorRegistry()


@_REGISTRY.struct_rule
def _flags_for_tyro(
    info: tyro.constructors.StructTypeInfo,
) -> tyro.constructors.StructConstructorSpec | None:
    """Hand tyro the declared flags: the command's own first, then those of settings."""
    if not (isinstance(info.type, type) and issubclass(info.type, Flags)):
        return None
    hints = get_type_hints(info.type)
    ordered = sorted(dataclasses.fields(info.type), key=lambda field: bool(declared(field).key))
    return tyro.constructors.StructConstructorSpec(
        instantiate=info.type,
        fields=tuple(
            tyro.constructors.StructFieldSpec(
                name=field.name, type=_annotated(hints[field.name], declared(field)), default=_default(field)
            )
            for field in ordered
        ),
    )


def declared(field: dataclasses.Field[Any]) -> Declared:
    """Return what a flag's class says of it."""
    return cast(Declared, field.metadata[_DECLARED])


def _default(field: dataclasses.Field[Any]) -> Any:
    return tyro.MISSING if field.default is dataclasses.MISSING else field.default


def _annotated(kind: Any, declared: Declared) -> Any:
    """Return a flag's type with what --help says of it."""
    if declared.is_positional:
        note = tyro.conf.arg(help=declared.help, help_behavior_hint="")
        return Annotated[kind, note, tyro.conf.Positional]
    if not declared.key:
        note = tyro.conf.arg(help=declared.help, metavar=_metavar(kind), help_behavior_hint="")
        return Annotated[kind, note]
    kind, _, default = setting_of(declared.key)  # a choice among names is typed `str | None` in the class
    if kind is bool:
        return Annotated[bool, tyro.conf.arg(help=declared.help)]
    hint = "" if default is None else f"(default: {default})"
    metavar = _backends_of(declared.key) or _metavar(kind)
    note = tyro.conf.arg(help=declared.help, metavar=metavar, help_behavior_hint=hint)
    return Annotated[kind | None, note]


def _backends_of(key: str) -> str | None:
    """Return the choices of a section's `backend`, None for another setting."""
    found = [section for section in BUILT_IN if key == f"{section}.backend"]
    return "{" + ",".join(names_of(found[0])) + "}" if found else None


def _metavar(kind: Any) -> str | None:
    """Return how a value is shown in --help: a word for its type, its choices, nothing for a switch."""
    kind = without_none(kind)
    if get_origin(kind) is Literal:
        return "{" + ",".join(str(choice) for choice in get_args(kind)) + "}"
    return {str: "TEXT", int: "N", float: "X", Path: "PATH"}.get(kind)


def without_none(kind: Any) -> Any:
    """Return `kind` of `kind | None`."""
    if get_origin(kind) in (Union, types.UnionType):
        return next(arg for arg in get_args(kind) if arg is not type(None))
    return kind


def setting_of(key: str) -> tuple[Any, str, Any]:
    """Return (type without None, help, default) of a dotted setting."""
    section, _, name = key.rpartition(".")
    model: Section = dict(Config().sections())[section] if section else Config()
    info = type(model).model_fields[name]
    return without_none(info.annotation), str(info.description), info.default


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
    words = (_backends_of(what.key) or _metavar(kind) or "").strip("{}")
    is_choice = get_origin(kind) is Literal or _backends_of(what.key) is not None
    if is_choice:
        return Described(field.name, what.help, "choice", tuple(words.split(",")), what.is_positional)
    takes: Literal["nothing", "path", "text"] = (
        "nothing" if kind is bool else "path" if kind is Path else "text"
    )
    return Described(field.name, what.help, takes, (), what.is_positional)
