"""What the network is told of weight-free results: the same for any unit, size and sitting."""

import math

import numpy as np
import pytest

from focusgen.focal.classical import Estimate
from focusgen.focal.learned.guess import N_GUESS, Guess, guess_channels, guess_of, kept_guess, shrunk_guess
from focusgen.focal.sharpness import DepthGuess
from focusgen.focal.stack import FocalStack

HYPOTHESES = np.linspace(0.5, 2.5, 32, dtype=np.float32)


def flat(value: float) -> np.ndarray:
    return np.full((4, 6), value, np.float32)


def guess(sweep_error: float = 0.2, plain_error: float = 0.2) -> Guess:
    errors = {"relative_blur": sweep_error, "focus_measure": plain_error}
    found = Estimate(flat(1.5), flat(2.0), flat(0.75), "relative_blur", errors)
    return guess_of(found, DepthGuess(flat(1.0), flat(0.5)))


def test_depths_are_places_between_the_hypotheses_and_differences_from_the_classical_one():
    told = guess_channels(guess(), HYPOTHESES)
    assert told.shape == (N_GUESS, 4, 6)
    assert told[:, 0, 0] == pytest.approx([0.0, 0.5, 4.0 * 0.25, -4.0 * 0.25, 0.0, 0.0], abs=1e-3)


def test_how_much_better_the_sweep_explains_the_slices_is_told_and_bounded():
    better, worse = (
        guess_channels(guess(*errors), HYPOTHESES)[5, 0, 0] for errors in ((0.1, 0.2), (1.0, 1e-9))
    )
    assert better == pytest.approx(2.0 * math.log(0.5), abs=2e-3)
    assert worse == 2.0


def test_a_smaller_picture_is_told_the_same_depths():
    small = shrunk_guess(guess(), 3, 2)
    assert small.diopters.shape == small.plain_confidence.shape == (2, 3)
    assert np.allclose(
        guess_channels(small, HYPOTHESES)[:, 0, 0], guess_channels(guess(), HYPOTHESES)[:, 0, 0]
    )


def test_a_kept_guess_is_the_guess_to_the_bit(tmp_path):
    rng = np.random.default_rng(0)
    stack = FocalStack(rng.integers(0, 255, (3, 16, 24, 3), np.uint8), np.array([2.0, 1.0, 0.5]), 4.0)
    fresh, kept, again = kept_guess(stack, None), kept_guess(stack, tmp_path), kept_guess(stack, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    for one, *others in zip(fresh, kept, again, strict=True):
        assert one.dtype == np.float16 and all(np.array_equal(one, other) for other in others)
