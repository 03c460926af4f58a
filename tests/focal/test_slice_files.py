"""Which files are a stack: slices in natural order, and nothing that lies beside them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from focusgen.base.errors import ConfigError, CorruptInputError
from focusgen.focal.slice_files import (
    NO_SLICE,
    stack_of_folder,
    stack_of_paths,
)
from focusgen.focal.slice_reading import read_slices
from focusgen.focal.stack_folders import stack_folders


def folder_of(root: Path, *names: str) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for name in names:
        (root / name).touch()
    return root


def names_of(root: Path) -> list[str]:
    return [path.name for path in stack_of_folder(root).paths]


def test_numbers_are_counted_and_not_spelled(tmp_path):
    folder = folder_of(tmp_path / "s", *(f"img_{n}.PNG" for n in (1, 2, 9, 10, 11, 100)))
    assert names_of(folder) == [f"img_{n}.PNG" for n in (1, 2, 9, 10, 11, 100)]


@pytest.mark.parametrize(
    ("pattern", "numbers", "began_anew"),
    [
        ("IMG_{:04d}.JPG", (9998, 9999, 1, 2), True),
        ("DSC{:05d}.JPG", (9997, 9999, 0, 1), True),
        ("IMG_{:04d}.JPG", (9997, 9998, 9999), False),
        ("IMG_{:04d}_8bit.JPG", (9998, 9999, 1, 2), True),
        ("P{:07d}.JPG", (1019998, 1019999, 1020001), False),
        ("s_{}.png", (0, 1, 5000, 9000), False),
        ("{}.png", range(0, 10_000, 2500), False),
    ],
)
def test_a_counter_that_began_anew_leaves_the_order_open(tmp_path, pattern, numbers, began_anew):
    folder = folder_of(tmp_path / "s", *map(pattern.format, numbers))
    found = stack_of_folder(folder)
    assert found.rolls_over is began_anew
    stack_of_paths(found.paths).check_order("named one by one")
    if began_anew:
        with pytest.raises(ConfigError, match="l.csv:3: the counter of s began anew"):
            found.check_order("l.csv:3")


@pytest.mark.parametrize(
    "beside",
    [
        *("depth.png", "stack_depth.png", "aif.png", "all_in_focus.png", "x-allinfocus.jpg", "mask_01.png"),
        *("scene_disp_1.png", "Depth 3.tif", "out_slice.png", "img_confidence.png", "sharp.png", "gt.png"),
        *("depth_1.png", "normals.png", "all-in-focus.png"),
        *("stack_result.jpg", "img_1-9 stacked.jpg", "ZS PMax.jpg", "composite_2.tif"),
        *("img_1_thumb.png", "thumbnail-2.png", "preview.png"),
    ],
)
def test_what_lies_beside_a_stack_is_no_slice_and_is_told(tmp_path, beside):
    folder = folder_of(tmp_path / "s", "img_1.png", "img_2.png", beside, "notes.txt", ".img_3.png")
    found = stack_of_folder(folder)
    assert [path.name for path in found.paths] == ["img_1.png", "img_2.png"]
    assert found.ignored == (beside,) and found.name == "s"


@pytest.mark.parametrize(
    "stem", ["depthcharge_1", "masked", "gtx_2", "slice_1", "unsharp_1", "aifa", "disparate"]
)
def test_words_inside_of_other_words_exclude_nothing(stem):
    assert NO_SLICE.search(stem) is None


def test_the_longest_series_is_the_stack(tmp_path):
    folder = folder_of(tmp_path / "s", "a_1.png", "a_2.png", "b_1.png", "b_2.png", "b_3.png", "cover.jpg")
    assert names_of(folder) == ["b_1.png", "b_2.png", "b_3.png"]
    assert set(stack_of_folder(folder).ignored) == {"a_1.png", "a_2.png", "cover.jpg"}


def test_two_series_of_one_length_are_refused_and_not_guessed_at(tmp_path):
    folder = folder_of(tmp_path / "s", "a_1.png", "a_2.png", "b_1.png", "b_2.png", "cover.jpg")
    with pytest.raises(
        ConfigError, match=r"/s: two series of 2 pictures: a_1\.png .* and b_1\.png .*stack\?"
    ):
        stack_of_folder(folder)
    folder_of(folder, "a_3.png")
    assert names_of(folder) == ["a_1.png", "a_2.png", "a_3.png"]


def test_what_an_earlier_call_wrote_is_neither_a_stack_nor_a_part_of_one(tmp_path):
    pictures = ("depth", "all_in_focus", "slice", "slice_colours", "confidence")
    results = (*(f"x_{kind}.png" for kind in pictures), "x_metadata.json")
    folder_of(tmp_path / "in" / "out", *results)
    folder_of(tmp_path / "in" / "x", "1.png", "2.png", *results)
    assert [folder.name for folder in stack_folders(tmp_path / "in")] == ["x"]
    found = stack_of_folder(tmp_path / "in" / "x")
    assert [path.name for path in found.paths] == ["1.png", "2.png"] and found.ignored == ()


def test_only_the_last_number_of_a_name_counts_the_slices(tmp_path):
    folder = folder_of(tmp_path / "s", "2024_f1.png", "2024_f2.png", "2023_f1.png")
    assert names_of(folder) == ["2024_f1.png", "2024_f2.png"]


def test_distances_in_names_count_as_what_they_are(tmp_path):
    folder = folder_of(tmp_path / "s", *(f"focus_{d}m.jpg" for d in ("0.5", "0.35", "1", "10.5", "2.25")))
    assert names_of(folder) == [f"focus_{d}m.jpg" for d in ("0.35", "0.5", "1", "2.25", "10.5")]
    # Without a unit 1.10 is what comes after 1.9.
    assert names_of(folder_of(tmp_path / "t", "s1.9.png", "s1.10.png")) == ["s1.9.png", "s1.10.png"]
    assert names_of(folder_of(tmp_path / "u", "5mm_2.png", "5mm_10.png")) == ["5mm_2.png", "5mm_10.png"]


@pytest.mark.parametrize(
    "names",
    [
        ("0.35.png", "0.5.png", "1.00.png", "2.png"),
        ("focus_0.35.png", "focus_0.5.png", "focus_1.250.png", "focus_10.0.png"),
        ("f0.8.png", "f1.25.png", "f1.5.png"),
        ("a_1.1.png", "a_1.2.png", "a_1.10.png"),  # a counter
        ("cam_1.001.png", "cam_1.002.png", "cam_1.010.png"),
    ],
)
def test_decimals_in_names_count_as_such_and_counters_behind_a_point_as_counters(tmp_path, names):
    assert names_of(folder_of(tmp_path / "s", *names)) == list(names)


def test_counters_behind_a_point_keep_their_series_apart(tmp_path):
    names = [f"cam_{camera}.00{n}.png" for camera in (1, 2) for n in (1, 2)]
    with pytest.raises(ConfigError, match="two series of 2 pictures"):
        stack_of_folder(folder_of(tmp_path / "s", *names))


@pytest.mark.parametrize(
    "names",
    [
        ("x.jpg", "x(1).jpg", "x(2).jpg", "x(10).jpg"),
        ("20230101_101010.jpg", "20230101_101010(0).jpg", "20230101_101010(1).jpg"),
        ("x.jpg", "x 2.jpg", "x 3.jpg"),
        ("IMG_1_BURST001_COVER.jpg", "IMG_1_BURST002.jpg", "IMG_1_BURST010.jpg"),
        ("img_1.jpg", "IMG_2.JPG", "Img_3.jpg", "img_4.jpg"),
        ("Blu\u0308te_1.jpg", "Bl\u00fcte_2.jpg", "Blu\u0308te_3.jpg"),
    ],
)
def test_pictures_whose_names_differ_as_phones_and_copies_make_them_differ_are_one_series(tmp_path, names):
    assert names_of(folder_of(tmp_path / "s", *reversed(names))) == list(names)


def test_a_picture_without_a_count_may_be_what_was_made_of_a_series(tmp_path):
    found = stack_of_folder(folder_of(tmp_path / "s", "x.jpg", "x (1).jpg", "x (2).jpg"))
    assert [path.name for path in found.paths] == ["x (1).jpg", "x (2).jpg"]
    assert found.not_of_series == ["x.jpg"]


def test_pictures_without_a_number_are_a_stack_of_all(tmp_path):
    assert names_of(folder_of(tmp_path / "s", "near.png", "far.png", "middle.jpg")) == [
        "far.png",
        "middle.jpg",
        "near.png",
    ]
    # If all look like something else, they are what there is.
    assert names_of(folder_of(tmp_path / "t", "sharp_1.png", "sharp_2.png")) == ["sharp_1.png", "sharp_2.png"]


def test_a_folder_of_folders_is_a_batch_in_natural_order(tmp_path):
    for name in ("s10", "s9", "empty dir"):
        folder_of(tmp_path / name, *(() if "empty" in name else ("1.png", "2.png")))
    assert [folder.name for folder in stack_folders(tmp_path)] == ["s9", "s10"]
    assert [folder.name for folder in stack_folders(tmp_path / "s9")] == ["s9"]


def test_a_link_to_a_slice_that_is_gone_is_a_slice(tmp_path):
    folder = folder_of(tmp_path / "s", "1.png", "3.png")
    (folder / "2.png").symlink_to(tmp_path / "gone.png")
    (folder / "4.png").symlink_to(folder / "3.png")
    assert names_of(folder) == [f"{n}.png" for n in (1, 2, 3, 4)]
    with pytest.raises(CorruptInputError, match=r"unreadable slice .*2\.png"):
        read_slices([folder / "2.png"])


def test_one_picture_beside_folders_of_stacks_is_named(tmp_path):
    folder_of(tmp_path / "s1", "1.png", "2.png")
    folder_of(tmp_path, "cover.jpg")
    with pytest.raises(ConfigError, match=r"one picture \(cover\.jpg\) beside folders of pictures \(s1"):
        stack_folders(tmp_path)
    folder_of(tmp_path, "cover_2.jpg")
    assert stack_folders(tmp_path) == [tmp_path]


def test_folders_of_one_picture_each_may_be_the_slices(tmp_path):
    for name in ("focus_0.5", "focus_1"):
        folder_of(tmp_path / name, "img.png")
    with pytest.raises(ConfigError, match=r"one picture in each of its 2 folders .*0\.5/img\.png") as caught:
        stack_folders(tmp_path)
    assert f"--input {tmp_path}/focus_0.5/img.png,{tmp_path}/focus_1/img.png,..." in caught.value.advice
    folder_of(tmp_path / "whole", "1.png", "2.png")
    assert len(stack_folders(tmp_path)) == 3


def test_what_programs_made_of_each_stack_of_a_batch_is_no_stack_of_its_own(tmp_path):
    for name in ("moss", "moss 2", "fly"):
        folder_of(tmp_path / name, "a_1.png", "a_2.png")
    folder_of(tmp_path, "Moss.jpg", "fly_PMax.tif", "moss 2 (B,R8,S4).jpg")
    with pytest.raises(
        ConfigError, match=r"3 pictures \(fly_PMax.tif\) beside folders .* one stack or several"
    ):
        stack_folders(tmp_path)
    slices = folder_of(tmp_path / "one", "fly_1.png", "fly_2.png", "mossy_1.png")
    for name in ("moss", "fly", "jpg"):  # slices of one stack may well be called as one folder beside them is
        folder_of(slices / name, "a_1.png")
    assert stack_folders(slices) == [slices]


@pytest.mark.parametrize("find", [stack_of_folder, stack_folders])
def test_a_folder_without_pictures_is_named_with_the_kinds(tmp_path, find):
    folder = folder_of(tmp_path / "a b", "x.txt", "y.bmp", "z.bmp")
    with pytest.raises(ConfigError, match=r"a b: no pictures.*\.jpg, .*\.webp") as caught:
        find(folder)
    assert caught.value.advice == "It holds 2 .bmp, 1 .txt: save slices as one of these kinds."


def test_one_slice_in_two_kinds_of_file_is_refused_by_both(tmp_path):
    folder = folder_of(tmp_path / "s", "IMG_8.JPG", "IMG_9.JPG", "IMG_8.tif", "IMG_9.tif")
    with pytest.raises(ConfigError, match=r"s: IMG_8\.JPG and IMG_8\.tif are one slice twice") as caught:
        stack_of_folder(folder)
    assert "one kind of file" in caught.value.advice


def test_pictures_that_were_named_keep_their_order(tmp_path):
    folder = folder_of(tmp_path / "s", "b.png", "a.png")
    found = stack_of_paths([folder / "b.png", folder / "a.png"])
    assert [path.name for path in found.paths] == ["b.png", "a.png"] and found.name == "s"
    with pytest.raises(ConfigError, match="no slice is named"):
        stack_of_paths([])
    with pytest.raises(ConfigError, match=r"gone\.png: no such picture"):
        stack_of_paths([folder / "b.png", folder / "gone.png"])


# --- pixels ---------------------------------------------------------------------------------------------


def test_a_series_of_which_some_pictures_cannot_be_read_is_refused_by_them(tmp_path):
    read = ("IMG_1.jpg", "IMG_3.jpg", "IMG_5.jpg")
    folder = folder_of(tmp_path / "s", *read, "IMG_2.HEIC", "IMG_3.HEIC", "other_4.heic")
    with pytest.raises(ConfigError, match=r"/s: IMG_2\.HEIC: of the series, and of a kind that is not read"):
        stack_of_folder(folder)
    (folder / "IMG_2.HEIC").unlink()
    assert names_of(folder) == list(read)


def test_raw_files_are_refused_with_what_develops_them_and_are_known_again(tmp_path):
    raw = [f"IMG_{n}.CR2" for n in (9998, 9999, 1)]
    folder = folder_of(tmp_path / "s", *raw)
    with pytest.raises(ConfigError, match="no pictures") as refused:
        stack_of_folder(folder)
    assert "dcraw_emu -w -4 -T *.CR2 (LibRaw) does, and say --transfer linear" in refused.value.advice
    folder_of(folder, *(f"{name}.tiff" for name in raw))
    assert stack_of_folder(folder).rolls_over
    folder_of(folder, *(name.replace("CR2", "JPG") for name in raw))
    with pytest.raises(ConfigError, match=r"IMG_1\.CR2\.tiff and IMG_1\.JPG are one slice twice"):
        stack_of_folder(folder)


def test_exr_files_beside_pictures_are_no_slices(tmp_path):
    folder = folder_of(tmp_path / "s", "1.png", "2.png", "1.exr", "2.exr")
    assert names_of(folder) == ["1.png", "2.png"]
    folder_of(tmp_path / "batch" / "depth", "1.exr", "2.exr")
    folder_of(tmp_path / "batch" / "a", "1.png", "2.png")
    assert [path.name for path in stack_folders(tmp_path / "batch")] == ["a"]


def test_pages_of_one_tiff_are_the_slices_of_a_stack_and_several_such_files_a_batch(tmp_path):
    pages = [np.full((4, 6, 3), value, np.uint8) for value in (10, 20, 30)]
    (tmp_path / "one").mkdir()
    for file in ("one/cell.tif", "b.tif", "a.tiff"):
        cv2.imwritemulti(str(tmp_path / file), pages)
    from_folder, named = stack_of_folder(tmp_path / "one"), stack_of_paths([tmp_path / "b.tif"])
    assert [from_folder.name, named.name] == ["one", "b"]
    assert named.names == ["page_1.tif", "page_2.tif", "page_3.tif"]
    for files in (from_folder, named):
        assert read_slices(files.paths).pixels[:, 0, 0, 0].tolist() == [10, 20, 30]
    (tmp_path / "one" / "cell.tif").rename(tmp_path / "c.tif")
    batch = stack_folders(tmp_path)
    assert [stack_of_folder(file).name for file in batch] == ["a", "b", "c"]
    picture(tmp_path / "d.tif")
    assert stack_folders(tmp_path) == [tmp_path]
    with pytest.raises(
        ConfigError, match=r"a\.tiff holds several pictures, .*: which is the stack"
    ) as caught:
        stack_of_folder(tmp_path)
    assert f"--input {tmp_path}/a.tiff" in caught.value.advice


def picture(path: Path) -> None:
    cv2.imwrite(str(path), np.zeros((4, 6, 3), np.uint8))


@pytest.mark.parametrize("pause_s", [600, 60])
def test_slices_that_were_taken_long_after_the_others_are_no_one_stack(tmp_path, pause_s):
    for n in range(6):
        exif = Image.Exif()
        after_s = n + pause_s * (n > 2)
        exif.get_ifd(0x8769)[0x9003] = f"2024:05:01 12:{after_s // 60:02d}:{after_s % 60:02d}"
        Image.new("RGB", (6, 4)).save(tmp_path / f"IMG_{n}.jpg", exif=exif)
    found = stack_of_folder(tmp_path)
    found.check_order("with distances", [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    stack_of_paths(found.paths).check_order("named one by one")
    if pause_s == 60:
        found.check_order("a person may take a minute")
        return
    with pytest.raises(
        ConfigError, match=r"order: between IMG_2\.jpg and IMG_3\.jpg 10 minutes .* others 1 s"
    ):
        found.check_order("order")
