"""Chunks, windows and segments cover every frame, and crossfade weights sum to one on each."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from focusgen.optics.windows import Chunk, crossfade_weights, cut_segments, plan_chunks, plan_windows

patient = settings(deadline=None, max_examples=60)  # a busy machine is no failure

plans = st.integers(1, 60).flatmap(
    lambda chunk: st.tuples(st.integers(0, 400), st.just(chunk), st.integers(0, chunk - 1))
)


@patient
@given(plans)
def test_chunks_cover_every_frame_with_the_asked_overlap(plan):
    n_frames, chunk, overlap = plan
    chunks = plan_chunks(n_frames, chunk, overlap)
    covered = np.zeros(n_frames, dtype=int)
    for span in chunks:
        covered[span.start : span.stop] += 1
        assert 0 < span.n_frames <= chunk
    assert np.all(covered >= 1)
    if 2 * overlap <= chunk:
        assert covered.max(initial=0) <= 2
    for before, after in zip(chunks, chunks[1:], strict=False):
        assert before.n_frames == chunk
        assert before.stop - after.start == overlap
        assert after.n_frames > overlap  # each chunk brings a frame of its own


@patient
@given(plans)
def test_crossfade_weights_are_positive_and_sum_to_one_on_every_frame(plan):
    n_frames, chunk, overlap = plan
    chunks = plan_chunks(n_frames, chunk, overlap)
    total = np.zeros(n_frames)
    for span, weight in zip(chunks, crossfade_weights(chunks, n_frames), strict=True):
        assert weight.shape == (span.n_frames,) and weight.dtype == np.float64
        assert np.all(weight > 0) and np.all(weight <= 1)
        total[span.start : span.stop] += weight
    np.testing.assert_allclose(total, 1.0, rtol=0, atol=1e-12)


def test_the_ramp_over_an_overlap_is_linear():
    chunks = plan_chunks(17, 10, 3)
    first, second = crossfade_weights(chunks, 17)
    assert chunks == [Chunk(0, 10), Chunk(7, 17)]
    np.testing.assert_allclose(first, [1] * 7 + [0.75, 0.5, 0.25])
    np.testing.assert_allclose(second, [0.25, 0.5, 0.75] + [1] * 7)


def test_the_default_plan_of_the_report_has_a_short_last_chunk():
    assert plan_chunks(500, 256, 32) == [Chunk(0, 256), Chunk(224, 480), Chunk(448, 500)]
    assert plan_chunks(256, 256, 32) == [Chunk(0, 256)]
    assert plan_chunks(257, 256, 32) == [Chunk(0, 256), Chunk(224, 257)]


def test_a_crossfade_of_one_signal_with_itself_changes_nothing():
    signal = np.linspace(1.0, 7.0, 41)
    chunks = plan_chunks(41, 12, 6)
    out = np.zeros(41)
    for span, weight in zip(chunks, crossfade_weights(chunks, 41), strict=True):
        out[span.start : span.stop] += weight * signal[span.start : span.stop]
    np.testing.assert_allclose(out, signal, rtol=1e-14)


def test_a_plan_with_a_gap_is_refused_by_its_frame():
    with pytest.raises(ValueError, match="frame 4 lies in no chunk"):
        crossfade_weights([Chunk(0, 4), Chunk(5, 9)], 9)


@pytest.mark.parametrize(("chunk", "overlap"), [(0, 0), (8, 8), (8, -1)])
def test_chunks_that_would_not_advance_are_refused(chunk, overlap):
    with pytest.raises(ValueError, match="overlap"):
        plan_chunks(20, chunk, overlap)


@patient
@given(st.integers(0, 200), st.integers(1, 40), st.data())
def test_windows_cover_every_frame_and_start_every_stride(n_frames, window, data):
    stride = data.draw(st.integers(1, window))
    windows = plan_windows(n_frames, window, stride)
    assert [w.start for w in windows] == [i * stride for i in range(len(windows))]
    assert set().union(*(w.frames() for w in windows)) == set(range(n_frames))


def test_frames_inside_are_drawn_twice_with_the_default_windows():
    windows = plan_windows(40, 16, 8)
    drawn = np.zeros(40, dtype=int)
    for window in windows:
        drawn[window.start : window.stop] += 1
    assert windows[0] == (0, 16) and windows[-1].stop == 40
    assert np.all(drawn[8:32] == 2) and np.all(drawn[:8] == 1) and np.all(drawn[32:] == 1)


def test_a_stride_that_leaves_frames_out_is_refused():
    with pytest.raises(ValueError, match="leave frames out"):
        plan_windows(20, 4, 5)


@patient
@given(st.integers(0, 60), st.lists(st.integers(0, 80)))
def test_segments_cover_every_frame_once_and_begin_at_the_cuts(n_frames, cuts):
    segments = cut_segments(n_frames, cuts)
    assert [i for start, stop in segments for i in range(start, stop)] == list(range(n_frames))
    assert {start for start, _ in segments[1:]} == {cut for cut in cuts if 0 < cut < n_frames}


def test_a_cut_before_the_first_frame_is_refused():
    with pytest.raises(ValueError, match="frame -2"):
        cut_segments(10, [3, -2])
