"""Attention along time at each pixel on its own, and nothing else."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from focusgen.models.vda.motion import GatedLinear, MotionModule, TimePositions, sinusoid_table
from focusgen.models.vda.variants import WINDOW_FRAMES
from tests.tensors import normal

WIDTH, T = 32, 5


@pytest.fixture(scope="module")
def module() -> MotionModule:
    torch.manual_seed(0)
    return MotionModule(WIDTH).eval().requires_grad_(False)


def test_positions_are_sines_and_cosines_of_falling_frequencies():
    table = sinusoid_table(WINDOW_FRAMES, 6)[0]
    assert table.shape == (WINDOW_FRAMES, 6) and table.dtype == torch.float32
    for position in (0, 1, 31):
        for pair in range(3):
            angle = position / 10_000 ** (2 * pair / 6)
            assert table[position, 2 * pair] == pytest.approx(math.sin(angle), abs=1e-6)
            assert table[position, 2 * pair + 1] == pytest.approx(math.cos(angle), abs=1e-6)


def test_positions_are_added_from_the_first_frame_on():
    positions = TimePositions(6)
    torch.testing.assert_close(positions(torch.zeros(2, 3, 6)), sinusoid_table(3, 6).expand(2, -1, -1))


def test_attention_is_a_softmax_over_all_frames(module):
    attention = module.temporal_transformer.transformer_blocks[0].attention_blocks[0]
    x = normal(3, T, WIDTH)
    placed = x + sinusoid_table(T, WIDTH)
    q, k, v = (
        layer(placed).reshape(3, T, 8, 4) for layer in (attention.to_q, attention.to_k, attention.to_v)
    )
    share = torch.einsum("sthd,suhd->shtu", q, k).div(2.0).softmax(-1)
    mixed = torch.einsum("shtu,suhd->sthd", share, v).reshape(3, T, WIDTH)
    torch.testing.assert_close(attention(x), attention.to_out[0](mixed))


def test_one_half_gates_the_other():
    gated, x = GatedLinear(3, 4), normal(2, 3)
    both = gated.proj(x)
    torch.testing.assert_close(gated(x), both[:, :4] * F.gelu(both[:, 4:]))


def test_a_pixel_s_neighbours_count_through_its_frame_s_norm_alone(module):
    transformer = module.temporal_transformer
    maps = normal(T, WIDTH, 2, 3)
    # Pixels that change places within all frames leave the norm alone: the result changes places with them.
    turned = maps.flip(-1)
    torch.testing.assert_close(transformer(turned, T), transformer(maps, T).flip(-1), atol=1e-5, rtol=1e-5)


def test_time_matters_and_clips_do_not_see_each_other(module):
    one, two = normal(T, WIDTH, 2, 3), normal(T, WIDTH, 2, 3, seed=1)
    both = module(torch.cat([one, two]), T)
    torch.testing.assert_close(both[:T], module(one, T), atol=1e-5, rtol=1e-5)
    assert not torch.allclose(module(one.flip(0), T).flip(0), module(one, T), atol=1e-3)
    changed = one.clone()
    changed[-1, :, 0, 0] += 1.0  # the norm of a frame does not see what all of its pixels share
    assert (module(changed, T)[0] - module(one, T)[0]).abs().max() > 1e-4  # the first frame sees the last


def test_the_module_adds_to_its_input(module):
    maps = normal(T, WIDTH, 1, 2)
    torch.testing.assert_close(
        module(maps, T) - maps, module.temporal_transformer(maps, T), atol=1e-6, rtol=0
    )
    silent = MotionModule(WIDTH).requires_grad_(False)
    silent.temporal_transformer.proj_out.weight.zero_()
    silent.temporal_transformer.proj_out.bias.zero_()
    assert torch.equal(silent(maps, T), maps)


@pytest.mark.parametrize("at_once", [1, 4, 6, 100])
def test_pixels_may_be_worked_on_in_any_portion(module, at_once):
    maps = normal(2 * T, WIDTH, 2, 3)
    expected = module(maps, T)
    module.temporal_transformer.max_sequences = at_once
    torch.testing.assert_close(module(maps, T), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("n_frames", [1, WINDOW_FRAMES])
def test_one_frame_and_a_whole_window_pass(module, n_frames):
    assert module(normal(n_frames, WIDTH, 1, 2), n_frames).shape == (n_frames, WIDTH, 1, 2)


def test_more_frames_than_there_are_positions_fail(module):
    with pytest.raises(RuntimeError):
        module(normal(WINDOW_FRAMES + 1, WIDTH, 1, 1), WINDOW_FRAMES + 1)
