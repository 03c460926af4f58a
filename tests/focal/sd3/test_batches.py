"""Batches: crops, order, mirror and noise go through all that belongs together; truth stays what it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from focusgen.base.errors import ConfigError
from focusgen.focal.sd3.batches import Batches, augmented, collated, cropped, pixels_in
from focusgen.focal.sd3.samples import Source
from focusgen.focal.sd3.settings import DataSettings
from tests.focal.sd3.stacks import HEIGHT, WIDTH, shown

SIZE = 16
QUIET = DataSettings(size=SIZE, noise=0.0, focus_jitter=0.0)


class Pool:
    def __init__(self, *weights: float) -> None:
        self.source = Source(3, lambda index: pytest.fail("opened"), (), weights=weights)

    def __len__(self):
        return 3

    def shown(self, index, variant):
        return shown(4, index)


def levels(slices: torch.Tensor) -> torch.Tensor:
    """Return the number that each slice is full of."""
    return (slices[0, :, 0, 0, 0] * 0.5 + 0.5) * 255.0


def test_slices_are_reordered_with_their_distances_and_told_a_little_wrong():
    data = DataSettings(size=SIZE, noise=0.0, focus_jitter=0.02)
    ratios = []
    for seed in range(20):
        seen, truth = augmented(cropped(shown(4), SIZE, None), data, np.random.default_rng(seed))
        assert torch.allclose(truth.focus[0], 2.0 - 0.5 * levels(seen.slices), atol=1e-4)
        ratios.append(seen.diopters / truth.focus)
    ratio = torch.cat(ratios)
    assert 0.98 <= float(ratio.min()) < 0.985 and 1.015 < float(ratio.max()) <= 1.02
    seen, truth = augmented(cropped(shown(4), SIZE, None), QUIET, np.random.default_rng(0))
    assert torch.equal(seen.diopters, truth.focus)


def test_a_mirror_turns_all_that_has_a_left_and_a_right():
    mirrored = 0
    for seed in range(10):
        seen, truth = augmented(cropped(shown(4), SIZE, None), QUIET, np.random.default_rng(seed))
        falls = bool(truth.diopters[0, 0, 0, 0] > truth.diopters[0, 0, 0, -1])
        mirrored += falls
        assert bool((truth.diopters[..., 1:] - truth.diopters[..., :-1] > 0).all()) is not falls
    assert 0 < mirrored < 10


def test_crops_say_where_the_middle_is_and_holes_are_not_known():
    stack = shown(4)
    stack.true_diopters[:, : WIDTH // 2] = np.nan
    seen, truth = cropped(stack, SIZE, None)
    assert truth.known.float().mean() == 0.5 and bool(truth.diopters.isfinite().all())
    assert seen.slices.shape == (1, 4, 3, SIZE, SIZE)
    assert seen.radius_px_m.tolist() == [stack.stack.radius_px_m] != [0.0]
    with pytest.raises(ConfigError, match=f"s0: {WIDTH}x{HEIGHT}, smaller than data.size 64"):
        cropped(stack, 64, None)


def test_shorter_stacks_are_padded_and_masked():
    batch = collated([cropped(shown(n), SIZE, None) for n in (2, 5)])
    assert batch.seen.mask.tolist() == [[True] * 2 + [False] * 3, [True] * 5]
    assert batch.truth.focus.shape == (2, 5) and bool(batch.truth.focus.isfinite().all())


def test_the_place_alone_says_what_a_sample_is_and_an_epoch_has_every_stack_once():
    one, other = (Batches(Pool(), DataSettings(size=SIZE), 7, 4) for _ in range(2))
    other.batch([5])
    for a, b in zip(one.batch([4]).seen, other.batch([4]).seen, strict=True):
        assert torch.equal(a, b)
    assert sorted(one.names([0, 1, 2])) == sorted(one.names([3, 4, 5])) == ["s0", "s1", "s2"]
    assert not torch.equal(one.batch([0]).seen.slices, one.batch([3]).seen.slices)


def test_stacks_are_drawn_in_proportion_to_their_weights_and_never_at_0():
    batches = Batches(Pool(1.0, 0.25, 0.0), QUIET, 0, 8)
    drawn = np.bincount([batches.key(position)[0] for position in range(3000)], minlength=3)
    assert drawn[2] == 0 and drawn[0] / drawn[1] == pytest.approx(4.0, rel=0.1)
    again = Batches(Pool(1.0, 0.25, 0.0), QUIET, 0, 8)
    assert [again.key(position) for position in range(50)] == [
        batches.key(position) for position in range(50)
    ]


def test_a_size_that_is_no_whole_number_of_patches_names_the_nearest():
    with pytest.raises(ConfigError, match="data.size 500: the model reads multiples of 16") as caught:
        Batches(Pool(), DataSettings(size=500), 0, 16)
    assert "data.size=496" in caught.value.advice


def test_pixels_of_8_and_16_bits_lie_between_minus_one_and_one():
    for kind in (np.uint8, np.uint16):
        peak = np.iinfo(kind).max
        ends = pixels_in(np.array([[[0, peak, peak // 2]]], kind)).flatten()
        assert ends.tolist() == pytest.approx([-1.0, 1.0, 0.0], abs=0.01)
