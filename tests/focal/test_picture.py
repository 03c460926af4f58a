"""The sharp picture of a ray-traced stack, against the picture that a pinhole would take."""

from dataclasses import replace

import numpy as np
import pytest

from focusgen.focal.classical import Estimate, estimate
from focusgen.focal.fusion import fuse
from focusgen.focal.picture import sharp_picture, sharp_picture_from_files
from focusgen.focal.stack import FocalStack
from tests.focal.stacks import Truth, psnr_db, truth


@pytest.fixture(scope="module")
def tabletop() -> Truth:
    return truth("tabletop")


@pytest.fixture(scope="module")
def stack(tabletop: Truth) -> FocalStack:
    return FocalStack(tabletop.slices, 1.0 / np.array(tabletop.distances_m), tabletop.radius_px_m)


@pytest.fixture(scope="module")
def found(stack: FocalStack) -> Estimate:
    return estimate(stack)


@pytest.fixture(scope="module")
def picture(stack: FocalStack, found: Estimate) -> np.ndarray:
    return sharp_picture(stack, found.diopters, found.sharpest)


def test_it_is_nearer_to_the_truth_than_fused_slices(
    tabletop: Truth, stack: FocalStack, found: Estimate, picture: np.ndarray
):
    assert psnr_db(picture, tabletop.aif) >= psnr_db(fuse(stack, found.sharpest).rgb, tabletop.aif) + 0.4


def test_noise_takes_the_gain_and_no_more(tabletop: Truth, stack: FocalStack, found: Estimate):
    noise = np.random.default_rng(5).standard_normal(stack.slices.shape, np.float32)
    noisy = np.clip(np.rint(stack.slices + 2.55 * noise), 0, 255).astype(np.uint8)
    one = FocalStack(noisy, stack.diopters, stack.radius_px_m)
    shown = sharp_picture(one, found.diopters, found.sharpest)
    assert psnr_db(shown, tabletop.aif) >= psnr_db(fuse(one, found.sharpest).rgb, tabletop.aif) - 0.1


def test_without_a_lens_slices_are_fused_and_nothing_else(stack: FocalStack, found: Estimate):
    plain = replace(stack, radius_px_m=None)
    shown = sharp_picture(plain, found.diopters, found.sharpest)
    np.testing.assert_array_equal(shown, fuse(plain, found.sharpest).rgb)


def test_from_files_of_the_working_size_it_is_the_same(
    stack: FocalStack, found: Estimate, picture: np.ndarray
):
    told: list[int] = []
    fused = sharp_picture_from_files(
        *(stack, found.diopters, found.sharpest), lambda n: stack.slices[n], lambda a: a, 1, told.append
    )
    np.testing.assert_array_equal(fused.rgb, picture)
    assert told == [0, 1, 2, 3, 4]
    assert fused.slice_index.max() <= 4
