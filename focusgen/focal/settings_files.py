"""Files of training settings: read, overridden, checked; an unknown key is named with the nearest one."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from focusgen.base.errors import ConfigError
from focusgen.config.files import read_yaml
from focusgen.config.given_paths import paths_as_meant
from focusgen.config.section import refuse_slip

Settings = TypeVar("Settings", bound=BaseModel)


class TrainingSection(BaseModel):
    """A frozen group of training settings; an unknown key and a slip are refused by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("*", mode="before")
    @classmethod
    def _no_slip(cls, value: object, info: ValidationInfo) -> object:
        return refuse_slip(cls, value, info)


def read_settings(kind: type[Settings], path: Path, overrides: Mapping[str, Any]) -> Settings:
    """Return checked settings of a YAML file.

    Args:
        kind: what they must be.
        path: the file.
        overrides: dotted key -> value; they win.

    Raises:
        ConfigError: an unknown key or a value that cannot be; names it and the nearest key.
    """
    document = read_yaml(path)
    keys = known_keys(kind)
    overrides = dict(_single(overrides))
    for dotted, value in overrides.items():
        if not any(key == dotted or key.startswith(f"{dotted}.") for key in keys):
            raise ConfigError(f"{dotted}: unknown key{_hint(dotted, keys)}", f"{path} shows those in use.")
        _put(document, dotted, value, path)
    document = paths_as_meant(document, kind, lambda key: "--override" if key in overrides else str(path))
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        given = f" (given: {first['input']!r})" if first["type"] != "extra_forbidden" else ""
        is_given = any(f"{where}.".startswith(f"{dotted}.") for dotted in overrides)  # or a part of what is
        place = f"{where}, given on the command line" if is_given else f"{path}: {where}"
        raise ConfigError(f"{place}: {first['msg']}{given}{_hint(where, keys)}") from error


def _single(overrides: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted key, value) of each setting: a section that is given changes what it names, no more."""
    for key, value in overrides.items():
        if isinstance(value, Mapping) and value:
            yield from _single(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _hint(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return f"; did you mean {near[0]}?" if near and near[0] != key else ""


def _put(document: dict[str, Any], dotted: str, value: object, path: Path) -> None:
    *sections, key = dotted.split(".")
    place = document
    for section in sections:
        place = place.setdefault(section, {})
        if not isinstance(place, dict):
            raise ConfigError(f"--override {dotted}: {section} is no section of {path}")
    place[key] = value


def known_keys(kind: type[BaseModel], before: str = "") -> list[str]:
    """Return every key, with its sections."""
    keys: list[str] = []
    for name, field in kind.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            keys += known_keys(inner, f"{before}{name}.")
        else:
            keys.append(before + name)
    return keys
