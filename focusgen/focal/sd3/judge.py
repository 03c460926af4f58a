"""A network judged on stacks that it has not learned from: figures, and one picture to look at."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from focusgen.focal.sd3.batches import Batch, Batches
from focusgen.focal.sd3.network import Answer, FocalSd3
from focusgen.focal.sources import spread
from focusgen.focal.stack import FARTHEST_M

N_STEPS = 4
"""Of the chain, where a head's objective is `flow`."""

MOST_STACKS = 16
"""Judged at most; of more so many, spread over the list, whose parts may be of several cameras."""


class Verdict(NamedTuple):
    """Means over stacks, and a picture: nearest slice, answer, truth; depth as said and as it is."""

    scores: dict[str, float]
    sheet: npt.NDArray[np.uint8]


@torch.no_grad()
def judge(
    net: FocalSd3,
    batches: Batches,
    n: int,
    device: torch.device,
    read: Callable[[Callable[[], Batch]], Batch] = lambda one: one(),
) -> Verdict:
    """Return how good the answers are beside the classical result.

    Args:
        net: the network.
        batches: what it is judged on.
        n: how many there are.
        device: where it computes.
        read: reads one of them, as all processes do before any of them asks the network: shards meet inside
            of it, and a process that came out of it alone would wait for the others.
    """
    rows: list[dict[str, float]] = []
    sheets: list[npt.NDArray[np.uint8]] = []
    for index in spread(n, min(n, MOST_STACKS)):
        batch = read(partial(batches.batch, [index], augments=False))
        batch = Batch(batch.seen.to(device), batch.truth.to(device))
        answer = net.sample(batch.seen, N_STEPS)
        rows.append(_scores(answer, batch))
        if len(sheets) < 3:
            sheets.append(_sheet(answer, batch))
    keys = dict.fromkeys(key for row in rows for key in row)
    means = {key: float(np.mean([row[key] for row in rows if key in row])) for key in keys}
    return Verdict(means, np.concatenate(sheets))


def _scores(answer: Answer, batch: Batch) -> dict[str, float]:
    """Return the figures of a stack; those of depth only where some of it is known."""
    known = batch.truth.known & (batch.truth.diopters > 1.0 / FARTHEST_M)
    true_m = 1.0 / batch.truth.diopters[known]
    found: dict[str, float] = {}
    judged = () if not len(true_m) else (("", answer.diopters), ("prior_", batch.seen.prior_diopters))
    for name, diopters in judged:
        ours_m = 1.0 / diopters[known].clamp_min(1.0 / FARTHEST_M)
        ratio = torch.maximum(ours_m / true_m, true_m / ours_m)
        found[f"{name}abs_rel"] = float(((ours_m - true_m).abs() / true_m).mean())
        found[f"{name}d1.25"] = float((ratio < 1.25).float().mean())
    error = ((answer.rgb.clamp(-1.0, 1.0) - batch.truth.rgb) * 0.5).square().mean().clamp_min(1e-10)
    return {**found, "aif_psnr": float(-10.0 * torch.log10(error))}


def _sheet(answer: Answer, batch: Batch) -> npt.NDArray[np.uint8]:
    shown = [batch.seen.slices[0, 0], answer.rgb[0], batch.truth.rgb[0]]
    span = answer.span.high - answer.span.low
    true = 2.0 * (batch.truth.diopters - answer.span.low) / span - 1.0
    shown += [answer.unit[0].expand(3, -1, -1), true[0].expand(3, -1, -1)]
    row: Any = torch.cat([one.float().cpu().clamp(-1.0, 1.0) for one in shown], -1)
    return np.asarray(((row + 1.0) * 127.5).round().byte().permute(1, 2, 0).numpy())
