"""Phase 2's settings: auto stands for something, windows leave no frame out, and only what counts counts."""

from __future__ import annotations

from typing import Any

import pytest

from focusgen import config
from focusgen.base.errors import ConfigError
from focusgen.config import settings_for
from focusgen.config.deblur import DeblurConfig


def load(**values: Any) -> config.Config:
    return config.load(None, {f"deblur.{name}": value for name, value in values.items()})


@pytest.mark.parametrize(
    ("backend", "temporal", "effective"),
    [
        ("passthrough", "auto", "none"),
        ("classical", "auto", "flow"),
        ("deblurnet", "auto", "flow"),
        ("passthrough", "flow", "flow"),
        ("deblurnet", "none", "none"),
        ("deblurnet", "cached_window", "cached_window"),
    ],
)
def test_auto_smooths_nothing_that_was_left_as_it_is(backend, temporal, effective):
    assert DeblurConfig(backend=backend, temporal=temporal).effective("temporal") == effective


@pytest.mark.parametrize(
    ("temporal", "counting"),
    [
        ("flow", {"radius"}),
        ("draws", {"window_size", "stride"}),
        ("cached_window", {"window_size", "stride"}),
        ("none", set()),
        ("auto", set()),  # passthrough
    ],
)
def test_the_numbers_of_the_other_strategies_do_not_count(temporal, counting):
    section = DeblurConfig(temporal=temporal)
    assert {n for n in ("radius", "window_size", "stride") if section.has_effect(n)} == counting


@pytest.mark.parametrize(("window_size", "stride"), [(8, 8), (16, 1), (1, 1)])
def test_windows_that_touch_or_overlap_are_accepted(window_size, stride):
    section = load(window_size=window_size, stride=stride).deblur
    assert (section.window_size, section.stride) == (window_size, stride)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"window_size": 7, "stride": 8}, "stride 8 is larger than window_size 7: frames would be left out"),
        ({"window_size": 7}, "stride 8 is larger"),  # against the default
        ({"radius": 0}, r"deblur\.radius"),
        ({"radius": 17}, r"deblur\.radius"),
        ({"resize_long_side": 15}, r"deblur\.resize_long_side"),
        ({"on_oom": "skip"}, r"deblur\.on_oom"),
        ({"temporal": "mean"}, r"deblur\.temporal"),
        ({"steps": 0}, r"deblur\.steps"),
        ({"tile_px": 500}, r"deblur\.tile_px"),
    ],
)
def test_what_cannot_be_is_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        load(**values)


def test_saying_what_auto_means_makes_nothing_stale():
    assert settings_for(load(temporal="none"), "deblur") == settings_for(load(), "deblur")
    flow = {"backend": "classical", "temporal": "flow"}
    assert settings_for(load(**flow), "deblur") == settings_for(load(backend="classical"), "deblur")


def test_what_the_network_alone_is_told_counts_for_the_network_alone():
    told = {"steps": 20, "protocol": "black+frame", "on_oom": "input"}
    assert settings_for(load(**told), "deblur") == settings_for(load(), "deblur")
    with_network = settings_for(load(backend="deblurnet", **told), "deblur")
    assert {with_network[f"deblur.{name}"] for name in told} == {20, "black+frame", "input"}


def test_sharpening_does_not_touch_what_comes_after_but_by_its_frames():
    changed = load(backend="classical", resize_long_side=320)
    for phase in ("depth", "calibrate", "render"):
        assert settings_for(changed, phase) == settings_for(load(), phase)
