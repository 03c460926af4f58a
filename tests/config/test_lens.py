"""Camera, lens law and calibration: units, ranges, and what metadata.json says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from focusgen import config
from focusgen.base.errors import ConfigError
from focusgen.config import settings_for
from focusgen.config.lens import MAX_LAG_FRAMES, LensConfig, OpticsConfig


def load(**values: Any) -> config.Config:
    return config.load(None, {name.replace("__", "."): value for name, value in values.items()})


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (1000, 1000.0),
        (1234.5, 1234.5),
        ("1000", 1000.0),
        ("./1000", Path("1000")),
        ("exif", "exif"),
        ("EXIF", "exif"),
        ("Layout", "layout"),
        ("focal lengths.csv", Path("focal lengths.csv")),
        (Path("/a/ü.csv"), Path("/a/ü.csv")),
        (None, None),
    ],
)
def test_the_view_of_the_footage_is_a_number_a_word_or_a_table(given, read):
    assert OpticsConfig(footage_focal_px=given).footage_focal_px == read


@pytest.mark.parametrize("given", [0, -5, 0.0, float("nan"), True, False, "-5", "nan"])
def test_a_focal_length_that_is_none_is_refused_with_what_may_be_said(given):
    with pytest.raises(ConfigError, match="needs pixels > 0, exif, layout, or a CSV"):
        load(optics__footage_focal_px=given)


def test_a_table_may_move_without_making_scenes_stale():
    here, there = load(optics__footage_focal_px="/a/t.csv"), load(optics__footage_focal_px="/b/t.csv")
    assert settings_for(here, "render") == settings_for(there, "render")
    assert settings_for(here, "render")["optics.footage_focal_px"] == "csv"
    assert "optics.footage_focal_px" not in settings_for(load(), "render")


def test_the_sensor_is_told_in_millimetres_and_used_in_metres():
    assert OpticsConfig().sensor_width_m == pytest.approx(0.036)
    assert OpticsConfig(sensor_width_mm=23.5).sensor_width_m == pytest.approx(0.0235)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"lens__focal_length_mm": (85, 24)}, r"needs 0 < low <= high, not \[85.0, 24.0\]"),
        ({"lens__focal_length_mm": 0}, "needs 0 < low <= high"),
        ({"lens__focal_length_mm": (0.024, 0.085)}, "24 mm, if 0.024 was in metres"),
        ({"optics__sensor_width_mm": 0.036}, "36 mm, if 0.036 was in metres"),
        ({"lens__f_number": (0.02, 8)}, "must be from 0.3 to 1000"),
        ({"lens__f_number": (-1.4, 8)}, "needs 0 < low <= high"),
        ({"lens__target_blur_px": (0, 5)}, "needs 0 < low <= high"),
        ({"lens__track_lag_frames": (4, 1)}, r"needs 0 <= low <= high <= 30, not \[4, 1\]"),
        ({"lens__track_lag_frames": (0, MAX_LAG_FRAMES + 1)}, "needs 0 <= low <= high <= 30"),
        ({"lens__track_lag_frames": -1}, "needs 0 <= low"),
        ({"lens__track_lag_frames": 1.5}, r"lens\.track_lag_frames"),
        ({"lens__max_diopters_per_s": 0}, r"lens\.max_diopters_per_s"),
        ({"lens__max_diopters_per_s": 20.1}, r"lens\.max_diopters_per_s"),
        ({"lens__law": "uniform"}, r"lens\.law"),
        ({"lens__focal_length": "footage"}, "needs optics.footage_focal_px"),
        ({"optics__sensor_width_mm": 0}, r"optics\.sensor_width_mm"),
        ({"optics__formula": "thin"}, r"optics\.formula"),
        ({"calibrate__sample_fraction": 0}, r"calibrate\.sample_fraction"),
        ({"calibrate__sample_fraction": 1.1}, r"calibrate\.sample_fraction"),
        ({"calibrate__n_lens_sets": 0}, r"calibrate\.n_lens_sets"),
        ({"calibrate__min_scenes": 0}, r"calibrate\.min_scenes"),
    ],
)
def test_what_cannot_be_is_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        load(**values)


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("focal_length_mm", 50, (50.0, 50.0)),
        ("f_number", 2, (2.0, 2.0)),
        ("track_lag_frames", 0, (0, 0)),
        ("track_lag_frames", MAX_LAG_FRAMES, (MAX_LAG_FRAMES, MAX_LAG_FRAMES)),
        ("target_blur_px", None, None),
    ],
)
def test_one_number_is_a_lens_without_choice(name, value, read):
    assert getattr(LensConfig(**{name: value}), name) == read


BASE = {"law", "focal_length_mm", "f_number"}


@pytest.mark.parametrize(
    ("values", "keys"),
    [
        ({}, BASE | {"focus_range"}),
        ({"law": "sweep"}, BASE | {"focus_range"}),
        ({"law": "balanced"}, BASE | {"target_blur_px"}),
        ({"motion": "rack"}, BASE | {"focus_range", "motion", "max_diopters_per_s"}),
        (
            {"motion": "track"},
            BASE | {"focus_range", "motion", "max_diopters_per_s", "track_lag_frames"},
        ),
        (
            {"motion": "mixed", "mask_root": "masks"},
            BASE | {"focus_range", "motion", "max_diopters_per_s", "track_lag_frames", "mask_root"},
        ),
        ({"motion": "drift", "mask_root": "masks"}, BASE | {"focus_range", "motion", "max_diopters_per_s"}),
        ({"focal_length": "footage"}, BASE | {"focus_range", "focal_length"}),
    ],
)
def test_metadata_says_the_settings_that_a_law_has_and_no_others(values, keys):
    assert LensConfig(**values).document().keys() == keys


def test_metadata_and_records_say_that_masks_are_given_but_not_where():
    lens = LensConfig(motion="track", mask_root="/home/ada/masks")
    assert lens.document()["mask_root"] == lens.effective("mask_root") == "given"
    assert LensConfig(motion="track").effective("mask_root") is None


@pytest.mark.parametrize(
    ("values", "unused"),
    [
        ({"lens__law": "random"}, {"target_blur_px", "max_diopters_per_s", "track_lag_frames"}),
        ({"lens__law": "balanced"}, {"focus_range", "track_lag_frames"}),
        (
            {"lens__focal_length": "footage", "optics__footage_focal_px": 900},
            {"focal_length_mm", "target_blur_px"},
        ),
        ({"lens__motion": "rack"}, {"track_lag_frames", "mask_root"}),
    ],
)
def test_a_setting_of_another_law_makes_nothing_stale(values, unused):
    other = {
        "target_blur_px": (1, 2),
        "max_diopters_per_s": 2.0,
        "track_lag_frames": (0, 2),
        "focus_range": "robust",
        "focal_length_mm": (50, 50),
        "mask_root": "m",
    }
    for name in unused:
        changed = load(**values, **{f"lens__{name}": other[name]})
        assert settings_for(changed, "render") == settings_for(load(**values), "render"), name


def test_many_lenses_that_stand_for_the_law_need_no_number_of_them():
    law = load(calibrate__lenses="law", calibrate__n_lens_sets=3)
    assert settings_for(law, "calibrate") == settings_for(load(calibrate__lenses="law"), "calibrate")
    assert settings_for(load(calibrate__n_lens_sets=3), "calibrate") != settings_for(load(), "calibrate")
