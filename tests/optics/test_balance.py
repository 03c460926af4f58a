"""What lens sets are judged by, against the label's own formula pixel by pixel; lenses of a given blur."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.optics.balance import LACKS, Balance, entropy, judge
from focusgen.optics.coc import Lens, coc_diameter_m
from focusgen.optics.stats import depth_counts
from focusgen.optics.surfaces import Surfaces

MEAN = [text.startswith("mean label") for text in LACKS].index(True)
PIXEL_M, MAX_COC_M = 36e-3 / 320, 6e-4
BALANCE = Balance((24.0, 85.0), (1.4, 8.0), (3e-4, 7e-4), PIXEL_M)


@pytest.mark.parametrize("seed", range(4))
def test_the_judgement_of_a_histogram_is_that_of_its_pixels(seed: int):
    rng = np.random.default_rng(seed)
    depth_m = (1 / rng.uniform(0.1, 1.0, 4000)).astype(np.float16)
    depth_m[: 400 * seed] = np.float16(2.0)
    lenses = [Lens(f, n, s) for f, n, s in ((0.05, 2.0, 2.0), (0.03, 8.0, 4.0), (0.085, 1.4, 1.5))]
    judged = judge(
        Surfaces.of(depth_counts(depth_m)),
        BALANCE,
        np.array([lens.focus_distance_m for lens in lenses]),
        np.array([lens.coc_per_diopter_m2 for lens in lenses]),
        MAX_COC_M,
    )
    order = np.sort(depth_m.astype(float))
    for place, lens in enumerate(lenses):
        coc_m = coc_diameter_m(order, lens)
        label = 1 - np.minimum(coc_m / MAX_COC_M, 1)
        blur_m = np.sort(coc_m)[int(0.9 * coc_m.size) - 1]
        lacks = [
            not 3e-4 <= blur_m <= 7e-4,
            (coc_m <= PIXEL_M / 2).mean() < 0.05,
            (coc_m > MAX_COC_M / 4).mean() < 0.2,
            not 0.2 <= label.mean() <= 0.8,
        ]
        assert judged.lacks[place].tolist() == lacks
        middle = coc_m[200:3800].reshape(10, -1) <= max(PIXEL_M, 0.03 * MAX_COC_M)
        if not seed:  # no ties across deciles
            shown = [bool(judged.deciles[place] >> decile & 1) for decile in range(10)]
            assert shown == (middle.mean(1) > 0.5).tolist()
        histogram = np.histogram(label, 10, (0, 1))[0] / label.size
        assert judged.labels[place] == pytest.approx(histogram, abs=2e-3)


def test_means_keep_a_margin_as_long_as_max_coc_is_only_expected():
    surfaces = Surfaces.of(depth_counts(np.array([1.0, 2.0] * 50, np.float16)))
    max_coc_m = BALANCE.expected_max_coc_m
    # Half of the pixels in focus, half with the label 1 - blur: means of .7, .785, .815
    for blur, lacks_before, lacks_after in ((0.6, False, False), (0.43, True, False), (0.37, True, True)):
        s, scale = np.array([1.0]), np.array([blur * max_coc_m / 0.5])
        assert bool(judge(surfaces, BALANCE, s, scale).lacks[0, MEAN]) is lacks_before
        assert bool(judge(surfaces, BALANCE, s, scale, max_coc_m).lacks[0, MEAN]) is lacks_after


@pytest.mark.parametrize("formula", ["paper", "exact"])
def test_a_lens_gives_the_blur_that_was_asked_for_within_the_ranges(formula):
    balance = Balance((24.0, 85.0), (1.4, 8.0), (3e-4, 7e-4), PIXEL_M, formula)
    for s in (0.05, 0.2, 3.0):
        least, largest = (float(k[0]) for k in balance.scale_range_m2(np.array([s])))
        for share in (0.0, 0.3, 1.0):
            scale = least + share * (largest - least)
            lenses = [balance.lens(s, scale, part) for part in (0.0, 0.5, 1.0)]
            for lens in lenses:
                assert lens.coc_per_diopter_m2 == pytest.approx(scale, rel=1e-9)
                assert 0.024 <= lens.focal_length_m <= min(0.085, s / 2) + 1e-12
                assert 1.4 <= lens.f_number <= 8.0 and lens.focus_distance_m == s
            assert lenses[0].focal_length_m <= lenses[1].focal_length_m <= lenses[2].focal_length_m


def test_the_blur_within_reach_is_that_of_the_shortest_and_of_the_longest_lens_that_focuses_there():
    assert BALANCE.nearest_focus_m == pytest.approx(0.048)
    least_m2, most_m2 = BALANCE.scale_range_m2(np.array([2.0, 0.1]))
    assert least_m2 == pytest.approx([0.024**2 / 8.0] * 2)
    assert most_m2 == pytest.approx([0.085**2 / 1.4, 0.05**2 / 1.4])  # at 0.1 m no lens above 50 mm
    assert BALANCE.expected_max_coc_m == pytest.approx(0.92 * 7e-4)


def test_entropy_is_one_where_all_bins_are_equally_full():
    assert entropy(np.array([[3.0] * 10, [1.0] + [0.0] * 9])) == pytest.approx([1, 0])
