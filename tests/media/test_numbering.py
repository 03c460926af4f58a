"""Which files of a folder are its frames, in which order, and what is said of odd names."""

from __future__ import annotations

import unicodedata

import pytest

from focusgen.media.numbering import find_series, in_order


def names(form: str, numbers) -> list[str]:
    """Return one name per number."""
    return [form.format(number) for number in numbers]


def test_a_plain_series_says_nothing():
    files = names("frame_{}.png", range(8, 120))
    found = find_series(sorted(files))
    assert found.files == tuple(files)
    assert (found.notes, found.problem) == ((), "")


@pytest.mark.parametrize("second", ["{:04d}_R.jpg", "right{:04d}.jpg", "{:04d}_mask.png"])
def test_two_series_of_the_same_numbers_are_refused_with_an_example_of_each(second):
    left, right = names("{:04d}_L.jpg", range(10)), names(second, range(10))
    found = find_series(left + right)
    assert found.files == ()
    assert f"'{left[0]}'" in found.problem and f"'{right[0]}'" in found.problem
    assert "a folder of its own" in found.problem


@pytest.mark.parametrize(
    "strays",
    [["poster.jpg"], ["thumb_00003.jpg", "thumb_00004.jpg"], ["00003 (1).jpg"], ["cover.png", "a.jpg"]],
)
def test_a_few_files_of_another_name_are_left_out_and_named(strays):
    frames = names("{:05d}.jpg", range(20))
    found = find_series([*frames, *strays])
    assert found.files == tuple(frames)
    (note,) = found.notes
    assert note.startswith("left out") and all(stray in note for stray in strays)


def test_a_stray_whose_number_goes_on_is_kept():
    files = [*names("img_{:04d}.png", range(12)), "image_0012.png"]
    found = find_series(files)
    assert set(found.files) == set(files)
    assert "2 forms" in found.notes[0]


def test_names_without_numbers_keep_their_order_and_that_is_said():
    found = find_series(["a.png", "b.png", "c.png"])
    assert found.files == ("a.png", "b.png", "c.png")
    assert found.notes == ("names hold no numbers: frames are in the order of their names",)


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ([*range(10), *range(5000, 5010)], "numbers jump from 9.png to 5000.png"),
        ([*range(5), *range(6, 20)], "numbers jump from 4.png to 6.png"),
        (
            [*range(0, 50, 5), 60, *range(65, 100, 5), 200],
            "numbers jump from 45.png to 60.png, and at 1 more place",
        ),
        ([0, 3, 10, 14, 30, 31, 45], None),
        ([0, 3, 10, 14, 30, 31, 45, 900], "numbers jump from 45.png to 900.png"),
    ],
)
def test_jumps_of_the_numbers_are_said(numbers, said):
    assert find_series(names("{}.png", numbers)).notes == ((said,) if said else ())


def test_cameras_told_apart_by_a_number_are_said():
    files = names("cam0_{:03d}.png", range(4)) + names("cam1_{:03d}.png", range(4))
    (note,) = find_series(files).notes
    assert "begin again after cam0_003.png (cam1_000.png follows)" in note
    assert "one number: f01.png and f1.png" in find_series(["f01.png", "f1.png", "f2.png"]).notes[0]


def test_decimal_time_stamps_are_ordered_as_numbers():
    stamps = ["1305031452.755", "1305031452.79", "1305031452.7915", "1305031452.8", "1305031453.0"]
    shuffled = [f"rgb-{stamp}.png" for stamp in (stamps[i] for i in (3, 0, 4, 2, 1))]
    assert in_order(shuffled) == [f"rgb-{stamp}.png" for stamp in stamps]
    assert find_series(shuffled).files == tuple(f"rgb-{stamp}.png" for stamp in stamps)


def test_time_stamps_of_few_decimals_are_ordered_as_numbers():
    """Python writes 100 pictures per second so: .38 .39 .4 .41."""
    files = [f"{1311868164 + hundredths / 100}.png" for hundredths in range(36, 130)]
    assert files[4] == "1311868164.4.png" and in_order(sorted(files, reverse=True)) == files
    assert find_series(files).notes == ()


@pytest.mark.parametrize("parts", [range(1, 120), range(95, 130)])
def test_parts_and_frames_are_no_decimals(parts):
    files = [f"1.{part}.png" for part in parts]
    assert in_order(sorted(files)) == files


def test_a_gap_between_time_stamps_is_said():
    stamps = [1.3e9 + i / 30 + (2.0 if i > 10 else 0.0) for i in range(20)]
    files = names("{:.6f}.png", stamps)
    assert find_series(files).notes == (f"numbers jump from {files[10]} to {files[11]}",)


def test_the_form_of_accents_makes_no_second_series():
    files = [unicodedata.normalize("NFD" if i % 2 else "NFC", f"été_{i}.png") for i in range(6)]
    found = find_series(files)
    assert len(found.files) == 6 and not found.problem and not found.notes


def test_days_in_names_that_end_in_one_time_are_the_numbers():
    files = [f"2024-01-{day:02d} 10.00.00.png" for day in range(1, 9)]
    assert find_series(files).notes == ()
    assert find_series([*files[:3], *files[4:]]).notes == (f"numbers jump from {files[2]} to {files[4]}",)


@pytest.mark.parametrize("form", ["{:02x}.png", "frame_{:04x}.png", "{:02X}.jpg"])
def test_hexadecimal_numbers_are_counted(form):
    names = [form.format(number) for number in range(5, 40)]
    series = find_series(sorted(names, reverse=True))
    assert series.files == tuple(names) and "hexadecimal" in series.notes[0]


@pytest.mark.parametrize(
    "names",
    [
        ["cafe.png", "face.png", "0123.png"],  # no count: as many numbers between as there may be
        ["1a.png", "1b.png", "2a.png", "2b.png"],  # two cameras
        [f"{number:04d}.png" for number in range(20)],
    ],
)
def test_letters_that_count_nothing_are_no_hexadecimal_numbers(names):
    assert not any("hexadecimal" in note for note in find_series(names).notes)


def test_times_that_were_rounded_do_not_jump_and_a_lost_frame_does():
    files = [f"{7000.1 + frame / 13.5:.6f}.png" for frame in range(16)]
    assert find_series(files).notes == ()
    lost = [*files[:6], *files[7:]]
    assert find_series(lost).notes == (f"numbers jump from {files[5]} to {files[7]}",)
