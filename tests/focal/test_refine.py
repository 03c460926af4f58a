"""The renderer in the loop, on a traced stack."""

import numpy as np
import pytest

from focusgen.focal.classical import estimate
from focusgen.focal.fusion import fuse
from focusgen.focal.refine import refine
from focusgen.focal.scores import depth_scores
from focusgen.focal.stack import FocalStack, metres_of
from tests.focal.stacks import psnr_db, truth


@pytest.mark.slow
def test_best_is_never_worse_and_its_outliers_are_fewer():
    traced = truth("tabletop")
    rows, columns = slice(48, 144), slice(80, 240)  # a quarter of it, in its middle
    slices = np.ascontiguousarray(traced.slices[:, rows, columns])
    depth_m, aif = traced.depth_m[rows, columns], traced.aif[rows, columns]
    stack = FocalStack(slices, 1.0 / np.array(traced.distances_m), traced.radius_px_m)
    found = estimate(stack)
    refined = refine(stack, found)
    before, after = (depth_scores(metres_of(d), depth_m) for d in (found.diopters, refined.diopters))
    assert after["abs_rel"] <= 1.02 * before["abs_rel"]
    assert after["rmse"] <= before["rmse"]
    assert psnr_db(refined.rgb, aif) >= psnr_db(fuse(stack, found.sharpest).rgb, aif) + 0.4
    assert refined.rgb.dtype == np.uint8
