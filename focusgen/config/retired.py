"""Keys that settings once had: files that still hold them load, and one line says that they do nothing."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

RETIRED_KEYS = {
    "depth.window_batch": "the windows of one scene run one by one; nothing ever ran together",
}
_noted: set[str] = set()


def without_retired(document: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Return a merged document without retired keys, each of them noted on stderr."""
    kept = dict(document)
    for dotted in RETIRED_KEYS:
        section, _, name = dotted.partition(".")
        values = kept.get(section)
        if isinstance(values, Mapping) and name in values:
            kept[section] = {key: value for key, value in values.items() if key != name}
            _note(dotted, source)
    return kept


def _note(dotted: str, source: str) -> None:
    """Say it once per process: every phase of an older data set has its own saved configuration."""
    if dotted not in _noted:
        _noted.add(dotted)
        print(f"note: {source}: {dotted} has no effect any more: {RETIRED_KEYS[dotted]}", file=sys.stderr)
