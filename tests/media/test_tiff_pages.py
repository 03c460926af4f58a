"""Pages of one TIFF as files of their own, and files whose pages are more than one stack."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from focusgen.base.errors import CorruptInputError
from focusgen.media.picture_files import picture_of
from focusgen.media.tiff_pages import has_pages, page_bytes, pages_of
from tests.clips import swapped_profile

DESCRIPTION, SUBFILE, PREDICTOR = 270, 254, 317
OME = '<?xml version="1.0"?><OME><Image><Pixels SizeC="{}" SizeT="{}" SizeX="9" SizeZ="{}"/></Image></OME>'


def pages(n: int = 3, mode: str = "RGB") -> list[Image.Image]:
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (30, 41, 3), np.uint8)).convert(mode) for _ in range(n)]


def saved(path: Path, pictures: list[Image.Image], said: str = "", **how: Any) -> Path:
    if said:
        how["tiffinfo"] = {DESCRIPTION: said}
    pictures[0].save(path, save_all=True, append_images=pictures[1:], **how)
    return path


@pytest.mark.parametrize("mode", ["RGB", "L", "P"])
@pytest.mark.parametrize(
    "how", [{}, {"compression": "tiff_lzw"}, {"compression": "tiff_adobe_deflate"}, {"big_tiff": True}]
)
def test_a_page_alone_has_the_pixels_that_it_has_among_others(tmp_path, mode, how):
    pictures = pages(mode=mode)
    path = saved(tmp_path / "z.tif", pictures, **how)
    found = pages_of(path)
    assert [page.name for page in found] == ["page_1.tif", "page_2.tif", "page_3.tif"] and has_pages(path)
    for page, picture in zip(found, pictures, strict=True):
        data = page_bytes(page)
        assert data is not None and len(data) < path.stat().st_size
        assert np.array_equal(picture_of(data, page.name).rgb, np.asarray(picture.convert("RGB")))


def test_compressed_as_jpeg_the_tables_of_a_page_go_with_it(tmp_path):
    pictures = [page.resize((410, 300)) for page in pages()]
    path = saved(tmp_path / "z.tif", pictures, compression="jpeg", quality=95)
    for page, picture in zip(pages_of(path), pictures, strict=True):
        shown = picture_of(page_bytes(page) or b"", page.name).rgb
        assert np.abs(shown.astype(int) - np.asarray(picture)).mean() < 3


def test_profile_and_the_way_numbers_are_stored_go_with_a_page(tmp_path):
    profile, pictures = swapped_profile(), pages(2)
    for page in pages_of(saved(tmp_path / "coloured.tif", pictures, icc_profile=profile)):
        assert picture_of(page_bytes(page) or b"", page.name).icc_profile == profile
    lights = [Image.fromarray(np.asarray(one.convert("L")) / np.float32(7.0)) for one in pictures]
    rows = {"compression": "tiff_lzw", "tiffinfo": {PREDICTOR: 2}}
    for name, stored, how in (("floats.tif", lights, {}), ("differences.tif", pictures, rows)):
        for page, one in zip(pages_of(saved(tmp_path / name, stored, **how)), stored, strict=True):
            with Image.open(BytesIO(page_bytes(page) or b"")) as read:
                assert np.array_equal(np.asarray(read), np.asarray(one)), name


@pytest.mark.parametrize(
    "said",
    [
        "ImageJ=1.54f\nimages=3\nslices=3\nunit=mm\n",
        OME.format(1, 1, 3),
        OME.format(3, 1, 3),  # the samples of RGB
        '{"shape": [1, 3, 30, 41, 3]}',  # tifffile
        '{"shape": [3, 3, 30, 41]}',  # planes one behind the other
        "made by a microscope",
    ],
)
def test_slices_alone_are_a_stack(tmp_path, said):
    assert len(pages_of(saved(tmp_path / "z.tif", pages(), said))) == 3


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("ImageJ=1.54f\nimages=6\nchannels=2\nslices=3\nhyperstack=true\n", "2 channels|3 slices x"),
        ("ImageJ=1.54f\nimages=6\nframes=6\n", "holds 6 frames: which"),
        (OME.format(1, 2, 3), "holds 3 slices x 2 frames"),
        (OME.format(6, 1, 3), "holds 3 slices x 2 channels"),
        (OME.format(1, 1, 3).replace("</Image>", "</Image><Image><Pixels/></Image>"), "x 2 positions"),
        ('{"shape": [2, 3, 30, 41, 3]}', "holds 2 stacks x 3 slices"),
        (OME.format(1, 1, 9), "says that it holds 9 pictures; it has 6"),
        ("ImageJ=1.54f\nimages=7\nslices=7\n", "says that it holds 7 pictures; it has 6"),
        ("ImageJ=1.54f\nimages=4\n", "says that it holds 4 pictures; it has 6"),
    ],
)
def test_pages_that_are_more_than_one_stack_are_not_guessed_at(tmp_path, said, told):
    path = saved(tmp_path / "z.tif", pages(6), said)
    with pytest.raises(CorruptInputError, match=rf"z\.tif: .*({told})") as caught:
        pages_of(path)
    assert "ImageJ" in caught.value.advice


def test_a_picture_and_its_thumbnail_are_no_stack(tmp_path):
    picture = pages(1)[0]
    for size in ((20, 15), (41, 15), (20, 30)):
        assert not has_pages(saved(tmp_path / "z.tif", [picture, picture.resize(size)]))
    marked = picture.copy()
    marked.encoderinfo = {"tiffinfo": {SUBFILE: 1}}  # a smaller copy, as its tag says
    assert not has_pages(saved(tmp_path / "z.tif", [picture, marked]))
    assert has_pages(saved(tmp_path / "z.tif", [picture, picture]))


def test_single_pictures_and_other_files_have_no_pages(tmp_path):
    (tmp_path / "junk.tif").write_bytes(b"II*\0" + bytes(30))
    (tmp_path / "empty.tif").touch()
    pages()[0].save(tmp_path / "one.tif")
    pages()[0].save(tmp_path / "one.png")
    for name in ("junk.tif", "empty.tif", "one.tif", "one.png", "gone.tif"):
        assert not has_pages(tmp_path / name)
        assert page_bytes(tmp_path / name) is None


def test_a_page_that_is_gone_or_cut_off_is_named(tmp_path):
    path = saved(tmp_path / "z.tif", pages())
    with pytest.raises(CorruptInputError, match=r"page_4\.tif: there is no such page"):
        page_bytes(path / "page_4.tif")
