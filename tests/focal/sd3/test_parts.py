"""Types of diffusers' models: what stands in them is there in the library itself."""

from __future__ import annotations

import torch

from focusgen.focal.sd3.build import build
from focusgen.focal.sd3.design import TINY, Design
from focusgen.focal.sd3.parts import config_of


def test_a_model_says_what_it_was_made_with_and_its_scheduler_steps():
    net = build(Design())
    assert {key: config_of(net.trunk)[key] for key in ("patch_size", "num_layers")} == {
        key: TINY[key] for key in ("patch_size", "num_layers")
    }
    net.scheduler.set_timesteps(2)
    assert len(net.scheduler.timesteps) == 2 and len(net.scheduler.sigmas) == 3
    latents = torch.zeros(1, 1, 2, 2)
    (stepped,) = net.scheduler.step(latents + 1.0, net.scheduler.timesteps[0], latents, return_dict=False)
    assert torch.allclose(stepped, (net.scheduler.sigmas[1] - net.scheduler.sigmas[0]).expand_as(latents))
