"""Masks of things: a palette's numbers, brought to the published size by the frames' own geometry."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from focusgen.base.errors import CorruptInputError, MissingUpstreamError
from focusgen.media.depth_pairs import FrameNames
from focusgen.media.masks import open_masks
from focusgen.optics.sizes import frame_plan

PLAN = frame_plan(854, 480)  # DAVIS: enlarged to 864x480
FRAMES = FrameNames(tuple(f"{i:05d}.jpg" for i in range(3)), is_video=False)


def write(root: Path, name: str, numbers: np.ndarray) -> None:
    """Write a mask as DAVIS does: indices into a palette."""
    image = Image.fromarray(numbers.astype(np.uint8))
    image.putpalette([level for level in range(256) for _ in range(3)])
    (root / "bear").mkdir(exist_ok=True)
    image.save(root / "bear" / name)


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    numbers = np.zeros((480, 854), np.uint8)
    numbers[100:200, 427:] = 2
    numbers[0, :] = 255
    for i in range(3):
        write(tmp_path, f"{i:05d}.png", numbers)
    return tmp_path


def test_numbers_of_a_palette_are_read_at_the_published_size(masks: Path):
    found = open_masks(masks, "bear", 3, PLAN, FRAMES).read(2)
    assert found.shape == (480, 864) and found.dtype == np.int32
    assert set(np.unique(found)) == {0, 2}  # the void of DAVIS is nothing
    assert (found[150, 432:] == 2).all() and not found[150, :431].any() and not found[0].any()


def test_masks_at_half_the_size_and_at_the_published_size_will_do(masks: Path):
    write(masks, "00000.png", np.ones((240, 427)))
    write(masks, "00001.png", np.ones((480, 864)))
    opened = open_masks(masks, "bear", 3, PLAN, FRAMES)
    assert (opened.read(0) == 1).all() and (opened.read(1) == 1).all()


def test_what_does_not_belong_is_named(masks: Path):
    write(masks, "00001.png", np.ones((480, 480)))
    (masks / "bear/00002.png").write_bytes(b"not a picture")
    opened = open_masks(masks, "bear", 3, PLAN, FRAMES)
    with pytest.raises(CorruptInputError, match="00001.png: a mask of 480x480 does not fit frames of 854x48"):
        opened.read(1)
    with pytest.raises(CorruptInputError, match="00002.png: not readable"):
        opened.read(2)
    two = FrameNames((), is_video=True)
    with pytest.raises(CorruptInputError, match="3 masks for 2 frames"):
        open_masks(masks, "bear", 2, PLAN, two)
    assert len(open_masks(masks, "bear", 2, PLAN, two, is_cut=True).files) == 2
    with pytest.raises(MissingUpstreamError, match="camel: no such folder"):
        open_masks(masks, "camel", 3, PLAN, FRAMES)


def test_masks_are_found_under_the_other_unicode_form_of_a_scenes_name(masks: Path):
    (masks / "bear").rename(masks / "ba\u0308r")  # as macOS writes it
    assert len(open_masks(masks, "b\u00e4r", 3, PLAN, FRAMES).files) == 3


def test_masks_of_other_frames_are_not_paired_by_their_order(masks: Path):
    (masks / "bear/00002.png").rename(masks / "bear/00007.png")
    with pytest.raises(CorruptInputError, match=r"00002.jpg"):
        open_masks(masks, "bear", 3, PLAN, FRAMES)


def test_black_and_white_masks_show_one_thing_and_a_border_beside_numbers_none(tmp_path: Path):
    white = np.zeros((480, 854), np.uint8)
    white[100:200, 427:] = 255
    for i in range(3):
        write(tmp_path, f"{i:05d}.png", white if i else np.zeros_like(white))  # it comes into view later
    found = open_masks(tmp_path, "bear", 3, PLAN, FRAMES)
    assert found.read(1)[150, 600] == 255 and found.read(1)[150, 100] == 0
    numbered = white.copy()
    numbered[0:50] = 1
    write(tmp_path, "00002.png", numbered)  # numbers somewhere: then 255 is the border of DAVIS 2017
    assert open_masks(tmp_path, "bear", 3, PLAN, FRAMES).read(1).max() == 0
