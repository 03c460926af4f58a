"""What training makes small: latents, depth, its steps, the picture, where focus is, slices drawn again."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from focusgen.base.errors import ConfigError
from focusgen.focal.sd3.batches import Batch
from focusgen.focal.sd3.design import Objective
from focusgen.focal.sd3.network import HEADS, Answer, Noised
from focusgen.focal.sd3.normalise import to_unit
from focusgen.focal.sd3.settings import LossSettings
from focusgen.optics.transfer import DISPLAY_GAMMA

GRADIENT_SCALES = (1, 2, 4, 8)


def losses(
    answer: Answer,
    batch: Batch,
    target: Tensor,
    noised: Noised | None,
    n: int,
    objectives: tuple[Objective, Objective],
) -> dict[str, Tensor]:
    """Return the parts of the loss, unweighted.

    All but `latent` are of the gated answer: what is shipped. `latent` is of what the heads say themselves,
    so that they learn from the first step on, while their gates are closed.

    Args:
        answer: of the network.
        batch: what it saw, and the truth.
        target: latents of the truth.
        noised: what `flow` heads were given.
        n: number of the step: which slice is drawn again.
        objectives: of the two heads.
    """
    truth = batch.truth
    true = to_unit(truth.diopters, answer.span)
    # Beyond the range nothing can be told: there the label is the range's end.
    error = (answer.unit - true.clamp(-1.0, 1.0)) * truth.known
    return {
        "latent": _latent(answer, target, noised, objectives),
        "depth": _mean(error.abs(), truth.known),
        "gradient": _gradient(error, truth.known),
        "rgb": (answer.rgb - truth.rgb).abs().mean(),
        "focus": _focus(answer, batch, true),
        "rerender": _rerender(answer, batch, n),
    }


def total(parts: Mapping[str, Tensor], weights: LossSettings) -> Tensor:
    """Return the weighted sum."""
    return torch.stack([getattr(weights, name) * part for name, part in parts.items()]).sum()


def perceptual(weights: LossSettings, device: torch.device) -> Callable[[Tensor, Tensor], Tensor] | None:
    """Return LPIPS, None where its weight is 0.

    Raises:
        ConfigError: it is asked for and not installed.
    """
    if weights.lpips == 0:
        return None
    if importlib.util.find_spec("lpips") is None:
        raise ConfigError("loss.lpips needs the package lpips", "pip install lpips, or set loss.lpips: 0")
    return _lpips(str(device))


@lru_cache(maxsize=1)
def _lpips(device: str) -> Callable[[Tensor, Tensor], Tensor]:
    net: Any = importlib.import_module("lpips").LPIPS(net="vgg").to(device).requires_grad_(False)
    return lambda ours, theirs: net(ours.clamp(-1.0, 1.0), theirs).mean()


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    """Return the mean over samples of each sample's mean where it is known: a batch is its samples."""
    total = (values * weight).flatten(1).sum(1)
    return (total / weight.flatten(1).sum(1).clamp_min(1)).mean()


def _latent(
    answer: Answer, target: Tensor, noised: Noised | None, objectives: tuple[Objective, Objective]
) -> Tensor:
    """Return how far heads are from their own aim: a `flow` head's is the velocity of its noise."""
    parts = []
    for head, objective in enumerate(objectives):
        if objective == "flow" and noised is not None:
            said, aim = answer.velocity, noised.noise - noised.target
            parts.append(functional.mse_loss(said.chunk(HEADS, 1)[head], aim.chunk(HEADS, 1)[head]))
        else:
            parts.append((answer.ungated.chunk(HEADS, 1)[head] - target.chunk(HEADS, 1)[head]).abs().mean())
    return torch.stack(parts).mean()


def _gradient(error: Tensor, known: Tensor) -> Tensor:
    """Return how much the error changes between neighbours, at four scales."""
    parts = []
    for step in GRADIENT_SCALES:
        if min(error.shape[-2:]) <= step:
            continue
        for axis in (-1, -2):
            here = error.narrow(axis, step, error.shape[axis] - step)
            there = error.narrow(axis, 0, error.shape[axis] - step)
            both = known.narrow(axis, step, known.shape[axis] - step) & known.narrow(
                axis, 0, known.shape[axis] - step
            )
            parts.append(_mean((here - there).abs(), both))
    return torch.stack(parts).mean()


def _focus(answer: Answer, batch: Batch, true: Tensor) -> Tensor:
    """Return how far the slice that is said to be in focus is from the true depth, within the slices."""
    seen = batch.seen
    positions = to_unit(batch.truth.focus[..., None, None], answer.span)
    hidden = ~seen.mask[..., None, None]
    expected = (answer.focus * positions.masked_fill(hidden, 0.0)).sum(1, keepdim=True)
    low = positions.masked_fill(hidden, torch.inf).amin(1, keepdim=True)
    high = positions.masked_fill(hidden, -torch.inf).amax(1, keepdim=True)
    size = (expected.shape[-2], expected.shape[-1])
    share = functional.adaptive_avg_pool2d(batch.truth.known.float(), size)
    there = functional.adaptive_avg_pool2d(true * batch.truth.known, size)
    wanted = torch.minimum(torch.maximum(there / share.clamp_min(1e-6), low), high)
    return _mean((expected - wanted).abs(), share > 0.5)


def _rerender(answer: Answer, batch: Batch, n: int) -> Tensor:
    """Return how well the answer explains one slice of each stack that follows the thin lens."""
    parts = [answer.rgb.new_zeros(())]
    for k in range(len(answer.rgb)):
        gain = float(batch.seen.radius_px_m[k])
        if not bool(batch.truth.is_drawn[k]) or gain == 0.0:
            continue
        index = n % int(batch.seen.mask[k].sum())
        radius = gain * (answer.diopters[k, 0] - batch.truth.focus[k, index])
        drawn = _drawn(answer.rgb[k], radius)
        parts.append((drawn - (0.5 * batch.seen.slices[k, index] + 0.5)).abs().mean())
    return torch.stack(parts).sum() / len(answer.rgb)


def _drawn(rgb: Tensor, radius_px: Tensor) -> Tensor:
    """Return the picture blurred by the layered renderer, as displayed; gradients pass."""
    from focusgen.models.bokeh.ocp import render_ocp
    from focusgen.models.bokeh.planes import plane_ladder

    limit = 0.1 * rgb.shape[-1]
    radius_px = radius_px.clamp(-limit, limit)
    ladder = plane_ladder(float(radius_px.detach().min()), float(radius_px.detach().max()))
    light = (0.5 * rgb + 0.5).clamp(1e-4, 1.0) ** DISPLAY_GAMMA
    return render_ocp(light[None], radius_px[None], ladder)[0].clamp_min(1e-4) ** (1.0 / DISPLAY_GAMMA)


def noised_of(
    target: Tensor, positions: list[int], seed: int, draw: Callable[[int, int, tuple[int, ...]], Tensor]
) -> Noised:
    """Return what `flow` heads learn from: levels of a logit-normal law, and noise, by sample."""
    sigma = torch.cat([draw(seed, position, (1,)) for position in positions]).sigmoid()
    noise = torch.stack([draw(seed + 1, position, tuple(target.shape[1:])) for position in positions])
    assert target.shape[1] % HEADS == 0, "heads share the channels"
    return Noised(target, noise.to(target), sigma.to(target))
