"""The field of view of the footage itself: what somebody states, a table, or the camera's own notes."""

from __future__ import annotations

import csv
import functools
import math
from collections.abc import Mapping
from pathlib import Path

from focusgen.base.errors import ConfigError, SceneError, reason_of
from focusgen.base.names import display, same_form
from focusgen.config import Config
from focusgen.dataset.frames import published_plan
from focusgen.dataset.index import IndexEntry
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import FOOTAGE
from focusgen.media.brought import Camera
from focusgen.optics.coc import shown_width
from focusgen.optics.sizes import FramePlan
from focusgen.optics.view import View, focal_length_mm, published_camera, published_view

LAYOUT = "layout"
"""Value of the setting that asks for the camera of the scene's layout, and takes nothing else."""

CSV_COLUMNS = ["scene", "focal_px"]
WAYS_OUT = (
    "Give optics.footage_focal_px a number (pixels of the raw frame) or a CSV file with scene,focal_px; or "
    "set it to null and lens.focal_length to drawn."
)

LEAST_FOCAL_SHARE = 0.1  # of the long side: 157 degrees; the widest lens that draws lines straight has 0.25


class Footage:
    """The views of a data set's scenes, as `optics.footage_focal_px` says."""

    def __init__(self, cfg: Config, dataset: DatasetLayout, entries: Mapping[str, IndexEntry]) -> None:
        self._cfg, self._dataset, self._entries = cfg, dataset, entries

    def focal_px(self, scene_id: str) -> float | None:
        """Return the focal length in pixels of a scene's raw frames, None where nobody asked for it.

        Raises:
            SceneError: the table or the EXIF does not say it.
            ConfigError: no table, or a damaged one.
        """
        focal_px = self._stated_focal_px(scene_id)
        if focal_px is not None:
            self._check_width(scene_id, focal_px)
        return focal_px

    def _check_width(self, scene_id: str, focal_px: float) -> None:
        """Refuse a view that no lens has without bending lines: millimetres or metres look so."""
        entry = self._entries[scene_id]
        long_side_px = max(entry.width, entry.height)
        if focal_px < LEAST_FOCAL_SHARE * long_side_px:
            degrees = 2.0 * math.degrees(math.atan(0.5 * long_side_px / focal_px))
            raise SceneError(
                f"scene {scene_id!r}: a focal length of {focal_px:g} px on {long_side_px} px is a view of "
                f"{degrees:.0f} degrees (optics.footage_focal_px)",
                "It is said in pixels of the raw frame: millimetres x pixels of the long side / sensor width "
                "in mm.",
            )

    def _stated_focal_px(self, scene_id: str) -> float | None:
        given = self._cfg.optics.footage_focal_px
        if given is None or isinstance(given, float):
            return given
        camera = self._camera(scene_id)
        if camera is not None:
            return camera.fx
        if isinstance(given, Path):
            return _of_table(given, scene_id)
        raw = self._entries[scene_id].raw_scene(scene_id, self._cfg.data.raw_root)
        if raw.kind == "video":
            raise SceneError(f"scene {scene_id!r}: a video has no EXIF with a focal length", WAYS_OUT)
        from focusgen.media.picture_files import exif_focal_px  # decoders: few data sets ask for EXIF

        first = raw.path / raw.files[0]
        try:
            found = exif_focal_px(first)
        except OSError as error:
            raise SceneError(
                f"{display(str(first))}: {error.strerror or 'no picture that can be read'}", WAYS_OUT
            ) from error
        if found is None:
            raise SceneError(f"{display(str(first))}: EXIF has no focal length with a sensor size", WAYS_OUT)
        return found

    def _camera(self, scene_id: str) -> Camera | None:
        """Return the camera that came with the scene's layout, where nobody states another view."""
        if self._cfg.optics.footage_focal_px not in (None, LAYOUT):
            return None
        camera = self._entries[scene_id].camera
        if camera is None and self._cfg.optics.footage_focal_px == LAYOUT:
            raise SceneError(f"scene {scene_id!r}: no layout brought its camera", WAYS_OUT)
        return camera

    def digest(self, scene_id: str) -> dict[str, str]:
        """Return what the record keeps of a table's or a camera's word; a number stands in the settings."""
        camera = self._camera(scene_id)
        if camera is not None:
            return {FOOTAGE: repr(camera)}
        if self._cfg.optics.effective("footage_focal_px") not in ("csv", "exif"):
            return {}
        return {FOOTAGE: repr(self.focal_px(scene_id))}

    def view(self, scene_id: str) -> View | None:
        """Return the view of a scene's published frames, None where nobody asked for it.

        Raises:
            SceneError: it is not known.
        """
        camera = self._camera(scene_id)
        if camera is not None:
            raw = View(camera.fx, camera.fy, camera.cx, camera.cy)
            return published_camera(raw, self._plan(scene_id))
        focal_px = self.focal_px(scene_id)
        if focal_px is None:
            return None
        return published_view(focal_px, self._plan(scene_id))

    def _plan(self, scene_id: str) -> FramePlan:
        return published_plan(self._dataset.scene(scene_id), self._entries[scene_id])

    def tied(self, scene_id: str) -> Config:
        """Return settings in which the lens has the footage's view, if `lens.focal_length` asks for that."""
        cfg = self._cfg
        view = self.view(scene_id) if cfg.lens.focal_length == "footage" else None
        if view is None:
            return cfg
        plan = self._plan(scene_id)
        sensor_width_mm = shown_width(cfg.optics.sensor_width_mm, plan.width, plan.height)
        focal_mm = focal_length_mm(view, plan.width, sensor_width_mm)
        lens = cfg.lens.model_copy(update={"focal_length_mm": (focal_mm, focal_mm)})
        return cfg.model_copy(update={"lens": lens})


def check_table(cfg: Config) -> None:
    """Refuse a table of views that cannot be read, before anything is made.

    Raises:
        ConfigError: names the file, and the line where one is to blame.
    """
    if isinstance(cfg.optics.footage_focal_px, Path):
        _table(cfg.optics.footage_focal_px)


def _table(path: Path) -> dict[str, float]:
    try:
        stat = path.stat()
        return _read_table(path, stat.st_mtime_ns, stat.st_size)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{display(str(path))}: {reason_of(error)}", WAYS_OUT) from error


def _of_table(path: Path, scene_id: str) -> float:
    focal_px = _table(path).get(same_form(scene_id))
    if focal_px is None:
        raise SceneError(f"scene {scene_id!r} is not in {display(str(path))}", WAYS_OUT)
    return focal_px


@functools.lru_cache(maxsize=2)
def _read_table(path: Path, mtime_ns: int, size: int) -> dict[str, float]:
    """Return scene (as `same_form`) -> focal length, px, of a CSV file; read anew when it changed."""
    table: dict[str, float] = {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if (reader.fieldnames or [])[:2] != CSV_COLUMNS:
            raise ConfigError(f"{display(str(path))}: the first line must be '{','.join(CSV_COLUMNS)}'")
        for row in reader:
            try:
                focal_px = float(row["focal_px"] or "")
            except ValueError:
                focal_px = math.nan
            if not (math.isfinite(focal_px) and focal_px > 0) or not row["scene"]:
                raise ConfigError(
                    f"{display(str(path))}, line {reader.line_num}: needs a scene and pixels > 0"
                )
            scene_id = same_form(row["scene"].strip())
            if table.setdefault(scene_id, focal_px) != focal_px:
                raise ConfigError(
                    f"{display(str(path))}, line {reader.line_num}: scene {scene_id!r} has another focal_px "
                    "above",
                    "Keep one line per scene.",
                )
    return table
