"""Data sets of our own below a raw root: what was made out of footage is none, and never becomes a scene."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from focusgen.base.names import INTERNAL, listed


def is_data_set(folder: str | Path) -> bool:
    """Say whether a folder is a data set, or the beginning of one."""
    return os.path.isdir(os.path.join(folder, INTERNAL))


def is_inside_data_set(path: Path, root: Path) -> bool:
    """Say whether a path below a raw root is a data set, or lies in one that is below that root, too."""
    parts = path.relative_to(root).parts
    return any(is_data_set(root.joinpath(*parts[: n + 1])) for n in range(len(parts)))


def remarks_on(data_sets: Sequence[str]) -> tuple[str, ...]:
    """Return what to say of data sets that were passed over, by their names."""
    if not data_sets:
        return ()
    return (f"passed over in the raw root, since focusgen made it: {listed(data_sets, 3)}",)
