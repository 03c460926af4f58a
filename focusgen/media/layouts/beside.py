"""Recordings of anybody's: pictures or a video, and their depth beside them.

Never recognised unasked, since such folders hold other things as well; where they look so, a remark says it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from focusgen.base.names import display
from focusgen.media.brought import Brought, BroughtDepth
from focusgen.media.layouts.cameras import read_matrix
from focusgen.media.layouts.folders import below, files, first_below, folders
from focusgen.media.layouts.layout import Contents, Layout, place
from focusgen.media.listing import IMAGE_SUFFIXES, VIDEO_SUFFIXES, Rejection
from focusgen.media.scenes import Place

PICTURES = frozenset({"rgb", "rgbs", "color", "colour", "image", "images", "imgs", "frames", "lowres_wide"})
DEPTHS = frozenset({"depth", "depths", "depth_map", "depth_maps", "lowres_depth"})
"""What such folders are called; ARKitScenes has the low resolutions."""

MATRICES = ("camera_matrix.csv", "intrinsics.txt", "intrinsic.txt", "camera-intrinsics.txt")
STACKS = (".npy", ".npz", ".h5", ".hdf5")
MAX_NESTED = 3


def _folders_called(folder: Path, names: frozenset[str]) -> list[Path]:
    return [path for path in folders(folder) if path.name.lower() in names]


def _own_pictures(folder: Path) -> list[Path]:
    """Return the folders of pictures in a folder; not those that hold the folders of several scenes."""
    return [path for path in _folders_called(folder, PICTURES) if files(path, *IMAGE_SUFFIXES)]


def _pictures(folder: Path) -> list[Path]:
    """Return the folders of pictures; where there is none the videos, or the folder itself."""
    videos = [folder / name for name in files(folder, *VIDEO_SUFFIXES)]
    loose = [folder] if files(folder, *IMAGE_SUFFIXES) else []
    return _own_pictures(folder) or videos or loose


def _depths(folder: Path) -> list[Path]:
    """Return the folders of depth, or where there is none the files that hold all of it."""
    stacks = [folder / name for name in files(folder, *STACKS)]
    return _folders_called(folder, DEPTHS) or [path for path in stacks if path.stem.lower() in DEPTHS]


def _has_depth_beside(folder: Path) -> bool:
    return bool(_depths(folder) and _pictures(folder))


def _is_recording(folder: Path) -> bool:
    """Say whether a folder is one, be it without depth."""
    return _has_depth_beside(folder) or bool(_own_pictures(folder))


def beside_remark(root: Path) -> tuple[str, ...]:
    """Return what to say of a root that nobody's layout fits, if recordings with depth lie in it."""
    try:
        found = first_below(root, _has_depth_beside, MAX_NESTED)
        names = [] if found is None else [_pictures(found)[0], _depths(found)[0]]
    except OSError:
        return ()  # what cannot be read is refused where scenes are looked for
    if not names:
        return ()
    shown = " and ".join(display(path.relative_to(root).as_posix()) for path in names)
    return (f"{shown} look like pictures and their depth: --layout {BESIDE.name} makes one scene of them",)


def _recordings(root: Path) -> Contents:
    places: list[Place] = []
    rejected: dict[str, Rejection] = {}
    for folder in below(root, _is_recording, MAX_NESTED):
        scene_id = "_".join(folder.relative_to(root).parts) or root.resolve().name
        pictures, depths = _pictures(folder), _depths(folder)
        if len(pictures) == 1 and len(depths) <= 1:
            places.append(_place(root, folder, scene_id, pictures[0], depths))
        else:
            rejected[scene_id] = Rejection(f"{display(folder.name)}/", _undecided([*pictures, *depths]))
    return Contents(tuple(places), rejected)


def _place(root: Path, folder: Path, scene_id: str, pictures: Path, depths: Sequence[Path]) -> Place:
    camera = next((found for name in MATRICES if (found := read_matrix(folder / name))), None)
    brought = Brought(BESIDE.name, BroughtDepth(depths[0]) if depths else None, camera)
    return place(root, pictures, scene_id, brought, kind="images" if pictures.is_dir() else "video")


def _undecided(paths: Sequence[Path]) -> str:
    names = ", ".join(display(path.name) for path in paths)
    return f"pictures and depth of one recording, or of several? {names}: leave one of each there"


BESIDE = Layout(
    "rgbd",
    "<recording>/rgb/ (color, images, frames; or one video) and <recording>/depth/ (or depth.npy, npz, h5)",
    lambda root: "",
    _recordings,
    has_depth=True,
)
