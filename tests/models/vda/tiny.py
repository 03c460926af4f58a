"""A network of all the parts with seeded weights, small enough to be run often."""

from __future__ import annotations

import torch

from focusgen.models.vda.network import VideoDepthNet
from focusgen.models.vda.variants import Variant

TINY = Variant("tiny", 16, 4, 2, (0, 1, 2, 3), 32, (32, 32, 32, 32), position_grid=3)


def tiny_net(seed: int = 0) -> VideoDepthNet:
    """Return the network in eval mode, with weights that let every layer have a say."""
    net = VideoDepthNet(TINY).eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for name, value in net.state_dict().items():
        if not name.endswith("pe"):
            spread = 0.5 / max(1.0, float(value[0].numel()) ** 0.5) if value.ndim > 1 else 0.1
            value.copy_(spread * torch.randn(value.shape, generator=generator))
            if "norm" in name and name.endswith("weight"):
                value.add_(1.0)
            if name.endswith("gamma"):
                value.fill_(0.5)
    return net
