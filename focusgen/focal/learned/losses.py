"""What training minimises, and the two figures that its log is read by."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from focusgen.focal.learned.network import Answer

WEIGHTS = {
    "log": 2.0,
    "span": 3.0,
    "hypothesis": 0.15,
    "slope": 2.0,
    "error": 0.05,
    "sharp": 4.0,
    "share": 0.1,
}
"""`share` is the price of leaving the classical depth: about 2 % of the distance have to be saved by it. Of
scenes that it never saw, the network knows less than of those that it learns from; that method does not."""

NEAREST_TO_INFINITY = 0.02
"""Diopters below which depths count as equal: 50 m."""

LEAST_LOG_ERROR = -5.0


class Truth(NamedTuple):
    """What is known of a batch: (B, 1, H, W) diopters, and the sharp picture (B, 3, H, W), -1 to 1."""

    diopters: Tensor
    sharp: Tensor


def losses(answer: Answer, truth: Truth, hypotheses: Tensor, classical: Tensor) -> dict[str, Tensor]:
    """Return each part, unweighted; depths outside the hypotheses count as the nearest one."""
    low, high = (hypotheses[:, k, None, None, None] for k in (0, -1))
    true = torch.minimum(torch.maximum(truth.diopters, low), high)
    found, span = classical + answer.share * (answer.diopters - classical), high - low
    off = (found - true).abs()
    logs = [torch.log(one.clamp(min=NEAREST_TO_INFINITY)) for one in (found, true)]
    log_off = (logs[0] - logs[1]).abs()
    expected = answer.log_error.clamp(min=LEAST_LOG_ERROR)
    seen = log_off.detach()
    slopes = [((_step(found, a) - _step(true, a)).abs() / span).mean() for a in (2, 3)]
    return {
        "log": log_off.mean(),
        "span": (off / span).mean(),
        "hypothesis": _cross_entropy(answer.logits, F.avg_pool2d(true, 2), hypotheses),
        "slope": slopes[0] + slopes[1],
        "error": (seen * torch.exp(-expected) + expected).mean(),
        "sharp": (answer.mended - truth.sharp).abs().mean(),
        "share": answer.share.mean(),
    }


def total(parts: dict[str, Tensor]) -> Tensor:
    """Return the weighted sum."""
    return torch.stack([WEIGHTS[name] * part for name, part in parts.items()]).sum()


def _step(maps: Tensor, axis: int) -> Tensor:
    return maps.diff(dim=axis)


def _cross_entropy(logits: Tensor, diopters: Tensor, hypotheses: Tensor) -> Tensor:
    """Return the cross entropy against the two hypotheses around the true depth."""
    n = hypotheses.shape[1]
    flat = diopters.flatten(1).contiguous()
    left = (torch.searchsorted(hypotheses.contiguous(), flat, right=True) - 1).clamp(0, n - 2)
    below, above = hypotheses.gather(1, left), hypotheses.gather(1, left + 1)
    share = ((flat - below) / (above - below)).clamp(0.0, 1.0).reshape(diopters.shape)
    left = left.reshape(diopters.shape)
    log_p = logits.log_softmax(1)
    return -((1.0 - share) * log_p.gather(1, left) + share * log_p.gather(1, left + 1)).mean()
