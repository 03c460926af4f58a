"""What the network must be whatever its weights: a set function that starts as the classical result."""

from __future__ import annotations

import pytest
import torch

from focusgen.focal.sd3.build import build, build_shapes, n_parameters
from focusgen.focal.sd3.design import Design
from focusgen.focal.sd3.network import Noised, StackInput
from tests.focal.sd3.small import awake, stack_input

TOLERANCE = 1e-5


def reordered(stack: StackInput, order: list[int]) -> StackInput:
    return stack._replace(
        slices=stack.slices[:, order], mask=stack.mask[:, order], diopters=stack.diopters[:, order]
    )


@torch.no_grad()
def test_an_untrained_network_is_the_classical_result_to_the_bit():
    stack = stack_input()
    answer = build(Design())(stack)
    assert torch.equal(answer.rgb, stack.prior_rgb)
    assert not answer.change(stack.prior_diopters).any()
    assert (answer.diopters - stack.prior_diopters).abs().max() < 1e-6
    assert answer.velocity.abs().max() > 0.1  # it is the gate that keeps it silent, not the trunk


@torch.no_grad()
def test_the_order_of_slices_changes_nothing():
    net, stack = awake(Design()), stack_input(5)
    order = [3, 0, 4, 1, 2]
    one, other = net(stack), net(reordered(stack, order))
    assert (one.rgb - other.rgb).abs().max() <= TOLERANCE
    assert (one.unit - other.unit).abs().max() <= TOLERANCE
    assert (one.focus[:, order] - other.focus).abs().max() <= TOLERANCE
    assert (one.rgb - net(stack_input(5, seed=1)).rgb).abs().max() > 0.01


@torch.no_grad()
def test_padding_changes_nothing():
    net, stack = awake(Design()), stack_input(3)
    wild = torch.full_like(stack.slices[:, :2], 7.0)
    padded = stack._replace(
        slices=torch.cat([stack.slices, wild], 1),
        mask=torch.cat([stack.mask, torch.zeros(2, 2, dtype=torch.bool)], 1),
        diopters=torch.cat([stack.diopters, torch.full((2, 2), 99.0)], 1),
    )
    one, other = net(stack), net(padded)
    assert (one.rgb - other.rgb).abs().max() <= TOLERANCE
    assert (one.unit - other.unit).abs().max() <= TOLERANCE
    assert other.focus[:, 3:].abs().max() == 0.0


@torch.no_grad()
@pytest.mark.parametrize("n", [2, 9])
def test_any_number_of_slices_and_an_unknown_lens(n):
    stack = stack_input(n)
    answer = awake(Design())(stack._replace(radius_px_m=torch.zeros(2)))
    assert answer.rgb.shape == (2, 3, 32, 32) and bool(answer.unit.isfinite().all())


@torch.no_grad()
def test_the_slices_the_prior_and_the_lens_are_listened_to():
    net, stack = awake(Design()), stack_input()
    said = net(stack).unit
    for change in (
        {"slices": -stack.slices},
        {"radius_px_m": 4.0 * stack.radius_px_m},
        {"confidence": 1.0 - stack.confidence},
    ):
        assert (net(stack._replace(**change)).unit - said).abs().max() > 1e-4, change


@torch.no_grad()
def test_flow_follows_the_schedule_and_depends_on_its_seed():
    net, stack = awake(Design(depth="flow")), stack_input()
    first, again, other = (net.sample(stack, 4, seed).unit for seed in (0, 0, 1))
    assert torch.equal(first, again) and (first - other).abs().max() > 1e-3


@torch.no_grad()
def test_flow_is_trained_between_target_and_noise():
    net, stack = awake(Design(rgb="flow", depth="flow")), stack_input()
    target = net.targets(stack.prior_rgb, stack.prior_diopters, net(stack).span)
    sigma = torch.tensor([0.0, 1.0])
    answer = net(stack, Noised(target, torch.zeros_like(target), sigma))
    assert torch.allclose(answer.latents[0], target[0])  # at sigma 0 there is nothing left to do
    assert not torch.allclose(answer.latents[1], target[1])


@pytest.mark.slow
@torch.no_grad()
def test_numbers_of_parameters_are_those_of_the_published_models():
    for preset, billions in (("medium", 2.243), ("large", 8.057)):
        net = build_shapes(Design(preset=preset, trains="lora"))
        own = sum(p.numel() for n, p in net.trunk.named_parameters() if ".lora_" not in n) / 1e9
        assert own == pytest.approx(billions, rel=2e-3)
        assert n_parameters(net, trained_only=True) < 0.06e9
