"""What stands beside us in every table: trivial methods that do what they say."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from focusgen.focal.baselines import METHODS, predict
from focusgen.focal.classical import Estimate
from focusgen.focal.infer import WORK_PIXELS, InferOptions, infer_stack
from focusgen.focal.slice_files import stack_of_paths
from focusgen.focal.stack import FocalStack
from focusgen.focal.told_lens import LensFlags
from tests.focal.stacks import truth


@pytest.fixture(scope="module")
def stack() -> FocalStack:
    """Left half sharp in the near slice, right half in the far one."""
    sharp = np.random.default_rng(0).integers(0, 256, (32, 64, 3), dtype=np.uint8)
    blurred = cv2.GaussianBlur(sharp, (0, 0), 3.0)
    near, far = blurred.copy(), blurred.copy()
    near[:, :32], far[:, 32:] = sharp[:, :32], sharp[:, 32:]
    return FocalStack(np.stack([near, far]), np.array([2.0, 0.5]), 20.0)


def test_a_constant_guess_lies_half_way_in_diopters_everywhere(stack):
    found = predict("constant", stack)
    assert np.unique(found.depth_m).tolist() == pytest.approx([1.0 / 1.25])
    assert (found.confidence == 1.0).all() and found.rgb.shape == (32, 64, 3)


def test_the_sharpest_slice_is_a_distance_of_the_stack_and_its_own_pixels(stack):
    found = predict("laplacian_argmax", stack)
    assert set(np.unique(found.depth_m).tolist()) == {0.5, 2.0}
    assert (found.depth_m[:, :24] == 0.5).mean() > 0.95 and (found.depth_m[:, 40:] == 2.0).mean() > 0.95
    of_near = found.depth_m == 0.5
    np.testing.assert_array_equal(found.rgb[of_near], stack.slices[0][of_near])
    assert found.confidence.min() >= 0.5 - 1e-6 and found.confidence.max() <= 1.0  # the larger share of two


def test_plain_depth_from_focus_tells_the_halves_apart(stack):
    found = predict("plain_dff", stack)
    assert np.median(found.depth_m[:, :24]) < 0.7 < 1.2 < np.median(found.depth_m[:, 40:])


def test_any_other_name_is_the_method_that_is_handed_over(stack):
    asked = []

    def find_depth(shown: FocalStack) -> Estimate:
        asked.append(shown)
        depth = np.full((32, 64), 0.25, np.float32)
        return Estimate(
            depth, depth, np.full((32, 64), 0.3, np.float32), "learned", {}, np.full((32, 64, 3), 9, np.uint8)
        )

    assert "learned" not in METHODS
    found = predict("learned", stack, find_depth)
    assert asked == [stack]
    assert (
        (found.depth_m == 4.0).all()
        and (found.confidence == np.float32(0.3)).all()
        and (found.rgb == 9).all()
    )


def test_a_method_without_a_picture_of_its_own_gets_one_from_the_slices(stack):
    depth = np.where(np.arange(64) < 32, 2.0, 0.5).astype(np.float32) + np.zeros((32, 1), np.float32)
    estimate = Estimate(depth, depth, np.ones((32, 64), np.float32), "learned", {})
    found = predict("learned", stack, lambda shown: estimate)
    assert np.abs(found.rgb[:, :24].astype(int) - stack.slices[0][:, :24]).mean() < 4


@pytest.mark.slow
def test_a_stack_larger_than_infer_works_at_is_judged_as_infer_finds_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(WORK_PIXELS, "default", 20_000)  # 320x192 are halved
    traced = truth("tabletop")
    files = stack_of_paths([traced.folder / f"slice_{n}.png" for n in range(5)])
    lens = LensFlags(50, 2, 36)
    of_infer = infer_stack(files, traced.distances_m, lens, InferOptions(aligns=False, backend="classical"))
    stack = FocalStack(traced.slices, 1 / np.array(traced.distances_m), traced.radius_px_m)
    judged = predict("classical", stack)
    assert of_infer.metadata["working_width"] == 160
    np.testing.assert_allclose(judged.depth_m, of_infer.depth, rtol=1e-5)
    np.testing.assert_allclose(judged.confidence, of_infer.confidence, atol=1e-5)
    assert np.abs(judged.rgb.astype(int) - of_infer.rgb).max() <= 1
