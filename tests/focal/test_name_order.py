"""Distances in names: in which order they put slices, and which metres they say."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from focusgen.focal.name_order import distances_in_names, name_order


def ordered(stems: list[str]) -> list[Path]:
    paths = [Path(f"{stem}.png") for stem in reversed(stems)]
    return sorted(paths, key=lambda path: name_order(paths).key(path.name))


@pytest.mark.parametrize(
    ("stems", "metres"),
    [
        (["30cm", "50cm", "1m", "inf"], [0.3, 0.5, 1.0, math.inf]),
        (["focus_300mm", "focus_0.5m", "focus_infinity"], [0.3, 0.5, math.inf]),
        (["z 9 um", "z 50 \u00b5m", "z 0,1 mm"], [9e-6, 5e-5, 1e-4]),
        (["d0.5", "d0.5172", "d0.6", "d2"], [0.5, 0.5172, 0.6, 2.0]),
        (["0.5", "1", "2", "inf"], [0.5, 1.0, 2.0, math.inf]),
        (["50mm_f2_30cm", "50mm_f2_1m", "50mm_f2_inf"], [0.3, 1.0, math.inf]),
        (["0.3m_f2.8", "1m_f2.8"], [0.3, 1.0]),
    ],
)
def test_names_that_bear_distances_are_one_series_from_near_to_far(stems, metres):
    paths = ordered(stems)
    assert [path.stem for path in paths] == stems
    assert distances_in_names(paths) == pytest.approx(metres)
    if not stems[0].endswith("f2.8"):
        assert len({name_order(paths).number.sub("#", path.stem) for path in paths}) == 1


@pytest.mark.parametrize(
    "stems",
    [
        ["img_1", "img_2"],
        ["1", "2", "inf"],  # counters, or metres?
        ["30cm", "50cm", "far"],
        ["1m", "100cm"],
        ["0m", "1m"],
        ["1m_2m", "3m_4m"],
        ["1.1", "1.9", "1.10"],
        ["info_1", "info_2"],
    ],
)
def test_names_of_which_this_is_not_sure_tell_no_distances(stems):
    assert distances_in_names([Path(f"{stem}.png") for stem in stems]) is None
