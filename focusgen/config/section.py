"""What a group of settings is made of: a frozen section of declared fields."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic.fields import FieldInfo

from focusgen.config.graph import PhaseName


@dataclass(frozen=True)
class Effect:
    """What a setting changes.

    Attributes:
        affects: phases whose published bytes it changes; () for paths, logging, speed.
        when: sibling field -> values under which it has any effect at all.
        is_recorded_at_default: false for a field that is younger than records which stay complete: its
            default means what those records were made with.
    """

    affects: tuple[PhaseName, ...]
    when: Mapping[str, Sequence[Any]]
    is_recorded_at_default: bool = True

    def document(self) -> dict[str, Any]:
        """Return it as it is kept in a field's schema."""
        return {
            "affects": list(self.affects),
            "when": {name: list(v) for name, v in self.when.items()},
            "is_recorded_at_default": self.is_recorded_at_default,
        }


def setting(
    default: Any,
    *,
    affects: Sequence[PhaseName] = (),
    when: Mapping[str, Sequence[Any]] | None = None,
    is_recorded_at_default: bool = True,
    help: str,
    **constraints: Any,
) -> Any:
    """Declare one settings field.

    Args:
        default: its value where no file says otherwise; written here and nowhere else.
        affects: phases whose published bytes it changes; () for paths, logging, speed.
        when: sibling field -> values under which it has any effect at all.
        is_recorded_at_default: see `Effect`.
        help: one line for people.
        constraints: pydantic's own (gt, ge, le, ...).
    """
    extra = Effect(tuple(affects), when or {}, is_recorded_at_default).document()
    return Field(default, description=help, json_schema_extra=extra, **constraints)


def effect_of(info: FieldInfo) -> Effect | None:
    """Return what a field changes, None if it was not declared with `setting`."""
    extra: Any = info.json_schema_extra
    if not isinstance(extra, dict):
        return None
    return Effect(tuple(extra["affects"]), extra["when"], extra["is_recorded_at_default"])


def is_range(kind: object) -> bool:
    """Say whether a field is a pair of numbers, or may be one."""
    if get_origin(kind) in (Union, UnionType):
        return any(is_range(arg) for arg in get_args(kind))
    return get_origin(kind) is tuple and get_args(kind) in ((float, float), (int, int))


def names_a_path(kind: object) -> bool:
    """Say whether a field is a path, or may be one or several."""
    return kind is Path or any(map(names_a_path, get_args(kind)))


def _names_a_number(kind: object) -> bool:
    return kind in (int, float) or any(map(_names_a_number, get_args(kind)))


def refuse_slip(kind: type[BaseModel], value: object, info: ValidationInfo) -> object:
    """Refuse what would be read as something that nobody meant.

    An empty path, as of a script whose variable is not set, would be the current folder; true, yes and on
    would be the number 1.

    Args:
        kind: the section of the field.
        value: as given, before it is read; returned as it is.
        info: which field.
    """
    given = value if isinstance(value, (list, tuple)) else [value]
    is_blank = any(isinstance(item, str) and not item.strip() for item in given)
    is_truth = any(isinstance(item, bool) for item in given)
    if info.field_name and (is_blank or is_truth):
        wanted = kind.model_fields[info.field_name].annotation
        if is_blank and names_a_path(wanted):
            raise ValueError("is empty: give a path, or leave it out")
        if is_truth and _names_a_number(wanted):
            raise ValueError("give a number")
    return value


def refuse_blank_name(value: object) -> object:
    """Refuse an empty name, as of a script whose variable is not set; also in a table. None is left out."""
    names = value.values() if isinstance(value, Mapping) else [value]
    if any(name is not None and not str(name).strip() for name in names):
        raise ValueError("is empty: give a name, or leave it out")
    return value


def _one_number(value: object) -> object:
    """Return a number, or a text that is one (a quoted value, a shell's), where one stands for a range."""
    if isinstance(value, str):
        return value if re.fullmatch(r"[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?", value.strip()) else None
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _meant(value: object, field: FieldInfo | None) -> object:
    kind = None if field is None else field.annotation
    if is_range(kind) and (number := _one_number(value)) is not None:
        return (number, number)
    if isinstance(value, (str, Path)) and str(value).startswith("~/") and Path in (kind, *get_args(kind)):
        return Path(value).expanduser()
    return value


class Section(BaseModel):
    """A frozen group of settings; an unknown key is refused by name."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _as_meant(cls, values: object) -> object:
        """Read one number as a range without a width, and `~/` as shells do, which leave it in files.

        One validator of the section, not two of each field: a quarter of what settings cost a start.
        """
        if not isinstance(values, Mapping):
            return values
        return {name: _meant(value, cls.model_fields.get(name)) for name, value in values.items()}

    @field_validator("*", mode="before")
    @classmethod
    def _no_slip(cls, value: object, info: ValidationInfo) -> object:
        return refuse_slip(cls, value, info)

    def effective(self, name: str) -> Any:
        """Return a field's value after `auto` was resolved; sections override where they have an auto."""
        return getattr(self, name)

    @classmethod
    @functools.cache
    def effect(cls, name: str) -> Effect:
        """Return what one field changes."""
        found = effect_of(cls.model_fields[name])
        assert found is not None, f"{cls.__name__}.{name} is not declared with setting()"
        return found

    def has_effect(self, name: str) -> bool:
        """Say whether a field does anything under the section's other values."""
        when = type(self).effect(name).when
        return all(self.effective(sibling) in allowed for sibling, allowed in when.items())
