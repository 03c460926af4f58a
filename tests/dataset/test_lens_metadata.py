"""metadata.json holds all that a label follows from: ten lines of numpy make it anew, bit for bit."""

from __future__ import annotations

import json

import numpy as np
import pytest

from focusgen.dataset.lens_metadata import lenses_of, set_lenses
from focusgen.optics.coc import focus_map

SETS = [
    {"f": 0.05, "N": 2.0, "S_focus": 2.0, "max_coc": 0.0015},
    {"f": 0.085, "N": 1.4, "S_focus": 1.25, "max_coc": 0.0015, "S_focus_per_frame": [1.25, 1.5, 3.0]},
]


def recompute(depth, f, N, S, max_coc, formula):
    d = depth.astype(np.float32)
    divisor = N * S if formula == "paper" else N * (S - f)
    coc = (f * f / divisor) * np.abs(d - S) / d
    return (1.0 - np.clip(coc / max_coc, 0.0, 1.0)).astype(np.float16)


@pytest.mark.parametrize("formula", ["paper", "exact"])
def test_labels_are_made_anew_from_the_published_keys_for_every_frame(formula):
    metadata = json.loads(json.dumps({"sets": SETS, "formula": formula}))
    depth = np.geomspace(0.3, 300, 4000).astype(np.float16).reshape(40, 100)
    for published, lens in zip(metadata["sets"], set_lenses(metadata), strict=True):
        moving = published.get("S_focus_per_frame", [published["S_focus"]] * 3)
        for frame, distance_m in enumerate(moving):
            label = focus_map(depth, lens.at(frame), lens.max_coc_m)
            expected = recompute(
                depth, published["f"], published["N"], distance_m, published["max_coc"], formula
            )
            assert label.tobytes() == expected.tobytes()


def test_a_lens_that_moves_keeps_the_number_that_old_readers_know():
    fixed, moving = set_lenses({"sets": SETS})
    assert fixed.focus_distances_m is None and fixed.at(0) is fixed.at(99)
    assert moving.lens.focus_distance_m == moving.at(0).focus_distance_m == 1.25
    assert [moving.at(frame).focus_distance_m for frame in range(3)] == [1.25, 1.5, 3.0]
    assert lenses_of({"sets": SETS})[1] == moving.lens
    with pytest.raises(IndexError):
        moving.at(3)


@pytest.mark.parametrize(
    "broken", [{"f": "wide"}, {"f": None}, {"max_coc": None}, {"S_focus_per_frame": ["near"]}]
)
def test_a_key_that_is_no_number_is_refused(broken):
    with pytest.raises((TypeError, ValueError)):
        set_lenses({"sets": [SETS[0] | broken]})


def test_metadata_without_a_formula_is_that_of_the_paper():
    assert lenses_of({"sets": SETS})[0].formula == "paper"
