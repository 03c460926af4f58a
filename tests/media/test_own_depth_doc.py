"""docs/own_depth.md: every kind, flag and setting that it names is read as it says."""

from __future__ import annotations

import dataclasses
import re
import struct
from pathlib import Path

import cv2
import h5py
import numpy as np
import OpenEXR
import pytest
import tifffile

from focusgen.commands.phase import DepthFlags, IndexFlags
from focusgen.config import known_keys
from focusgen.media.depth_codecs import READERS
from focusgen.media.depth_files import STACKS, open_depth
from focusgen.media.depth_units import DepthOptions

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "own_depth.md").read_text(encoding="utf-8")
TRUTH_M = np.linspace(1.0, 3.0, 20 * 30, dtype=np.float32).reshape(20, 30)
EXR_HEADER = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}


def h5(path: Path, values: np.ndarray) -> None:
    with h5py.File(path, "w") as file:
        file["dataset"] = values


def pfm(path: Path, values: np.ndarray) -> None:
    height, width = values.shape
    path.write_bytes(b"Pf\n%d %d\n-1.0\n" % (width, height) + values[::-1].tobytes())


def dpt(path: Path, values: np.ndarray) -> None:
    path.write_bytes(struct.pack("<4sii", b"PIEH", *values.shape[::-1]) + values.tobytes())


WRITERS = {
    ".npy": lambda path, values: np.save(path, values),
    ".npz": lambda path, values: np.savez(path, depth=values),
    ".h5": h5,
    ".hdf5": h5,
    ".exr": lambda path, values: OpenEXR.File(EXR_HEADER, {"Z": values}).write(str(path)),
    ".png": lambda path, values: cv2.imwrite(str(path), (values * 1000).round().astype(np.uint16)),
    ".tif": tifffile.imwrite,
    ".tiff": tifffile.imwrite,
    ".pfm": pfm,
    ".dpt": dpt,
}


def endings() -> list[str]:
    rows = re.findall(r"^\| ((?:`\.\w+` ?)+)\|", PAGE, re.MULTILINE)
    return [ending for row in rows for ending in re.findall(r"`(\.\w+)`", row)]


def test_the_table_lists_every_kind_that_is_read():
    assert sorted(endings()) == sorted(READERS)
    assert set(STACKS) == set(re.findall(r"`(?:DIR/<scene>)?(\.\w+)`", PAGE.split("| ending")[0]))


@pytest.mark.parametrize("ending", endings())
def test_every_kind_of_the_table_gives_metres(tmp_path, ending):
    (tmp_path / "s").mkdir()
    for frame in range(2):
        WRITERS[ending](tmp_path / "s" / f"{frame}{ending}", TRUTH_M + np.float32(frame))
    source = open_depth(tmp_path, "s", 2, DepthOptions(1000.0 if ending == ".png" else None))
    np.testing.assert_allclose(source.read(1), TRUTH_M + 1, atol=6e-4 if ending == ".png" else 0)


def test_every_flag_and_setting_on_the_page_exists():
    assert set(re.findall(r"`(depth\.\w+)", PAGE)) <= set(known_keys())
    assert set(re.findall(r"--(\w+)", PAGE)) <= {
        field.name for flags in (DepthFlags, IndexFlags) for field in dataclasses.fields(flags)
    }
