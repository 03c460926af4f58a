"""The network: evidence per hypothesis, mixed along depth, seen whole by a U-Net, weighed back to full size.

It starts from what needs no weights: with no training its depth is about the classical one, and what it
learns is where to leave that depth, and for what. One head says how wrong depth may be, one mends the sharp
picture.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from focusgen.focal.learned.guess import N_GUESS
from focusgen.focal.learned.shape import (
    LOGIT_GAIN,
    MEND_GAIN,
    N_GROUPS,
    N_MIXED,
    N_NEIGHBOURS,
    N_SUB,
    PRIOR,
    PRIOR_SIGNS,
    START_SHARE,
    NetworkShape,
)
from focusgen.focal.learned.volume import N_CONTEXT, N_EVIDENCE, N_HYPOTHESES


class Answer(NamedTuple):
    """What the network says; h, w are half of the padded size.

    Attributes:
        diopters: (B, 1, 2h, 2w) its own depth.
        share: (B, 1, 2h, 2w) how much of its own depth to take, 0 to 1; the rest is the classical one's.
        logits: (B, K, h, w) of the hypotheses.
        log_error: (B, 1, 2h, 2w) logarithm of the error in log depth that it expects of both.
        mended: (B, 3, 2h, 2w) the sharp picture, -1 to 1.
    """

    diopters: Tensor
    share: Tensor
    logits: Tensor
    log_error: Tensor
    mended: Tensor


class DepthMix(nn.Conv3d):
    """A 3D convolution of few channels, padded to the same size, over as many hypotheses as it is given.

    It is computed as one 2D convolution of all channels of all hypotheses with a banded kernel: libraries are
    made for many channels, and on a CPU take twenty times as long for four of them in three dimensions.
    """

    def forward(self, volume: Tensor) -> Tensor:
        """Return (B, out, K, h, w) of (B, in, K, h, w)."""
        b, _, k, h, w = volume.shape
        _, rows, columns = self.kernel_size
        bias = None if self.bias is None else self.bias.repeat_interleave(k)
        kernel = self._banded(k).reshape(self.out_channels * k, self.in_channels * k, rows, columns)
        mixed = F.conv2d(volume.flatten(1, 2), kernel, bias, padding=(rows // 2, columns // 2))
        return mixed.reshape(b, self.out_channels, k, h, w)

    def _banded(self, n_hypotheses: int) -> Tensor:
        """Return (out, K, in, K, rows, columns): row k holds the taps around hypothesis k."""
        beside = [(k, n_hypotheses - 1 - k) for k in range(n_hypotheses)]
        moved = torch.stack([F.pad(self.weight, (0, 0, 0, 0, *two)) for two in beside], 1)
        edge = self.kernel_size[0] // 2
        return moved[:, :, :, edge : edge + n_hypotheses]


class Block(nn.Module):
    """Two convolutions and a way round them."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(n_in, n_out, 3, padding=1)
        self.norm = nn.GroupNorm(N_GROUPS, n_out)
        self.second = nn.Conv2d(n_out, n_out, 3, padding=1)
        self.around = nn.Conv2d(n_in, n_out, 1) if n_in != n_out else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Return the same size, n_out channels."""
        out: Tensor = self.around(x) + self.second(F.gelu(self.norm(self.first(x))))
        return out


class FocalNet(nn.Module):
    """Depth, its likely error and a better sharp picture from the evidence of one stack."""

    def __init__(self, shape: NetworkShape | None = None) -> None:
        super().__init__()
        self.shape = shape = shape or NetworkShape()
        c = shape.channels
        self.mix = nn.Sequential(
            DepthMix(N_EVIDENCE, shape.mix, (3, 1, 1)),
            nn.GELU(),
            DepthMix(shape.mix, N_MIXED, (5, 3, 3)),
        )
        n_guess = N_GUESS * N_SUB
        self.enter = nn.Conv2d(N_MIXED * N_HYPOTHESES + N_CONTEXT + n_guess, c[0], 1)
        self.down = nn.ModuleList([Block(c[0], c[0]), *(Block(c[i], c[i + 1]) for i in range(3))])
        self.up = nn.ModuleList([Block(c[i + 1] + c[i], c[i]) for i in range(3)])
        self.logit = nn.Conv2d(c[0], N_HYPOTHESES, 3, padding=1)
        self.prior = nn.Parameter(torch.tensor(PRIOR))
        n_in, n_out = c[0] + 12 + n_guess, N_NEIGHBOURS * N_SUB + 1 + 2 * N_SUB
        self.enlarge = nn.Sequential(nn.Conv2d(n_in, 64, 3, padding=1), nn.GELU(), nn.Conv2d(64, n_out, 1))
        last = nn.Conv2d(shape.sharp, 12, 3, padding=1)
        self.mend = nn.Sequential(nn.Conv2d(12 + 12 + 2, shape.sharp, 3, padding=1), nn.GELU(), last)
        _start_at_zero(self.logit)
        _start_at_zero(last)

    def forward(
        self,
        volume: Tensor,
        context: Tensor,
        sharp: Tensor,
        hypotheses: Tensor,
        first: Tensor,
        classical: Tensor,
        guess: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return the fields of `Answer`, as a plain tuple: that is what ONNX knows.

        Args:
            volume: (B, N_EVIDENCE, K, h, w).
            context: (B, N_CONTEXT, h, w).
            sharp: (B, 3, 2h, 2w).
            hypotheses: (B, K).
            first: (B, 1, h, w).
            classical: (B, 1, 2h, 2w).
            guess: (B, N_GUESS, 2h, 2w).
        """
        small, guessed = F.pixel_unshuffle(sharp, 2), F.pixel_unshuffle(guess, 2)
        features = self._seen(volume, torch.cat([context, guessed], 1))
        weights = (self.prior * self.prior.new_tensor(PRIOR_SIGNS)).reshape(1, -1, 1, 1, 1)
        logits = LOGIT_GAIN * self.logit(features) + (volume[:, : len(PRIOR)] * weights).sum(1)
        own = (logits.softmax(1) * hypotheses[:, :, None, None]).sum(1, keepdim=True)
        told = self.enlarge(torch.cat([features, small, guessed], 1))
        weighed, part, shares, log_errors = told.split([N_NEIGHBOURS * N_SUB, 1, N_SUB, N_SUB], 1)
        half = first + (START_SHARE + part).sigmoid() * (own - first)
        diopters = enlarged(half, weighed)
        share = F.pixel_shuffle((START_SHARE + shares).sigmoid(), 2)
        found = classical + share * (diopters - classical)
        mended = self._mended(small, log_errors, found, hypotheses)
        return diopters, share, logits, F.pixel_shuffle(log_errors, 2), mended

    def _seen(self, volume: Tensor, context: Tensor) -> Tensor:
        mixed = self.mix(volume)
        x = self.enter(torch.cat([mixed.flatten(1, 2), context], 1))
        kept: list[Tensor] = []
        for level, block in enumerate(self.down):
            x = block(F.avg_pool2d(x, 2) if level else x)
            kept.append(x)
        for level in (2, 1, 0):
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = self.up[level](torch.cat([x, kept[level]], 1))
        seen: Tensor = x
        return seen

    def _mended(self, small: Tensor, log_errors: Tensor, diopters: Tensor, hypotheses: Tensor) -> Tensor:
        """Return the sharp picture with what the depth says of it; depth learns nothing from this."""
        span = (hypotheses[:, -1] - hypotheses[:, 0]).reshape(-1, 1, 1, 1)
        place = (diopters.detach() - hypotheses[:, :1, None, None]) / span
        steps = F.pixel_unshuffle(place, 2)
        flat = torch.cat([small, small - F.avg_pool2d(small, 5, 1, 2, count_include_pad=False)], 1)
        log_error = log_errors.detach().mean(1, keepdim=True)
        seen = torch.cat([flat, log_error, steps.std(1, keepdim=True, correction=0)], 1)
        return F.pixel_shuffle(small + MEND_GAIN * self.mend(seen), 2)


def _start_at_zero(layer: nn.Conv2d) -> None:
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def enlarged(half: Tensor, weights: Tensor) -> Tensor:
    """Return (B, 1, 2h, 2w): each pixel a convex mean of the 3 x 3 around its pixel of half size."""
    b, _, h, w = half.shape
    share = weights.reshape(b, N_NEIGHBOURS, N_SUB, h, w).softmax(1)
    around = F.pad(half, (1, 1, 1, 1), mode="replicate")
    near = torch.stack([around[:, 0, y : y + h, x : x + w] for y in range(3) for x in range(3)], 1)
    return F.pixel_shuffle((share * near[:, :, None]).sum(1), 2)


def n_parameters(net: nn.Module) -> int:
    """Return how many numbers a network has learned."""
    return sum(one.numel() for one in net.parameters())
