"""Between pixels and tokens: shift and scale, slices, and levels."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from focusgen.models.flux.decoding import Decoder
from focusgen.models.flux.tokens import Grid, pack
from focusgen.models.flux.vae import Posterior, decode, encode_posterior, to_frames, to_unit, tokens_of

GRID = Grid(1, 2)


class PooledVae:
    """Latents are means of 8 x 8 pixels, repeated over 16 channels; decoding spreads them again."""

    config = SimpleNamespace(shift_factor=0.25, scaling_factor=2.0)

    def __init__(self):
        self.batches = []

    def parameters(self):
        yield torch.nn.Parameter(torch.zeros(1))

    def encode(self, pixels):
        self.batches.append(len(pixels))
        mean = torch.nn.functional.avg_pool2d(pixels.mean(1, keepdim=True), 8).repeat(1, 16, 1, 1)
        return SimpleNamespace(latent_dist=SimpleNamespace(mean=mean, std=torch.full_like(mean, 0.5)))

    def decode(self, latents):
        self.batches.append(len(latents))
        return SimpleNamespace(sample=latents[:, :3].repeat_interleave(8, 2).repeat_interleave(8, 3))


def test_tokens_are_shifted_and_scaled_and_decoding_undoes_it():
    vae, pixels = PooledVae(), torch.full((2, 3, 16, 32), 0.5)
    posterior = encode_posterior(vae, pixels)
    tokens = tokens_of(vae, posterior, None)
    torch.testing.assert_close(tokens, torch.full((2, 2, 64), (0.5 - 0.25) * 2.0))
    torch.testing.assert_close(decode(vae, tokens, GRID), pixels)


def test_a_sample_moves_by_its_noise_times_the_spread():
    vae, mean = PooledVae(), torch.zeros(1, 16, 2, 4)
    noise = torch.randn(1, 16, 2, 4, generator=torch.Generator().manual_seed(1))
    sampled = tokens_of(vae, Posterior(mean, torch.full_like(mean, 0.5)), noise)
    torch.testing.assert_close(sampled, pack((0.5 * noise - 0.25) * 2.0))


@pytest.mark.parametrize(("is_sliced", "batches"), [(False, [3, 3]), (True, [1] * 6)])
def test_slices_change_how_many_go_through_and_not_the_result(is_sliced, batches):
    vae, pixels = PooledVae(), torch.rand(3, 3, 16, 32)
    posterior = encode_posterior(vae, pixels, is_sliced=is_sliced)
    found = decode(vae, tokens_of(vae, posterior, None), GRID, is_sliced=is_sliced)
    assert vae.batches == batches
    torch.testing.assert_close(
        found[:, :1], torch.nn.functional.interpolate(posterior.mean[:, :1], scale_factor=8.0)
    )


def test_levels_are_rounded_to_the_nearest_and_clipped():
    assert to_unit(torch.tensor([-1.0, 0.0, 1.0])).tolist() == [0.0, 0.5, 1.0]
    pixels = torch.tensor([-9.0, -1.0, 1.0, 9.0, 2 * 100.4 / 255 - 1, 2 * 100.6 / 255 - 1])
    levels = to_frames(pixels[None, None, None].repeat(1, 3, 1, 1))
    assert levels.shape == (1, 1, 6, 3) and levels.dtype == torch.uint8
    assert levels[0, 0, :, 0].tolist() == [0, 0, 255, 255, 100, 101]


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_a_decoder_says_whether_all_pixels_were_numbers(value):
    decoder = Decoder(PooledVae(), torch.device("cpu"))
    tokens = torch.zeros(1, 2, 64)
    assert decoder.submit(tokens, GRID, is_sliced=False).is_finite()
    tokens[0, 1, 0] = value
    pending = decoder.submit(tokens, GRID, is_sliced=False)
    assert pending.frames().shape == (1, 16, 32, 3) and not pending.is_finite()
