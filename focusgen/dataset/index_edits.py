"""What a person changed in scene_index.json, where the checksum that would have told is gone too.

Nobody can know then whether it was meant: the index is read as it is, and commands say how it differs from
the copy that phase 1 kept. Phase 1 takes it over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from focusgen.base.names import display, listed
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import parse_object


def edits_text(dataset: DatasetLayout) -> str:
    """Return how the index differs from its copy where no checksum vouches for either; "" if it does not."""
    copy, path = dataset.index_copy_json, dataset.index_json
    if dataset.index_checksum_json.exists() or not (copy.exists() and path.exists()):
        return ""
    before, now = copy.read_bytes(), path.read_bytes()
    if before == now:
        return ""
    try:
        found = _differences(parse_object(before), parse_object(now))
    except (ValueError, AttributeError):
        return ""  # no index: whoever reads it says so
    return (
        f"{path}: edited by hand, and no checksum says that it was meant: {found}; "
        "phase 1 takes it as it is. To have back what phase 1 wrote: delete it, then focusgen repair"
    )


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return e.g. "gone: a; other: b (split)"."""
    kinds = {
        "gone": [name for name in before if name not in now],
        "new": [name for name in now if name not in before],
        "other": [_other(name, before[name], now[name]) for name in now if name in before],
    }
    said = {kind: [name for name in names if name] for kind, names in kinds.items()}
    parts = [f"{kind}: {listed(names)}" for kind, names in said.items() if names]
    return "; ".join(parts) or "its order or its form"


def _other(name: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    keys = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    return f"{display(name)} ({', '.join(map(display, keys))})" if keys else ""
