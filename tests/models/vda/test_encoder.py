"""The ViT: attention against five lines of softmax, positions of any grid, taps frame by frame."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from focusgen.models.vda.encoder import LayerScale, Mlp, PatchEmbed
from tests.models.vda.tiny import TINY, tiny_net
from tests.tensors import normal


@pytest.fixture(scope="module")
def encoder():
    return tiny_net().pretrained


def test_attention_is_softmax_of_scaled_products_in_each_head(encoder):
    attention, x = encoder.blocks[0].attn, normal(2, 5, 16)
    q, k, v = (part.reshape(2, 5, 2, 8) for part in attention.qkv(x).chunk(3, dim=-1))
    share = torch.einsum("nlhd,nmhd->nhlm", q / 8**0.5, k).softmax(-1)
    mixed = torch.einsum("nhlm,nmhd->nlhd", share, v).reshape(2, 5, 16)
    torch.testing.assert_close(attention(x), attention.proj(mixed))


def test_tokens_do_not_know_their_order_without_positions(encoder):
    x, order = normal(1, 6, 16), torch.tensor([3, 1, 5, 0, 2, 4])
    torch.testing.assert_close(encoder.blocks[1](x[:, order]), encoder.blocks[1](x)[:, order])


def test_patches_are_rows_of_fourteen_pixels():
    embed = PatchEmbed(4).requires_grad_(False)
    frames = torch.zeros(1, 3, 28, 42)
    frames[:, :, 14:, 14:28] = 1.0  # the second patch of the second row
    tokens = embed(frames)
    assert tokens.shape == (1, 6, 4)
    changed = (tokens - embed.proj.bias).abs().sum(-1)[0] > 1e-6
    assert changed.tolist() == [False, False, False, False, True, False]


def test_the_mlp_is_an_exact_gelu_between_two_layers():
    mlp, x = Mlp(3), normal(2, 3)
    inner = F.linear(x, mlp.fc1.weight, mlp.fc1.bias)
    erf = 0.5 * inner * (1.0 + torch.erf(inner / 2**0.5))
    torch.testing.assert_close(mlp(x), F.linear(erf, mlp.fc2.weight, mlp.fc2.bias))
    scale = LayerScale(3)
    scale.gamma.data = torch.tensor([2.0, 0.0, -1.0])
    torch.testing.assert_close(scale(torch.ones(1, 3)), torch.tensor([[2.0, 0.0, -1.0]]))


@pytest.mark.parametrize(("rows", "columns"), [(3, 3), (1, 1), (2, 5), (7, 3), (10, 10)])
def test_positions_fit_any_grid_and_the_class_token_keeps_its_own(encoder, rows, columns):
    found = encoder.positions(rows, columns)
    assert found.shape == (1, 1 + rows * columns, 16) and torch.isfinite(found).all()
    assert torch.equal(found[:, 0], encoder.pos_embed[:, 0])
    assert encoder.positions(rows, columns) is found


def test_positions_are_sampled_by_the_factor_and_not_by_the_size(encoder):
    # out = (i + 1/2) / ((rows + 0.1) / 3) - 1/2: along one axis, with torch's bicubic weights (a = -3/4).
    grid = encoder.pos_embed[0, 1:].reshape(3, 3, 16)
    rows, row = 5, 2
    at = (row + 0.5) * 3 / (rows + 0.1) - 0.5
    first, t = int(at), at - int(at)
    a = -0.75
    far = lambda d: ((a * d - 5 * a) * d + 8 * a) * d - 4 * a  # noqa: E731
    near = lambda d: ((a + 2) * d - (a + 3)) * d * d + 1  # noqa: E731
    weights = (far(t + 1), near(t), near(1 - t), far(2 - t))
    picks = [grid[min(max(first + o, 0), 2)] for o in (-1, 0, 1, 2)]
    column = sum(w * p for w, p in zip(weights, picks, strict=True))
    # Columns are resized by 3.1 / 3 at the same time.
    found = encoder.positions(rows, 3)[0, 1:].reshape(rows, 3, 16)[row]
    across = torch.nn.functional.interpolate(
        column.T[None, :, None], scale_factor=(1.0, 3.1 / 3), mode="bicubic", antialias=False
    )[0, :, 0].T
    torch.testing.assert_close(found, across, atol=1e-5, rtol=1e-5)


def test_four_taps_are_normalised_maps_without_the_class_token(encoder):
    frames = normal(2, 3, 28, 42)
    taps = encoder(frames)
    assert [tap.shape for tap in taps] == [(2, 16, 2, 3)] * 4
    tokens = torch.cat([encoder.cls_token.expand(2, -1, -1), encoder.patch_embed(frames)], 1)
    x = encoder.blocks[0](tokens + encoder.positions(2, 3))
    expected = encoder.norm(x)[:, 1:].transpose(1, 2).reshape(2, 16, 2, 3)
    torch.testing.assert_close(taps[TINY.taps[0]], expected)


def test_a_frame_s_taps_do_not_depend_on_the_frames_beside_it(encoder):
    frames = normal(3, 3, 14, 28)
    for whole, alone in zip(encoder(frames), encoder(frames[1:2]), strict=True):
        torch.testing.assert_close(whole[1:2], alone)
