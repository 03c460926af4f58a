"""How long the whole run will take: predictions first, then how long its phases really took."""

from __future__ import annotations

import pytest

from focusgen.run.console import ConsoleObserver, make_console
from focusgen.run.run_clock import RunClock


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_phases_to_come_are_corrected_by_how_long_the_others_took():
    clock = Clock()
    run = RunClock({"deblur": 100.0, "depth": 50.0, "render": 200.0}, clock)
    run.begin("deblur")
    assert run.left_s(0.0) == 350.0
    assert run.left_s(0.001) == pytest.approx(0.999 * 100 + 250)
    clock.now_s = 60.0  # at 30 % instead of 60 %: this machine takes twice as long
    assert run.left_s(0.301) == pytest.approx(0.699 * 200 + 2 * 250)
    clock.now_s = 200.0
    run.begin("depth")
    assert run.left_s(0.0) == pytest.approx(2 * 250)
    assert run.text(0.0) == "whole run: about 8 min left"
    clock.now_s = 300.0
    run.begin("calibrate")  # nobody predicted it
    assert run.left_s(0.5) == pytest.approx(2 * 200)
    run.begin("render")
    assert run.left_s(0.001) == pytest.approx(2 * 199.8)
    clock.now_s = 699.0
    assert run.left_s(0.9985) == pytest.approx(0.6, abs=0.01)
    assert run.text(0.9985) == "", "the last minute needs no forecast"


def test_a_model_that_takes_long_to_load_makes_no_forecast_of_days():
    clock = Clock()
    run = RunClock({"deblur": 1000.0, "render": 500.0}, clock)
    run.begin("deblur")
    clock.now_s = 300.0  # loading; by this the first of 1000 frames would mean 83 hours
    assert run.left_s(0.001) == pytest.approx(0.999 * 1000 + 500)
    clock.now_s = 302.0
    assert run.left_s(0.002) == pytest.approx(0.998 * 1000 + 500), "two seconds are no basis"
    clock.now_s = 320.0
    assert run.left_s(0.011) == pytest.approx(0.989 * 2000 + 2 * 500)


def test_every_half_minute_a_log_says_how_far_phase_and_run_are(capsys, monkeypatch):
    with ConsoleObserver(make_console()) as observer:
        observer.expect({"deblur": 600.0, "render": 3000.0})
        observer.phase_started("deblur", 2, 40, 0)
        monkeypatch.setattr("focusgen.run.console.QUIET_S", 0.0)
        observer.advance()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].endswith("40 frames in 2 scenes to do; whole run: about 60 min left")
    assert "1 of 40 frames" in lines[1]
    assert "whole run: about" in lines[1]
