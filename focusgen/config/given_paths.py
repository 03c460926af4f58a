"""Paths as people write them into files: `~` and `$NAME` mean there what they mean in a shell.

A shell reads them in flags before we do; in a file they would name a folder called `~` or `$SCRATCH`. What a
data set keeps of its settings holds the paths that came out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from focusgen.base.errors import ConfigError
from focusgen.config.section import names_a_path

_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")
Where = Callable[[str], str]
"""What says where a dotted key was given."""


def paths_as_meant(
    document: Mapping[str, Any], kind: type[BaseModel], where: Where, above: str = ""
) -> dict[str, Any]:
    """Return the values of a file with `~` and variables of the environment read, in paths and nowhere else.

    Args:
        document: values as they stand in a file.
        kind: the settings that they are for.
        where: says where a dotted key was given.
        above: the key of this group, with a dot; empty at the top.

    Raises:
        ConfigError: a variable that is not set.
    """
    fields = {field.alias or name: field for name, field in kind.model_fields.items()}
    return {
        name: _value_as_meant(value, fields.get(name), where, f"{above}{name}")
        for name, value in document.items()
    }


def _value_as_meant(value: object, field: FieldInfo | None, where: Where, key: str) -> object:
    kind = None if field is None else field.annotation
    if isinstance(value, Mapping) and isinstance(kind, type) and issubclass(kind, BaseModel):
        return paths_as_meant(value, kind, where, f"{key}.")
    if not names_a_path(kind):
        return value
    if isinstance(value, list):
        return [_path_as_meant(item, where, key) for item in value]
    return _path_as_meant(value, where, key)


def _path_as_meant(value: object, where: Where, key: str) -> object:
    if not isinstance(value, str) or not ("$" in value or value.startswith("~")) or Path(value).exists():
        return value

    def found(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if not os.environ.get(name):
            raise ConfigError(
                f"{where(key)}: {key}: the variable {name} is not set (got {value!r})",
                "Set it where the command starts, or write the path out.",
            )
        return os.environ[name]

    return os.path.expanduser(_VARIABLE.sub(found, value))
