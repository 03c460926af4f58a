"""How stored pixels become upright ones: the eight ways of EXIF, and blocks that anybody may have written."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from focusgen.media.orientation import (
    EXIF_ORIENTATIONS,
    HALF_TURNED,
    Orientation,
    exif_orientation,
    turned_note,
)

STORED = np.arange(6, dtype=np.uint8).reshape(2, 3)
# What a person sees, from the definition of EXIF: where row 0 and column 0 of the stored picture belong.
UPRIGHT = {
    1: [[0, 1, 2], [3, 4, 5]],  # top, left
    2: [[2, 1, 0], [5, 4, 3]],  # top, right
    3: [[5, 4, 3], [2, 1, 0]],  # bottom, right
    4: [[3, 4, 5], [0, 1, 2]],  # bottom, left
    5: [[0, 3], [1, 4], [2, 5]],  # left, top
    6: [[3, 0], [4, 1], [5, 2]],  # right, top
    7: [[5, 2], [4, 1], [3, 0]],  # right, bottom
    8: [[2, 5], [1, 4], [0, 3]],  # left, bottom
}


@pytest.mark.parametrize("value", range(1, 9))
def test_each_value_stands_a_picture_upright(value):
    orientation = EXIF_ORIENTATIONS[value]
    upright = orientation.apply(STORED)
    assert upright.tolist() == UPRIGHT[value]
    assert upright.flags.c_contiguous
    assert orientation.size(3, 2) == upright.shape[::-1]


def test_the_eight_ways_are_all_there_are():
    found = {EXIF_ORIENTATIONS[value].apply(STORED).tobytes() for value in range(1, 9)}
    assert len(found) == 8 and set(EXIF_ORIENTATIONS.values()) == {
        Orientation(*map(bool, flags)) for flags in np.ndindex(2, 2, 2)
    }


def test_colours_stay_with_their_pixel():
    rgb = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    turned = EXIF_ORIENTATIONS[6].apply(rgb)
    assert turned.shape == (5, 4, 3)
    np.testing.assert_array_equal(turned[0, 0], rgb[-1, 0])


def block(value: int, *, order: str = "<", kind: int = 3, before: int = 1, head: bytes = b"") -> bytes:
    """Return an EXIF block whose orientation stands behind other tags; `kind` 3 is SHORT, 4 is LONG."""
    others = b"".join(struct.pack(f"{order}HHII", 0x010F + i, 2, 3, 0) for i in range(before))
    width = {3: "HH", 4: "I"}[kind]
    numbers = (value, 0) if kind == 3 else (value,)
    entry = struct.pack(f"{order}HHI{width}", 0x0112, kind, 1, *numbers)
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 8)
    return head + start + struct.pack(f"{order}H", before + 1) + others + entry + bytes(4)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("head", [b"", b"Exif\0\0"])
@pytest.mark.parametrize("kind", [3, 4])
def test_the_tag_is_found_in_both_byte_orders_behind_other_tags(order, head, kind):
    for value in range(1, 9):
        assert exif_orientation(block(value, order=order, kind=kind, before=3, head=head)) == value


def test_zero_is_the_word_of_some_writers_for_unknown():
    assert exif_orientation(block(0)) == 1


@pytest.mark.parametrize(
    "exif",
    [b"", b"Exif\0\0", b"II", b"XX*\0" + bytes(40), b"II*\0\xff\xff\xff\xff\x01\0", b"II*\0\x08\0\0\0\0\0"],
)
def test_no_block_or_none_that_tells_is_upright(exif):
    assert exif_orientation(exif) == 1


def test_a_block_cut_anywhere_raises_nothing():
    whole = block(6, before=2, head=b"Exif\0\0")
    found = [exif_orientation(whole[:length]) for length in range(len(whole) + 1)]
    assert set(found) == {1, 6} and found[-1] == 6
    assert found == sorted(found)  # known once its entry is there, and never something else before


def test_the_note_tells_pictures_apart_that_keep_their_sides():
    notes = {value: turned_note(orientation, "EXIF asks") for value, orientation in EXIF_ORIENTATIONS.items()}
    assert notes[1] == ""
    assert {value for value, note in notes.items() if note.startswith(HALF_TURNED)} == {2, 3, 4}
    assert notes[6] == "stored turned or mirrored: frames stand upright, as EXIF asks"
