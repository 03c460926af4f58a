"""The table of scores for people, and the one picture beside it."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.focal.baselines import Prediction
from focusgen.focal.samples import Sample
from focusgen.focal.stack import FocalStack
from focusgen.tools import focal_outputs
from focusgen.tools.focal_score_table import markdown, sheet

HEIGHT, WIDTH = 12, 16


def test_a_table_for_people_shows_what_is_there():
    table = {
        "ours N=5": {"abs_rel": (0.1, 0.05, 0.2), "rmse": (1.0, 1.0, 1.0)},
        "other N=5": {"abs_rel": (0.3, 0.3, 0.3)},
    }
    head, rule, ours, other = markdown(table)
    assert head == "| method | abs_rel | rmse |" and rule.count("---") == 3
    assert ours == "| ours N=5 | 0.100 (0.050..0.200) | 1.000 |" and "nan" in other


@pytest.mark.parametrize("largest_px", [2000, 8])
@pytest.mark.parametrize("true_m", [None, np.full((HEIGHT, WIDTH), 2.0, np.float32)])
def test_one_picture_holds_all_tiles_whatever_their_size(monkeypatch, largest_px, true_m):
    monkeypatch.setattr(focal_outputs, "LARGEST_PICTURE_SIDE_PX", largest_px)
    slices = np.zeros((3, HEIGHT, WIDTH, 3), np.uint16)
    depth = np.linspace(1.0, 2.0, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH)
    sample = Sample("a", FocalStack(slices, np.array([2.0, 1.0, 0.5]), 10.0), true_m, None)
    made = {name: Prediction(depth, depth, slices[0]) for name in ("constant", "ours")}
    found = sheet(sample, made, "ours")
    step = 1 if largest_px == 2000 else 2
    assert found.dtype == np.uint8 and found.shape[0] == 2 * HEIGHT // step
    assert found.shape[1] == 4 * (WIDTH // step + focal_outputs.BAR_ROOM_PX)
