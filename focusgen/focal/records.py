"""One stack, or one picture with depth, in a file list: what is known of it, checked key by key."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from focusgen.base.errors import ConfigError
from focusgen.base.names import display
from focusgen.focal.distances import parse_distance, parse_distances
from focusgen.focal.lens_checks import check_lens, sensor_shown_m
from focusgen.focal.stack import StackLens
from focusgen.optics.coc import FULL_FRAME_WIDTH_M, Formula

ALIASES = {
    "depth_path": "depth",
    "focal_stack_dir": "focal_stack",
    "scene_path": "focal_stack",
    "stack": "focal_stack",
    "aif": "all_in_focus",
    "aif_path": "all_in_focus",
    "rgb": "all_in_focus",
}
KEYS = (
    *(
        "name",
        "scene",
        "frame",
        "split",
        "source",
        "weight",
        "slices",
        "focal_stack",
        "all_in_focus",
        "depth",
        "valid",
    ),
    *("focus_distances", "focus_range", "depth_dataset", "depth_scale", "depth_shift", "depth_range"),
    *("depth_kind", "generate_focal_stack", "num_images", "camera", "transpose_depth", "max_coc_m"),
)
CAMERA_KEYS = {
    "focal_length_mm": 1e-3,
    "focal_length_m": 1.0,
    "focal_length": 1e-3,
    "f_number": 1.0,
    "aperture": 1.0,
    "sensor_width_mm": 1e-3,
    "sensor_width_m": 1.0,
    "sensor_width": 1e-3,
    "sensor_size": 1e-3,
    "fx_px": 1.0,
    "formula": 0.0,
    "transfer": 0.0,
}
"""Keys of a camera and what turns them into metres; without a suffix they are millimetres."""

FLAT_CAMERA = frozenset(CAMERA_KEYS) - {"formula"}
"""Those that may stand without `camera.` before them."""

OF_ONE_QUANTITY = (
    ("focal_length_m", "focal_length_mm", "focal_length"),
    ("f_number", "aperture"),
    ("sensor_width_m", "sensor_width_mm", "sensor_width", "sensor_size"),
)
"""Names of focal length, f-number and sensor width."""

SAME_WITHIN = 1e-3
"""Relative difference up to which two names of one quantity agree: 36 and 35.999 do."""

CURVES = ("gamma22", "srgb", "linear")
"""Between pixels and light: of slices (srgb where nothing is said), or of drawn stacks (else gamma22)."""


@dataclass(frozen=True)
class StackRecord:
    """One line of a file list.

    Attributes:
        where: file and line, for messages.
        values: what the line says under the names of `KEYS`; aliases are replaced.
        of_preset: keys that a preset said, and not the line.
    """

    where: str
    values: Mapping[str, Any] = field(default_factory=dict)
    of_preset: frozenset[str] = frozenset()

    def text(self, key: str) -> str | None:
        """Return a word, None where it is not given."""
        value = self.values.get(key)
        return None if value is None or value == "" else str(value)

    def number(self, key: str, default: float) -> float:
        """Return a number."""
        value = self.values.get(key, default)
        try:
            number = float(value)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"{self.where}: {key} is {value!r}, not a number") from error
        if math.isnan(number):
            raise ConfigError(f"{self.where}: {key} is not a number")
        return number

    def units_per_metre(self, default: float) -> float:
        """Return `depth_scale`, the default where it is not given."""
        scale = self.number("depth_scale", default)
        if not 0.0 < scale < math.inf:
            raise ConfigError(
                f"{self.where}: depth_scale is {self.values['depth_scale']!r}, not above 0",
                "It is units per metre: 1000 for millimetres, 100 for centimetres, 1 for metres.",
            )
        return scale

    def count(self, key: str, default: int) -> int:
        """Return how many of something there are: a whole number, at least 1 where it is given."""
        if self.values.get(key) is None:
            return default
        number = self.number(key, default)
        if not (number >= 1 and number.is_integer()):
            raise ConfigError(f"{self.where}: {key} is {self.values[key]!r}, not a whole number from 1 on")
        return int(number)

    def flag(self, key: str) -> bool:
        """Return a yes or no."""
        value = self.values.get(key, False)
        if isinstance(value, bool):
            return value
        words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        if str(value).lower() not in words:
            raise ConfigError(f"{self.where}: {key} is {value!r}, not true or false")
        return words[str(value).lower()]

    @property
    def is_drawn(self) -> bool:
        """Say whether slices are drawn from the sharp picture and depth."""
        has_slices = self.values.get("slices") is not None or self.text("focal_stack") is not None
        return not has_slices or self.flag("generate_focal_stack")

    def focus_distances_m(self) -> list[float] | None:
        """Return the focus distances, None where they are not given.

        A stack that is drawn may say `focus_range` and `num_images` instead: even in diopters, both ends too.
        """
        distances_m = self._distances_m("focus_distances")
        if distances_m is not None or not self.is_drawn:
            return distances_m
        ends_m, n = self._distances_m("focus_range"), self.count("num_images", 1)
        if ends_m is None or n == 1:
            return None
        if len(ends_m) != 2 or not ends_m[0] < ends_m[1]:
            raise ConfigError(f"{self.where}: focus_range is not the nearest and the farthest focus distance")
        near, far = 1.0 / ends_m[0], 1.0 / ends_m[1]
        diopters = [near + (far - near) * k / (n - 1) for k in range(n)]
        return [ends_m[0], *(1.0 / one for one in diopters[1:-1]), ends_m[1]]

    def _distances_m(self, key: str) -> list[float] | None:
        given = self.values.get(key)
        if given is None:
            return None
        where = f"{self.where}: {key}"
        if isinstance(given, list):
            distances_m = [parse_distance(str(item), where) for item in given]
        else:
            distances_m = parse_distances(str(given), where)
        if not distances_m:
            raise ConfigError(f"{where} is empty")
        return distances_m

    def lens(self) -> StackLens | None:
        """Return the camera of the record, None where it has none."""
        camera = self.values.get("camera")
        if camera is None:
            return None
        if not isinstance(camera, Mapping):
            raise ConfigError(f"{self.where}: camera is no mapping")
        unknown = [key for key in camera if key not in CAMERA_KEYS]
        if unknown:
            said = unknown_key(self.where, f"camera.{unknown[0]}", unknown[0], CAMERA_KEYS)
            raise ConfigError(said, f"There is {', '.join(CAMERA_KEYS)}.")
        formula, _ = self.formula(), self.transfer()
        focal_m, f_number, width_m = self.camera_values()
        if focal_m is None or f_number is None:
            return None
        width_mm = None if width_m is None else 1e3 * width_m
        check_lens(1e3 * focal_m, f_number, width_mm, f"{self.where}: camera")
        return StackLens(focal_m, f_number, width_m or FULL_FRAME_WIDTH_M, formula or "paper")

    def lens_shown(self, height_px: int, width_px: int, told_mm: float | None = None) -> StackLens | None:
        """Return the camera as pictures show it; a sensor's width that is not said follows from `fx_px`.

        Args:
            height_px: of the pictures.
            width_px: of the pictures.
            told_mm: what they themselves say of the sensor's long side; where neither says it, it is 36 mm.
        """
        lens, fx_px, given_m = self.lens(), self.fx_px(), self.camera_values()[2]
        if lens is None or given_m is not None:
            return lens
        told_m = None if told_mm is None else told_mm / 1e3
        width_m = sensor_shown_m(
            (height_px, width_px), lens.focal_length_m, given_m=given_m, fx_px=fx_px, told_m=told_m
        )
        check_lens(None, None, 1e3 * width_m, f"{self.where}: {'EXIF' if fx_px is None else 'camera.fx_px'}")
        return replace(lens, sensor_width_m=width_m)

    def formula(self) -> Formula | None:
        """Return the formula that the camera says, None where it says none."""
        camera = self.values.get("camera")
        said = camera.get("formula") if isinstance(camera, Mapping) else None
        formula: Formula = "exact" if said == "exact" else "paper"
        if said not in (None, formula):
            raise ConfigError(f"{self.where}: camera.formula is {said!r}, not paper or exact")
        return None if said is None else formula

    def transfer(self) -> str | None:
        """Return the curve between pixels and light, one of `CURVES`; None where the camera says none."""
        camera = self.values.get("camera")
        said = camera.get("transfer") if isinstance(camera, Mapping) else None
        if said is not None and said not in CURVES:
            raise ConfigError(f"{self.where}: camera.transfer is {said!r}, not {', '.join(CURVES)}")
        if said == "gamma22" and not self.is_drawn:
            raise ConfigError(
                f"{self.where}: camera.transfer is gamma22, the curve of pictures that a stack is drawn from",
                "Of slices say srgb or linear.",
            )
        return said

    def camera_values(self) -> tuple[float | None, float | None, float | None]:
        """Return focal length in metres, f-number, sensor width in metres; None for what is not given."""
        camera = self.values.get("camera")
        if not isinstance(camera, Mapping):
            return None, None, None
        focal_m, f_number, width_m = (self._of_camera(camera, *names) for names in OF_ONE_QUANTITY)
        return focal_m, f_number, width_m

    def fx_px(self) -> float | None:
        """Return the focal length in pixels of the depth map, None where the camera does not say it."""
        camera = self.values.get("camera")
        return self._of_camera(camera, "fx_px") if isinstance(camera, Mapping) else None

    def _of_camera(self, camera: Mapping[str, Any], *names: str) -> float | None:
        """Return what one of the names says.

        Raises:
            ConfigError: no number above 0, or two names say two things; names file and line.
        """
        said = {name: self._number_of(camera, name) for name in names if camera.get(name) is not None}
        if not said:
            return None
        (one, least), (other, most) = (pick(said.items(), key=lambda item: item[1]) for pick in (min, max))
        if most > (1.0 + SAME_WITHIN) * least:
            raise ConfigError(
                f"{self.where}: camera.{one} is {camera[one]!r}, but camera.{other} is {camera[other]!r}",
                "Leave out the one that is wrong.",
            )
        return next(iter(said.values()))

    def _number_of(self, camera: Mapping[str, Any], name: str) -> float:
        try:
            value = float(camera[name]) * CAMERA_KEYS[name]
        except (TypeError, ValueError) as error:
            raise ConfigError(f"{self.where}: camera.{name} is {camera[name]!r}, not a number") from error
        if not (math.isfinite(value) and value > 0):
            raise ConfigError(f"{self.where}: camera.{name} must be > 0, not {camera[name]!r}")
        return value


def record_of(values: Mapping[str, Any], where: str) -> StackRecord:
    """Return a record whose keys are all known.

    Raises:
        ConfigError: an unknown key, with the nearest one, or one thing said twice.
    """
    checked: dict[str, Any] = {}
    for key, value in _with_camera(values, where).items():
        name = ALIASES.get(key, key)
        if name not in KEYS:
            raise ConfigError(unknown_key(where, key, key, (*KEYS, *ALIASES)))
        if name in checked:
            raise ConfigError(f"{where}: {display(key)} says {name} for the second time")
        checked[name] = value
    slices = checked.get("slices", [""])
    if not (isinstance(slices, list) and slices and all(isinstance(one, str) for one in slices)):
        raise ConfigError(f"{where}: slices is no list of pictures", "A folder of them is a focal_stack.")
    record = StackRecord(where, checked)
    record.lens()
    record.fx_px()
    record.count("num_images", 1)
    record.units_per_metre(1.0)
    record.focus_distances_m()
    return record


def _with_camera(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return what a record says with `camera.f_number` and `f_number` below its camera.

    Raises:
        ConfigError: the camera says it, too.
    """
    rest: dict[str, Any] = {}
    flat: dict[str, Any] = {}
    for key, value in values.items():
        head, dot, tail = key.partition(".")
        is_flat = key in FLAT_CAMERA or (head == "camera" and bool(dot))
        (flat if is_flat else rest)[tail if dot and is_flat else key] = value
    camera = rest.get("camera")
    if not flat or not isinstance(camera or {}, Mapping):  # what is no camera is refused as one
        return rest
    twice = flat.keys() & (camera or {}).keys()
    if twice:
        raise ConfigError(f"{where}: camera.{min(twice)} is said for the second time")
    return {**rest, "camera": {**(camera or {}), **flat}}


def unknown_key(where: str, shown: str, key: str, known: Iterable[str]) -> str:
    """Return the message for an unknown key."""
    near = difflib.get_close_matches(str(key), list(known), n=1)
    return f"{where}: unknown key {display(shown)}" + (f"; did you mean {near[0]}?" if near else "")
