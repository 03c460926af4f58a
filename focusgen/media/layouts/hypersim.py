"""Hypersim: depth is the distance along each ray, and some scenes have cameras that are tilted or shifted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from focusgen.media.brought import Brought, BroughtDepth, Camera
from focusgen.media.layouts.cameras import camera_of
from focusgen.media.layouts.folders import below, files, first_below, folders, paired
from focusgen.media.layouts.layout import Contents, Layout, place
from focusgen.media.layouts.lists import read_table
from focusgen.media.listing import Rejection
from focusgen.media.scenes import Place

FOCAL_PER_WIDTH = 886.81 / 1024
"""Of the usual camera of the data set, which sees 60 degrees across."""

CAMERAS_CSV = "metadata_camera_parameters.csv"
SPLITS_CSV = "metadata_images_split_scene_v1.csv"
MAX_NESTED = 2
MAX_SKEW = 1e-3
MAX_PIXEL_ASPECT = 5e-3
_SCENE = re.compile(r"ai_[0-9]{3}_[0-9]{3}")
_PICTURES = re.compile(r"scene_(cam_[0-9]{2})_final_preview")


def _is_scene(folder: Path) -> bool:
    return _SCENE.fullmatch(folder.resolve().name) is not None and (folder / "images").is_dir()


def _recognise(root: Path) -> str:
    found = first_below(root, _is_scene, MAX_NESTED)
    return "" if found is None else f"{found.resolve().name}/images"


def _contents(root: Path) -> Contents:
    splits = _splits(_table(root, SPLITS_CSV))
    cameras = {row.get("scene_name", ""): row for row in _table(root, CAMERAS_CSV)}
    places: list[Place] = []
    rejected: dict[str, Rejection] = {}
    for scene in below(root, _is_scene, MAX_NESTED):
        for pictures in folders(scene / "images"):
            found = _PICTURES.fullmatch(pictures.name)
            if found is None:
                continue
            scene_id = f"{scene.resolve().name}_{found[1]}"
            outcome = _clip(root, scene, pictures, found[1], cameras, splits)
            if isinstance(outcome, Place):
                places.append(outcome)
            else:
                rejected[scene_id] = outcome
    remarks = (
        ()
        if cameras
        else (f"no {CAMERAS_CSV} in the root: each camera is taken to see 60 degrees across; some do not",)
    )
    return Contents(tuple(places), rejected, remarks)


def _table(root: Path, name: str) -> list[dict[str, str]]:
    path = next((p for folder in (root, root.parent) if (p := folder / name).is_file()), None)
    return [] if path is None else read_table(path)


def _splits(rows: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return scene -> split of the official table; it is the same for all frames of a scene."""
    return {
        row.get("scene_name", ""): row["split_partition_name"]
        for row in rows
        if row.get("split_partition_name") in ("train", "val", "test")
    }


def _clip(
    root: Path,
    scene: Path,
    pictures: Path,
    camera_name: str,
    cameras: Mapping[str, Mapping[str, str]],
    splits: Mapping[str, str],
) -> Place | Rejection:
    name = scene.resolve().name
    camera = _camera(cameras.get(name))
    if camera is None:
        return Rejection(
            f"{name}/",
            f"{CAMERAS_CSV}: its camera is tilted or shifted, or is none: its distances give no planar depth",
        )
    colour = files(pictures, ".tonemap.jpg", ".tonemap.png") or files(pictures, ".color.jpg", ".color.png")
    folder = scene / "images" / f"scene_{camera_name}_geometry_hdf5"
    frames, maps, notes = paired(colour, files(folder, ".depth_meters.hdf5"))
    assert camera.size is not None
    depth = BroughtDepth(folder, maps, focal_per_width=camera.fx / camera.size[0])
    brought = Brought("hypersim", depth if maps else None, camera, name, splits.get(name), notes)
    return place(root, pictures, f"{name}_{camera_name}", brought, frames)


def _camera(row: Mapping[str, str] | None) -> Camera | None:
    """Return the camera of a scene; None where its rays do not leave it as those of a plain pinhole do."""
    if row is None:
        return Camera(FOCAL_PER_WIDTH * 1024, FOCAL_PER_WIDTH * 1024, 511.5, 383.5, (1024, 768))
    try:
        width, height = (int(float(row[f"settings_output_img_{side}"])) for side in ("width", "height"))
        fx, fy = float(row["M_proj_00"]) * width / 2, float(row["M_proj_11"]) * height / 2
        skew = max(abs(float(row[f"M_proj_{place}"])) for place in ("01", "02", "10", "12", "30", "31"))
    except (KeyError, TypeError, ValueError, OverflowError):  # short lines have None
        return None
    camera = camera_of(fx, fy, (width - 1) / 2, (height - 1) / 2, (width, height))
    is_plain = camera is not None and skew <= MAX_SKEW and abs(fx / fy - 1) <= MAX_PIXEL_ASPECT
    return camera if is_plain else None


HYPERSIM = Layout(
    "hypersim",
    "<ai_001_001>/images/scene_cam_00_final_preview/*.tonemap.jpg, "
    "scene_cam_00_geometry_hdf5/*.depth_meters.hdf5",
    _recognise,
    _contents,
    has_depth=True,
)
