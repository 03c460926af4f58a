"""The camera of phase 5: shapes that are written in many ways, sensors that do nothing, words for none."""

from __future__ import annotations

from typing import Any

import pytest

from focusgen import config
from focusgen.base.errors import ConfigError
from focusgen.config import settings_for
from focusgen.config.render import RenderConfig
from focusgen.config.render_camera import SensorConfig


def load(**values: Any) -> config.Config:
    return config.load(None, {f"render.{name.replace('__', '.')}": value for name, value in values.items()})


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("disc", "disc"),
        (" disc ", "disc"),
        ("polygon(6)", "polygon(6, 0)"),
        ("polygon(6,15)", "polygon(6, 15)"),
        ("polygon( 6.0 , 15.00 )", "polygon(6, 15)"),
        ("cat_eye(0.60)", "cat_eye(0.6)"),
        ("cat_eye(1)", "cat_eye(1)"),
    ],
)
def test_one_shape_written_in_two_ways_is_one_setting(given, kept):
    assert load(aperture=given).render.aperture == kept
    assert settings_for(load(aperture=given), "render") == settings_for(load(aperture=kept), "render")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("polygon", "polygon takes other numbers"),
        ("polygon(2)", "3 to 24 blades"),
        ("polygon(25)", "3 to 24 blades"),
        ("polygon(6.5)", "3 to 24 blades"),
        ("polygon(six)", "are no numbers"),
        ("polygon(6, inf)", "3 to 24 blades"),
        ("cat_eye(0)", "above 0 and at most 1"),
        ("cat_eye(1.01)", "above 0 and at most 1"),
        ("cat_eye(nan)", "above 0 and at most 1"),
        ("disc(1)", "disc takes other numbers"),
        ("heart", "is not disc, polygon"),
        ("", "is not disc, polygon"),
    ],
)
def test_a_shape_that_is_none_is_refused_with_those_that_are(given, message):
    with pytest.raises(ConfigError, match=rf"render\.aperture: .*{message}"):
        load(aperture=given)


@pytest.mark.parametrize(
    ("given", "is_perfect", "document"),
    [
        ({}, True, None),
        ({"noise_iso": "none", "jpeg_quality": "none"}, True, None),
        ({"noise_iso": 800}, False, {"noise_iso": 800.0}),
        ({"jpeg_quality": 1}, False, {"jpeg_quality": 1}),
        ({"noise_iso": 1e7, "jpeg_quality": 100}, False, {"noise_iso": 1e7, "jpeg_quality": 100}),
    ],
)
def test_a_sensor_is_recorded_by_what_it_does(given, is_perfect, document):
    cfg = load(sensor=given)
    assert cfg.render.sensor.is_perfect is is_perfect
    assert settings_for(cfg, "render").get("render.sensor") == document


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"noise_iso": 0}, "noise_iso"),
        ({"noise_iso": 1.1e7}, "noise_iso"),
        ({"noise_iso": float("nan")}, "noise_iso"),
        ({"jpeg_quality": 0}, "jpeg_quality"),
        ({"jpeg_quality": 101}, "jpeg_quality"),
        ({"jpeg_quality": 80.5}, "jpeg_quality"),
        ({"iso": 100}, "iso"),
    ],
)
def test_a_sensor_that_cannot_be_is_refused(given, key):
    with pytest.raises(ConfigError, match=rf"render\.sensor\.{key}"):
        load(sensor=given)


def test_clean_renders_may_be_asked_for_among_the_sensor_s_keys():
    inside = load(sensor={"noise_iso": 800, "keep_clean": True}).render
    assert inside == load(sensor__noise_iso=800, keep_clean=True).render
    assert inside.keep_clean


def test_clean_renders_that_are_both_asked_for_and_not_are_refused():
    with pytest.raises(ConfigError, match=r"sensor\.keep_clean says True, keep_clean beside it False"):
        load(sensor={"noise_iso": 800, "keep_clean": True}, keep_clean=False)


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        ({}, True),  # the blur of thin_lens asks for light
        ({"backend": "bokehnet"}, False),
        ({"backend": "bokehnet", "sensor": {"jpeg_quality": 80}}, False),
        ({"backend": "bokehnet", "sensor": {"noise_iso": 800}}, True),
    ],
)
def test_the_curve_counts_where_something_happens_in_light(values, counts):
    assert RenderConfig(**values).has_effect("transfer") is counts


def test_clean_renders_of_a_perfect_sensor_would_be_the_same_pictures():
    assert not RenderConfig(keep_clean=True).has_effect("keep_clean")
    assert RenderConfig(sensor=SensorConfig(noise_iso=800)).has_effect("keep_clean")


def test_defaults_are_recorded_as_older_data_sets_have_them():
    known = settings_for(load(), "render")
    new = ("transfer", "aperture", "highlights", "planes", "sensor", "keep_clean")
    assert not [name for name in new if f"render.{name}" in known]
    assert settings_for(load(transfer="srgb"), "render") == known | {"render.transfer": "srgb"}
