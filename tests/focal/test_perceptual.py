"""LPIPS is computed where it is installed, and its absence is said."""

import importlib.machinery
import sys
import types

import numpy as np
import pytest

from focusgen.focal.perceptual import load_lpips


def _pretend(monkeypatch: pytest.MonkeyPatch, network: object) -> None:
    module = types.ModuleType("lpips")
    module.__spec__ = importlib.machinery.ModuleSpec("lpips", None)
    monkeypatch.setattr(module, "LPIPS", network, raising=False)
    monkeypatch.setitem(sys.modules, "lpips", module)


def test_a_missing_package_and_missing_weights_are_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert load_lpips() == (None, "aif_lpips is not computed: pip install lpips")
    monkeypatch.undo()

    def refuses(**kwargs: object) -> None:
        raise OSError("no network")

    _pretend(monkeypatch, refuses)
    assert load_lpips().distance is None
    assert "no network" in load_lpips().note


def test_pictures_come_from_minus_one_to_one_without_their_border(monkeypatch: pytest.MonkeyPatch):
    _pretend(monkeypatch, lambda net, verbose: lambda a, b: (a - b).abs().mean() + 10.0 * (a.shape[-1] == 18))
    true = np.zeros((24, 30, 3), np.uint8)
    found = true.copy()
    found[12, 15] = 255
    distance = load_lpips().distance
    assert distance is not None
    assert distance(found, true) == pytest.approx(10.0 + 2.0 / (12 * 18))
