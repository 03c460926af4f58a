"""Cameras as data sets write them down."""

from __future__ import annotations

import json
import math
import re
import struct
from pathlib import Path

from focusgen.media.brought import Camera

SINTEL_TAG = b"PIEH"  # 202021.25 as a little-endian float

# https://cvg.cit.tum.de/data/datasets/rgbd-dataset/file_formats: by the colour camera's own calibration.
_TUM = {
    "freiburg1": Camera(517.3, 516.5, 318.6, 255.3, (640, 480)),
    "freiburg2": Camera(520.9, 521.0, 325.1, 249.7, (640, 480)),
    "freiburg3": Camera(535.4, 539.2, 320.1, 247.6, (640, 480)),
}


def tum_camera(sequence: str) -> Camera | None:
    """Return the camera of a sequence by its name; None where the name tells none."""
    return next((camera for name, camera in _TUM.items() if name in sequence), None)


def read_matrix(path: Path) -> Camera | None:
    """Return the camera of a 3x3 or 4x4 matrix in a text or CSV file, None where there is none."""
    try:
        lines = [line.replace(",", " ").split() for line in _text(path).splitlines() if line.strip()]
        rows = [[float(word) for word in words] for words in lines]
        return camera_of(rows[0][0], rows[1][1], rows[0][2], rows[1][2])
    except (ValueError, IndexError):
        return None


def read_kitti(path: Path) -> Camera | None:
    """Return the rectified left colour camera of calib_cam_to_cam.txt, None where there is none."""
    found = dict(re.findall(r"^(\w+): (.+)$", _text(path), re.MULTILINE))
    try:
        numbers = [float(word) for word in found["P_rect_02"].split()]
        width, height = (round(float(word)) for word in found["S_rect_02"].split())
        return camera_of(numbers[0], numbers[5], numbers[2], numbers[6], (width, height))
    except (KeyError, ValueError, IndexError, OverflowError):
        return None


def read_vkitti(path: Path) -> Camera | None:
    """Return camera 0 of the first frame of intrinsic.txt, None where there is none."""
    for line in _text(path).splitlines():
        words = line.split()
        if len(words) == 6 and words[0].isdigit() and words[1] == "0":
            try:
                fx, fy, cx, cy = (float(word) for word in words[2:])
            except ValueError:
                return None
            return camera_of(fx, fy, cx, cy)
    return None


def read_sintel(path: Path) -> Camera | None:
    """Return the camera of a Sintel .cam file, None where there is none."""
    try:
        data = path.read_bytes()
        if data[:4] != SINTEL_TAG:
            return None
        matrix = struct.unpack_from("<9d", data, 4)
    except (OSError, struct.error):
        return None
    return camera_of(matrix[0], matrix[4], matrix[2], matrix[5])


def read_replica(path: Path) -> tuple[Camera | None, float | None]:
    """Return camera and units of depth per metre of a cam_params.json, None for what it does not say."""
    try:
        said = {key: float(value) for key, value in json.loads(_text(path))["camera"].items()}
        scale = said.get("scale")
        size = int(said["w"]), int(said["h"])
        camera = camera_of(said["fx"], said["fy"], said["cx"], said["cy"], size)
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        return None, None
    return camera, scale if scale is not None and 0.0 < scale < math.inf else None


def _text(path: Path) -> str:
    """Return what a file says, nothing where it cannot be read or is no text."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError):
        return ""


def camera_of(
    fx: float, fy: float, cx: float, cy: float, size: tuple[int, int] | None = None
) -> Camera | None:
    """Return the camera of numbers, None where no camera has them."""
    is_one = all(map(math.isfinite, (fx, fy, cx, cy))) and fx > 0 and fy > 0 and min(size or (1,)) > 0
    return Camera(fx, fy, cx, cy, size) if is_one else None
