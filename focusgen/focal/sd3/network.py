"""Stable Diffusion 3.5 that reads a focal stack and answers with depth and a sharp picture.

The trunk reads [x_rgb | x_depth | prior of the picture | prior of depth | code of the stack | confidence]:
the published columns for the first, zeros for the others at the start. One pass answers for both heads. A
learned gate per head says how much is taken of it: at 0 the answer is the prior, to the bit.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from focusgen.focal.sd3.codec import Codec, encode_in_parts
from focusgen.focal.sd3.design import ENCODER_WIDTH, Design
from focusgen.focal.sd3.encoder import StackEncoder, sharpness_maps
from focusgen.focal.sd3.normalise import DiopterRange, from_unit, range_of, to_unit
from focusgen.focal.sd3.parts import Scheduler, config_of
from focusgen.focal.sd3.schedule import steps, timestep_of
from focusgen.focal.sd3.surgery import widen

HEADS = 2
PICTURES_AT_ONCE = 8


class StackInput(NamedTuple):
    """A batch of stacks, padded to one number of slices.

    Attributes:
        slices: (B, N, 3, H, W) display pixels, -1 to 1.
        mask: (B, N), True where there is a slice.
        diopters: (B, N) inverse focus distances.
        radius_px_m: (B,) blur radius in px per diopter; 0: unknown.
        prior_rgb: (B, 3, H, W) the classical sharp picture, -1 to 1.
        prior_diopters: (B, 1, H, W) the classical depth.
        confidence: (B, 1, H, W) of it, 0 to 1.
    """

    slices: Tensor
    mask: Tensor
    diopters: Tensor
    radius_px_m: Tensor
    prior_rgb: Tensor
    prior_diopters: Tensor
    confidence: Tensor

    def to(self, device: torch.device) -> StackInput:
        """Return the same on another device."""
        return StackInput(*(one.to(device) for one in self))


class Answer(NamedTuple):
    """What the network says.

    Attributes:
        rgb: (B, 3, H, W) sharp picture around -1 to 1.
        unit: (B, 1, H, W) depth, -1 far to 1 near, of `span`.
        span: what -1 and 1 stand for.
        latents: (B, 2 C, h, w) of both.
        ungated: (B, 2 C, h, w) the same with gates open: what the heads themselves say.
        velocity: (B, 2 C, h, w) as the trunk said it.
        focus: (B, N, h, w) which slice is in focus.
    """

    rgb: Tensor
    unit: Tensor
    span: DiopterRange
    latents: Tensor
    ungated: Tensor
    velocity: Tensor
    focus: Tensor

    @property
    def diopters(self) -> Tensor:
        """Inverse depth."""
        return from_unit(self.unit, self.span)

    def change(self, prior_diopters: Tensor) -> Tensor:
        """Return what is added to the prior's inverse depth: exactly nothing where it was kept."""
        return 0.5 * (self.unit - to_unit(prior_diopters, self.span)) * (self.span.high - self.span.low)


class Noised(NamedTuple):
    """What a head with objective `flow` is trained on: x_t = (1 - sigma) target + sigma noise."""

    target: Tensor
    noise: Tensor
    sigma: Tensor


class _Read(NamedTuple):
    """Input as the trunk sees it."""

    priors: Tensor
    conditions: Tensor
    focus: Tensor
    span: DiopterRange


class FocalSd3(nn.Module):
    """The whole network; the codec's weights are frozen and no part of its state."""

    def __init__(self, transformer: nn.Module, codec: Codec, scheduler: Scheduler, design: Design) -> None:
        super().__init__()
        config = config_of(transformer)
        n = codec.channels
        self.design, self.codec, self.scheduler = design, codec, scheduler
        self.multiple = codec.factor * int(config["patch_size"])
        self.trunk = widen(transformer, (2 * HEADS - 1) * n + design.n_features + 1, HEADS)
        self.encoder = StackEncoder(n, ENCODER_WIDTH[design.preset], 4, 2, design.n_features)
        self.context = nn.Parameter(torch.zeros(1, design.n_context, config["joint_attention_dim"]))
        self.pooled = nn.Parameter(torch.zeros(1, config["pooled_projection_dim"]))
        self.gate = nn.Parameter(torch.full((HEADS,), float(design.gate)))

    def forward(self, stack: StackInput, noised: Noised | None = None) -> Answer:
        """Return the answer of one pass.

        Args:
            stack: what is seen.
            noised: training targets of heads with objective `flow`; without, such heads start from nothing.
        """
        read = self._read(stack)
        sigma = self._sigma(len(stack.slices), noised, read.priors)
        x = torch.cat([self._start(head, read, noised) for head in range(HEADS)], 1)
        velocity = self._velocity(x, sigma, read)
        ungated = torch.cat([self._said(head, x, velocity, sigma, read.priors) for head in range(HEADS)], 1)
        latents = torch.cat([self._gated(head, ungated, read.priors) for head in range(HEADS)], 1)
        return self._decoded(stack, read, latents, velocity)._replace(ungated=ungated)

    @torch.no_grad()
    def sample(self, stack: StackInput, n_steps: int, seed: int = 0) -> Answer:
        """Return the answer of a chain of diffusers' schedule; of one pass where no head is `flow`."""
        single: Answer = self(stack)
        if "flow" not in self.design.objectives:
            return single
        read = self._read(stack)
        noise = torch.randn(read.priors.shape, generator=torch.Generator().manual_seed(seed))
        fixed = [objective != "flow" for objective in self.design.objectives]

        def velocity(x: Tensor, sigma: Tensor) -> Tensor:
            parts = list(x.chunk(HEADS, 1))
            for head in range(HEADS):
                parts[head] = self._start(head, read, None) if fixed[head] else parts[head]
            return self._velocity(torch.cat(parts, 1), sigma.to(x), read)

        last = list(steps(self.scheduler, velocity, noise.to(read.priors), n_steps))[-1]
        chains, passes = last.latents.chunk(HEADS, 1), single.latents.chunk(HEADS, 1)
        latents = torch.cat([passes[h] if fixed[h] else chains[h] for h in range(HEADS)], 1)
        return self._decoded(stack, read, latents, last.velocity)

    def targets(self, rgb: Tensor, diopters: Tensor, span: DiopterRange) -> Tensor:
        """Return the latents (B, 2 C, h, w) of a true picture and true depth."""
        pictures = torch.cat([rgb, _as_picture(to_unit(diopters, span))])
        return torch.cat(encode_in_parts(self.codec, pictures, PICTURES_AT_ONCE).chunk(HEADS), 1)

    def _read(self, stack: StackInput) -> _Read:
        batch, n = stack.slices.shape[:2]
        span = range_of(stack.diopters, stack.mask)
        depth = _as_picture(to_unit(stack.prior_diopters, span))
        pictures = torch.cat([stack.slices.flatten(0, 1), stack.prior_rgb, depth])
        latents = encode_in_parts(self.codec, pictures, PICTURES_AT_ONCE)
        slices, rgb, depth = torch.split(latents, [batch * n, batch, batch])
        size = (latents.shape[-2], latents.shape[-1])
        positions = to_unit(stack.diopters[..., None, None], span).flatten(1)
        blur_px = stack.radius_px_m * (span.high - span.low).flatten()
        code = self.encoder(
            slices.reshape(batch, n, *slices.shape[1:]),
            sharpness_maps(stack.slices, size),
            positions,
            blur_px,
            stack.mask,
        )
        sure = nn.functional.adaptive_avg_pool2d(stack.confidence, size).to(latents.dtype)
        priors = torch.cat([rgb, depth], 1)
        return _Read(priors, torch.cat([priors, code.features, sure], 1), code.focus, span)

    def _sigma(self, batch: int, noised: Noised | None, like: Tensor) -> Tensor:
        """Return the one noise level that the trunk is told: flow's, else the residual's, else 1."""
        if "flow" in self.design.objectives and noised is not None:
            return noised.sigma.to(like)
        level = self.design.residual_sigma if "residual" in self.design.objectives else 1.0
        return like.new_full((batch,), level)

    def _start(self, head: int, read: _Read, noised: Noised | None) -> Tensor:
        """Return what the head's part of the trunk begins with."""
        objective, prior = self.design.objectives[head], read.priors.chunk(HEADS, 1)[head]
        if objective == "residual":
            return prior
        if objective == "regression" or noised is None:
            return torch.zeros_like(prior)
        sigma = noised.sigma.view(-1, 1, 1, 1).to(prior)
        target, noise = (one.chunk(HEADS, 1)[head] for one in (noised.target, noised.noise))
        return (1.0 - sigma) * target + sigma * noise

    def _velocity(self, x: Tensor, sigma: Tensor, read: _Read) -> Tensor:
        batch = len(x)
        found: Tensor = self.trunk(
            hidden_states=torch.cat([x, read.conditions], 1),
            encoder_hidden_states=self.context.expand(batch, -1, -1).to(x.dtype),
            pooled_projections=self.pooled.expand(batch, -1).to(x.dtype),
            timestep=timestep_of(sigma),
            return_dict=False,
        )[0]
        return found

    def _said(self, head: int, x: Tensor, velocity: Tensor, sigma: Tensor, priors: Tensor) -> Tensor:
        """Return a head's own latents, before its gate."""
        objective = self.design.objectives[head]
        own, start, prior = (one.chunk(HEADS, 1)[head] for one in (velocity, x, priors))
        if objective == "flow":
            return start - sigma.view(-1, 1, 1, 1) * own
        return prior - self.design.residual_sigma * own if objective == "residual" else -own

    def _gated(self, head: int, ungated: Tensor, priors: Tensor) -> Tensor:
        own, prior = (one.chunk(HEADS, 1)[head] for one in (ungated, priors))
        if self.design.objectives[head] == "flow":
            return own
        return prior + self.gate[head].to(prior.dtype) * (own - prior)

    def _decoded(self, stack: StackInput, read: _Read, latents: Tensor, velocity: Tensor) -> Answer:
        """Decode; gated heads add to the prior what changed, so that the codec's own loss does not show."""
        rgb, depth = self.codec.decode(torch.cat(latents.chunk(HEADS, 1))).chunk(HEADS)
        with torch.no_grad():
            as_is = self.codec.decode(torch.cat(read.priors.chunk(HEADS, 1)))
            rgb_as_is, depth_as_is = as_is.chunk(HEADS)
        unit = depth.mean(1, keepdim=True)
        if self.design.rgb != "flow":
            rgb = stack.prior_rgb + (rgb - rgb_as_is)
        if self.design.depth != "flow":
            unit = to_unit(stack.prior_diopters, read.span) + (unit - depth_as_is.mean(1, keepdim=True))
        return Answer(rgb.float(), unit.float(), read.span, latents, latents, velocity, read.focus)


def _as_picture(unit: Tensor) -> Tensor:
    return unit.clamp(-1.0, 1.0).expand(-1, 3, -1, -1)
