"""Validation: the truth scores as the truth, beside the classical result; what is unknown is left out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from focusgen.focal.sd3.batches import Batches
from focusgen.focal.sd3.judge import MOST_STACKS, judge
from focusgen.focal.sd3.network import Answer
from focusgen.focal.sd3.normalise import range_of, to_unit
from focusgen.focal.sd3.samples import Source
from focusgen.focal.sd3.settings import DataSettings
from tests.focal.sd3.stacks import shown

SIZE = 16


class Pool:
    source = Source(2, lambda index: pytest.fail("opened"), ())

    def __len__(self):
        return 2

    def shown(self, index, variant):
        stack = shown(4, index)
        stack.true_diopters[:, :16] = np.nan  # the left of the crop
        return stack


class Knowing:
    """Answers with inverse depth that is off by a factor, and the picture with a step."""

    def __init__(self, factor, step=0.0):
        self.factor, self.step = factor, step

    def sample(self, seen, n_steps):
        span = range_of(seen.diopters, seen.mask)
        true = torch.from_numpy(shown(4).true_diopters[8:24, 12:28].copy())[None, None] * self.factor
        none = torch.zeros(1, 2, 4, 4)
        return Answer(seen.prior_rgb + self.step, to_unit(true, span), span, none, none, none, none)


def test_scores_are_those_of_the_answer_and_the_prior_where_depth_is_known():
    batches = Batches(Pool(), DataSettings(size=SIZE), 0, 4)
    exact = judge(Knowing(1.0), batches, 2, torch.device("cpu"))
    assert exact.scores["abs_rel"] == pytest.approx(0.0, abs=1e-5) and exact.scores["d1.25"] == 1.0
    true = shown(4).true_diopters[8:24, 16:28]  # the prior says 1 m everywhere
    assert exact.scores["prior_abs_rel"] == pytest.approx(float(np.abs(true - 1.0).mean()), rel=1e-4)
    assert exact.scores["aif_psnr"] == pytest.approx(100.0)
    halved = judge(Knowing(0.5, 0.2), batches, 2, torch.device("cpu"))
    assert halved.scores["abs_rel"] == pytest.approx(1.0, rel=1e-4) and halved.scores["d1.25"] == 0.0
    assert halved.scores["aif_psnr"] == pytest.approx(20.0, abs=1e-3)
    assert exact.sheet.shape == (2 * SIZE, 5 * SIZE, 3) and exact.sheet.dtype == np.uint8


def test_a_stack_without_known_depth_in_its_middle_is_judged_by_its_picture_alone():
    class Holed(Pool):
        def shown(self, index, variant):
            stack = super().shown(index, variant)
            stack.true_diopters[:] *= np.nan if index in self.unknown else 1.0
            return stack

    def scores(*unknown):
        Holed.unknown = unknown
        batches = Batches(Holed(), DataSettings(size=SIZE), 0, 4)
        return judge(Knowing(0.5), batches, 2, torch.device("cpu")).scores

    assert scores(1) == pytest.approx(scores())
    assert list(scores(0, 1)) == ["aif_psnr"]


def test_of_many_stacks_those_are_judged_that_are_spread_over_the_list():
    asked = []

    class Many(Pool):
        def __len__(self):
            return 100

        def shown(self, index, variant):
            asked.append(index)
            return super().shown(index, variant)

    judge(Knowing(1.0), Batches(Many(), DataSettings(size=SIZE), 0, 4), 100, torch.device("cpu"))
    assert len(asked) == MOST_STACKS and (asked[0], asked[-1]) == (0, 99)


def test_a_stack_is_read_by_all_processes_before_any_of_them_asks_the_network():
    """With shards, one that could not read its own would leave the others waiting inside of it."""
    done: list[str] = []

    class Asked(Knowing):
        def sample(self, seen, n_steps):
            done.append("asked")
            return super().sample(seen, n_steps)

    def read(one):
        done.append("read")
        return one()

    judge(Asked(1.0), Batches(Pool(), DataSettings(size=SIZE), 0, 4), 2, torch.device("cpu"), read)
    assert done == ["read", "asked", "read", "asked"]
