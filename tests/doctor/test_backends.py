"""Backends of installed packages: which are in order, which are broken, and which of these matter."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from focusgen.config import backends, load
from focusgen.config.backends import GROUPS, Backend
from focusgen.doctor.backends import check_backends, without_broken
from focusgen.doctor.check import Status

GREEDY = Backend("greedy", print, needs_gpu=True)
ROWS = [
    ("deblur", "plain", "operator:add"),
    ("depth", "greedy", f"{__name__}:GREEDY"),
    ("depth", "hole", "no_such_module_of_ours:f"),
    ("render", "twice", "operator:add"),
    ("render", "twice", "operator:sub"),
    ("render", "thin_lens", "operator:add"),
]


@pytest.fixture(autouse=True)
def added(monkeypatch):
    """Install the rows above."""
    entries = [EntryPoint(name, value, GROUPS[phase]) for phase, name, value in ROWS]
    monkeypatch.setattr(
        "importlib.metadata.entry_points", lambda group: [e for e in entries if e.group == group]
    )
    backends._installed.cache_clear()
    yield
    backends._installed.cache_clear()


def found(**chosen: str):
    cfg = load(None, {f"{phase}.backend": name for phase, name in chosen.items()})
    return {check.name: check for check in check_backends(cfg)}


def test_each_is_judged_by_itself_and_a_broken_one_that_nobody_chose_is_a_warning():
    checks = found()
    assert {name: check.status for name, check in checks.items()} == {
        "deblur plain": Status.OK,
        "depth greedy": Status.OK,
        "depth hole": Status.WARN,
        "render thin_lens": Status.WARN,
        "render twice": Status.WARN,
    }
    assert "on a GPU" in checks["depth greedy"].detail and "without a GPU" in checks["deblur plain"].detail
    assert "no_such_module_of_ours" in checks["depth hole"].detail
    assert "used instead" in checks["render thin_lens"].detail
    assert "claimed by unknown and unknown" in checks["render twice"].detail
    assert all(check.advice for check in checks.values() if check.status is Status.WARN)


@pytest.mark.parametrize(("phase", "name"), [("depth", "hole"), ("render", "twice")])
def test_one_that_is_chosen_fails_and_the_other_checks_go_on_without_it(phase, name):
    assert found(**{phase: name})[f"{phase} {name}"].status is Status.FAIL
    chosen = load(None, {f"{phase}.backend": name, "deblur.backend": "plain"})
    sound = without_broken(chosen)
    assert getattr(sound, phase).backend == {"depth": "provided", "render": "thin_lens"}[phase]
    assert sound.deblur.backend == "plain" and without_broken(sound) == sound
