"""Paths that a data set keeps: relative to itself, so that it may move together with what it is made from."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from focusgen.config.sections import Config

KEPT_OUT_ROOT = Path(".")
"""`data.out_root` of settings that lie in a data set: the data set, wherever it is."""


def kept(path: Path, root: Path) -> Path:
    """Return how a data set at `root` writes a path down.

    Relative to the data set, unless they have no folder but / in common: such paths do not move together.
    """
    absolute, base = os.path.abspath(path), str(root.resolve())
    if os.path.commonpath([absolute, base]) == os.sep:
        return Path(absolute)
    return Path(os.path.relpath(absolute, base))


def found(path: Path, root: Path) -> Path:
    """Return the absolute path that a data set at `root` wrote down."""
    return Path(os.path.normpath(root.resolve() / path))


def with_paths(cfg: Config, change: Callable[[Path], Path]) -> Config:
    """Return settings with every path changed."""
    update = {}
    for name, section in cfg.sections():
        values = {field: getattr(section, field) for field in type(section).model_fields}
        paths: dict[str, Path | tuple[Path, ...]] = {
            field: change(value) for field, value in values.items() if isinstance(value, Path)
        }
        for field, value in values.items():
            if isinstance(value, tuple) and value and all(isinstance(item, Path) for item in value):
                paths[field] = tuple(change(item) for item in value)
        update["validate_" if name == "validate" else name] = section.model_copy(update=paths)
    return cfg.model_copy(update=update)


def keep_paths(cfg: Config) -> Config:
    """Return settings as their data set keeps them."""
    kept_cfg = with_paths(cfg, lambda path: kept(path, cfg.data.out_root))
    return kept_cfg.model_copy(update={"data": kept_cfg.data.model_copy(update={"out_root": KEPT_OUT_ROOT})})


def find_paths(cfg: Config, root: Path) -> Config:
    """Return settings that a data set keeps, for the place `root` where it lies now.

    Data sets of release 0.1.0 keep paths as they were given: absolute, or relative to the folder where the
    command was started. What is no longer there is looked for where it would lie had all moved together.
    """
    if cfg.data.out_root == KEPT_OUT_ROOT:
        located = with_paths(cfg, lambda path: found(path, root))
    else:
        located = with_paths(cfg, lambda path: _of_older_data_set(path, cfg.data.out_root, root))
    return located.model_copy(update={"data": located.data.model_copy(update={"out_root": root})})


def _of_older_data_set(path: Path, old_root: Path, root: Path) -> Path:
    if path.is_absolute() != old_root.is_absolute():
        return path
    moved = found(Path(os.path.relpath(path, old_root)), root)
    if path.is_absolute():
        return path if path.exists() or not moved.exists() else moved
    return moved if moved.exists() or not path.exists() else path
