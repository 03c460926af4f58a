"""Pixels to latents and back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from focusgen.focal.sd3.codec import PatchCodec, VaeCodec, encode_in_parts


def pixels(batch: int = 3, height: int = 8, width: int = 12) -> torch.Tensor:
    return 2.0 * torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(0)) - 1.0


@pytest.mark.parametrize("channels", [12, 16, 20])
def test_patches_lose_nothing_and_further_channels_are_zero(channels):
    codec = PatchCodec(channels)
    latents = codec.encode(pixels())
    assert latents.shape == (3, channels, 4, 6)
    assert torch.equal(codec.decode(latents), pixels())
    assert (latents[:, 12:] == 0).all()


def test_a_latent_is_a_square_of_two_by_two_pixels():
    picture = torch.zeros(1, 3, 4, 4)
    picture[0, 1, 2, 3] = 1.0  # green, second row of squares, second square, upper right
    latents = PatchCodec().encode(picture)
    assert latents.nonzero().tolist() == [[0, 4 + 1, 1, 1]]


def test_fewer_channels_than_pixels_would_lose_some():
    with pytest.raises(AssertionError, match="every pixel needs a channel"):
        PatchCodec(11)


class Halving:
    """A VAE of half precision: latents are means of 2 x 2 pixels, times four."""

    config = SimpleNamespace(shift_factor=0.5, scaling_factor=2.0)

    def __init__(self) -> None:
        self.weight = torch.nn.Parameter(torch.zeros(1, dtype=torch.bfloat16))
        self.batches: list[torch.Tensor] = []

    def parameters(self) -> Any:
        yield self.weight

    def encode(self, values: torch.Tensor) -> Any:
        self.batches.append(values)
        mean = 4.0 * torch.nn.functional.avg_pool2d(values.float(), 2)
        return SimpleNamespace(latent_dist=SimpleNamespace(mean=mean, std=torch.full_like(mean, 9.0)))

    def decode(self, latents: torch.Tensor) -> Any:
        self.batches.append(latents)
        return SimpleNamespace(sample=latents.repeat_interleave(2, 2).repeat_interleave(2, 3) / 4.0)


def test_the_published_codec_shifts_and_scales_the_mean_and_undoes_it():
    codec = VaeCodec(Halving(), 2, 3)  # type: ignore[arg-type]
    flat = torch.full((1, 3, 4, 4), 0.25)
    latents = codec.encode(flat)
    torch.testing.assert_close(latents, torch.full((1, 3, 2, 2), (1.0 - 0.5) * 2.0))
    torch.testing.assert_close(codec.decode(latents).float(), flat)
    assert {batch.dtype for batch in codec.vae.batches} == {torch.bfloat16}


def test_gradients_pass_the_decoder():
    latents = torch.ones(1, 3, 2, 2, requires_grad=True)
    VaeCodec(Halving(), 2, 3).decode(latents).sum().backward()  # type: ignore[arg-type]
    torch.testing.assert_close(latents.grad, torch.full_like(latents, 4.0 / 4.0 / 2.0))


@pytest.mark.parametrize(("n_at_once", "sizes"), [(1, [1, 1, 1]), (2, [2, 1]), (9, [3])])
def test_many_pictures_are_encoded_a_few_at_a_time_without_a_graph(n_at_once, sizes):
    codec = VaeCodec(Halving(), 2, 3)  # type: ignore[arg-type]
    made = encode_in_parts(codec, pixels().requires_grad_(), n_at_once)
    assert [len(batch) for batch in codec.vae.batches] == sizes and not made.requires_grad
    assert torch.equal(made, encode_in_parts(codec, pixels(), 3))
