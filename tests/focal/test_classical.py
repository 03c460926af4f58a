"""Depth and sharp pictures from ray-traced stacks, against their truth."""

import cv2
import numpy as np
import pytest
import skimage.data

from focusgen.focal.blur_bank import BlurBank
from focusgen.focal.classical import _may_be_beyond, estimate, rerender_error
from focusgen.focal.fusion import fuse
from focusgen.focal.learned.stacks import StackRecipe, training_stack
from focusgen.focal.light import pixels_of
from focusgen.focal.notes import UNSURE
from focusgen.focal.sharpness import depth_from_focus
from focusgen.focal.stack import FocalStack, metres_of
from tests.focal.stacks import Truth, abs_rel, psnr_db, truth


@pytest.fixture(scope="module")
def tabletop() -> Truth:
    return truth("tabletop")


def stack_of(traced: Truth, keep: slice = slice(None)) -> FocalStack:
    return FocalStack(traced.slices[keep], 1.0 / np.array(traced.distances_m[keep]), traced.radius_px_m)


@pytest.fixture(scope="module")
def stack(tabletop: Truth) -> FocalStack:
    return stack_of(tabletop)


@pytest.mark.slow
def test_depth_is_better_than_plain_depth_from_focus_and_within_its_bar(tabletop: Truth, stack: FocalStack):
    found = estimate(stack)
    error = abs_rel(metres_of(found.diopters), tabletop.depth_m)
    plain = abs_rel(metres_of(depth_from_focus(stack).diopters), tabletop.depth_m)
    assert found.method == "relative_blur"
    assert error <= 0.022
    assert error <= 0.5 * plain


def test_without_a_lens_what_is_unsure_listens_to_its_neighbours(tabletop: Truth, stack: FocalStack):
    noise = np.random.default_rng(0).normal(0, 8, stack.slices.shape)
    blind = FocalStack(np.clip(stack.slices + noise, 0, 255).astype(np.uint8), stack.diopters, None)
    plain, found = depth_from_focus(blind), estimate(blind)
    errors = [abs_rel(metres_of(one.diopters), tabletop.depth_m) for one in (plain, found)]
    assert found.method == "focus_measure" and errors[1] < 0.9 * errors[0]
    assert (found.confidence <= plain.confidence).all()


def test_without_a_lens_a_smooth_background_shows_no_seams_between_slices():
    """Slices of a smooth part differ in light, and what JPEG leaves of it looks sharp now here, now there."""
    thing = skimage.data.camera()[100:220, 180:300]
    far = np.tile(np.linspace(90, 120, 120, dtype=np.float32), (120, 1))
    rng = np.random.default_rng(0)
    slices = []
    for n, sigma_px in enumerate((0.5, 2.0, 4.0)):
        near = cv2.GaussianBlur(thing, (0, 0), sigma_px)
        grain = cv2.GaussianBlur(rng.normal(0, 3.5, far.shape), (0, 0), 1.0)
        seen = np.hstack([near, far + 25.0 * n + grain])
        whole = np.clip(seen, 0, 255).astype(np.uint8)
        coded = cv2.imencode(".jpg", whole, [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
        slices.append(np.repeat(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE)[..., None], 3, -1))
    stack = FocalStack(np.stack(slices), np.array([3.0, 2.0, 1.0]), None)
    found = estimate(stack)
    assert np.percentile(np.abs(np.diff(found.diopters[:, 140:], axis=1)), 99) < 0.2 * stack.span
    picture = fuse(stack, found.sharpest).rgb[:, 140:, 0].astype(int)
    assert np.percentile(np.abs(np.diff(picture, axis=1)), 98) <= 4
    assert (found.confidence[:, 140:] < UNSURE).mean() > 0.9
    assert found.confidence[:, :100].mean() > 20.0 * found.confidence[:, 140:].mean()


def test_between_two_slices_plain_depth_which_explains_itself_is_no_judge():
    drawn = training_stack(StackRecipe(), 39)
    stack = FocalStack(drawn.slices, drawn.diopters, drawn.radius_px_m)
    found, plain = estimate(stack), depth_from_focus(stack)
    assert len(stack) == 2
    assert found.rerender_error["focus_measure"] < 0.8 * found.rerender_error["relative_blur"]
    assert abs_rel(metres_of(found.diopters), drawn.depth_m) < 0.2
    assert abs_rel(metres_of(plain.diopters), drawn.depth_m) > 0.4


@pytest.mark.slow
def test_the_surer_half_is_much_better_than_the_whole(tabletop: Truth, stack: FocalStack):
    found = estimate(stack)
    error = np.abs(metres_of(found.diopters) - tabletop.depth_m) / tabletop.depth_m
    sure = found.confidence >= np.median(found.confidence)
    assert error[sure].mean() <= 0.6 * error.mean()
    assert found.confidence.min() >= 0.0 and found.confidence.max() <= 1.0


@pytest.mark.slow
def test_the_sharp_picture_is_sharper_than_any_slice(tabletop: Truth, stack: FocalStack):
    shown = psnr_db(fuse(stack, estimate(stack).diopters).rgb, tabletop.aif)
    assert shown >= 40.5
    assert shown >= 8.0 + max(psnr_db(one, tabletop.aif) for one in tabletop.slices)


@pytest.mark.slow
@pytest.mark.parametrize(("keep", "bar"), [(slice(0, None, 4), 0.08), (slice(0, None, 2), 0.045)])
def test_two_and_three_slices_will_do(tabletop: Truth, keep: slice, bar: float):
    found = estimate(stack_of(tabletop, keep))
    assert abs_rel(metres_of(found.diopters), tabletop.depth_m) <= bar


@pytest.mark.slow
def test_what_lies_beyond_the_slices_is_not_called_as_far_as_the_last_one(tabletop: Truth):
    """Background behind the farthest slice, foreground before the nearest: as people take stacks."""
    few = stack_of(tabletop, slice(1, 4))
    found, true = estimate(few), 1.0 / tabletop.depth_m
    low, high = few.diopters.min(), few.diopters.max()
    beyond = (true < low - 0.05 * few.span) | (true > high + 0.05 * few.span)
    assert beyond.mean() > 0.1
    off = np.abs(found.diopters - true)[beyond].mean()
    assert off < 0.5 * np.abs(np.clip(true, low, high) - true)[beyond].mean()
    sure = found.confidence[beyond] > 0.5
    assert sure.mean() < 0.5 and np.abs(found.diopters - true)[beyond][sure].mean() < 0.1 * few.span


def test_depth_at_the_last_place_looked_at_is_not_believed():
    hypotheses = np.array([0.2, 0.3, 0.5, 1.0, 1.2, 1.5], np.float32)
    depths = np.array([[0.2, 0.24, 0.26, 1.0, 1.34, 1.36]], np.float32)
    assert _may_be_beyond(depths, hypotheses).tolist() == [[True, True, False, False, False, True]]
    hypotheses[0] = 0.0
    assert not _may_be_beyond(np.zeros((1, 1), np.float32), hypotheses).any(), "infinity is a place"


@pytest.mark.slow
def test_noise_costs_little(tabletop: Truth):
    noise = np.random.default_rng(5).standard_normal(tabletop.slices.shape, np.float32)
    noisy = np.clip(np.rint(tabletop.slices + 2.55 * noise), 0, 255).astype(np.uint8)
    found = estimate(FocalStack(noisy, 1.0 / np.array(tabletop.distances_m), tabletop.radius_px_m))
    assert abs_rel(metres_of(found.diopters), tabletop.depth_m) <= 0.055


def test_a_wrong_depth_explains_the_slices_worse(tabletop: Truth, stack: FocalStack):
    true = (1.0 / tabletop.depth_m).astype(np.float32)
    assert rerender_error(stack, true) < 0.6 * rerender_error(stack, true[:, ::-1])


@pytest.mark.parametrize("level", [0, 255, 128])
@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (48, 64)])
def test_a_picture_without_texture_is_sure_of_nothing(level: int, shape: tuple[int, int]):
    flat = np.full((3, *shape, 3), level, np.uint8)
    for gain in (5.0, None):
        found = estimate(FocalStack(flat, np.array([2.0, 1.0, 0.0]), gain))
        assert np.isfinite(found.diopters).all()
        assert np.isfinite(found.confidence).all()
        assert found.confidence.max() <= 0.05
        assert 0.0 <= found.diopters.min() and found.diopters.max() <= 3.2 + 1e-6


def test_a_near_thing_stays_opaque_and_a_bright_one_has_no_halo():
    # A white bar near the camera: out of focus in the far slice, where its light spreads over a dark wall.
    sharp = np.full((64, 96), 0.02, np.float32)
    sharp[:, 40:56] = 0.9
    sharp *= 1.0 + 0.3 * np.random.default_rng(1).standard_normal(sharp.shape).astype(np.float32)
    near, far = (
        np.repeat(pixels_of(light, np.dtype(np.uint8))[..., None], 3, 2)
        for light in (sharp, BlurBank(sharp).blurred(6.0))
    )
    stack = FocalStack(np.stack([near, far]), np.array([2.0, 0.5]), 4.0)
    shown = fuse(stack, np.full(sharp.shape, 2.0, np.float32)).rgb
    assert np.abs(shown.astype(int) - near).mean() <= 0.05
    assert np.abs(shown.astype(int) - near).max() <= 8 < np.abs(far.astype(int) - near).max() / 10
