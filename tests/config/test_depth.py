"""Phase 3's settings: units and scales are one thing, ranges are ranges, cuts are said as they are made."""

from __future__ import annotations

from typing import Any

import pytest

from focusgen import config
from focusgen.base.errors import ConfigError
from focusgen.config import settings_for
from focusgen.config.depth import FRAME_BY_FRAME, DepthConfig
from focusgen.config.depth_units import UNITS


def depth(**values: Any) -> DepthConfig:
    return config.load(None, {f"depth.{name}": value for name, value in values.items()}).depth


@pytest.mark.parametrize(("unit", "per_metre"), [("m", 1.0), ("cm", 100.0), ("mm", 1000.0)])
def test_a_unit_is_kept_as_its_scale_and_holds_for_floats_too(unit, per_metre):
    read = depth(unit=unit)
    assert (read.unit, read.depth_scale, read.scale_floats) == (None, per_metre, True)
    assert read == depth(depth_scale=per_metre, scale_floats=True)


def test_there_are_no_other_units_than_those_that_may_be_said():
    assert set(UNITS) == {"m", "cm", "mm"}
    with pytest.raises(ConfigError, match=r"depth\.unit"):
        depth(unit="km")


@pytest.mark.parametrize("unit", [["m"], {"m": 1}, 1, True, ""])
def test_a_unit_of_another_type_is_refused_by_name(unit):
    with pytest.raises(ConfigError, match=r"depth\.unit"):
        depth(unit=unit)


def test_a_unit_beside_its_own_scale_is_no_contradiction_and_beside_another_is_one():
    assert depth(unit="mm", depth_scale=1000).depth_scale == 1000.0
    with pytest.raises(ConfigError, match="unit cm is 100 per metre, but depth_scale says 5000"):
        depth(unit="cm", depth_scale=5000)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"min_m": 5, "max_m": 1}, "min_m 5 is beyond max_m 1"),
        ({"far_m": 81, "max_m": 80}, "far_m 81 is beyond max_m 80"),
        ({"overlap": 17, "max_chunk": 32}, "overlap 17 is more than half of max_chunk 32"),
        ({"depth_scale": 0}, r"depth\.depth_scale"),
        ({"depth_scale": -1000}, r"depth\.depth_scale"),
        ({"min_m": 0}, r"depth\.min_m"),
        ({"far_m": float("inf")}, r"depth\.far_m"),
        ({"max_chunk": 1, "overlap": 0}, r"depth\.max_chunk"),
        ({"max_patched_fraction": 1.5}, r"depth\.max_patched_fraction"),
        ({"invalid_value": True}, r"depth\.invalid_value"),
        ({"invalid_value": "none"}, r"depth\.invalid_value"),
        ({"invalid_value": (0.0, float("nan"))}, r"depth\.invalid_value"),
        ({"is_exact": "maybe"}, r"depth\.is_exact"),
        ({"input_size": 13}, r"depth\.input_size"),
    ],
)
def test_what_cannot_be_is_refused_and_says_which_of_two_numbers_is_wrong(values, message):
    with pytest.raises(ConfigError, match=message):
        depth(**values)


@pytest.mark.parametrize("name", ["model_id", "model_revision"])
@pytest.mark.parametrize("value", ["", " "])
def test_an_empty_name_is_refused_as_of_a_script_whose_variable_is_not_set(name, value):
    with pytest.raises(ConfigError, match=rf"depth\.{name}: is empty: give a name, or leave it out"):
        depth(**{name: value})


def test_a_refusal_does_not_print_the_whole_section():
    with pytest.raises(ConfigError) as caught:
        depth(min_m=5, max_m=1)
    assert "checkpoint" not in caught.value.message


@pytest.mark.parametrize(
    "values",
    [
        {"min_m": 80, "max_m": 80},
        {"far_m": 80, "max_m": 80},
        {"far_m": 1e6},
        {"overlap": 16, "max_chunk": 32},
        {"overlap": 0, "max_chunk": 2},
    ],
)
def test_the_ends_of_a_range_belong_to_it(values):
    read = depth(**values)
    assert {name: getattr(read, name) for name in values} == values


@pytest.mark.parametrize(
    ("given", "read"), [(65535, (65535.0,)), (-1, (-1.0,)), ([0, 255], (0.0, 255.0)), ([], ())]
)
def test_one_mark_of_no_depth_or_several(given, read):
    assert depth(invalid_value=given).invalid_value == read


@pytest.mark.parametrize(
    ("given", "read", "effective"),
    [
        (True, "true", "auto"),
        (False, "false", "false"),
        ("auto", "auto", "auto"),
        ("true", "true", "auto"),
        ("false", "false", "false"),
    ],
)
def test_yaml_s_true_and_false_are_the_words(given, read, effective):
    found = depth(is_exact=given)
    assert (found.is_exact, found.effective("is_exact")) == (read, effective)
    assert found.taken_as_exact is (effective == "auto")


def test_depth_of_a_network_is_never_taken_as_exact():
    assert not depth(backend="vda", is_exact="true").taken_as_exact


@pytest.mark.parametrize(
    ("values", "cut"),
    [
        ({"backend": "vda"}, "chunks"),
        ({"backend": "vda", "long_video": "stream"}, "stream"),
        ({"backend": "hf", "long_video": "stream"}, FRAME_BY_FRAME),
        ({"backend": "provided"}, FRAME_BY_FRAME),
        ({"backend": "installed_by_somebody", "long_video": "stream"}, "chunks"),
    ],
)
def test_a_long_shot_is_said_to_be_cut_as_it_is(values, cut):
    found = DepthConfig.model_construct(**values)  # unchecked: no test installs a backend here
    assert found.effective("long_video") == cut
    assert found.has_effect("max_chunk") is (cut == "chunks")


def test_no_scale_is_recorded_as_older_records_have_it():
    assert depth().effective("depth_scale") == 1000.0
    assert depth(depth_scale=1.0).effective("depth_scale") == 1.0


@pytest.mark.parametrize(
    ("values", "stays"),
    [
        ({"unit": "mm"}, False),  # floats were metres before
        ({"depth_scale": 1000}, True),
        ({"accept_range": True}, True),
        ({"depth_root": "elsewhere"}, True),
        ({"warn_patched_fraction": 0.5}, True),
        ({"batch_frames": 1}, True),
        ({"invalid_value": 65535}, False),
        ({"min_m": 0.02}, False),
        ({"max_m": 80}, False),
        ({"max_chunk": 64}, True),  # provided depth is never cut
        ({"encoder": "vits"}, True),
    ],
)
def test_a_setting_makes_scenes_stale_only_where_it_changes_their_depth(values, stays):
    changed = config.load(None, {f"depth.{name}": value for name, value in values.items()})
    assert (settings_for(changed, "depth") == settings_for(config.load(None), "depth")) is stays
