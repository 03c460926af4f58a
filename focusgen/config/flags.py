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
import functools
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Generic,
    TypeVar,
    cast,
    get_type_hints,
)

import tyro

from focusgen.base.errors import ConfigError
from focusgen.config.dotted import refuse_dotted, refuse_without_section, split_dotted
from focusgen.config.flag_types import Declared, annotated, setting_of
from focusgen.config.help_text import paragraphs, wrapped_output
from focusgen.config.origins import GivenKey

if TYPE_CHECKING:
    from focusgen.config import Config, Section

T = TypeVar("T")
_DECLARED = "flag"
MANY_SETTINGS = 8  # from here on --help shows them by section


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
        given = {GivenKey(key, f"--{name}"): getattr(self, name) for name, key in self.keys().items()}
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
        # a key that stands twice is the dotted one: its value wins, so it is the one to be blamed
        by_flag = {key: value for key, value in self.flags.settings().items() if key not in self.dotted}
        return {**by_flag, **self.dotted}

    def on_top_of(self, below: Mapping[str, Any]) -> dict[str, Any]:
        """Return every setting of the command line, and those of `below` that it does not set."""
        return {**{key: below[key] for key in below if key not in self.overrides}, **self.overrides}


def parse(
    kind: type[F], argv: Sequence[str], *, prog: str, doc: str | None, takes_settings: bool = False
) -> Parsed[F]:
    """Return what a command line says.

    Exits with status 2 on a wrong flag, 0 after --help; `-` and `_` mean the same in a flag.

    Args:
        kind: the command's flags.
        prog: what the command is called.
        doc: what it is for.
        takes_settings: `--section.key` means something, though no flag of its own sets a setting.

    Raises:
        ConfigError: a dotted key that is unknown, has no value or no meaning here, or lacks its section; a
            switch that has a value.
    """
    words = [_with_home(word) for word in argv]
    takes_settings = takes_settings or bool(kind.keys())
    own = {field.name for field in dataclasses.fields(kind)}
    rest, dotted = words, dict[str, Any]()
    if takes_settings:
        rest, dotted = split_dotted(words)
        refuse_without_section(own, rest, prog)
    else:
        refuse_dotted(own, words, prog)
    _refuse_values_of_switches(kind, rest)
    _note_what_is_repeated(words)
    text = paragraphs(doc or "")
    if takes_settings:
        text += "\n\nAny setting can be given as --section.key VALUE (focusgen config)."
    with wrapped_output():
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


def _with_home(word: str) -> str:
    """Return a word with `~/` read as the home: shells leave it as it is behind an equals sign."""
    flag, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
    return f"{flag}{equals}{os.path.expanduser(value)}" if value.startswith("~/") else word


def _note_what_is_repeated(words: Sequence[str]) -> None:
    """Say that of a flag that stands twice the last one counts, as `--scenes a --scenes b` means b alone."""
    given = Counter(word.partition("=")[0].replace("-", "_")[2:] for word in words if word.startswith("--"))
    for name, n in given.items():
        if name and n > 1:
            print(f"note: --{name} is given {n} times: the last one counts", file=sys.stderr)


def _refuse_values_of_switches(kind: type[Flags], words: Sequence[str]) -> None:
    """Refuse `--json=false`, which tyro reads as `--json` and a word of its own: as yes."""
    switches = {field.name for field in dataclasses.fields(kind) if field.default is False}
    for word in words:
        flag, has_value, value = word.partition("=")
        if has_value and flag.startswith("--") and flag[2:].replace("-", "_") in switches:
            raise ConfigError(f"{flag} takes no value, not {value!r}", f"Leave {flag} away to say no.")


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


@dataclass(frozen=True)
class _Group:
    """Flags that stand together in --help; `instance_of` takes them out again."""


@_REGISTRY.struct_rule
def _flags_for_tyro(
    info: tyro.constructors.StructTypeInfo,
) -> tyro.constructors.StructConstructorSpec | None:
    """Hand tyro the declared flags: the command's own first, then those of settings, by section if many."""
    if not (isinstance(info.type, type) and issubclass(info.type, Flags)):
        return None
    hints = get_type_hints(info.type)
    all_fields = dataclasses.fields(info.type)
    fields = [
        (field, annotated(hints[field.name], field.name, declared(field), field.default))
        for field in all_fields
    ]
    own = [(field, kind) for field, kind in fields if not declared(field).key]
    settings = [(field, kind) for field, kind in fields if declared(field).key]
    groups = _by_section(settings) if len(settings) >= MANY_SETTINGS else {}
    return tyro.constructors.StructConstructorSpec(
        instantiate=functools.partial(_instance_of, info.type),
        fields=(
            *(_one_flag(field, kind) for field, kind in (own if groups else own + settings)),
            *(_group_of_flags(title, members) for title, members in groups.items()),
        ),
    )


def _instance_of(kind: type[Flags], /, **values: Any) -> Flags:
    given: dict[str, Any] = {}
    for name, value in values.items():
        given |= vars(value) if isinstance(value, _Group) else {name: value}
    return kind(**given)


def _by_section(
    settings: Sequence[tuple[dataclasses.Field[Any], Any]],
) -> dict[str, list[tuple[dataclasses.Field[Any], Any]]]:
    groups: dict[str, list[tuple[dataclasses.Field[Any], Any]]] = {}
    for field, kind in settings:
        section = declared(field).key.rpartition(".")[0] or "run"
        groups.setdefault(section, []).append((field, kind))
    return groups


def _one_flag(field: dataclasses.Field[Any], kind: Any) -> tyro.constructors.StructFieldSpec:
    return tyro.constructors.StructFieldSpec(name=field.name, type=kind, default=_default(field))


def _group_of_flags(
    title: str, members: Sequence[tuple[dataclasses.Field[Any], Any]]
) -> tyro.constructors.StructFieldSpec:
    group: Any = dataclasses.make_dataclass(
        title,
        [(field.name, kind, dataclasses.field(default=field.default)) for field, kind in members],
        bases=(_Group,),
        frozen=True,
        namespace={"__doc__": ""},
    )
    # A command may have a flag of its own that is called like the section: submit has --cluster.
    kind = Annotated[group, tyro.conf.OmitArgPrefixes, tyro.conf.arg(name=title)]
    return tyro.constructors.StructFieldSpec(name=f"{title}_settings", type=kind, default=group())


def declared(field: dataclasses.Field[Any]) -> Declared:
    """Return what a flag's class says of it."""
    return cast(Declared, field.metadata[_DECLARED])


def _default(field: dataclasses.Field[Any]) -> object:
    return tyro.MISSING if field.default is dataclasses.MISSING else field.default
