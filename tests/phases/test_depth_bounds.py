"""Depth is brought into its range pixel by pixel; every pixel that was touched is counted and flagged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from focusgen.base.errors import DepthRangeError
from focusgen.config.depth import DepthConfig
from focusgen.optics.validity import DepthFlag
from focusgen.phases.depth_bounds import FLOAT16_MAX_M, bounded_depth, check_float16

NAN, INF = np.nan, np.inf
CFG = DepthConfig(min_m=0.5, max_m=10.0)


def depths(*values: float) -> np.ndarray:
    return np.array([values], np.float32)


def network(**values: Any) -> DepthConfig:
    return DepthConfig(backend="dryrun", **values)


@pytest.mark.parametrize(
    ("given_m", "bounded_m", "counts"),
    [
        ((1.0, 2.0), (1.0, 2.0), [0, 0, 0]),
        ((0.5, 10.0), (0.5, 10.0), [0, 0, 0]),
        ((0.1, 2.0), (0.5, 2.0), [0, 1, 0]),
        ((-3.0, 0.0), (0.5, 0.5), [0, 2, 0]),
        ((2.0, 11.0), (2.0, 10.0), [0, 0, 1]),
        ((NAN, 2.0), (NAN, 2.0), [1, 0, 0]),
        ((-INF, 2.0), (NAN, 2.0), [1, 0, 0]),
        ((INF, 2.0), (INF, 2.0), [0, 0, 0, 1]),
        ((NAN, INF, 0.1, 99.0, 1.0), (NAN, INF, 0.5, 10.0, 1.0), [1, 1, 1, 1]),
    ],
)
def test_what_is_done_to_each_pixel_of_given_depth(given_m, bounded_m, counts):
    found = bounded_depth(depths(*given_m), CFG)
    assert np.array_equal(found.depth_m, depths(*bounded_m), equal_nan=True)
    assert found.counts == counts and found.depth_m.dtype == np.float32


def test_flags_say_which_pixel_and_why():
    flags = bounded_depth(depths(NAN, INF, 0.1, 99.0, 1.0), CFG).flags
    assert flags is not None and flags.dtype == np.uint8
    expected = [DepthFlag.PATCHED, DepthFlag.FAR, DepthFlag.RAISED, DepthFlag.FAR, 0]
    assert flags[0].tolist() == [int(flag) for flag in expected]


def test_a_map_within_its_range_is_handed_on_as_it_is():
    usual = depths(1.0, 2.0)
    found = bounded_depth(usual, CFG)
    assert found.depth_m is usual and found.flags is None and found.is_measured_everywhere


def test_only_depth_that_came_with_the_data_may_say_infinitely_far():
    found = bounded_depth(depths(INF, 2.0), network(max_m=10.0))
    assert found.counts == [1, 0, 0] and np.isnan(found.depth_m[0, 0])
    assert not found.is_measured_everywhere


@pytest.mark.parametrize(
    ("value", "waits"), [(1.0, False), (0.1, False), (99.0, False), (NAN, True), (INF, True)]
)
def test_a_frame_waits_for_the_scene_only_where_something_is_unknown(value, waits):
    assert bounded_depth(depths(value, 2.0), CFG).is_measured_everywhere is not waits


def test_without_an_upper_end_nothing_is_lowered():
    found = bounded_depth(depths(1e5, 0.001), DepthConfig(min_m=0.01))
    assert found.counts == [0, 1, 0] and found.depth_m[0].tolist() == pytest.approx([1e5, 0.01])


def test_what_was_given_is_not_changed():
    before = depths(NAN, INF, 0.1, 99.0)
    kept = before.copy()
    bounded_depth(before, CFG)
    assert np.array_equal(before, kept, equal_nan=True)


VALUES = st.lists(
    st.sampled_from([NAN, INF, -INF, -1.0, 0.0, 0.25, 0.5, 1.0, 9.5, 10.0, 10.5, 1e6]), min_size=1, max_size=9
)


@given(VALUES)
def test_no_number_is_left_outside_and_bounding_twice_is_bounding_once(values):
    once = bounded_depth(depths(*values), CFG)
    finite = once.depth_m[np.isfinite(once.depth_m)]
    assert ((finite >= CFG.min_m) & (finite <= CFG.max_m)).all()
    assert not np.isneginf(once.depth_m).any()
    twice = bounded_depth(once.depth_m, CFG)
    assert np.array_equal(twice.depth_m, once.depth_m, equal_nan=True)
    assert twice.counts[1:3] == [0, 0]


@given(VALUES)
def test_flags_and_counts_are_the_same_story(values):
    found = bounded_depth(depths(*values), CFG)
    flags = np.zeros((1, len(values)), np.uint8) if found.flags is None else found.flags
    n_far = found.counts[2] + (found.counts[3] if len(found.counts) == 4 else 0)
    told = [int(np.count_nonzero(flags & f)) for f in (DepthFlag.PATCHED, DepthFlag.RAISED, DepthFlag.FAR)]
    assert told == [found.counts[0], found.counts[1], n_far]


@pytest.mark.parametrize("value", [65504.0, 1.0, NAN, INF])
def test_what_float16_holds_or_the_scene_will_tell_passes(value):
    check_float16(depths(value, 1.0), CFG, "a")


@pytest.mark.parametrize("values", [(65505.0, 1.0), (NAN, 7e4), (INF, 7e4, 1.0)])
def test_what_float16_cannot_hold_is_refused_with_the_ways_out(values):
    with pytest.raises(DepthRangeError, match="does not fit float16") as caught:
        check_float16(depths(*values), CFG, "scene 'a', frame 3")
    assert caught.value.message.startswith("scene 'a', frame 3: depth of ")
    assert "depth.max_m" in caught.value.advice and "--depth_scale" in caught.value.advice


def test_a_network_has_no_unit_to_be_told():
    with pytest.raises(DepthRangeError) as caught:
        check_float16(depths(7e4), network(), "a")
    assert "depth.max_m" in caught.value.advice and "scale" not in caught.value.advice


def test_the_largest_depth_is_that_of_the_type():
    assert np.finfo(np.float16).max == FLOAT16_MAX_M
