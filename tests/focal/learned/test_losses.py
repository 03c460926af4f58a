"""Losses: nothing at the truth, larger farther away, and depth outside counts as the nearest."""

import pytest
import torch

from focusgen.focal.learned.losses import WEIGHTS, Truth, losses, total
from focusgen.focal.learned.network import Answer

HYPOTHESES = torch.linspace(0.5, 2.0, 7)[None]
CLASSICAL = torch.full((1, 1, 4, 4), 0.7)


def answer(diopters: torch.Tensor, sharp: torch.Tensor, logits: torch.Tensor | None = None) -> Answer:
    logits = torch.zeros(1, 7, 2, 2) if logits is None else logits
    return Answer(diopters, torch.ones(1, 1, 4, 4), logits, torch.zeros(1, 1, 4, 4), sharp)


def test_the_truth_costs_nothing_but_what_is_uncertain():
    true = torch.full((1, 1, 4, 4), 1.0)
    sharp = torch.rand(1, 3, 4, 4)
    peaked = torch.full((1, 7, 2, 2), -40.0)
    peaked[:, 2] = 40.0  # the third hypothesis is 1.0
    parts = losses(answer(true, sharp, peaked), Truth(true, sharp), HYPOTHESES, CLASSICAL)
    assert set(parts) == set(WEIGHTS)
    assert float(parts.pop("share")) == 1.0, "what is taken of the network has its price"
    assert all(float(part) == pytest.approx(0.0, abs=1e-5) for part in parts.values())


def test_a_doubled_distance_costs_the_log_of_two():
    true, sharp = torch.full((1, 1, 4, 4), 2.0), torch.zeros(1, 3, 4, 4)
    parts = losses(answer(torch.full((1, 1, 4, 4), 1.0), sharp), Truth(true, sharp), HYPOTHESES, CLASSICAL)
    assert float(parts["log"]) == pytest.approx(0.6931, abs=1e-3)
    assert float(parts["span"]) == pytest.approx(1.0 / 1.5, abs=1e-3)
    assert float(total(parts)) > 2 * 0.69


def test_depth_beyond_the_hypotheses_counts_as_the_last_one():
    sharp = torch.zeros(1, 3, 4, 4)
    far = Truth(torch.full((1, 1, 4, 4), 0.1), sharp)
    parts = losses(answer(torch.full((1, 1, 4, 4), 0.5), sharp), far, HYPOTHESES, CLASSICAL)
    assert float(parts["log"]) == 0.0


def test_what_is_not_taken_of_the_network_is_the_classical_depth():
    true, sharp = Truth(torch.full((1, 1, 4, 4), 1.2), torch.zeros(1, 3, 4, 4)), torch.zeros(1, 3, 4, 4)
    half = answer(torch.full((1, 1, 4, 4), 1.7), sharp)._replace(share=torch.full((1, 1, 4, 4), 0.5))
    assert float(losses(half, true, HYPOTHESES, CLASSICAL)["log"]) == pytest.approx(0.0, abs=1e-6)
