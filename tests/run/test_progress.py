"""An observer that nobody wrote anything for is silent, and knows every call that a run makes."""

from __future__ import annotations

import inspect

from focusgen.run.console import ConsoleObserver
from focusgen.run.progress import Observer


def test_the_default_is_silent(capsys):
    silent = Observer()
    silent.phase_started("depth", 3, 9, 0)
    silent.scene_started("a", 3)
    silent.frame_done("a", 0)
    silent.scene_note("a", "text")
    silent.scene_ended("a", "complete")
    silent.waiting("a", "host 1")
    assert capsys.readouterr() == ("", "")


def test_whoever_shows_it_to_people_takes_the_same_calls():
    for name, call in inspect.getmembers(Observer, inspect.isfunction):
        theirs = inspect.signature(getattr(ConsoleObserver, name)).parameters
        assert list(theirs) == list(inspect.signature(call).parameters), name
