"""Cameras as data sets write them down."""

from __future__ import annotations

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
    """Return the camera of a 3x3 or 4x4 matrix in a text file, None where there is none."""
    try:
        rows = [
            [float(word) for word in line.split()] for line in path.read_text().splitlines() if line.strip()
        ]
        return Camera(rows[0][0], rows[1][1], rows[0][2], rows[1][2])
    except (OSError, ValueError, IndexError):
        return None


def read_kitti(path: Path) -> Camera | None:
    """Return the rectified left colour camera of calib_cam_to_cam.txt, None where there is none."""
    try:
        text = path.read_text()
    except (OSError, ValueError):
        return None
    found = dict(re.findall(r"^(\w+): (.+)$", text, re.MULTILINE))
    try:
        numbers = [float(word) for word in found["P_rect_02"].split()]
        width, height = (round(float(word)) for word in found["S_rect_02"].split())
        return Camera(numbers[0], numbers[5], numbers[2], numbers[6], (width, height))
    except (KeyError, ValueError, IndexError):
        return None


def read_vkitti(path: Path) -> Camera | None:
    """Return camera 0 of the first frame of intrinsic.txt, None where there is none."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, ValueError):
        return None
    for line in lines:
        words = line.split()
        if len(words) == 6 and words[0].isdigit() and words[1] == "0":
            fx, fy, cx, cy = (float(word) for word in words[2:])
            return Camera(fx, fy, cx, cy)
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
    return Camera(matrix[0], matrix[4], matrix[2], matrix[5])
