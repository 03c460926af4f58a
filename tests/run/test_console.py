"""What a log file sees where there is no terminal."""

from __future__ import annotations

import io

from rich.console import Console

from focusgen.run import console


def test_without_a_terminal_a_line_says_every_half_minute_how_far_it_is(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    out = io.StringIO()
    observer = console.ConsoleObserver(Console(file=out, soft_wrap=True))
    observer.begin("deblur", 100, "frames")
    for frame in range(7):
        now[0] += 10.0
        observer.frame_done("a", frame)
    said = [line for line in out.getvalue().splitlines() if " of 100 frames" in line]
    assert [line.split()[0] for line in said] == ["3", "6"]
