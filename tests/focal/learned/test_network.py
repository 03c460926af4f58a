"""The network: at the start it repeats the evidence, enlarging is convex, stacks are apart."""

import pytest
import torch

from focusgen.focal.learned.guess import N_GUESS
from focusgen.focal.learned.network import Answer, DepthMix, FocalNet, enlarged, n_parameters
from focusgen.focal.learned.shape import NetworkShape
from focusgen.focal.learned.volume import N_CONTEXT, N_EVIDENCE, N_HYPOTHESES

SMALL = NetworkShape((8, 8, 16, 16), 4, 4)


def inputs(b: int = 2) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(1)
    hypotheses = torch.linspace(0.2, 2.0, N_HYPOTHESES)[None].repeat(b, 1)
    volume = torch.randn(b, N_EVIDENCE, N_HYPOTHESES, 16, 24)
    context, sharp = torch.randn(b, N_CONTEXT, 16, 24), torch.rand(b, 3, 32, 48) * 2 - 1
    classical, guess = torch.rand(b, 1, 32, 48) + 0.5, torch.randn(b, N_GUESS, 32, 48)
    return volume, context, sharp, hypotheses, torch.rand(b, 1, 16, 24) + 0.5, classical, guess


def test_the_shipped_size_is_within_its_bounds():
    assert 0.3e6 <= n_parameters(FocalNet()) <= 1.5e6


def test_without_training_little_is_taken_of_the_network_and_the_picture_stays():
    volume, context, sharp, hypotheses, first, *rest = inputs()
    volume[:, :5], volume[:, 4] = 0.0, 4.0
    volume[:, 4, 11] = 0.0  # the evidence is for one hypothesis, the first depth is half as far again
    own = hypotheses[0, 11]
    first[:] = 1.5 * own
    answer = Answer(*FocalNet(SMALL)(volume, context, sharp, hypotheses, first, *rest))
    moved = (answer.diopters - first[0, 0, 0, 0]) / (own - first[0, 0, 0, 0])
    assert 0.02 < moved.min() and moved.max() < 0.5
    assert 0.02 < answer.share.min() and answer.share.max() < 0.5
    assert answer.logits.argmax(1).unique().tolist() == [11]
    assert torch.equal(answer.mended, sharp)


def test_depth_stays_within_the_hypotheses_and_shapes_fit():
    answer = Answer(*FocalNet(SMALL)(*inputs()))
    assert answer.diopters.shape == (2, 1, 32, 48) and answer.log_error.shape == answer.share.shape == (
        2,
        1,
        32,
        48,
    )
    assert answer.diopters.min() >= 0.2 - 1e-5 and answer.diopters.max() <= 2.0 + 1e-5


def test_stacks_of_a_batch_do_not_see_each_other():
    net, parts = FocalNet(SMALL).eval(), inputs()
    whole, one = net(*parts), net(*(part[1:] for part in parts))
    assert torch.allclose(whole[0][1:], one[0], atol=1e-5)


def test_the_mix_along_depth_is_a_convolution_in_three_dimensions():
    torch.manual_seed(2)
    volume = torch.randn(2, 3, 7, 6, 5)
    for kernel in ((3, 1, 1), (5, 3, 3)):
        mix = DepthMix(3, 2, kernel)
        padding = tuple(size // 2 for size in kernel)
        whole = torch.nn.functional.conv3d(volume, mix.weight, mix.bias, padding=padding)
        assert torch.allclose(mix(volume), whole, atol=1e-5)
        mine, theirs = (torch.autograd.grad(y.square().sum(), mix.weight)[0] for y in (mix(volume), whole))
        assert torch.allclose(mine, theirs, rtol=1e-4)


def test_enlarging_takes_the_pixel_that_it_is_told():
    half = torch.arange(12.0).reshape(1, 1, 3, 4)
    weights = torch.full((1, 9, 4, 3, 4), -50.0)
    weights[:, 4] = 50.0
    big = enlarged(half, weights.reshape(1, 36, 3, 4))
    assert torch.allclose(big, half.repeat_interleave(2, 2).repeat_interleave(2, 3), atol=1e-6)


def test_the_picture_teaches_depth_nothing():
    net, parts = FocalNet(SMALL), inputs()
    torch.nn.init.normal_(net.mend[-1].weight)
    Answer(*net(*parts)).mended.sum().backward()
    assert net.logit.weight.grad is None or net.logit.weight.grad.abs().sum() == pytest.approx(0.0)
    assert net.mend[0].weight.grad.abs().sum() > 0
