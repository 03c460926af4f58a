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
        (["0p35m", "0p5m", "1p2m"], [0.35, 0.5, 1.2]),
        (["FocusDistance0.75", "FocusDistance0.8", "FocusDistance10.0"], [0.75, 0.8, 10.0]),
        (["focus_mm_350.5", "focus_mm_500.0"], [0.3505, 0.5]),
    ],
)
def test_names_that_bear_distances_are_one_series_from_near_to_far(stems, metres):
    paths = ordered(stems)
    assert [path.stem for path in paths] == stems
    assert distances_in_names(paths) == pytest.approx(metres)
    assert len({name_order(paths).series_of(path) for path in paths}) == 1


@pytest.mark.parametrize(
    "stems",
    [
        ["z_-10", "z_-2", "z_-1", "z_0", "z_1", "z_12"],
        ["-2", "-1", "0", "+1"],
        ["z_-15um", "z_-0.5um", "z_0um", "z_1 mm"],
        ["a-1", "a-2", "a-10"],  # a dash parts words here
        ["2024-05-01_1", "2024-05-01_2"],
        ["focus-3", "focus-2", "focus-1", "focus0", "focus+1"],
        ["z_-2um_ch00", "z_-1um_ch00", "z_0um_ch00", "z_1um_ch00"],
    ],
)
def test_positions_below_zero_are_of_the_series_and_come_first(stems):
    paths = ordered(stems)
    assert [path.stem for path in paths] == stems
    assert len({name_order(paths).series_of(path) for path in paths}) == 1
    assert distances_in_names(paths) is None


@pytest.mark.parametrize(
    "stems",
    [
        ["S_z000_ch00", "S_z001_ch00", "S_z010_ch00"],
        ["FD_0.75_N_2.8", "FD_0.8_N_2.8", "FD_10.5_N_2.8"],
        ["1_of_12", "2_of_12", "10_of_12"],
    ],
)
def test_a_number_that_is_the_same_in_all_counts_nothing(stems):
    paths = ordered([*stems, "z_EDF"])
    order = name_order(paths)
    assert [path.stem for path in paths if path.stem != "z_EDF"] == stems
    assert len({order.series_of(path) for path in paths}) == 2


@pytest.mark.parametrize(
    "stems",
    [
        ["z_-15um", "z_-5um", "z_10um"],  # of a stage, not from the lens
        ["z_-1.5um", "z_-2.6um"],
        ["z_-15um", "z_-26um"],
        ["z_-0.5", "z_0.3"],
        ["diopter_0.25", "diopter_2.5"],
        ["lens_position_0.25", "lens_position_2.5"],
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
