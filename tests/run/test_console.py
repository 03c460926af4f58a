"""What a log file sees where there is no terminal."""

from __future__ import annotations

import io

from rich.console import Console

from focusgen.base.names import rich_text
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


def test_who_holds_a_scene_is_said_once_however_often_it_is_looked():
    out = io.StringIO()
    observer = console.ConsoleObserver(Console(file=out, soft_wrap=True))
    for scene_id in ("a", "a", "b", "a"):
        observer.waiting(scene_id, "pid 7 on n1")
    assert [line.split()[-1] for line in out.getvalue().splitlines()] == ["a", "b"]


def test_a_passing_bar_leaves_nothing_behind_without_a_terminal_and_draws_any_name_on_one(
    capsys, monkeypatch
):
    def drawn() -> str:
        with console.passing_bar() as bar:
            task = bar.add_task("work", total=1.0)
            bar.update(task, description=rich_text("[/b] a["), completed=1.0)
        return capsys.readouterr().err

    assert drawn() == ""
    monkeypatch.setattr(Console, "is_terminal", True)
    monkeypatch.setattr(console, "make_console", lambda: Console(stderr=True, force_interactive=True))
    assert "[/b] a[" in drawn()
