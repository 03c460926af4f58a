"""What is said of unusual pixels: only what changes their meaning, once, in the numbers of H.273."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

import pytest

from focusgen.base.names import MediaError
from focusgen.media.stream_notes import Looks, check_matrix, note_on_aspect, notes_on_looks

HD = Looks(is_interlaced=False, curve=1, primaries=1, matrix=1, colour_range=1)


def notes(looks: Looks, *, is_rgb: bool = False, n_lines: int = 1080) -> list[str]:
    return list(notes_on_looks(looks, is_rgb=is_rgb, n_lines=n_lines))


def test_ordinary_video_needs_no_word():
    assert notes(HD) == []
    assert notes(HD._replace(curve=2, primaries=2)) == []  # unspecified is what most files say


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"is_interlaced": True}, "interlaced: each frame holds two moments"),
        ({"curve": 8}, "linear transfer curve: colours are kept as stored"),
        ({"curve": 9}, "logarithmic transfer curve"),
        ({"curve": 10}, "logarithmic transfer curve"),
        ({"curve": 16}, "HDR transfer curve (PQ)"),
        ({"curve": 18}, "HDR transfer curve (HLG)"),
        ({"primaries": 9}, "BT.2020 primaries"),
        ({"primaries": 12}, "Display P3 primaries"),
        ({"primaries": 2, "matrix": 9}, "BT.2020 primaries"),
        ({"colour_range": 2}, "full range: levels from 0 to 255"),
        ({"matrix": 2}, "no colour matrix is stated: BT.601 is used"),
    ],
)
def test_each_unusual_number_is_said_in_words(change, said):
    (note,) = notes(HD._replace(**change))
    assert note.startswith(said)


def test_stated_primaries_are_believed_before_a_matrix():
    assert notes(HD._replace(primaries=1, matrix=9)) == []


@pytest.mark.parametrize(("n_lines", "n_notes"), [(719, 0), (720, 1)])
def test_only_where_players_assume_another_matrix_is_its_absence_worth_a_word(n_lines, n_notes):
    assert len(notes(HD._replace(matrix=2), n_lines=n_lines)) == n_notes


def test_rgb_has_no_matrix_and_no_studio_range():
    assert notes(HD._replace(matrix=2, colour_range=2), is_rgb=True) == []
    assert len(notes(HD._replace(matrix=2, curve=16, primaries=9), is_rgb=True)) == 2


def test_all_that_is_odd_is_said_together():
    assert len(notes(Looks(True, 16, 9, 2, 2))) == 5


@pytest.mark.parametrize("matrix", [0, 1, 2, 4, 5, 6, 7, 9])
def test_matrices_that_are_converted_pass(matrix):
    check_matrix("a.mp4", HD._replace(matrix=matrix))


@pytest.mark.parametrize("matrix", [8, 10, 11, 13, 14, 15, 16, 17])
def test_all_others_are_refused_with_a_way_out(matrix):
    with pytest.raises(
        MediaError, match=r"^a b\.mp4: its colour matrix is .+, which is not converted"
    ) as caught:
        check_matrix("a b.mp4", HD._replace(matrix=matrix))
    assert ("ffmpeg -i INPUT -vf zscale=" in caught.value.advice) == (matrix in (8, 10, 13, 14))
    assert caught.value.advice.endswith(".")


def test_a_decoded_frame_is_read_as_numbers():
    frame = SimpleNamespace(interlaced_frame=1, color_trc=16, color_primaries=9, colorspace=10, color_range=1)
    assert Looks.of(frame) == (True, 16, 9, 10, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("aspect", "said"),
    [
        (None, []),
        (Fraction(1), []),
        (Fraction(0), []),
        (Fraction(64, 45), ["64:45"]),
        (Fraction(852, 853), []),  # a picture of odd size, whose shape an encoder keeps to the last pixel
        (Fraction(99, 100), ["99:100"]),
    ],
)
def test_pixels_that_are_not_square_are_said(aspect, said):
    found = list(note_on_aspect(SimpleNamespace(sample_aspect_ratio=aspect)))  # type: ignore[arg-type]
    assert len(found) == len(said) and all(word in note for word, note in zip(said, found, strict=True))
