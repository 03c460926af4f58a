"""Presets of focal-stack data: YAML files in configs/focal, each built on others by `defaults`."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from focusgen.base.errors import ConfigError
from focusgen.config.files import read_yaml
from focusgen.config.shipped import CONFIG_DIR, find
from focusgen.focal.records import record_of
from focusgen.focal.stack import StackLens

PRESETS = CONFIG_DIR / "focal"
KEYS = (
    *("defaults", "name", "data_root", "lists", "focal_stack_size", "focal_range", "image_size", "camera"),
    *("depth_scale", "depth_kind", "depth_range", "depth_dataset", "note"),
)
MAX_DEPTH = 8


@dataclass(frozen=True)
class Preset:
    """A data set and the camera that its stacks are taken with.

    Attributes:
        focal_range_m: nearest and farthest depth that it is about.
        width: pixels of the pictures.
        overrides: keys that every record takes where it does not say them itself.
    """

    name: str
    lens: StackLens
    focal_stack_size: int
    focal_range_m: tuple[float, float]
    width: int
    data_root: Any = None
    lists: Mapping[str, str] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)


def load_preset(name: str) -> Preset:
    """Return a preset by its name or its file.

    Raises:
        ConfigError: no such preset, or an unknown key, with the nearest one.
    """
    path = _path_of(name, Path())
    document = _merged(path, 0)
    where = str(path)
    camera = record_of({"camera": document.get("camera", {})}, where).lens()
    if camera is None:
        raise ConfigError(f"{where}: camera lacks focal_length_mm or f_number")
    near_m, far_m = (float(one) for one in document["focal_range"])
    return Preset(
        str(document.get("name", path.stem)),
        camera,
        int(document["focal_stack_size"]),
        (near_m, far_m),
        int(document["image_size"]),
        document.get("data_root"),
        dict(document.get("lists", {})),
        {
            key: document[key]
            for key in ("depth_scale", "depth_kind", "depth_range", "depth_dataset")
            if key in document
        },
    )


def _path_of(name: str, beside: Path) -> Path:
    own = beside / f"{name}.yaml"
    return own if own.is_file() else find(name, PRESETS)


def _merged(path: Path, depth: int) -> dict[str, Any]:
    if depth > MAX_DEPTH:
        raise ConfigError(f"{path}: defaults go round in a circle")
    document = read_yaml(path)
    for key in document:
        if key not in KEYS:
            near = difflib.get_close_matches(key, KEYS, n=1)
            raise ConfigError(f"{path}: unknown key {key}" + (f"; did you mean {near[0]}?" if near else ""))
    merged: dict[str, Any] = {}
    for name in document.pop("defaults", None) or []:
        merged = _deep(merged, _merged(_path_of(str(name), path.parent), depth + 1))
    return _deep(merged, document)


def _deep(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _deep(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged
