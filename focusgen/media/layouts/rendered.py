"""Data sets that were rendered, with depth everywhere: Sintel, TartanAir, Virtual KITTI 2, Replica."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from focusgen.media.brought import Brought, BroughtDepth, Camera
from focusgen.media.layouts.cameras import read_replica, read_sintel, read_vkitti
from focusgen.media.layouts.folders import below, files, first_below, folders, paired
from focusgen.media.layouts.layout import Contents, Layout, place
from focusgen.media.listing import IMAGE_SUFFIXES
from focusgen.media.scenes import Place

VKITTI_UNITS_PER_METRE = 100.0
VKITTI_SKY_M = 655.35  # the largest 16-bit number: that far or farther
TARTANAIR_SKY_M = 1e4  # how far the sphere is that its skies are painted on
MAX_NESTED = 5  # as unzipped: abandonedfactory/Easy/abandonedfactory/Easy/P000
_SINTEL_CLIP = re.compile(r"[a-z]+_[0-9]+")
_TARTANAIR_CLIP = re.compile(r"P[0-9]{3,4}")
# Name of the left camera in the folders of version 1 and 2 -> its camera, suffix of its depth.
_TARTANAIR_CAMERAS = {
    "left": (Camera(320.0, 320.0, 320.0, 240.0, (640, 480)), ".npy"),
    "lcam_front": (Camera(320.0, 320.0, 320.0, 320.0, (640, 640)), ".png"),
}
_VKITTI_SCENE = re.compile(r"Scene[0-9]{2}")
REPLICA_UNITS_PER_METRE = 6553.5
REPLICA_NESTED = 2
_REPLICA_SCENE = re.compile(r"(office[0-4]|room[0-2])", re.IGNORECASE)
"""Names of the trajectories that SLAM is tested on; others are recorded in this form in other units."""


def _sintel_parts(root: Path) -> Iterator[tuple[Path, Path]]:
    """Yield (folder of a part, folder of its pictures): `clean` has no blur of its own, `final` has."""
    for part in (root / "training", root / "test", root):
        pictures = next((p for name in ("clean", "final") if (p := part / name).is_dir()), None)
        if pictures is not None:
            yield part, pictures


def _recognise_sintel(root: Path) -> str:
    for _, pictures in _sintel_parts(root):
        clip = next((f for f in folders(pictures)[:1] if _SINTEL_CLIP.fullmatch(f.name)), None)
        if clip is not None and files(clip, "frame_0001.png"):
            return f"{clip.relative_to(root).as_posix()}/frame_0001.png"
    return ""


def _sintel(root: Path) -> Contents:
    places = [
        _sintel_clip(root, part, clip) for part, pictures in _sintel_parts(root) for clip in folders(pictures)
    ]
    remarks = {
        f"{pictures.relative_to(root).as_posix()}: its blur is rendered in; `clean` beside it would be sharp"
        for _, pictures in _sintel_parts(root)
        if pictures.name == "final"
    }
    return Contents(tuple(places), remarks=tuple(sorted(remarks)))


def _sintel_clip(root: Path, part: Path, clip: Path) -> Place:
    colour = files(clip, ".png")
    folder = _sintel_beside(root, part, "depth") / clip.name
    frames, maps, notes = paired(colour, files(folder, ".dpt"))
    cameras = _sintel_beside(root, part, "camdata_left") / clip.name
    camera = next((read_sintel(cameras / name) for name in files(cameras, ".cam")[:1]), None)
    brought = Brought(
        "sintel",
        BroughtDepth(folder, maps) if maps else None,
        camera,
        clip.name.rpartition("_")[0],
        notes=notes,
    )
    return place(root, clip, clip.name, brought, frames)


def _sintel_beside(root: Path, part: Path, kind: str) -> Path:
    """Return the folder of depth or cameras of a part; downloaded apart, they may lie in another tree."""
    trees = [part, *(tree / part.name for tree in folders(root))]
    return next((p for tree in trees if (p := tree / kind).is_dir()), part / kind)


def _is_tartanair_clip(folder: Path) -> bool:
    is_named = _TARTANAIR_CLIP.fullmatch(folder.resolve().name) is not None
    return is_named and any((folder / f"image_{name}").is_dir() for name in _TARTANAIR_CAMERAS)


def _tartanair_view(clip: Path) -> str:
    return next(name for name in _TARTANAIR_CAMERAS if (clip / f"image_{name}").is_dir())


def _recognise_tartanair(root: Path) -> str:
    found = first_below(root, _is_tartanair_clip, MAX_NESTED)
    if found is None:
        return ""
    return f"{found.relative_to(root).as_posix()}/image_{_tartanair_view(found)}"


def _tartanair(root: Path) -> Contents:
    return Contents(tuple(_tartanair_clip(root, f) for f in below(root, _is_tartanair_clip, MAX_NESTED)))


def _tartanair_clip(root: Path, clip: Path) -> Place:
    above = clip.resolve().parts[-3:-1]  # environment and Easy or Hard, Data_easy or Data_hard
    is_sorted = above[-1].removeprefix("Data_").lower() in ("easy", "hard", "omni")
    environment = above[0] if is_sorted else above[-1]
    view = _tartanair_view(clip)
    camera, suffix = _TARTANAIR_CAMERAS[view]
    pictures, folder = clip / f"image_{view}", clip / f"depth_{view}"
    colour = files(pictures, *IMAGE_SUFFIXES)
    frames, maps, notes = paired(colour, files(folder, suffix))
    brought = Brought(
        "tartanair",
        BroughtDepth(folder, maps, far_from_m=TARTANAIR_SKY_M) if maps else None,
        camera,
        environment,
        notes=notes,
    )
    scene_id = "_".join((*(above if is_sorted else above[-1:]), clip.resolve().name))
    return place(root, pictures, scene_id, brought, frames)


def _vkitti_clips(root: Path) -> Iterator[Path]:
    """Yield the folders SceneNN/variation that have pictures; rgb and depth may lie in trees of their own."""
    for top in (root, *folders(root)):
        for scene in folders(top) if not _VKITTI_SCENE.fullmatch(top.name) else []:
            if _VKITTI_SCENE.fullmatch(scene.name):
                yield from (f for f in folders(scene) if (f / "frames" / "rgb" / "Camera_0").is_dir())


def _recognise_vkitti2(root: Path) -> str:
    clip = next(_vkitti_clips(root), None)
    return "" if clip is None else f"{clip.relative_to(root).as_posix()}/frames/rgb/Camera_0"


def _vkitti2(root: Path) -> Contents:
    return Contents(tuple(_vkitti_clip(root, clip) for clip in _vkitti_clips(root)))


def _vkitti_clip(root: Path, clip: Path) -> Place:
    scene, variation = clip.parent.name, clip.name
    trees = [clip, *(top / scene / variation for top in folders(root))]
    pictures = clip / "frames" / "rgb" / "Camera_0"
    folder = next((p for t in trees if (p := t / "frames" / "depth" / "Camera_0").is_dir()), pictures)
    camera = next((c for t in trees if (c := read_vkitti(t / "intrinsic.txt")) is not None), None)
    colour = files(pictures, *IMAGE_SUFFIXES)
    frames, maps, notes = paired(colour, files(folder, ".png") if folder != pictures else [])
    brought = Brought(
        "vkitti2",
        BroughtDepth(folder, maps, VKITTI_UNITS_PER_METRE, far_from_m=VKITTI_SKY_M) if maps else None,
        camera,
        scene,  # the variations of a scene show the same drive
        notes=notes,
    )
    return place(root, pictures, f"{scene}_{variation}", brought, frames)


def _is_replica_scene(folder: Path) -> bool:
    return all((folder / "results" / name).is_file() for name in ("frame000000.jpg", "depth000000.png"))


def _recognise_replica(root: Path) -> str:
    found = first_below(root, _is_replica_scene, REPLICA_NESTED)
    return (
        ""
        if found is None
        else f"{found.relative_to(root).as_posix()}/results has frame000000.jpg, depth000000.png"
    )


def _replica(root: Path) -> Contents:
    return Contents(tuple(_replica_clip(root, f) for f in below(root, _is_replica_scene, REPLICA_NESTED)))


def _replica_clip(root: Path, clip: Path) -> Place:
    scene_id, results = clip.resolve().name, clip / "results"
    told = (read_replica(folder / "cam_params.json") for folder in (clip, clip.parent, root))
    camera, scale = next((one for one in told if any(one)), (None, None))
    is_assumed = scale is None and _REPLICA_SCENE.fullmatch(scene_id) is None
    there = files(results, *IMAGE_SUFFIXES)
    colour, depths = ([name for name in there if name.startswith(kind)] for kind in ("frame", "depth"))
    frames, maps, notes = paired(colour, depths)
    depth = BroughtDepth(results, maps, scale or REPLICA_UNITS_PER_METRE, is_unit_assumed=is_assumed)
    brought = Brought("replica", depth if maps else None, camera, notes=notes)
    return place(root, results, scene_id, brought, frames)


RENDERED_LAYOUTS = (
    Layout(
        "sintel",
        "training/clean/<clip>/, training/depth/<clip>/*.dpt, training/camdata_left/<clip>/*.cam",
        _recognise_sintel,
        _sintel,
        has_depth=True,
    ),
    Layout(
        "tartanair",
        "<environment>/Easy|Hard/<P000>/image_left/, depth_left/, or as version 2 has them",
        _recognise_tartanair,
        _tartanair,
        has_depth=True,
    ),
    Layout(
        "vkitti2",
        "<Scene01>/<variation>/frames/rgb|depth/Camera_0/, intrinsic.txt",
        _recognise_vkitti2,
        _vkitti2,
        has_depth=True,
    ),
    Layout(
        "replica",
        "<scene>/results/frame000000.jpg, depth000000.png, cam_params.json beside or above",
        _recognise_replica,
        _replica,
        has_depth=True,
    ),
)
