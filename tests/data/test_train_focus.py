"""examples/train_focus.py runs as it stands: fewer steps, a smaller data set, its figures and its picture."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import cv2
import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "train_focus.py"


@pytest.mark.slow
def test_the_example_trains_compares_and_draws(finished, tmp_path, capsys, monkeypatch):
    picture = tmp_path / "picture.png"
    words = ["--data", str(finished), "--steps", "40", "--crop", "48", "--picture", str(picture)]
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE), *words])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    said = capsys.readouterr().out
    figures = re.search(r"constant (0\.\d+), Laplacian (0\.\d+), net (0\.\d+)$", said, re.MULTILINE)
    assert figures is not None
    assert all(0 < float(figure) < 1 for figure in figures.groups())
    pixels = cv2.imread(str(picture))
    assert pixels.shape[1] == 4 * 96, "video, Laplacian, net, label, side by side"
    assert pixels.std() > 10


def test_the_example_stays_short_and_needs_torch_alone():
    text = EXAMPLE.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 120
    imported = set(re.findall(r"^(?:from|import) (\w+)", text, re.MULTILINE)) - set(sys.stdlib_module_names)
    assert imported == {"torch", "focusgen"}
