"""One line of a file list: every key is checked, by name and by value, before anything is read."""

from __future__ import annotations

import math
from typing import Any

import pytest

from focusgen.base.errors import ConfigError
from focusgen.focal.records import ALIASES, KEYS, StackRecord, record_of

CAMERA = {"focal_length_mm": 50, "f_number": 2}


def record(**values: Any) -> StackRecord:
    return record_of(values, "list.jsonl:7")


@pytest.mark.parametrize("alias", sorted(ALIASES))
def test_each_alias_stands_for_a_key(alias):
    found = record(**{alias: "x"})
    assert found.text(ALIASES[alias]) == "x" and ALIASES[alias] in KEYS


@pytest.mark.parametrize(
    ("value", "number"), [(5, 5.0), ("5", 5.0), (" 2.5 ", 2.5), (True, 1.0), ("1e3", 1e3)]
)
def test_numbers_are_read_as_people_write_them(value, number):
    assert record(depth_scale=value).number("depth_scale", 7.0) == number
    assert record().number("depth_scale", 7.0) == 7.0


@pytest.mark.parametrize("value", ["five", [1], {}, "nan", math.nan])
def test_what_is_no_number_is_named_with_its_key(value):
    with pytest.raises(ConfigError, match=r"list\.jsonl:7: depth_scale is .*not a number"):
        record(depth_scale=value).number("depth_scale", 1.0)


@pytest.mark.parametrize(("value", "count"), [(1, 1), ("9", 9), (4.0, 4), (None, 3)])
def test_counts_are_whole(value, count):
    assert record(num_images=value).count("num_images", 3) == count


@pytest.mark.parametrize("value", [0, "0", -1000, math.inf])
def test_a_unit_that_cannot_be_is_refused_while_the_list_is_read(value):
    with pytest.raises(ConfigError, match=r"list\.jsonl:7: depth_scale is .*not above 0"):
        record(depth_scale=value)


@pytest.mark.parametrize("value", [0, -2, 2.5, "2.5", math.inf, "many"])
def test_a_number_of_slices_that_cannot_be_is_refused_while_the_list_is_read(value):
    with pytest.raises(ConfigError, match=r"list\.jsonl:7: num_images is .*not a (whole )?number"):
        record(num_images=value)


@pytest.mark.parametrize(
    ("value", "answer"), [(True, True), ("TRUE", True), ("yes", True), (1, True), ("No", False), (0, False)]
)
def test_yes_and_no_have_few_words(value, answer):
    assert record(transpose_depth=value).flag("transpose_depth") is answer
    assert record().flag("transpose_depth") is False


def test_another_word_is_neither_yes_nor_no():
    with pytest.raises(ConfigError, match="transpose_depth is 'perhaps', not true or false"):
        record(transpose_depth="perhaps").flag("transpose_depth")


@pytest.mark.parametrize(
    "value", [[0.5, 1, "inf"], "0.5 1 inf", "0.5,1,inf", "0.5; 1; inf", ["50cm", "1 m", "inf"]]
)
def test_distances_are_a_list_or_words(value):
    assert record(focus_distances=value).focus_distances_m() == [0.5, 1.0, math.inf]


@pytest.mark.parametrize("value", [[], "", " , "])
def test_no_distance_at_all_is_no_list_of_distances(value):
    with pytest.raises(ConfigError, match=r"list\.jsonl:7: focus_distances is empty"):
        record(focus_distances=value)


def test_without_distances_exif_has_to_say_them():
    assert record().focus_distances_m() is None


@pytest.mark.parametrize("value", [[], "a.png", {"a": 1}, None, 3])
def test_slices_are_a_list_with_something_in_it(value):
    with pytest.raises(ConfigError, match=r"slices is no list of pictures.*\n?.*focal_stack"):
        record(slices=value)


@pytest.mark.parametrize(
    "camera",
    [
        {"focal_length_mm": 50},
        {"f_number": 2},
        {"sensor_width_mm": 36},
        {},
        {"focal_length_mm": None, "aperture": 2},
    ],
)
def test_half_a_camera_is_no_lens(camera):
    assert record(camera=camera).lens() is None


def test_a_lens_has_a_full_frame_sensor_and_the_paper_s_formula_unless_it_says_more():
    lens = record(camera=CAMERA).lens()
    assert lens is not None and (lens.sensor_width_m, lens.formula) == (0.036, "paper")
    exact = record(camera={**CAMERA, "formula": "exact", "sensor_width_m": 0.0236}).lens()
    assert exact is not None and (exact.sensor_width_m, exact.formula) == (pytest.approx(0.0236), "exact")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"focal_length_m": 0.085}, {"focal_length_mm": 50}),
        ({"f_number": 2}, {"aperture": 2.8}),
        ({"sensor_size": 36}, {"sensor_width_m": 0.024}),
    ],
)
def test_a_camera_that_says_two_things_is_refused_and_one_that_says_one_twice_is_not(one, other):
    (first,), (second,) = one, other
    with pytest.raises(
        ConfigError, match=rf"camera\.({first}|{second}) is .*, but camera\.({first}|{second}) is"
    ):
        record(camera={**CAMERA, **one, **other})
    twice = record(camera={"focal_length_m": 0.085, "focal_length_mm": 85, "f_number": 2}).lens()
    assert twice is not None and twice.focal_length_m == pytest.approx(0.085)


@pytest.mark.parametrize(
    ("camera", "complaint"),
    [
        ("50mm", "camera is no mapping"),
        ({**CAMERA, "focal_lengt": 3}, r"unknown key camera\.focal_lengt; did you mean focal_length\?"),
        ({**CAMERA, "formula": "thick"}, "camera.formula is 'thick', not paper or exact"),
        ({"formula": "thick"}, "camera.formula is 'thick', not paper or exact"),
        ({"transfer": "rec709"}, "camera.transfer is 'rec709', not gamma22, srgb, linear"),
        ({**CAMERA, "f_number": "wide"}, "camera.f_number is 'wide', not a number"),
        ({**CAMERA, "f_number": 0}, "camera.f_number must be > 0, not 0"),
        ({**CAMERA, "sensor_width_mm": -36}, "camera.sensor_width_mm must be > 0"),
        ({**CAMERA, "focal_length_mm": math.inf}, "camera.focal_length_mm must be > 0"),
        ({**CAMERA, "fx_px": "wide"}, "camera.fx_px is 'wide', not a number"),
        ({"fx_px": 0}, "camera.fx_px must be > 0, not 0"),
    ],
)
def test_a_camera_that_cannot_be_is_refused_while_the_list_is_read(camera, complaint):
    with pytest.raises(ConfigError, match=rf"list\.jsonl:7: {complaint}"):
        record(camera=camera)


def test_a_focal_length_in_pixels_is_there_or_not():
    assert record(camera={"fx_px": "886.81"}).fx_px() == pytest.approx(886.81)
    assert record(camera=CAMERA).fx_px() is None and record().fx_px() is None


def test_an_unknown_key_is_shown_without_what_it_could_do_to_a_terminal():
    with pytest.raises(ConfigError, match=r"list\.jsonl:7: unknown key ") as caught:
        record(**{"dep\x1b[31mth": 1})
    assert "\x1b" not in str(caught.value)
