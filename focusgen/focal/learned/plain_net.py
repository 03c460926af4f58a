"""The small network without torch, for asking: loading torch takes longer than the network itself.

The same numbers as those of `network.FocalNet`, which is what is trained, in NumPy. Arrays are (channels,
height, width).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.focal.learned.shape import (
    LOGIT_GAIN,
    MEND_GAIN,
    N_GROUPS,
    N_NEIGHBOURS,
    N_SUB,
    PRIOR_SIGNS,
    START_SHARE,
)
from focusgen.focal.learned.volume import N_HYPOTHESES, Evidence
from focusgen.optics.special import erf

Floats = npt.NDArray[np.float32]

NORM_EPSILON = 1e-5
CACHED = 1 << 15
"""So many numbers stay in the cache of a core while a function of several steps passes over them."""


class Said(NamedTuple):
    """What the network says of one stack; all of the evidence's full size.

    Attributes:
        diopters: (H, W) its own depth.
        share: (H, W) how much of it to take, 0 to 1.
        log_error: (H, W) logarithm of the error in log depth that it expects.
        mended: (3, H, W) the sharp picture, -1 to 1.
    """

    diopters: Floats
    share: Floats
    log_error: Floats
    mended: Floats


class PlainNet:
    """The trained network; its weights by the names that `FocalNet` gives them."""

    def __init__(self, weights: Mapping[str, npt.NDArray[np.floating]]) -> None:
        self._weights = {name: np.asarray(value, np.float32) for name, value in weights.items()}
        for name in ("mix.0", "mix.2"):
            kernel, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
            self._weights[f"{name}.weight"] = _banded(kernel, N_HYPOTHESES)
            self._weights[f"{name}.bias"] = np.repeat(bias, N_HYPOTHESES)

    def __call__(self, evidence: Evidence) -> Said:
        """Return what it says of one stack."""
        e = evidence
        small, guessed = unshuffled(e.sharp), unshuffled(e.guess)
        features = self._seen(e.volume, np.concatenate([e.context, guessed]))
        signs = np.array(PRIOR_SIGNS, np.float32)
        logits = np.float32(LOGIT_GAIN) * self._conv("logit", features)
        logits += np.tensordot(self._weights["prior"] * signs, e.volume[: len(signs)], 1)
        own = np.tensordot(e.hypotheses, _softmax(logits), 1)[None]
        seen = np.concatenate([features, small, guessed])
        told = self._conv("enlarge.2", _gelu(self._conv("enlarge.0", seen)))
        n_weights = N_NEIGHBOURS * N_SUB
        weighed, part, shares, log_errors = np.split(told, [n_weights, n_weights + 1, n_weights + 1 + N_SUB])
        half = e.first + _sigmoid(START_SHARE + part) * (own - e.first)
        diopters = enlarged(half[0], weighed)
        share = shuffled(_sigmoid(START_SHARE + shares))[0]
        found = e.classical[0] + share * (diopters - e.classical[0])
        mended = self._mended(small, log_errors, found, e.hypotheses)
        return Said(diopters, share, shuffled(log_errors)[0], mended)

    def _seen(self, volume: Floats, context: Floats) -> Floats:
        mixed = self._conv("mix.2", _gelu(self._conv("mix.0", volume.reshape(-1, *volume.shape[2:]))))
        x = self._conv("enter", np.concatenate([mixed, context]))
        kept: list[Floats] = []
        for level in range(4):
            x = self._block(f"down.{level}", _halved(x) if level else x)
            kept.append(x)
        for level in (2, 1, 0):
            x = _doubled(_doubled(x, 1), 2)
            x = self._block(f"up.{level}", np.concatenate([x, kept[level]]))
        return x

    def _block(self, name: str, x: Floats) -> Floats:
        first = self._normed(f"{name}.norm", self._conv(f"{name}.first", x))
        around = self._conv(f"{name}.around", x) if f"{name}.around.weight" in self._weights else x
        return around + self._conv(f"{name}.second", _gelu(first))

    def _mended(self, small: Floats, log_errors: Floats, diopters: Floats, hypotheses: Floats) -> Floats:
        steps = unshuffled(((diopters - hypotheses[0]) / (hypotheses[-1] - hypotheses[0]))[None])
        flat = np.concatenate([small, small - _around(small)])
        seen = np.concatenate([flat, log_errors.mean(0, keepdims=True), steps.std(0, keepdims=True)])
        mended = self._conv("mend.2", _gelu(self._conv("mend.0", seen)))
        return shuffled(small + np.float32(MEND_GAIN) * mended)

    def _conv(self, name: str, x: Floats) -> Floats:
        return convolved(x, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _normed(self, name: str, x: Floats) -> Floats:
        groups = x.reshape(N_GROUPS, -1)
        groups = groups - groups.mean(1, keepdims=True)
        groups /= np.sqrt((groups * groups).mean(1, keepdims=True) + np.float32(NORM_EPSILON))
        normed = groups.reshape(x.shape) * self._weights[f"{name}.weight"][:, None, None]
        return np.asarray(normed + self._weights[f"{name}.bias"][:, None, None])


def convolved(x: Floats, kernel: Floats, bias: Floats) -> Floats:
    """Return (out, H, W) of (in, H, W), padded with zeros, by a kernel (out, in, 1, 1) or (out, in, 3, 3).

    In the padded picture, row after row, a tap is a shift: nine products of matrices, and nothing is copied.
    """
    n_in, height, width = x.shape
    if kernel.shape[2] == 1:
        flat = kernel[:, :, 0, 0] @ x.reshape(n_in, -1)
        return np.asarray((flat + bias[:, None]).reshape(-1, height, width))
    row = width + 2
    padded = np.zeros((n_in, height + 2, row), np.float32)
    padded[:, 1:-1, 1:-1] = x
    padded = padded.reshape(n_in, -1)
    out = np.zeros((len(kernel), height * row), np.float32)
    n = height * row - 2
    out[:, :n] = bias[:, None]
    for down in range(3):
        for right in range(3):
            start = down * row + right
            out[:, :n] += kernel[:, :, down, right] @ padded[:, start : start + n]
    return out.reshape(-1, height, row)[:, :, :width]


def _banded(kernel: Floats, n: int) -> Floats:
    """Return (out n, in n, rows, columns) of a kernel (out, in, taps, rows, columns) along n hypotheses."""
    n_out, n_in, taps, *size = kernel.shape
    wide = np.zeros((n_out, n, n_in, n + taps - 1, *size), np.float32)
    for k in range(n):
        wide[:, k, :, k : k + taps] = kernel
    edge = taps // 2
    return np.asarray(wide[:, :, :, edge : edge + n].reshape(n_out * n, n_in * n, *size))


def unshuffled(x: Floats) -> Floats:
    """Return (4 C, H / 2, W / 2) of (C, H, W): the four pixels of a square become channels."""
    c, h, w = x.shape
    return x.reshape(c, h // 2, 2, w // 2, 2).transpose(0, 2, 4, 1, 3).reshape(4 * c, h // 2, w // 2)


def shuffled(x: Floats) -> Floats:
    """Return (C, 2 H, 2 W) of (4 C, H, W)."""
    c, h, w = x.shape
    return x.reshape(c // 4, 2, 2, h, w).transpose(0, 3, 1, 4, 2).reshape(c // 4, 2 * h, 2 * w)


def enlarged(half: Floats, weights: Floats) -> Floats:
    """Return (2 h, 2 w): each pixel a convex mean of the 3 x 3 around its pixel of half size."""
    h, w = half.shape
    share = _softmax(weights.reshape(N_NEIGHBOURS, N_SUB, h, w))
    around = np.pad(half, 1, mode="edge")
    near = np.stack([around[y : y + h, x : x + w] for y in range(3) for x in range(3)])
    return np.asarray(shuffled((share * near[:, None]).sum(0))[0])


def _halved(x: Floats) -> Floats:
    c, h, w = x.shape
    return np.asarray(x.reshape(c, h // 2, 2, w // 2, 2).mean((2, 4)))


def _doubled(x: Floats, axis: int) -> Floats:
    """Return twice as many along an axis, linear in between, as pixels lie by their centres."""
    n = x.shape[axis]
    before, after = (np.take(x, np.clip(np.arange(n) + step, 0, n - 1), axis) for step in (-1, 1))
    pair = np.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], axis + 1)
    return np.asarray(pair.reshape(*x.shape[:axis], 2 * n, *x.shape[axis + 1 :]), np.float32)


def _around(x: Floats) -> Floats:
    """Return the mean of 5 x 5 pixels, of those that lie in the picture."""
    import cv2

    def summed(plane: Floats) -> Floats:
        box = cv2.boxFilter(plane, -1, (5, 5), normalize=False, borderType=cv2.BORDER_CONSTANT)
        return np.asarray(box, np.float32)

    n = summed(np.ones(x.shape[1:], np.float32))
    return np.stack([summed(plane) / n for plane in x])


def _gelu(x: Floats) -> Floats:
    out = np.empty_like(x)
    for start in range(0, x.size, CACHED):
        part = x.reshape(-1)[start : start + CACHED]
        out.reshape(-1)[start : start + CACHED] = 0.5 * part * (1.0 + erf(part * np.float32(np.sqrt(0.5))))
    return out


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-x)), np.float32)


def _softmax(x: Floats) -> Floats:
    raised = np.exp(x - x.max(0))
    return np.asarray(raised / raised.sum(0), np.float32)
