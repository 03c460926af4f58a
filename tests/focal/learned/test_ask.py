"""Asking the network about stacks of any size and lens."""

import numpy as np
import pytest

from focusgen.focal.learned.ask import MOST_PIXELS, Reading, read_stack, shrink_factor
from focusgen.focal.learned.guess import kept_guess
from focusgen.focal.learned.network import FocalNet
from focusgen.focal.learned.shape import NetworkShape
from focusgen.focal.stack import FocalStack
from tests.focal.learned.small import plain

NET = plain(FocalNet(NetworkShape((8, 8, 16, 16), 4, 4)))


def stack_of(height: int, width: int, n: int, radius_px_m: float) -> FocalStack:
    slices = np.random.default_rng(0).integers(0, 255, (n, height, width, 3)).astype(np.uint8)
    return FocalStack(slices, np.linspace(2.0, 0.0, n), radius_px_m)


def read(stack: FocalStack) -> Reading:
    return read_stack(stack, kept_guess(stack, None), NET)


@pytest.mark.parametrize(("height", "width", "n"), [(33, 70, 2), (64, 64, 3), (50, 34, 9)])
def test_what_comes_back_has_the_size_of_the_slices(height: int, width: int, n: int):
    reading = read(stack_of(height, width, n, 4.0))
    assert reading.diopters.shape == reading.share.shape == reading.log_error.shape == (height, width)
    assert reading.sharp.shape == (height, width, 3)
    assert all(np.isfinite(one).all() for one in reading)
    assert reading.diopters.min() >= 0.0 and reading.log_error.min() > 0.0


def test_what_it_has_not_learned_from_is_shrunk_first():
    assert shrink_factor(stack_of(64, 64, 3, 4.0)) == 1.0
    assert shrink_factor(stack_of(64, 64, 3, 22.0)) == pytest.approx(2.0)  # a span of 44 px
    assert shrink_factor(stack_of(8, MOST_PIXELS // 2, 2, 1.0)) == pytest.approx(2.0)
    assert read(stack_of(64, 64, 3, 22.0)).diopters.shape == (64, 64)


def test_sixteen_bits_say_the_same():
    low = stack_of(32, 48, 3, 4.0)
    high = FocalStack(low.slices.astype(np.uint16) * 257, low.diopters, low.radius_px_m)
    first, second = read(low), read(high)
    assert np.allclose(first.diopters, second.diopters, atol=2e-3)
