"""The network without torch says what torch's does."""

import numpy as np
import pytest
import torch

from focusgen.focal.learned.batches import tensors
from focusgen.focal.learned.network import Answer, FocalNet
from focusgen.focal.learned.plain_net import convolved, shuffled, unshuffled
from focusgen.focal.learned.shape import NetworkShape
from focusgen.focal.learned.volume import Evidence, blank_evidence
from focusgen.focal.learned.weights import load_network, load_trained
from tests.focal.learned.small import plain


def noisy_evidence(height: int, width: int) -> Evidence:
    rng = np.random.default_rng(height)
    blank = blank_evidence(height, width)
    noise = (rng.standard_normal(one.shape).astype(np.float32) for one in blank[1:])
    return Evidence(blank.hypotheses, *(one + 0.5 * part for one, part in zip(blank[1:], noise, strict=True)))


def restless() -> FocalNet:
    """Return a network none of whose layers is at rest, as some are before training."""
    torch.manual_seed(3)
    net = FocalNet(NetworkShape((8, 16, 16, 24), 4, 8)).eval().requires_grad_(False)
    for value in net.parameters():
        value.add_(0.1 * torch.randn_like(value))
    return net


@pytest.mark.parametrize(("height", "width"), [(16, 16), (32, 80), (48, 16)])
def test_it_says_what_the_trained_one_says(height: int, width: int):
    evidence = noisy_evidence(height, width)
    for trained, mine in ((restless(),) * 2, (load_trained(), None)):
        said = (plain(mine) if mine is not None else load_network())(evidence)
        answer = Answer(*trained(*tensors(evidence)))
        theirs = (answer.diopters[0, 0], answer.share[0, 0], answer.log_error[0, 0], answer.mended[0])
        for name, a, b in zip(said._fields, said, theirs, strict=True):
            assert a.dtype == np.float32 and a.shape == b.shape, name
            np.testing.assert_allclose(a, b.numpy(), atol=2e-4, rtol=1e-4, err_msg=name)
            assert np.ptp(a) > 0.01, name


@pytest.mark.parametrize("size", [1, 3])
def test_a_convolution_is_torchs(size: int):
    rng = np.random.default_rng(size)
    x, kernel, bias = (
        rng.standard_normal(shape).astype(np.float32) for shape in ((3, 4, 7), (5, 3, size, size), (5,))
    )
    theirs = torch.nn.functional.conv2d(*map(torch.from_numpy, (x[None], kernel, bias)), padding=size // 2)
    np.testing.assert_allclose(convolved(x, kernel, bias), theirs[0].numpy(), atol=1e-5)


def test_squares_become_channels_as_torch_counts_them_and_back():
    x = np.arange(2 * 4 * 6, dtype=np.float32).reshape(2, 4, 6)
    assert np.array_equal(unshuffled(x), torch.nn.functional.pixel_unshuffle(torch.from_numpy(x), 2).numpy())
    assert np.array_equal(shuffled(unshuffled(x)), x)
