"""Coverage: what is measured on a histogram of depth is what the published labels of its pixels show."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.optics.coc import Lens, coc_diameter_m, focus_map
from focusgen.optics.coverage import LabelCoverage, SeenSet, scene_coverage
from focusgen.optics.stats import depth_counts
from focusgen.optics.surfaces import Surfaces

PIXEL_M, MAX_COC_M = 36e-3 / 320, 6e-4
DEPTH_M = (1 / np.random.default_rng(3).uniform(0.1, 1.0, (50, 80))).astype(np.float16)
SURFACES = Surfaces.of(depth_counts(DEPTH_M))
NEAR, FAR = Lens(0.05, 2.0, 1.2), Lens(0.03, 4.0, 6.0)


def test_coverage_is_that_of_every_pixel():
    found = scene_coverage(SURFACES, [SeenSet((lens,), MAX_COC_M) for lens in (NEAR, FAR)], PIXEL_M)
    labels = [focus_map(DEPTH_M, lens, MAX_COC_M).astype(float) for lens in (NEAR, FAR)]
    coc_m = [coc_diameter_m(DEPTH_M.astype(float), lens) for lens in (NEAR, FAR)]
    assert found.counts.tolist() == sum(np.histogram(label, 10, (0, 1))[0] for label in labels).tolist()
    assert found.means == pytest.approx([label.mean() for label in labels])
    assert found.in_focus == pytest.approx([(coc <= PIXEL_M / 2).mean() for coc in coc_m])
    assert found.blurred == pytest.approx([(coc > MAX_COC_M / 4).mean() for coc in coc_m])
    order = np.argsort(DEPTH_M.ravel(), kind="stable")[200:3800].reshape(10, -1)
    sharp = [(coc <= PIXEL_M) | (label > 0.97) for coc, label in zip(coc_m, labels, strict=True)]
    shown = np.logical_or.reduce([one.ravel()[order].mean(1) > 0.5 for one in sharp])
    assert found.deciles == ((int(shown.sum()), 10),) and 0 < shown.sum() < 10


def test_where_focus_moves_the_frames_of_a_set_count_as_one_set():
    moving = scene_coverage(SURFACES, [SeenSet((NEAR, FAR), MAX_COC_M)], PIXEL_M)
    apart = scene_coverage(SURFACES, [SeenSet((lens,), MAX_COC_M) for lens in (NEAR, FAR)], PIXEL_M)
    assert len(moving.means) == 1 and moving.means[0] == pytest.approx(np.mean(apart.means))
    assert moving.counts.tolist() == (apart.counts / 2).tolist() and moving.deciles == apart.deciles


def test_a_label_that_stops_with_the_renderer_is_counted_where_it_stops():
    found = scene_coverage(SURFACES, [SeenSet((NEAR,), MAX_COC_M, MAX_COC_M / 2)], PIXEL_M)
    assert not found.counts[:4].any() and found.counts.sum() == DEPTH_M.size


def test_bars_are_counted_and_sums_are_of_both():
    bad = LabelCoverage(np.eye(10)[9] * 5, (0.9,), (0.01,), (0.1,), ((3, 10),))
    good = LabelCoverage(np.ones(10), (0.5,), (0.05,), (0.2,), ((10, 10),))
    both = LabelCoverage.of([bad, good])
    assert (both.sets_out_of_focus, both.sets_hardly_blurred, both.sets_with_extreme_mean) == (1, 1, 1)
    assert both.scenes_with_all_deciles == 1 and both.share_above(0.8) == pytest.approx(7 / 15)
    assert good.entropy == pytest.approx(1) and bad.entropy == 0
    document = both.document()
    assert sum(document["histogram"]) == pytest.approx(1, abs=1e-4)
    assert document["deciles_covered"] == {"min": 0.3, "median": 0.65, "max": 1.0}
