"""Rate and time left, from what tasks say and what scenes are."""

from __future__ import annotations

import time

import pytest

from focusgen.cluster.attempts import SILENT_S
from focusgen.cluster.outlook import duration_text, outlook
from focusgen.dataset.states import State
from tests.cluster.conftest import attempt, status


def test_time_left_is_frames_left_by_the_sum_of_rates_of_those_that_run():
    statuses = [
        status("a", depth=State.COMPLETE, n_frames=1000),
        status("b", depth=State.PENDING, n_frames=60),
        status("c", depth=State.STALE, n_frames=40),
    ]
    now_s = time.time()
    running = [attempt(phase="depth", started_s=now_s - 10, updated_s=now_s, n_done=n) for n in (20, 30)]
    others = [
        attempt(phase="depth", started_s=0, updated_s=now_s - SILENT_S - 9, n_done=10**9),
        attempt(phase="depth", state="ended", n_done=10**9),
        attempt(phase="deblur", started_s=now_s - 10, updated_s=now_s, n_done=990),
    ]
    depth = outlook(statuses, [*running, *others])["depth"]
    assert (depth.n_frames_left, depth.n_running) == (100, 2)
    assert depth.frames_per_s == pytest.approx(5.0) and depth.eta_s == pytest.approx(20.0)


def test_there_is_no_time_left_to_tell_while_nothing_runs_or_nothing_is_left():
    assert outlook([status("a", depth=State.PENDING)], [])["depth"].eta_s is None
    running = attempt(phase="depth", started_s=0, n_done=5)
    assert outlook([status("a", depth=State.COMPLETE)], [running])["depth"].eta_s is None


def test_failures_are_counted_by_class_and_only_failures():
    statuses = [
        status("a", deblur=State.FAILED, reason="oom: 9 GiB asked"),
        status("b", deblur=State.FAILED, reason="oom: again"),
        status("c", deblur=State.FAILED, reason="bug: KeyError: x"),
        status("d", deblur=State.STALE, reason="deblur.backend: a -> b"),
    ]
    assert outlook(statuses, [])["deblur"].failures == {"bug": 1, "oom": 2}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (29, "29 s"), (31, "1 min"), (3600, "1 h 0 min"), (7260, "2 h 1 min"), (90000, "1 d 1 h")],
)
def test_lengths_of_time_read_well(seconds, text):
    assert duration_text(seconds) == text
