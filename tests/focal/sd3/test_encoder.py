"""A code of a stack, whatever the number of its slices: a set, place by place."""

from __future__ import annotations

import math

import pytest
import torch

from focusgen.focal.sd3.encoder import (
    SHARPNESS_SCALES,
    SliceAttention,
    StackEncoder,
    camera_code,
    sharpness_maps,
)
from tests.tensors import normal


@pytest.fixture(scope="module")
def encoder() -> StackEncoder:
    torch.manual_seed(0)
    return StackEncoder(6, 16, 4, 2, 5).eval().requires_grad_(False)


def code(encoder: StackEncoder, n: int = 4, order: list[int] | None = None, n_padded: int = 0):
    order = list(range(n)) if order is None else order
    latents, sharpness = normal(2, n, 6, 3, 2, seed=1)[:, order], normal(2, n, 4, 3, 2, seed=2)[:, order]
    positions = torch.linspace(-1.0, 1.0, n).expand(2, n)[:, order]
    mask = torch.ones(2, n, dtype=torch.bool)
    if n_padded:
        latents, sharpness = (torch.cat([x, 50.0 + x[:, :n_padded]], 1) for x in (latents, sharpness))
        positions = torch.cat([positions, positions[:, :n_padded]], 1)
        mask = torch.cat([mask, torch.zeros(2, n_padded, dtype=torch.bool)], 1)
    return encoder(latents, sharpness, positions, torch.tensor([3.0, 0.0]), mask)


def test_focus_is_a_share_of_slices_at_each_place(encoder):
    found = code(encoder)
    assert found.features.shape == (2, 5, 3, 2) and found.focus.shape == (2, 4, 3, 2)
    torch.testing.assert_close(found.focus.sum(1), torch.ones(2, 3, 2))
    assert found.focus.min() > 0


def test_the_order_of_slices_only_orders_their_shares(encoder):
    order = [2, 0, 3, 1]
    found, shuffled = code(encoder), code(encoder, order=order)
    torch.testing.assert_close(shuffled.features, found.features, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(shuffled.focus, found.focus[:, order], atol=1e-5, rtol=1e-5)


def test_places_without_a_slice_have_no_share_and_no_say(encoder):
    found, padded = code(encoder), code(encoder, n_padded=2)
    torch.testing.assert_close(padded.features, found.features, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(padded.focus[:, :4], found.focus, atol=1e-5, rtol=1e-5)
    assert (padded.focus[:, 4:] == 0).all()


def test_places_do_not_see_each_other(encoder):
    latents, sharpness = normal(1, 3, 6, 1, 2), normal(1, 3, 4, 1, 2)
    rest = (torch.linspace(-1, 1, 3)[None], torch.tensor([3.0]), torch.ones(1, 3, dtype=torch.bool))
    both = encoder(latents, sharpness, *rest)
    alone = encoder(latents[..., 1:], sharpness[..., 1:], *rest)
    torch.testing.assert_close(both.features[..., 1:], alone.features, atol=1e-5, rtol=1e-5)


def test_one_slice_is_a_stack_too(encoder):
    assert (code(encoder, n=1).focus == 1).all()


def test_slices_look_at_each_other_by_a_masked_softmax():
    torch.manual_seed(1)
    layer = SliceAttention(8, 2).requires_grad_(False)
    x, mask = normal(3, 4, 8), torch.tensor([[True] * 4, [True, True, False, False], [True] + [False] * 3])
    q, k, v = (part.reshape(3, 4, 2, 4) for part in layer.qkv(layer.norm(x)).chunk(3, -1))
    scores = torch.einsum("plhd,pmhd->phlm", q, k) / 2.0
    share = scores.masked_fill(~mask[:, None, None], -torch.inf).softmax(-1)
    seen = x + layer.out(torch.einsum("phlm,pmhd->plhd", share, v).reshape(3, 4, 8))
    torch.testing.assert_close(layer(x, mask), seen + layer.mlp(layer.norm_mlp(seen)))


def test_a_camera_is_waves_of_its_focus_and_the_strength_of_its_lens():
    found = camera_code(torch.tensor([[0.25, -1.0]]), torch.tensor([8.0]))
    assert found.shape == (1, 2, 15)
    waves = [math.sin(math.pi * 2**k * 0.25) for k in range(6)] + [
        math.cos(math.pi * 2**k * 0.25) for k in range(6)
    ]
    assert found[0, 0].tolist() == pytest.approx([*waves, 0.25, math.log(2.0), 1.0], abs=1e-5)
    unknown = camera_code(torch.tensor([[0.25]]), torch.tensor([0.0]))
    assert unknown[0, 0, -2:].tolist() == [0.0, 0.0]


def test_sharpness_is_small_on_flat_pictures_and_falls_with_blur():
    flat = sharpness_maps(torch.full((1, 2, 3, 16, 16), 0.7), (4, 4))
    assert flat.shape == (1, 2, len(SHARPNESS_SCALES), 4, 4)
    torch.testing.assert_close(flat, torch.full_like(flat, math.log(1e-3)), atol=1e-3, rtol=0)
    noise = normal(1, 1, 3, 32, 32)
    blurred = torch.nn.functional.avg_pool2d(noise[0], 5, 1, 2)[None]
    assert (sharpness_maps(noise, (4, 4))[:, :, 0] > sharpness_maps(blurred, (4, 4))[:, :, 0]).all()


def test_sharpness_knows_where():
    slices = torch.zeros(1, 1, 3, 16, 16)
    slices[..., :8, :8] = normal(3, 8, 8)
    found = sharpness_maps(slices, (2, 2))[0, 0, 0]
    assert found[0, 0] > found[1, 1] + 2.0


def test_sharpness_of_one_impulse_is_the_sum_of_its_laplacian():
    slices = torch.zeros(1, 1, 3, 8, 8)
    slices[..., 4, 4] = 1.0
    # |-4| and four times |1|, over 64 pixels.
    assert sharpness_maps(slices, (1, 1))[0, 0, 0].item() == pytest.approx(math.log(8 / 64 + 1e-3), abs=1e-5)
