"""EXR depth: which channel of which part, and where its pixels lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest

from focusgen.base.errors import CorruptInputError
from focusgen.media.depth_codecs import read_depth_file
from focusgen.media.depth_units import DepthOptions

H, W = 6, 8
TRUTH_M = np.linspace(2.0, 4.0, H * W, dtype=np.float32).reshape(H, W)
HEADER = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
COLOURS = [f"View.Combined.{c}" for c in "RGBA"]
VECTORS = [f"View.{layer}.{c}" for layer in ("Normal", "Position", "Vector") for c in "XYZ"]


def planes(names: list[str], depth: str = "", dtype: Any = np.float32) -> dict[str, np.ndarray]:
    """Return a plane per name: the truth in the one called `depth`, other numbers elsewhere."""
    others = {name: np.full((H, W), 0.1 * (k + 1), np.float32) for k, name in enumerate(names)}
    return {**others, depth: TRUTH_M.astype(dtype)} if depth else others


def read(path: Path, **options: Any) -> np.ndarray:
    return read_depth_file(path, DepthOptions(**options)).depth_m


@pytest.mark.parametrize(
    ("depth", "others"),
    [
        ("Z", ["R", "G", "B", "A"]),
        ("View.Depth.Z", [*COLOURS, *VECTORS, "View.Mist.Z"]),
        ("View.Depth.V", [*COLOURS, *VECTORS]),
        ("depth.Z", ["N.X", "N.Y", "N.Z"]),
        ("depth.R", ["Vector.X", "Vector.Y", "Vector.Z", "Vector.W"]),
        ("Z_Depth", ["R", "G", "B"]),
        ("View.Depth.Z", ["View.UV.U", "View.UV.V", "View.UV.A"]),
        ("Z", ["right.Z", "right.R", "ZBack"]),
        ("V", ["A"]),
        ("Y", []),
    ],
)
def test_the_one_channel_that_is_depth_by_its_name_is_taken(tmp_path, depth, others):
    OpenEXR.File(HEADER, planes(others, depth)).write(str(tmp_path / "a.exr"))
    np.testing.assert_array_equal(read(tmp_path / "a.exr"), TRUTH_M)


@pytest.mark.parametrize(
    "names",
    [
        ["View.UV.U", "View.UV.V", "View.UV.A"],
        [*COLOURS, "View.Vector.X", "View.Vector.Y", "View.Vector.Z", "View.Vector.W"],
        ["Normal.X", "Normal.Y", "Normal.Z"],
        ["X", "Y", "Z"],
        ["View.Mist.Z"],
        ["left.Z"],
        ["Y", "RY", "BY"],
        ["A"],
        ["R", "G", "B"],
        ["ZBack", "R"],
    ],
)
def test_what_only_ends_like_depth_is_refused_with_its_name(tmp_path, names):
    OpenEXR.File(HEADER, planes(names)).write(str(tmp_path / "a.exr"))
    with pytest.raises(CorruptInputError, match=rf"a\.exr.*{sorted(names)[0]}[\s\S]*--depth\.channel"):
        read(tmp_path / "a.exr")


@pytest.mark.parametrize("names", [["left.depth.Z", "right.depth.Z"], ["Z", "depth"], ["a.Depth", "b.Depth"]])
def test_several_candidates_are_refused_by_name_and_one_can_be_said(tmp_path, names):
    OpenEXR.File(HEADER, planes(names, names[1])).write(str(tmp_path / "a.exr"))
    with pytest.raises(
        CorruptInputError, match=f"2 channels are depth by their names: {names[0]}, {names[1]}"
    ):
        read(tmp_path / "a.exr")
    np.testing.assert_array_equal(read(tmp_path / "a.exr", channel=names[1]), TRUTH_M)
    with pytest.raises(CorruptInputError, match="there is no channel nose"):
        read(tmp_path / "a.exr", channel="nose")


def test_depth_may_lie_in_any_part_and_two_parts_of_it_are_told_apart(tmp_path):
    rgb, depth = (OpenEXR.Part({"name": "rgb"}, planes(["R", "G", "B"])), {"Z": TRUTH_M})
    normal = OpenEXR.Part({"name": "normal"}, planes(["X", "Y", "Z"]))
    OpenEXR.File([rgb, normal, OpenEXR.Part({"name": "z"}, depth)]).write(str(tmp_path / "a.exr"))
    np.testing.assert_array_equal(read(tmp_path / "a.exr"), TRUTH_M)
    eyes = [OpenEXR.Part({"name": n}, {"Z": TRUTH_M * k}) for n, k in (("left", 1), ("right", 2))]
    OpenEXR.File(eyes).write(str(tmp_path / "b.exr"))
    with pytest.raises(CorruptInputError, match=r"left\.Z, right\.Z"):
        read(tmp_path / "b.exr")
    np.testing.assert_array_equal(read(tmp_path / "b.exr", channel="right.Z"), 2 * TRUTH_M)


@pytest.mark.parametrize(
    ("low", "display", "rows", "columns"),
    [
        ((2, 1), ((0, 0), (11, 9)), slice(1, 7), slice(2, 10)),  # smaller than the picture: holes around it
        ((-1, -2), ((0, 0), (3, 3)), None, None),  # larger (overscan): cropped
        ((10, 10), ((10, 10), (17, 15)), slice(0, 6), slice(0, 8)),  # both moved alike
        ((40, 40), ((0, 0), (7, 5)), slice(0, 0), slice(0, 0)),  # nowhere in the picture
    ],
)
def test_pixels_lie_where_data_window_and_display_window_say(tmp_path, low, display, rows, columns):
    windows = {
        "dataWindow": (np.array(low, np.int32), np.array((low[0] + W - 1, low[1] + H - 1), np.int32)),
        "displayWindow": tuple(np.array(corner, np.int32) for corner in display),
    }
    OpenEXR.File({**HEADER, **windows}, {"Z": TRUTH_M}).write(str(tmp_path / "a.exr"))
    depth_m = read(tmp_path / "a.exr")
    size = tuple(int(high - first + 1) for first, high in zip(*display, strict=True))[::-1]
    assert depth_m.shape == size
    if rows is None:
        np.testing.assert_array_equal(depth_m, TRUTH_M[2:6, 1:5])
        return
    expected = np.full(size, np.nan, np.float32)
    expected[rows, columns] = TRUTH_M if rows.stop else TRUTH_M[:0, :0]
    np.testing.assert_array_equal(depth_m, expected)


def test_half_is_read_as_metres_and_whole_numbers_by_their_scale(tmp_path):
    OpenEXR.File(HEADER, {"Z": TRUTH_M.astype(np.float16)}).write(str(tmp_path / "half.exr"))
    np.testing.assert_array_equal(read(tmp_path / "half.exr"), TRUTH_M.astype(np.float16))
    OpenEXR.File(HEADER, {"Z": (TRUTH_M * 1000).astype(np.uint32)}).write(str(tmp_path / "uint.exr"))
    with pytest.raises(CorruptInputError, match=r"uint\.exr: whole numbers \(uint32\)[\s\S]*--depth_scale"):
        read(tmp_path / "uint.exr")
    np.testing.assert_allclose(read(tmp_path / "uint.exr", depth_scale=1000.0), TRUTH_M, atol=1e-3)


def test_unreal_s_depth_is_offered_with_its_unit(tmp_path):
    """Its centimetres are plausible metres: 3 m would be 300."""
    names = [f"FinalImageMovieRenderQueue_WorldDepth.{c}" for c in "RGBA"]
    OpenEXR.File(HEADER, planes(names)).write(str(tmp_path / "a.exr"))
    with pytest.raises(CorruptInputError, match="none of its channels") as caught:
        read(tmp_path / "a.exr")
    assert f"--depth.channel '{names[0]}' --depth.unit cm" in caught.value.advice
