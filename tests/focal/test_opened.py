"""A stack as it is worked on: sorted, shrunk, its lens from flags or EXIF, what is missing named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from focusgen.base.errors import ConfigError, CorruptInputError
from focusgen.focal.opened import open_stack
from focusgen.focal.slice_files import stack_of_folder
from focusgen.focal.told_lens import LensFlags
from focusgen.media.picture_files import (
    EXIF_IFD,
    F_NUMBER,
    FOCAL_LENGTH_35MM,
    FOCAL_LENGTH_MM,
    FOCAL_PLANE_UNIT,
    FOCAL_PLANE_X_RESOLUTION,
    SUBJECT_DISTANCE,
)

HEIGHT, WIDTH = 42, 62
TEXTURE = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
LENS = LensFlags(50.0, 2.0, 36.0)


def folder(tmp_path: Path, *exif: dict[int, Any], n: int = 3) -> Path:
    root = tmp_path / "my stack"
    root.mkdir()
    for index in range(n):
        notes = Image.Exif()
        notes.get_ifd(EXIF_IFD).update(exif[index] if exif else {})
        shown = np.roll(TEXTURE, 7 * index, axis=0)
        Image.fromarray(shown).save(root / f"{index}.jpg", exif=notes, quality=100, subsampling=0)
    return root


def opened(root: Path, distances_m: Any = (2.0, 0.5, 1.0), lens: LensFlags = LENS, most_pixels: int = 10**6):
    told: list[tuple[str, float]] = []
    found = open_stack(
        stack_of_folder(root),
        distances_m,
        lens,
        most_pixels=most_pixels,
        aligns=False,
        progress=lambda what, part: told.append((what, part)),
    )
    return found, told


def test_the_nearest_slice_comes_first_and_files_keep_their_numbers(tmp_path):
    found, told = opened(folder(tmp_path))
    assert found.order == [1, 2, 0] and found.distances_m == [0.5, 1.0, 2.0]
    assert found.stack.diopters.tolist() == [2.0, 1.0, 0.5]
    for place, number in enumerate(found.order):
        shown = np.roll(TEXTURE, 7 * number, axis=0).astype(int)
        own, other = (np.abs(found.stack.slices[k] - shown).mean() for k in (place, place - 1))
        assert own < 20 < other
    assert found.size == (HEIGHT, WIDTH) and found.factor == 1
    parts = [part for what, part in told if what == "read"]
    assert parts == sorted(parts) and len(parts) == 3


@pytest.mark.parametrize(
    ("most_pixels", "factor"), [(HEIGHT * WIDTH, 1), (HEIGHT * WIDTH - 1, 2), (300, 3), (100, 6)]
)
def test_a_large_stack_is_worked_on_at_a_whole_part_of_its_size(tmp_path, most_pixels, factor):
    found, _ = opened(folder(tmp_path), most_pixels=most_pixels)
    assert found.factor == factor and found.size == (HEIGHT, WIDTH)
    height, width = found.stack.slices.shape[1:3]
    assert (height, width) == (HEIGHT // factor, WIDTH // factor)
    assert height * width <= most_pixels
    # The same lens, seen on fewer pixels.
    assert found.stack.radius_px_m == pytest.approx(0.05**2 / 4 * width / 0.036)


EXIF = {FOCAL_LENGTH_MM: 25.0, F_NUMBER: 4.0, FOCAL_LENGTH_35MM: 50, SUBJECT_DISTANCE: 0.5}


def test_a_camera_s_notes_are_taken_where_nobody_says_more(tmp_path):
    root = folder(tmp_path, *({**EXIF, SUBJECT_DISTANCE: metres} for metres in (3.0, 1.0, 2.0)))
    found, _ = opened(root, None, LensFlags())
    assert found.distances_m == [1.0, 2.0, 3.0] and found.missing == []
    assert found.lens is not None and (found.lens.focal_length_m, found.lens.f_number) == (0.025, 4.0)
    assert found.lens.sensor_width_m == pytest.approx(0.018, rel=0.05)
    said = opened(root, (4.0, 5.0, 6.0), LensFlags(f_number=2.0))[0]
    assert said.distances_m == [4.0, 5.0, 6.0] and said.lens is not None
    assert (said.lens.focal_length_m, said.lens.f_number) == (0.025, 2.0)


def test_what_tells_the_width_of_the_sensor_is_kept(tmp_path):
    per_mm = {FOCAL_PLANE_X_RESOLUTION: WIDTH / 22.5, FOCAL_PLANE_UNIT: 4}
    told = {FOCAL_LENGTH_MM: 50.0, F_NUMBER: 2.0, **per_mm}
    found, _ = opened(folder(tmp_path, told, told, told), lens=LensFlags())
    assert found.lens is not None and found.lens.sensor_width_m == pytest.approx(0.0225, rel=1e-3)
    assert (found.width_from, found.missing) == ("exif_resolution", [])
    given, _ = opened(tmp_path / "my stack", lens=LensFlags(sensor_width_mm=36.0))
    assert given.width_from == "given"
    (tmp_path / "b").mkdir()
    assert opened(folder(tmp_path / "b"), lens=LensFlags(50.0, 2.0))[0].width_from == "assumed"
    (tmp_path / "c").mkdir()
    assert opened(folder(tmp_path / "c", EXIF, EXIF, EXIF), lens=LensFlags())[0].width_from == "exif"


@pytest.mark.parametrize(
    ("lens", "wanted_m"),
    [
        (LensFlags(5.0, 2.0, fx_px=1.25 * WIDTH), 0.004),
        (LensFlags(fx_px=WIDTH), 0.025),
        (LensFlags(5.0, 2.0, 6.0, fx_px=1.25 * WIDTH), 0.006),
    ],
)
def test_a_focal_length_in_pixels_wins_over_the_sensor_of_exif_and_a_width_over_both(
    tmp_path, lens, wanted_m
):
    found, _ = opened(folder(tmp_path, EXIF, EXIF, EXIF), lens=lens)
    assert found.lens is not None and found.lens.sensor_width_m == pytest.approx(wanted_m)
    assert (found.width_from, found.missing) == ("given", [])


@pytest.mark.parametrize(
    ("lens", "missing", "is_known"),
    [
        (LensFlags(), ["--focal-length", "--f-number"], False),
        (LensFlags(focal_length_mm=50.0), ["--f-number"], False),
        (LensFlags(f_number=2.0), ["--focal-length"], False),
        (LensFlags(50.0, 2.0), ["--sensor-width"], True),
        (LENS, [], True),
    ],
)
def test_flags_that_would_tell_more_of_the_lens_are_named(tmp_path, lens, missing, is_known):
    found, _ = opened(folder(tmp_path), lens=lens)
    assert found.missing == missing and (found.lens is not None) == is_known
    assert (found.stack.radius_px_m is not None) == is_known


@pytest.mark.parametrize(("asked", "formula"), [("auto", "paper"), ("paper", "paper"), ("exact", "exact")])
def test_a_stack_that_does_not_breathe_is_one_of_the_paper_s_unless_it_is_said(tmp_path, asked, formula):
    found, _ = opened(folder(tmp_path), lens=LensFlags(50.0, 2.0, 36.0, asked))
    assert found.lens is not None and found.lens.formula == formula and found.lens.reference_m == 1.0


@pytest.mark.parametrize(
    ("distances_m", "lens", "why"),
    [
        ((1.0, 2.0), LENS, "more slices than distances: 3 slices"),
        ((1.0, 2.0, 1.0), LENS, "duplicate focus distance 1 m: 0.jpg and 2.jpg"),
        ((1.0, 2.0, 0.04), LENS, "2.jpg: focus distance 0.04 m is not beyond the focal length"),
        (None, LENS, r"my stack: missing focus distances: EXIF has none in 0\.jpg, 1\.jpg, 2\.jpg"),
    ],
)
def test_distances_that_cannot_be_are_refused_by_slice(tmp_path, distances_m, lens, why):
    with pytest.raises(ConfigError, match=why):
        opened(folder(tmp_path), distances_m, lens)


def test_a_record_that_lies_beside_slices_is_named_where_they_say_no_distances(tmp_path):
    root = folder(tmp_path)
    (root / "stack.json").write_text("{}")
    with pytest.raises(ConfigError, match="missing focus distances") as refused:
        opened(root, None, LENS)
    assert refused.value.advice == f"{root}/stack.json has them, and the lens: give it as --input."


def test_bad_distances_are_said_before_a_slice_is_read(tmp_path):
    root = folder(tmp_path)
    (root / "1.jpg").write_bytes(b"junk")
    with pytest.raises(ConfigError, match="duplicate"):
        opened(root, (1.0, 1.0, 2.0))
    with pytest.raises(CorruptInputError, match=r"unreadable slice .*1\.jpg"):
        opened(root)


def test_one_picture_under_two_names_is_refused_where_blur_must_differ(tmp_path):
    root = folder(tmp_path)
    (root / "2.jpg").write_bytes((root / "0.jpg").read_bytes())
    for lens in (LENS, LensFlags()):
        with pytest.raises(ConfigError, match=r"2\.jpg and 0\.jpg are the same picture, at 0\.5 and 1 m"):
            opened(root, (1.0, 2.0, 0.5), lens)
    opened(root, (100.0, 2.0, 80.0))  # drawn slices far away may well be equal


def test_a_slice_that_exif_turns_otherwise_is_named(tmp_path):
    root = folder(tmp_path)
    turned = Image.Exif()
    turned[0x0112] = 3
    Image.fromarray(TEXTURE).save(root / "1.jpg", exif=turned)
    with pytest.raises(CorruptInputError, match=r"1\.jpg: EXIF turns it otherwise .*3, not 1"):
        opened(root)


def test_pages_of_one_tiff_are_looked_at_as_files_of_their_own_are(tmp_path):
    pages = [Image.fromarray(np.roll(TEXTURE, n, 0)) for n in range(3)]
    (tmp_path / "files").mkdir()
    for n, page in enumerate(pages):
        page.copy().save(tmp_path / "files" / f"{n}.png")
    (tmp_path / "pages").mkdir()
    pages[0].save(tmp_path / "pages" / "z.tif", save_all=True, append_images=pages[1:])
    (one, _), (other, _) = (opened(tmp_path / name) for name in ("files", "pages"))
    assert np.array_equal(one.stack.slices, other.stack.slices)
    assert np.array_equal(one.read(2), other.read(2))


def test_slices_of_another_series_are_named_where_distances_are_too_many(tmp_path):
    for stem in ("x", "x (1)", "x (2)", "mask"):
        Image.fromarray(TEXTURE).save(tmp_path / f"{stem}.png")
    with pytest.raises(ConfigError, match=r"2 slices .*, 3 distances; not of their series: x\.png") as caught:
        opened(tmp_path, (1.0, 2.0, 3.0))
    assert "--input a.png,b.png" in caught.value.advice


@pytest.mark.parametrize("distances_m", [None, (1.0,)])
def test_one_slice_is_no_stack(tmp_path, distances_m):
    with pytest.raises(ConfigError, match="at least 2 slices"):
        opened(folder(tmp_path, n=1), distances_m)


def test_a_lens_is_known_where_any_slice_names_it_and_must_be_one(tmp_path):
    lens = {FOCAL_LENGTH_MM: 50.0, F_NUMBER: 2.0, FOCAL_LENGTH_35MM: 50}
    root = folder(tmp_path, {}, lens, {**lens, F_NUMBER: 2.1})
    found, _ = opened(root, lens=LensFlags())
    assert found.lens is not None and found.lens.f_number == 2.0 and found.missing == []
    (tmp_path / "z").mkdir()
    zoomed = folder(tmp_path / "z", lens, {**lens, F_NUMBER: 8.0}, {**lens, FOCAL_LENGTH_MM: 35.0})
    with pytest.raises(
        ConfigError, match=r"EXIF says 35 in 2\.jpg and 50 in 1\.jpg for what --focal-length is"
    ):
        opened(zoomed, lens=LensFlags())
    with pytest.raises(ConfigError, match=r"EXIF says 2 in 0\.jpg and 8 in 1\.jpg for what --f-number is"):
        opened(zoomed, lens=LensFlags(focal_length_mm=50.0))
    found, _ = opened(zoomed, lens=LensFlags(50.0, 4.0))  # who says it knows it
    assert found.lens is not None and found.lens.f_number == 4.0


def test_distances_that_change_no_blur_are_refused_and_millimetres_suspected(tmp_path):
    root = folder(tmp_path)
    with pytest.raises(
        ConfigError, match=r"from 500 to 2000 m this lens' blur changes by 0\.0\d+ px"
    ) as caught:
        opened(root, (2000.0, 500.0, 1000.0))
    assert "500mm" in caught.value.advice
    opened(root, (2000.0, 500.0, 1000.0), LensFlags())  # relative depth does not care


def test_distances_from_the_sensor_need_the_focal_length(tmp_path):
    root = folder(tmp_path)
    found, _ = opened(root, (0.5, 1.0, 2.0), LensFlags(50.0, 2.0, 36.0, "auto", "sensor"))
    assert found.distances_m == pytest.approx([0.4436, 0.9472, 1.9487], abs=1e-4)
    with pytest.raises(ConfigError, match="only if it is known") as refused:
        opened(root, (0.5, 1.0, 2.0), LensFlags(distances_from="sensor"))
    assert "--focal-length" in refused.value.advice
