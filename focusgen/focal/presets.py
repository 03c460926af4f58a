"""Presets of focal-stack data: YAML files in configs/focal, each built on others by `defaults`."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from focusgen.base.errors import ConfigError
from focusgen.config.files import read_yaml
from focusgen.config.shipped import CONFIG_DIR, find
from focusgen.focal.records import OF_ONE_QUANTITY, StackRecord, record_of
from focusgen.focal.roots import Roots
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
        overrides: how depth is read; every record takes them where it does not say them itself.
        transfer: curve that stacks are drawn by, None where the preset says none.
    """

    name: str
    lens: StackLens
    focal_stack_size: int
    focal_range_m: tuple[float, float]
    width: int
    data_root: Any = None
    lists: Mapping[str, str] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    transfer: str | None = None

    def completed(self, record: StackRecord) -> StackRecord:
        """Return a record with what it does not say itself: of a stack to be drawn, camera and focus too."""
        values = {**self.overrides, **record.values}
        if record.is_drawn:
            own = record.values.get("camera", {})
            values["camera"] = {**self._camera(own), **own} if isinstance(own, Mapping) else own
            if "focus_distances" not in values:
                focus = {"focus_range": list(self.focal_range_m), "num_images": self.focal_stack_size}
                values = {**focus, **values}
        return replace(record, values=values, of_preset=frozenset(values.keys() - record.values.keys()))

    def _camera(self, own: Mapping[str, Any]) -> dict[str, Any]:
        """Return what of the lens a record's own camera does not say."""
        lens, document = self.lens, dict[str, Any]()
        quantities = (1e3 * lens.focal_length_m, lens.f_number, 1e3 * lens.sensor_width_m)
        for names, value in zip(OF_ONE_QUANTITY, quantities, strict=True):
            told = (*names, "fx_px") if "sensor_width_m" in names else names
            if all(own.get(name) is None for name in told):
                document[names[-1]] = value
        return {**document, "formula": lens.formula, "transfer": self.transfer}


def roots_of(said: str | None, preset: Preset | None) -> Roots:
    """Return where relative paths of lists start: where it is said outright, else where their preset says."""
    if said is not None or preset is None:
        return Roots.of(said)
    return Roots.of(preset.data_root, preset.name)


def load_preset(name: str) -> Preset:
    """Return a preset by its name or its file.

    Raises:
        ConfigError: no such preset, or an unknown key, with the nearest one.
    """
    path = _path_of(name, Path())
    document = _merged(path, 0)
    where = str(path)
    record = record_of({"camera": document.get("camera", {})}, where)
    camera = record.lens()
    if camera is None:
        raise ConfigError(f"{where}: camera lacks focal_length_mm or f_number")
    return Preset(
        str(document.get("name", path.stem)),
        camera,
        _count(document, "focal_stack_size", where),
        _range(document, where),
        _count(document, "image_size", where),
        document.get("data_root"),
        dict(document.get("lists") or {}),
        {
            key: document[key]
            for key in ("depth_scale", "depth_kind", "depth_range", "depth_dataset")
            if key in document
        },
        record.transfer(),
    )


def _count(document: Mapping[str, Any], key: str, where: str) -> int:
    number = document.get(key)
    if not isinstance(number, int) or number < 1:
        raise ConfigError(f"{where}: {key} is {_said(number)}, not a whole number from 1 on")
    return number


def _range(document: Mapping[str, Any], where: str) -> tuple[float, float]:
    given = document.get("focal_range")
    try:
        near_m, far_m = (float(one) for one in given or ())
    except (TypeError, ValueError):
        near_m = far_m = 0.0
    if not 0 < near_m < far_m:
        raise ConfigError(f"{where}: focal_range is {_said(given)}, not the nearest and the farthest metres")
    return near_m, far_m


def _said(value: object) -> str:
    return "missing" if value is None else repr(value)


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
    bases = document.pop("defaults", None) or []
    if not isinstance(bases, list):
        raise ConfigError(f"{path}: defaults must be a list, e.g. [base]")
    for name in bases:
        merged = _deep(merged, _merged(_path_of(str(name), path.parent), depth + 1))
    return _deep(merged, document)


def _deep(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _deep(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged
