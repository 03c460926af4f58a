"""The backend `sd3`: a stack to depth, confidence and the sharp picture, leaning on the classical result."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from focusgen.focal.classical import VETO_RATIO, Estimate, estimate, rerender_error
from focusgen.focal.fusion import fuse
from focusgen.focal.sd3.batches import pixels_in
from focusgen.focal.sd3.encoder import SHARPNESS_SCALES
from focusgen.focal.sd3.network import FocalSd3, StackInput
from focusgen.focal.sd3.parts import config_of
from focusgen.focal.sd3.priors import Prior
from focusgen.focal.sd3.weights import WEIGHTS_FILE, load_network
from focusgen.focal.stack import FocalStack
from focusgen.models.devices import pick_device

Floats = npt.NDArray[np.float32]
WORKING_SIDE_PX = {"tiny": 256, "medium": 1024, "large": 1024}
"""Longest side that a preset looks at; what it changes is brought to the picture's size."""

CHAIN_STEPS = 8
DISAGREEMENT_SHARE = 0.1
"""Confidence falls to 1 / e where the classical depth is contradicted by this part of the slices' span."""


class Prediction(NamedTuple):
    """What the network makes of a stack, at the stack's size."""

    diopters: Floats
    rgb: npt.NDArray[Any]
    is_beyond: npt.NDArray[np.bool_]


def open_network(checkpoint: Path, base_model: str | None, device: str) -> FocalSd3:
    """Return the network of a checkpoint, or of a training's folder, on a device; read once per process.

    Raises:
        ConfigError: there is none, its published weights are missing, or the device is.
        CorruptInputError: it cannot be read.
    """
    path = checkpoint / WEIGHTS_FILE if checkpoint.is_dir() else checkpoint
    where = str(pick_device(device, "--backend sd3"))
    return _opened(path, path.stat().st_mtime_ns if path.is_file() else 0, base_model, where)


@lru_cache(maxsize=1)
def _opened(path: Path, changed_ns: int, base_model: str | None, device: str) -> FocalSd3:
    net = load_network(path, base_model)
    net.codec.to(torch.device(device))
    return net.to(device)


def estimate_sd3(stack: FocalStack, net: FocalSd3, n_ensemble: int = 1) -> Estimate:
    """Return depth, confidence and sharp picture; the classical ones where those explain the slices better.

    Args:
        stack: what is seen; its lens may be unknown.
        net: the network.
        n_ensemble: chains that are averaged, where a head's objective is `flow`.
    """
    classical = estimate(stack)
    prior = Prior(fuse(stack, classical.sharpest).rgb, classical.diopters, classical.confidence)
    made = predict(stack, prior, net, n_ensemble)
    errors = dict(classical.rerender_error)
    if stack.radius_px_m is not None:
        errors["sd3"] = rerender_error(stack, made.diopters)
        # The classical depth itself was settled after its own veto: what it keeps is no reason to refuse.
        bar = max(errors["focus_measure"], rerender_error(stack, classical.diopters))
        if errors["sd3"] > VETO_RATIO * bar:
            return classical._replace(rerender_error=errors)
    moved = np.abs(made.diopters - classical.diopters) / (DISAGREEMENT_SHARE * stack.span)
    confidence = np.where(made.is_beyond, 0.0, classical.confidence * np.exp(-moved)).astype(np.float32)
    sharpest = classical.sharpest + (made.diopters - classical.diopters)
    return Estimate(made.diopters, sharpest, confidence, "sd3", errors, made.rgb)


@torch.no_grad()
def predict(stack: FocalStack, prior: Prior, net: FocalSd3, n_ensemble: int = 1) -> Prediction:
    """Return the answer of the network, whatever it is worth.

    It sees the stack at its working size; what it changes is enlarged and added to the classical result, so
    that an answer which changes nothing is that result, to the bit.
    """
    seen = seen_of(stack, prior)
    small = _fitted(seen, working_size(stack.slices.shape[1:3], net)).to(net.gate.device)
    answers = [net.sample(small, CHAIN_STEPS, seed) for seed in range(n_ensemble)]
    moved = torch.stack([one.change(small.prior_diopters) for one in answers]).mean(0)
    rgb = torch.stack([one.rgb for one in answers]).mean(0)
    size = (stack.slices.shape[1], stack.slices.shape[2])
    change = _enlarged(moved.cpu(), size)[0, 0].numpy()
    shown = prior.rgb
    light = _enlarged((rgb - small.prior_rgb).cpu(), size)[0].permute(1, 2, 0).numpy()
    if light.any():
        peak = float(np.iinfo(shown.dtype).max)
        shown = np.clip(np.rint(shown + light * (0.5 * peak)), 0, peak).astype(shown.dtype)
    whole = np.maximum(prior.diopters + change, 0.0).astype(np.float32)
    span = answers[0].span
    low, high = float(span.low.min()), float(span.high.max())
    return Prediction(whole, shown, (whole < low) | (whole > high))


def seen_of(stack: FocalStack, prior: Prior) -> StackInput:
    """Return a whole stack as a batch of one."""
    return StackInput(
        torch.stack([pixels_in(one) for one in stack.slices])[None],
        torch.ones(1, len(stack), dtype=torch.bool),
        torch.from_numpy(stack.diopters.astype(np.float32))[None],
        torch.tensor([stack.radius_px_m or 0.0], dtype=torch.float32),
        pixels_in(prior.rgb)[None],
        torch.from_numpy(np.ascontiguousarray(prior.diopters, np.float32))[None, None],
        torch.from_numpy(np.ascontiguousarray(prior.confidence, np.float32))[None, None],
    )


def working_size(size: tuple[int, ...], net: FocalSd3) -> tuple[int, int]:
    """Return height and width that the network looks at: whole patches, within its table of positions.

    Of a picture of few pixels it sees as many as its coarsest look at sharpness takes.
    """
    table = int(config_of(net.trunk)["pos_embed_max_size"]) * net.multiple
    longest = min(WORKING_SIDE_PX[net.design.preset], table)
    scale = min(1.0, longest / max(size))
    least = math.ceil(max(SHARPNESS_SCALES) / net.multiple)
    height, width = (max(least, round(side * scale / net.multiple)) * net.multiple for side in size)
    return height, width


def _fitted(seen: StackInput, size: tuple[int, int]) -> StackInput:
    if seen.slices.shape[-2:] == size:
        return seen
    scale = size[1] / seen.slices.shape[-1]
    return seen._replace(
        slices=_shrunk(seen.slices[0], size)[None],
        prior_rgb=_shrunk(seen.prior_rgb, size),
        prior_diopters=_shrunk(seen.prior_diopters, size),
        confidence=_shrunk(seen.confidence, size),
        radius_px_m=seen.radius_px_m * scale,
    )


def _shrunk(planes: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(planes, size, mode="bilinear", antialias=True, align_corners=False)


def _enlarged(planes: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(planes.shape[-2:]) == size:
        return planes
    return functional.interpolate(planes, size, mode="bilinear", align_corners=False)
