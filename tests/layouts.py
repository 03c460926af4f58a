"""Builders of data sets as their publishers lay them out: 16 small frames each, with the truth in metres."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

N_FRAMES = 16
WIDTH, HEIGHT = 64, 48


@dataclass(frozen=True)
class Built:
    """What a builder wrote: scene id -> planar depth of frame 0 in metres, None for video without depth."""

    scenes: dict[str, npt.NDArray[np.float64] | None]
    splits: dict[str, str]


def planar_m(frame: int = 0, width: int = WIDTH, height: int = HEIGHT) -> npt.NDArray[np.float64]:
    """Return a slanted wall with a box in front of it that moves by a pixel per frame."""
    depth_m = np.linspace(2.0, 6.0, width)[None].repeat(height, 0) + 0.05 * frame
    depth_m[8:20, 10 + frame : 22 + frame] = 1.0
    return depth_m


def picture(frame: int, seed: int = 0, width: int = WIDTH, height: int = HEIGHT) -> npt.NDArray[np.uint8]:
    """Return a textured picture that moves by a pixel per frame."""
    import cv2

    rng = np.random.default_rng(seed)
    texture = cv2.resize(rng.integers(0, 256, (24, 40, 3), dtype=np.uint8), (2 * width, 2 * height))
    return np.ascontiguousarray(texture[:height, frame : frame + width])


def write_pictures(folder: Path, names: list[str], seed: int = 0, **size: int) -> None:
    """Write one picture per name."""
    import cv2

    folder.mkdir(parents=True, exist_ok=True)
    for frame, name in enumerate(names):
        assert cv2.imwrite(str(folder / name), picture(frame, seed, **size))


def write_depth_png(folder: Path, names: list[str], units_per_metre: float, **size: int) -> None:
    """Write 16-bit depth, one map per name."""
    import cv2

    folder.mkdir(parents=True, exist_ok=True)
    for frame, name in enumerate(names):
        depth = np.rint(planar_m(frame, **size) * units_per_metre).astype(np.uint16)
        assert cv2.imwrite(str(folder / name), depth)


def _numbered(form: str, first: int = 0) -> list[str]:
    return [form.format(first + frame) for frame in range(N_FRAMES)]


def davis(root: Path) -> Built:
    splits = {"bear": "train", "camel": "val", "dog": "train"}
    for seed, name in enumerate(splits):
        write_pictures(root / "JPEGImages" / "480p" / name, _numbered("{:05d}.jpg"), seed)
    _write_lists(root / "ImageSets" / "2017", {"train": "bear\ndog\n", "val": "camel\n"})
    return Built(dict.fromkeys(splits), splits)


def youtube_vos(root: Path) -> Built:
    splits = {"003234408d": "train", "0062f687f1": "train", "00f88c4f0a": "val"}
    for seed, (name, split) in enumerate(splits.items()):
        folder = root / {"train": "train", "val": "valid"}[split] / "JPEGImages" / name
        write_pictures(folder, [f"{5 * frame:05d}.jpg" for frame in range(N_FRAMES)], seed)
    return Built(dict.fromkeys(splits), splits)


def reds(root: Path) -> Built:
    for seed, part in enumerate(("train", "val")):
        for kind in ("sharp", "blur"):
            write_pictures(root / part / f"{part}_{kind}" / "000", _numbered("{:08d}.png"), seed)
    return Built({"train_000": None, "val_000": None}, {"train_000": "train", "val_000": "val"})


def gopro(root: Path) -> Built:
    splits = {"GOPR0372_07_00": "train", "GOPR0384_11_00": "test"}
    for seed, (name, split) in enumerate(splits.items()):
        for kind in ("blur", "blur_gamma", "sharp"):
            write_pictures(root / split / name / kind, _numbered("{:06d}.png", 47), seed)
    return Built(dict.fromkeys(splits), splits)


def vimeo90k(root: Path) -> Built:
    for seed, name in enumerate(("00001/0001", "00001/0002", "00002/0001", "00002/0009")):
        write_pictures(root / "sequences" / name, [f"im{frame}.png" for frame in range(1, 8)], seed)
    _write_lists(root, {"sep_trainlist": "00001/0001\n00001/0002\n", "sep_testlist": "00002/0001\n"})
    splits = {"00001_0001": "train", "00001_0002": "train", "00002_0001": "test"}
    return Built(dict.fromkeys(splits), splits)


def kinetics(root: Path) -> Built:
    from tests.clips import write_video

    names = {"-4wsuPCjDBc_000010_000020": "train", "abcdefghijk_000001_000011": "val"}
    for seed, (name, split) in enumerate(names.items()):
        folder = root / split / "abseiling"
        folder.mkdir(parents=True)
        frames = np.stack([picture(frame, seed) for frame in range(N_FRAMES)])
        write_video(folder / f"{name}.mp4", frames)
    splits = {(f"v{name}" if name.startswith("-") else name): split for name, split in names.items()}
    return Built(dict.fromkeys(splits), splits)


def tum(root: Path) -> Built:
    """Colour at 30 Hz, depth 9 ms later; the first two frames were taken before the depth camera ran."""
    folder = root / "rgbd_dataset_freiburg1_xyz"
    colour_s = [1305031102.175304 + frame / 30 for frame in range(N_FRAMES + 2)]
    depth_s = [stamp + 0.009 for stamp in colour_s[2:]]
    colour = [f"{stamp:.6f}.png" for stamp in colour_s]
    depth = [f"{stamp:.6f}.png" for stamp in depth_s]
    write_pictures(folder / "rgb", colour)
    write_depth_png(folder / "depth", depth, 5000)
    for kind, names in (("rgb", colour), ("depth", depth)):
        rows = [f"{name.removesuffix('.png')} {kind}/{name}" for name in names]
        (folder / f"{kind}.txt").write_text("\n".join(["# a", "# b", "# timestamp filename", *rows, ""]))
    return Built({"rgbd_dataset_freiburg1_xyz": planar_m()}, {})


def kitti(root: Path) -> Built:
    """Annotated depth begins at frame 5 and ends five before the last."""
    drive = "2011_09_26_drive_0001_sync"
    names = [f"{frame:010d}.png" for frame in range(N_FRAMES + 10)]
    write_pictures(root / "2011_09_26" / drive / "image_02" / "data", names)
    depth = root / "data_depth_annotated" / "train" / drive / "proj_depth" / "groundtruth" / "image_02"
    write_depth_png(depth, names[5:-5], 256)
    (root / "2011_09_26" / "calib_cam_to_cam.txt").write_text(
        "calib_time: 09-Jan-2012 13:57:47\nS_rect_02: 1.242000e+03 3.750000e+02\n"
        "P_rect_02: 7.215377e+02 0 6.095593e+02 4.48e+01 0 7.215377e+02 1.728540e+02 2.16e-01 0 0 1 2.7e-03\n"
    )
    return Built({drive: planar_m()}, {})


def hypersim(root: Path) -> Built:
    import h5py

    scene, focal_px = root / "ai_001_001" / "images", 886.81 / 1024 * WIDTH
    write_pictures(scene / "scene_cam_00_final_preview", _numbered("frame.{:04d}.tonemap.jpg"))
    write_pictures(scene / "scene_cam_00_final_preview", _numbered("frame.{:04d}.color.jpg"))
    folder = scene / "scene_cam_00_geometry_hdf5"
    folder.mkdir()
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    rays = np.sqrt((x - (WIDTH - 1) / 2) ** 2 + (y - (HEIGHT - 1) / 2) ** 2 + focal_px**2) / focal_px
    for frame in range(N_FRAMES):
        with h5py.File(folder / f"frame.{frame:04d}.depth_meters.hdf5", "w") as file:
            file["dataset"] = (planar_m(frame) * rays).astype(np.float16)
    return Built({"ai_001_001_cam_00": planar_m()}, {})


def tartanair(root: Path) -> Built:
    clip = root / "abandonedfactory" / "Easy" / "P000"
    write_pictures(clip / "image_left", _numbered("{:06d}_left.png"))
    write_pictures(clip / "image_right", _numbered("{:06d}_right.png"))
    (clip / "depth_left").mkdir()
    for frame in range(N_FRAMES):
        np.save(clip / "depth_left" / f"{frame:06d}_left_depth.npy", planar_m(frame).astype(np.float32))
    return Built({"abandonedfactory_Easy_P000": planar_m()}, {})


def sintel(root: Path) -> Built:
    names = [f"frame_{frame:04d}" for frame in range(1, N_FRAMES + 1)]
    for kind in ("clean", "final"):
        write_pictures(root / "training" / kind / "alley_1", [f"{name}.png" for name in names])
        write_pictures(root / "test" / kind / "ambush_1", [f"{name}.png" for name in names], seed=1)
    for kind in ("depth", "camdata_left"):
        (root / "training" / kind / "alley_1").mkdir(parents=True)
    matrix = struct.pack("<9d", 1120.0, 0, 511.5, 0, 1120.0, 217.5, 0, 0, 1)
    for frame, name in enumerate(names):
        header = b"PIEH" + struct.pack("<ii", WIDTH, HEIGHT)
        data = header + planar_m(frame).astype("<f4").tobytes()
        (root / "training" / "depth" / "alley_1" / f"{name}.dpt").write_bytes(data)
        (root / "training" / "camdata_left" / "alley_1" / f"{name}.cam").write_bytes(
            b"PIEH" + matrix + bytes(96)
        )
    return Built({"alley_1": planar_m()}, {})


def scannet(root: Path) -> Built:
    """The colour camera has 2.025 times the pixels of the depth camera, and a little less height."""
    scene = root / "scans" / "scene0000_00"
    size = {"width": 129, "height": 97}
    write_pictures(scene / "color", _numbered("{}.jpg"), **size)
    write_depth_png(scene / "depth", _numbered("{}.png"), 1000)
    (scene / "intrinsic").mkdir()
    for kind, (focal, cx, cy) in {"color": (117.0, 64.775, 48.375), "depth": (57.787, 31.95, 23.95)}.items():
        rows = f"{focal} 0 {cx} 0\n0 {focal} {cy} 0\n0 0 1 0\n0 0 0 1\n"
        (scene / "intrinsic" / f"intrinsic_{kind}.txt").write_text(rows)
    columns = np.rint(57.787 / 117.0 * (np.arange(129) - 64.775) + 31.95).astype(int)
    lines = np.rint(57.787 / 117.0 * (np.arange(97) - 48.375) + 23.95).astype(int)
    seen = planar_m()[np.ix_(lines.clip(0, HEIGHT - 1), columns.clip(0, WIDTH - 1))]
    return Built({"scene0000_00": seen}, {})


def vkitti2(root: Path) -> Built:
    for kind, write in (("rgb", write_pictures), ("depth", None)):
        folder = root / f"vkitti_2.0.3_{kind}" / "Scene01" / "clone" / "frames" / kind / "Camera_0"
        if write is not None:
            write(folder, _numbered("rgb_{:05d}.jpg"))
        else:
            write_depth_png(folder, _numbered("depth_{:05d}.png"), 100)
    text = root / "vkitti_2.0.3_textgt" / "Scene01" / "clone"
    text.mkdir(parents=True)
    (text / "intrinsic.txt").write_text(
        "frame cameraID K[0,0] K[1,1] K[0,2] K[1,2]\n0 0 725.0087 725.0087 620.5 187\n0 1 725 725 620.5 187\n"
    )
    return Built({"Scene01_clone": planar_m()}, {})


def replica(root: Path) -> Built:
    """As NICE-SLAM has it: pictures and depth in one folder, the unit beside the camera."""
    folder = root / "Replica" / "office0" / "results"
    write_pictures(folder, _numbered("frame{:06d}.jpg"))
    write_depth_png(folder, _numbered("depth{:06d}.png"), 6553.5)
    camera = {"w": 1200, "h": 680, "fx": 600.0, "fy": 600.0, "cx": 599.5, "cy": 339.5, "scale": 6553.5}
    (root / "Replica" / "cam_params.json").write_text(json.dumps({"camera": camera}))
    return Built({"office0": planar_m()}, {})


def _write_lists(folder: Path, texts: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(text)


VIDEO_SETS: dict[str, Callable[[Path], Built]] = {
    "davis": davis,
    "youtube_vos": youtube_vos,
    "reds": reds,
    "gopro": gopro,
    "vimeo90k": vimeo90k,
    "kinetics": kinetics,
}
DEPTH_SETS: dict[str, Callable[[Path], Built]] = {
    "tum": tum,
    "kitti": kitti,
    "hypersim": hypersim,
    "tartanair": tartanair,
    "sintel": sintel,
    "scannet": scannet,
    "vkitti2": vkitti2,
    "replica": replica,
}
