"""The DPT head in three parts: what is done per frame, what mixes a window, what draws wanted frames.

The order of operations is that of the published head with two changes that are exact up to rounding: the
1x1 convolution of a fusion stands before the upsampling (bilinear weights sum to one, so they commute, at a
quarter of the work), and the first residual unit of the two finest fusions, which sees one frame only,
belongs to the part whose results can be kept.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from focusgen.models.precision import autocast
from focusgen.models.vda.motion import MotionModule
from focusgen.models.vda.variants import PATCH_PX, Variant


class FrameFeatures(NamedTuple):
    """What is known of single frames, for a network input of 14h x 14w.

    Attributes:
        fine: (N, F, 4h, 4w), ready to be added in the last fusion.
        middle: (N, F, 2h, 2w), ready to be added in the last but one.
        coarse: (N, C3, h, w), before any mixing.
        coarsest: (N, C4, ceil(h/2), ceil(w/2)), before any mixing.
    """

    fine: Tensor
    middle: Tensor
    coarse: Tensor
    coarsest: Tensor


def upsample(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the maps resized bilinearly, corners on corners."""
    return F.interpolate(maps, size=size, mode="bilinear", align_corners=True)


class ResidualUnit(nn.Module):
    """Two 3x3 convolutions, added to the *unrectified* input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the same shape."""
        out: Tensor = x + self.conv2(torch.relu(self.conv1(torch.relu(x))))
        return out


class Fusion(nn.Module):
    """One step of the path from coarse to fine."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.out_conv = nn.Conv2d(width, width, 1)
        self.resConfUnit1 = ResidualUnit(width)  # in refinenet4: part of the checkpoint, never used
        self.resConfUnit2 = ResidualUnit(width)

    def forward(self, path: Tensor, size: tuple[int, int]) -> Tensor:
        """Return the path at `size`; what is fused in was already added."""
        return upsample(self.out_conv(self.resConfUnit2(path)), size)


class Scratch(nn.Module):
    """The convolutions of the fusion path."""

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        width = variant.features
        self.layer1_rn, self.layer2_rn, self.layer3_rn, self.layer4_rn = (
            nn.Conv2d(channels, width, 3, padding=1, bias=False) for channels in variant.out_channels
        )
        self.refinenet1 = Fusion(width)
        self.refinenet2 = Fusion(width)
        self.refinenet3 = Fusion(width)
        self.refinenet4 = Fusion(width)
        self.output_conv1 = nn.Conv2d(width, width // 2, 3, padding=1)
        self.output_conv2 = nn.Sequential(
            nn.Conv2d(width // 2, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 1, 1), nn.ReLU()
        )


class Head(nn.Module):
    """Feature maps of four depths to depth maps."""

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        c1, c2, c3, c4 = variant.out_channels
        self.projects = nn.ModuleList(nn.Conv2d(variant.width, c, 1) for c in variant.out_channels)
        self.resize_layers = nn.ModuleList(
            [
                nn.ConvTranspose2d(c1, c1, 4, stride=4),
                nn.ConvTranspose2d(c2, c2, 2, stride=2),
                nn.Identity(),
                nn.Conv2d(c4, c4, 3, stride=2, padding=1),
            ]
        )
        self.scratch = Scratch(variant)
        self.motion_modules = nn.ModuleList(MotionModule(c) for c in (c3, c4, *[variant.features] * 2))

    def per_frame(self, taps: list[Tensor]) -> FrameFeatures:
        """Return what does not depend on other frames; worth keeping for frames that come again."""
        stages = zip(self.projects, self.resize_layers, taps, strict=True)
        level1, level2, level3, level4 = (resize(project(tap)) for project, resize, tap in stages)
        scratch = self.scratch
        return FrameFeatures(
            fine=scratch.refinenet1.resConfUnit1(scratch.layer1_rn(level1)),
            middle=scratch.refinenet2.resConfUnit1(scratch.layer2_rn(level2)),
            coarse=level3,
            coarsest=level4,
        )

    def mix(self, coarse: Tensor, coarsest: Tensor, n_frames: int) -> Tensor:
        """Return the (B*T, F, 2h, 2w) path after all temporal mixing of B windows of T = `n_frames`."""
        scratch, motion = self.scratch, self.motion_modules
        rows, columns = coarse.shape[-2:]
        level3 = scratch.layer3_rn(motion[0](coarse, n_frames))
        level4 = scratch.layer4_rn(motion[1](coarsest, n_frames))
        path = motion[2](scratch.refinenet4(level4, (rows, columns)), n_frames)
        path = path + scratch.refinenet3.resConfUnit1(level3)
        out: Tensor = motion[3](scratch.refinenet3(path, (2 * rows, 2 * columns)), n_frames)
        return out

    def draw(self, path: Tensor, middle: Tensor, fine: Tensor) -> Tensor:
        """Return (N, 14h, 14w) float32 depth of N frames whose path was mixed."""
        rows, columns = path.shape[-2] // 2, path.shape[-1] // 2
        path = self.scratch.refinenet2(middle + path, (4 * rows, 4 * columns))
        path = self.scratch.refinenet1(fine + path, (8 * rows, 8 * columns))
        path = upsample(self.scratch.output_conv1(path), (PATCH_PX * rows, PATCH_PX * columns))
        # The last layers give metres: half precision would round them to 3 digits.
        with autocast(path.device, "fp32"):
            depth: Tensor = self.scratch.output_conv2(path.float())
        return depth.squeeze(1)
