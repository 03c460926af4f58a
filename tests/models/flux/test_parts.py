"""Types of diffusers' models: what stands in them is there in the library itself."""

from __future__ import annotations

import pytest
import torch

from focusgen.models.flux import parts


@pytest.mark.slow
def test_diffusers_autoencoder_has_what_is_read_of_it():
    from diffusers import AutoencoderKL

    vae = AutoencoderKL(latent_channels=16, norm_num_groups=4, block_out_channels=(8,), sample_size=8)
    posterior = vae.encode(torch.zeros(1, 3, 8, 8)).latent_dist
    for name in parts.Latents.__annotations__:
        assert getattr(posterior, name).shape == (1, 16, 8, 8)
    for name in parts.AutoencoderConfig.__annotations__:
        assert hasattr(vae.config, name)
    assert vae.decode(posterior.mean).sample.shape == (1, 3, 8, 8)
    assert next(vae.parameters()).requires_grad
