"""The loss: nothing for the truth or where nothing is known, and a lesson for heads with shut gates."""

from __future__ import annotations

import pytest
import torch

from focusgen.base.errors import ConfigError
from focusgen.focal.sd3.batches import Batch, Truth
from focusgen.focal.sd3.build import build
from focusgen.focal.sd3.design import Design
from focusgen.focal.sd3.losses import losses, perceptual, total
from focusgen.focal.sd3.network import Answer, Noised
from focusgen.focal.sd3.normalise import range_of, to_unit
from focusgen.focal.sd3.settings import LossSettings
from tests.focal.sd3.small import stack_input

BOTH = ("residual", "regression")


def batch_of(known: bool = True) -> Batch:
    seen = stack_input(n=3, batch=2, side=16)
    shape = seen.prior_diopters.shape
    truth = Truth(
        seen.prior_diopters.clone(), torch.full(shape, known), seen.prior_rgb.clone(),
        torch.tensor([False, False]), seen.diopters,
    )  # fmt: skip
    return Batch(seen, truth)


def answer_of(batch: Batch, latents: torch.Tensor, shift: float = 0.0) -> Answer:
    span = range_of(batch.seen.diopters, batch.seen.mask)
    unit = to_unit(batch.truth.diopters, span).clamp(-1.0, 1.0) + shift
    focus = torch.full((2, 3, 8, 8), 1.0 / 3.0)
    return Answer(batch.truth.rgb + shift, unit, span, latents, latents, latents, focus)


def test_the_truth_costs_nothing_and_a_shift_costs_itself():
    batch, target = batch_of(), torch.zeros(2, 8, 4, 4)
    parts = losses(answer_of(batch, target), batch, target, None, 0, BOTH)
    assert {
        name: float(parts[name]) for name in ("latent", "depth", "gradient", "rgb", "rerender")
    } == dict.fromkeys(("latent", "depth", "gradient", "rgb", "rerender"), 0.0)
    parts = losses(answer_of(batch, target + 0.5, 0.25), batch, target, None, 0, BOTH)
    found = [float(parts[name]) for name in ("latent", "depth", "gradient", "rgb")]
    assert found == pytest.approx([0.5, 0.25, 0.0, 0.25], abs=1e-6)
    weights = LossSettings(latent=2.0, depth=1.0, gradient=0.0, rgb=4.0, focus=0.0, rerender=0.0)
    assert float(total(parts, weights)) == pytest.approx(1.0 + 0.25 + 1.0)


@pytest.mark.parametrize(("is_drawn", "cost"), [(True, 0.125), (False, 0.0)])
def test_slices_of_a_lens_are_explained_by_the_truth_and_those_of_a_generator_are_not_asked(is_drawn, cost):
    batch = batch_of()
    flat = torch.ones_like(batch.seen.prior_diopters) * batch.seen.diopters[:, :1, None, None]
    slices = torch.stack([batch.truth.rgb, *[torch.zeros_like(batch.truth.rgb)] * 2], 1)
    batch = Batch(
        batch.seen._replace(slices=slices, radius_px_m=torch.tensor([4.0, 4.0])),
        batch.truth._replace(diopters=flat, is_drawn=torch.tensor([is_drawn, is_drawn])),
    )
    target = torch.zeros(2, 8, 4, 4)
    true = answer_of(batch, target)
    assert float(losses(true, batch, target, None, 0, BOTH)["rerender"]) == pytest.approx(0.0, abs=1e-3)
    brighter = true._replace(rgb=true.rgb + 0.25)
    assert float(losses(brighter, batch, target, None, 0, BOTH)["rerender"]) == pytest.approx(cost, abs=0.02)


def test_depth_that_is_not_known_teaches_nothing():
    batch, target = batch_of(known=False), torch.zeros(2, 8, 4, 4)
    parts = losses(answer_of(batch, target, 3.0), batch, target, None, 0, BOTH)
    assert float(parts["depth"]) == float(parts["gradient"]) == float(parts["focus"]) == 0.0


def test_each_head_has_its_own_aim():
    """Only a flow head is asked for the velocity of its noise; its neighbour for the truth."""
    batch, target = batch_of(), torch.zeros(2, 8, 4, 4)
    noise = torch.cat([torch.full((2, 4, 4, 4), 9.0), torch.ones(2, 4, 4, 4)], 1)
    answer = answer_of(batch, target)._replace(velocity=torch.ones(2, 8, 4, 4))
    noised = Noised(target, noise, torch.ones(2))
    assert float(losses(answer, batch, target, noised, 0, ("residual", "flow"))["latent"]) == 0.0
    assert float(losses(answer, batch, target, noised, 0, ("flow", "flow"))["latent"]) == pytest.approx(32.0)


def test_a_head_learns_while_its_gate_is_shut():
    net, batch = build(Design()), batch_of()
    batch = batch._replace(truth=batch.truth._replace(rgb=-batch.truth.rgb))
    answer = net(batch.seen)
    target = net.targets(batch.truth.rgb, batch.truth.diopters, answer.span)
    assert torch.equal(answer.rgb, batch.seen.prior_rgb), "the gate is shut"
    parts = losses(answer, batch, target, None, 0, BOTH)
    head = net.trunk.proj_out.weight
    alone = LossSettings(latent=0, focus=0, rerender=0)
    (still,) = torch.autograd.grad(total(parts, alone), head, retain_graph=True)
    (moved,) = torch.autograd.grad(total(parts, LossSettings()), head)
    assert float(still.abs().max()) == 0.0 and float(moved.abs().max()) > 1e-4


def test_lpips_that_is_not_installed_is_said(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert perceptual(LossSettings(), torch.device("cpu")) is None
    with pytest.raises(ConfigError, match="needs the package lpips"):
        perceptual(LossSettings(lpips=0.1), torch.device("cpu"))
