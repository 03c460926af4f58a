"""Windows of 32 frames: every frame once, from the windows that are promised, joined without a seam."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from focusgen.models.vda.schedule import (
    ANCHOR_SLOT,
    CARRIED_SLOTS,
    STEP,
    DepthMap,
    Joiner,
    Window,
    needed_slots,
    plan_windows,
    scale_and_shift,
)
from focusgen.models.vda.variants import WINDOW_FRAMES

MANY = st.integers(1, 200)


def flat(value: float) -> DepthMap:
    return np.full((2, 3), value, np.float32)


def joined(n_frames: int, depth_of, *, align: bool = False, every_window: bool = False) -> dict[int, float]:
    """Join windows whose slots hold depth_of(window, frame), and check that frames come once and in order."""
    joiner = Joiner(n_frames, align=align)
    found: list[tuple[int, float]] = []
    for window in plan_windows(n_frames, every_window=every_window):
        slots = range(WINDOW_FRAMES) if every_window else needed_slots(window, n_frames, align=align)
        maps = {slot: depth_of(window, window.sources[slot]) for slot in slots}
        found += [(frame, float(depth[0, 0])) for frame, depth in joiner.add(window, maps)]
    assert [frame for frame, _ in found] == list(range(n_frames))
    return dict(found)


def test_no_frame_needs_no_window():
    assert list(plan_windows(0)) == []


@given(MANY)
def test_a_plan_shows_every_frame_and_only_the_video_s(n_frames):
    windows = list(plan_windows(n_frames))
    assert [window.is_last for window in windows] == [False] * (len(windows) - 1) + [True]
    assert {frame for window in windows for frame in window.sources} == set(range(n_frames))
    assert all(len(window.sources) == WINDOW_FRAMES for window in windows)


@given(MANY)
def test_a_later_window_begins_with_what_its_predecessor_showed(n_frames):
    windows = list(plan_windows(n_frames))
    for before, after in zip(windows, windows[1:], strict=False):
        assert after.start == before.start + STEP
        assert after.sources[:10] == tuple(before.sources[slot] for slot in CARRIED_SLOTS)
        assert after.sources[0] == 0  # the first frame of the video stays in sight
        shown = range(after.start + 2, after.start + 10)
        assert after.sources[2:10] == tuple(min(frame, n_frames - 1) for frame in shown)


@pytest.mark.parametrize(
    ("n_frames", "starts"), [(1, [0]), (25, [0]), (26, [0, 22]), (47, [0, 22]), (48, [0, 22, 44])]
)
def test_a_window_that_would_give_no_frame_is_left_out(n_frames, starts):
    assert [window.start for window in plan_windows(n_frames)] == starts


def test_the_published_loop_computes_it_all_the_same():
    assert [window.start for window in plan_windows(23, every_window=True)] == [0, 22]


@given(MANY, st.booleans())
def test_depth_that_does_not_depend_on_the_window_comes_out_as_it_is(n_frames, every_window):
    found = joined(n_frames, lambda window, frame: flat(frame + 1.0), every_window=every_window)
    np.testing.assert_allclose([found[n] for n in range(n_frames)], np.arange(n_frames) + 1.0, rtol=1e-6)


@given(MANY)
def test_slots_that_are_not_needed_have_no_effect(n_frames):
    depth_of = lambda window, frame: flat(1.0 + window.start + 0.01 * frame)  # noqa: E731
    few = joined(n_frames, depth_of)
    # The windows that the published loop computes beyond ours repeat the last frame: they give none.
    all_of_them = joined(n_frames, depth_of, every_window=True)
    np.testing.assert_allclose(list(few.values()), [all_of_them[n] for n in few], rtol=1e-6)


def test_overlaps_fade_from_one_window_to_the_next_in_eight_frames():
    found = joined(60, lambda window, frame: flat(1.0 if window.is_first else 8.0))
    assert [found[n] for n in range(22, 34)] == pytest.approx([1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 8, 8])


def test_shares_of_two_windows_sum_to_one():
    found = joined(60, lambda window, frame: flat(5.0))
    assert set(found.values()) == {5.0}


def test_windows_of_relative_depth_are_brought_to_the_first():
    def depth_of(window: Window, frame: int) -> DepthMap:
        truth = np.linspace(1.0, 2.0, 6, dtype=np.float32).reshape(2, 3) + 0.05 * frame
        step = window.start / STEP
        return (truth * (1.0 + step) + 3.0 * step).astype(np.float32)

    found = joined(100, depth_of, align=True)
    np.testing.assert_allclose([found[n] for n in range(100)], 1.0 + 0.05 * np.arange(100), rtol=1e-4)


def test_aligned_depth_is_never_negative():
    joiner = Joiner(60, align=True)
    first, second, _ = plan_windows(60)
    ramp = np.linspace(0.0, 1.0, 6, dtype=np.float32).reshape(2, 3)
    list(joiner.add(first, {slot: ramp for slot in needed_slots(first, 60, align=True)}))
    shown = {slot: ramp + 5.0 for slot in needed_slots(second, 60, align=True)}
    shown[20] = ramp - 5.0
    depth = dict(joiner.add(second, shown))
    assert joiner.scale_shifts == [(pytest.approx(1.0), pytest.approx(-5.0, abs=1e-5))]
    assert depth[second.start + 20].min() == 0.0


@pytest.mark.parametrize("align", [False, True])
def test_alignment_asks_for_the_two_frames_that_both_windows_know(align):
    first, second, *_ = plan_windows(200)
    assert needed_slots(first, 200, align=align) == list(range(31))
    slots = needed_slots(second, 200, align=align)
    assert ([0, 1] == slots[:2]) is align and slots[-1] == 30 and 2 not in slots
    assert [second.sources[slot] for slot in (0, 1)] == [first.sources[0], first.sources[ANCHOR_SLOT]]


@given(st.floats(0.1, 10.0), st.floats(-5.0, 5.0))
def test_scale_and_shift_undo_any_line(scale, shift):
    x = np.random.default_rng(0).random((2, 4, 5)).astype(np.float32)
    found = scale_and_shift(x, (scale * x + shift).astype(np.float32))
    assert found == (pytest.approx(scale, rel=1e-4), pytest.approx(shift, abs=1e-4))


def test_a_fit_is_the_least_squares_one_and_not_a_ratio():
    rng = np.random.default_rng(1)
    x, y = rng.random((1, 4, 5)).astype(np.float32), rng.random((1, 4, 5)).astype(np.float32)
    assert scale_and_shift(x, y) == pytest.approx(tuple(np.polyfit(x.ravel(), y.ravel(), 1)), rel=1e-4)


@pytest.mark.parametrize("value", [0.0, 3.0, 1e6])
def test_a_flat_map_decides_nothing(value):
    flat_map = np.full((1, 4, 5), value, np.float32)
    assert scale_and_shift(flat_map, flat_map + 1.0) == (1.0, 0.0)
