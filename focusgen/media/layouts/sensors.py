"""Data sets whose depth was measured beside the pictures: ScanNet and KITTI."""

from __future__ import annotations

import re
from pathlib import Path

from focusgen.media.brought import Brought, BroughtDepth, Camera
from focusgen.media.layouts.cameras import read_kitti, read_matrix
from focusgen.media.layouts.folders import below, files, first_below, folders, paired
from focusgen.media.layouts.layout import Contents, Layout, place
from focusgen.media.layouts.lists import read_names
from focusgen.media.listing import IMAGE_SUFFIXES
from focusgen.media.scenes import Place

SCANNET_UNITS_PER_METRE = 1000.0
KITTI_UNITS_PER_METRE = 256.0
MAX_NESTED = 3
_SCANNET_SCENE = re.compile(r"(scene[0-9]{4})_[0-9]{2}")
_KITTI_DRIVE = re.compile(r"[0-9]{4}_[0-9]{2}_[0-9]{2}_drive_[0-9]{4}_(sync|extract)")


def _is_scannet_scene(folder: Path) -> bool:
    return _SCANNET_SCENE.fullmatch(folder.resolve().name) is not None and (folder / "color").is_dir()


def _recognise_scannet(root: Path) -> str:
    found = first_below(root, _is_scannet_scene, MAX_NESTED - 1)
    return "" if found is None else f"{found.resolve().name}/color"


def _scannet_splits(root: Path) -> dict[str, str]:
    """Return scene -> split from the official lists, wherever they were put."""
    places = (root, root / "splits", root / "Tasks" / "Benchmark", root.parent)
    return {
        name: split
        for split in ("train", "val", "test")
        for folder in places
        if (folder / f"scannetv2_{split}.txt").is_file()
        for name in read_names(folder / f"scannetv2_{split}.txt")
    }


def _scannet(root: Path) -> Contents:
    splits = _scannet_splits(root)
    return Contents(
        tuple(_scannet_scene(root, f, splits) for f in below(root, _is_scannet_scene, MAX_NESTED - 1))
    )


def _scannet_scene(root: Path, folder: Path, splits: dict[str, str]) -> Place:
    scene_id = folder.resolve().name
    colour = files(folder / "color", *IMAGE_SUFFIXES)
    frames, depths, notes = paired(colour, files(folder / "depth", ".png"))
    camera, depth_camera = (_scannet_camera(folder, kind) for kind in ("color", "depth"))
    depth = BroughtDepth(
        folder / "depth",
        depths,
        units_per_metre=SCANNET_UNITS_PER_METRE,
        frame_from_depth=None
        if camera is None or depth_camera is None
        else registration(camera, depth_camera),
    )
    found = _SCANNET_SCENE.fullmatch(scene_id)
    group = found[1] if found else scene_id  # the scans of one room share its number
    brought = Brought("scannet", depth if depths else None, camera, group, splits.get(scene_id), notes)
    return place(root, folder / "color", scene_id, brought, frames)


def _scannet_camera(folder: Path, kind: str) -> Camera | None:
    found = read_matrix(folder / "intrinsic" / f"intrinsic_{kind}.txt")
    return found or read_matrix(folder / f"intrinsics_{kind}.txt")


def registration(camera: Camera, depth_camera: Camera) -> tuple[float, float, float, float]:
    """Return (ax, bx, ay, by): frame pixel (x, y) shows depth pixel (ax x + bx, ay y + by).

    The two cameras of a ScanNet recording look the same way from nearly the same place.
    """
    across, down = depth_camera.fx / camera.fx, depth_camera.fy / camera.fy
    return across, depth_camera.cx - across * camera.cx, down, depth_camera.cy - down * camera.cy


def _is_kitti_drive(folder: Path) -> bool:
    return _KITTI_DRIVE.fullmatch(folder.resolve().name) is not None and _kitti_frames(folder) is not None


def _kitti_frames(drive: Path) -> Path | None:
    return next((p for p in (drive / "image_02" / "data", drive / "image_02") if p.is_dir()), None)


def _recognise_kitti(root: Path) -> str:
    found = first_below(root, _is_kitti_drive, MAX_NESTED)
    return "" if found is None else f"{found.resolve().name}/image_02"


def _kitti_depths(root: Path) -> dict[str, tuple[Path, str | None]]:
    """Return drive -> (folder of its annotated depth, the split that the benchmark gave it)."""
    found: dict[str, tuple[Path, str | None]] = {}
    for top in (root, *folders(root)):
        for split in ("train", "val"):
            for drive in folders(top / split):
                depth = drive / "proj_depth" / "groundtruth" / "image_02"
                if depth.is_dir():
                    found[drive.name] = (depth, split)
    return found


def _kitti(root: Path) -> Contents:
    depths = _kitti_depths(root)
    places = [_kitti_drive(root, f, depths) for f in below(root, _is_kitti_drive, MAX_NESTED)]
    remarks = (
        "KITTI's depth comes from a laser and covers part of each picture: phase 3 fails scenes with more "
        "holes than depth.max_patched_fraction, so complete it first, or choose a network (--depth.backend)",
    )
    return Contents(
        tuple(places), remarks=remarks if any(p.brought and p.brought.depth for p in places) else ()
    )


def _kitti_drive(root: Path, drive: Path, depths: dict[str, tuple[Path, str | None]]) -> Place:
    scene_id = drive.resolve().name
    pictures = _kitti_frames(drive)
    assert pictures is not None
    inside = drive / "proj_depth" / "groundtruth" / "image_02"
    folder, split = (inside, None) if inside.is_dir() else depths.get(scene_id, (inside, None))
    colour = files(pictures, *IMAGE_SUFFIXES)
    frames, maps, notes = paired(colour, files(folder, ".png"))
    brought = Brought(
        "kitti",
        BroughtDepth(folder, maps, units_per_metre=KITTI_UNITS_PER_METRE) if maps else None,
        read_kitti(drive.parent / "calib_cam_to_cam.txt"),
        None,
        split,
        notes,
    )
    return place(root, pictures, scene_id, brought, frames)


SENSOR_LAYOUTS = (
    Layout(
        "kitti",
        "<date>/<drive>_sync/image_02/data/, train|val/<drive>_sync/proj_depth/groundtruth/image_02/",
        _recognise_kitti,
        _kitti,
        has_depth=True,
        is_measured=True,
    ),
    Layout(
        "scannet",
        "<scene0000_00>/color/, depth/ and intrinsic/intrinsic_color.txt",
        _recognise_scannet,
        _scannet,
        has_depth=True,
        is_measured=True,
    ),
)
