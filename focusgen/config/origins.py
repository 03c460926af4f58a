"""Where a setting was given: by which flag, or in which line of which file; asked only when it is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


class GivenKey(str):
    """A dotted key that remembers the flag by which it was given; a plain key was its own flag.

    Attributes:
        flag: as typed, e.g. "--depth_scale" for depth.depth_scale.
    """

    flag: str

    def __new__(cls, key: str, flag: str) -> GivenKey:
        """Make a key."""
        made = super().__new__(cls, key)
        made.flag = flag
        return made


def flag_of(key: str) -> str:
    """Return the flag that a key of overrides was given by."""
    return key.flag if isinstance(key, GivenKey) else f"--{key}"


@dataclass(frozen=True)
class Origins:
    """What a configuration was put together from.

    Attributes:
        source: what is blamed where nothing more is known.
        files: those that were read, the ones that win last.
        overrides: dotted keys of the command line.
    """

    source: str
    files: tuple[Path, ...] = ()
    overrides: Mapping[str, Any] | None = None

    def of(self, dotted: str) -> str:
        """Return the flag, or the file and line, that gave a key or something below or above it."""
        return self._flags(dotted) or self._line(dotted) or self.source

    def _flags(self, dotted: str) -> str:
        given = [key for key, value in (self.overrides or {}).items() if value is not None]
        hit = [key for key in given if _is_within(dotted, key)] or [
            key for key in given if _is_within(key, dotted)
        ]
        return ", ".join(dict.fromkeys(flag_of(key) for key in hit))

    def _line(self, dotted: str) -> str:
        for prefix in _prefixes(dotted):
            for path in reversed(self.files):
                line = lines_of(path).get(prefix)
                if line is not None:
                    return f"{path}, line {line}"
        return ""


def _is_within(inner: str, outer: str) -> bool:
    return inner == outer or inner.startswith(f"{outer}.")


def _prefixes(dotted: str) -> Iterable[str]:
    """Return a.b.0, then a.b, then a."""
    parts = dotted.split(".")
    return (".".join(parts[:n]) for n in range(len(parts), 0, -1))


def lines_of(path: Path) -> dict[str, int]:
    """Return {dotted key: line, from 1} of a YAML file that was read before."""
    root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    found: dict[str, int] = {}
    _note_lines(root, "", found)
    return found


def _note_lines(node: yaml.Node | None, above: str, found: dict[str, int]) -> None:
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        dotted = f"{above}{key.value}"
        found[dotted] = key.start_mark.line + 1
        _note_lines(value, f"{dotted}.", found)
