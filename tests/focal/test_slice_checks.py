"""What makes pictures no stack is said by name, and nothing else is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from focusgen.base.errors import CorruptInputError
from focusgen.focal.slice_checks import check_alike, check_shows, check_turned, twins_of
from focusgen.focal.slice_reading import read_slices

GREY = np.arange(24, dtype=np.uint8).reshape(4, 6, 1).repeat(3, 2)
COLOUR = np.stack([GREY[..., 0], GREY[..., 0], 255 - GREY[..., 0]], -1)
BLACK = np.zeros((4, 6, 3), np.uint8)
SCENE = np.random.default_rng(0).integers(20, 200, (30, 40, 3), dtype=np.uint8)


def saved(root: Path, *slices: Any) -> list[Path]:
    paths = [root / f"{n}.png" for n in range(len(slices))]
    for path, pixels in zip(paths, slices, strict=True):
        Image.fromarray(pixels).save(path)
    return paths


@pytest.mark.parametrize(
    ("slices", "said"),
    [
        ((COLOUR, GREY, COLOUR), r"1\.png: is grey, the other slices have colours"),
        ((GREY, GREY, COLOUR), r"2\.png: has colours, the other slices are grey"),
        ((COLOUR, BLACK, COLOUR), r"1\.png: one colour everywhere"),
        ((GREY, GREY, BLACK + 90), r"2\.png: one colour everywhere"),
        ((BLACK, BLACK), None),
        ((BLACK, BLACK + 20), None),
    ],
)
def test_grey_and_even_slices_among_others_are_named(tmp_path, slices, said):
    paths = saved(tmp_path, *slices)
    if said is None:
        assert len(read_slices(paths).pixels) == len(paths)
        return
    with pytest.raises(CorruptInputError, match=said) as caught:
        read_slices(paths)
    assert caught.value.advice


def test_a_slice_that_fits_says_nothing_and_one_on_its_side_how_to_mend_it():
    check_alike(Path("a.png"), BLACK, (4, 6), BLACK.dtype)
    with pytest.raises(CorruptInputError, match=r"a\.png: is 6x4, the first slice 4x6") as caught:
        check_alike(Path("a.png"), BLACK, (6, 4), BLACK.dtype)
    assert "turn it" in caught.value.advice


@pytest.mark.parametrize(("height", "width"), [(1, 4000), (300, 3)])
def test_a_slice_that_is_hardly_more_than_a_line_is_named(height, width):
    pixels = np.zeros((height, width, 3), np.uint8)
    with pytest.raises(CorruptInputError, match=rf"a.png: is {width}x{height}, a slice has 4 pixels"):
        check_alike(Path("a.png"), pixels, (height, width), pixels.dtype)


def test_a_slice_that_exif_turns_otherwise_is_named(tmp_path):
    check_turned(Path("a.jpg"), 3, 3)
    paths = saved(tmp_path, COLOUR, COLOUR, COLOUR)
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(COLOUR).save(paths[1], exif=exif)
    with pytest.raises(CorruptInputError, match=r"1\.png: EXIF turns it .*orientation 3, not 1") as caught:
        read_slices(paths)
    assert "exiftool -Orientation#=1" in caught.value.advice


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize(("values", "how"), [((0, 5), "black"), ((248, 263), "white")])
def test_a_dark_frame_and_a_blinded_one_are_named_in_any_bits(deep, values, how):
    odd = np.random.default_rng(1).integers(*values, SCENE.shape).clip(0, 255).astype(np.uint8)
    slices = np.stack([SCENE, SCENE[::-1], odd])
    slices[0, 0, 0] = 255  # a light: what 12 bits hold at most is then known
    if deep:
        slices = slices.astype(np.uint16) * 16
    with pytest.raises(CorruptInputError, match=rf"c\.png: {how} (everywhere|over)") as caught:
        check_shows([Path("a.png"), Path("b.png"), Path("c.png")], slices)
    assert "its distance" in caught.value.advice


def test_a_dark_scene_and_lamps_at_night_are_no_dark_frames():
    check_shows([Path("a.png")] * 2, np.stack([SCENE, SCENE]) // 50)  # all are dark
    lamp, disc = (np.zeros((40, 40, 3), np.uint8) for _ in range(2))
    lamp[19:21, 19:21], disc[5:35, 5:35] = 255, 40  # in focus, and far out of it
    check_shows([Path("a.png")] * 2, np.stack([lamp, disc]))


def test_only_the_very_same_pictures_are_twins():
    other = SCENE.copy()
    other[3, 4, 0] += 1
    assert twins_of(np.stack([SCENE, other, SCENE, SCENE])) == [(0, 2), (0, 3)]
    assert twins_of(np.zeros((3, 4, 6, 3), np.uint8)) == []  # even ones are not told apart by any lens
