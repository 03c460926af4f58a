"""How good depth, sharp pictures and confidence are, against a truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

BORDER_PX = 6
"""Left out on every side, where not every slice looks."""

N_RESAMPLES = 1000
EDGE_RATIO = 1.15
"""A step of depth by this factor between neighbours is a boundary."""


def inside(array: npt.NDArray[Any], border_px: int = BORDER_PX) -> npt.NDArray[Any]:
    """Return an array without its border, as far as there is more than that."""
    b = min(border_px, (min(array.shape[:2]) - 1) // 2)
    return array[b : array.shape[0] - b, b : array.shape[1] - b]


def depth_scores(
    depth_m: Floats, true_m: Floats, gain_px_m: float | None = None, border_px: int = BORDER_PX
) -> dict[str, float]:
    """Return the usual figures of a depth map where the truth is known.

    Args:
        depth_m: (H, W) metres.
        true_m: (H, W) metres, NaN where unknown.
        gain_px_m: blur radius in px per diopter, for the error in px of blur.
        border_px: left out on every side.
    """
    found, true = inside(depth_m, border_px), inside(true_m, border_px)
    d, g = found.astype(np.float64), true.astype(np.float64)
    known = np.isfinite(g) & (g > 0)
    d, g = d[known], g[known]
    if not g.size:
        return {}
    d = np.clip(d, 1e-3, max(1e3, g.max()))
    ratio, log = np.maximum(d / g, g / d), np.log(d / g)
    scores = {
        "abs_rel": float(np.mean(np.abs(d - g) / g)),
        "sq_rel": float(np.mean((d - g) ** 2 / g)),
        "rmse": float(np.sqrt(np.mean((d - g) ** 2))),
        "rmse_log": float(np.sqrt(np.mean(log**2))),
        "log10": float(np.mean(np.abs(log)) / np.log(10.0)),
        "silog": float(100.0 * np.sqrt(max(np.mean(log**2) - np.mean(log) ** 2, 0.0))),
        **{f"d{limit:g}": float(np.mean(ratio < limit)) for limit in (1.05, 1.15, 1.25)},
        "d2": float(np.mean(ratio < 1.25**2)),
        "d3": float(np.mean(ratio < 1.25**3)),
        "boundary_f1": boundary_f1(found, true),
    }
    if gain_px_m is not None:
        scores["px"] = float(gain_px_m * np.mean(np.abs(1.0 / d - 1.0 / g)))
    return scores


def boundary_f1(depth_m: Floats, true_m: Floats) -> float:
    """Return the F1 of depth steps between neighbours that are in both maps, one pixel of play.

    The rim of a hole in the truth is no step, and what is found beside one cannot be judged.
    """
    import cv2

    window = np.ones((3, 3), np.uint8)
    known = (np.isfinite(true_m) & (true_m > 0)).astype(np.uint8)
    true, found = _steps(np.where(known, true_m, np.nan)), _steps(depth_m)
    near_found, near_true = (np.asarray(cv2.dilate(one, window), np.uint8) for one in (found, true))
    found &= np.asarray(cv2.erode(known, window), np.uint8)
    precision = float((found * near_true).sum()) / max(int(found.sum()), 1)
    recall = float((true * near_found).sum()) / max(int(true.sum()), 1)
    if not true.any() and not found.any():
        return 1.0
    return 2.0 * precision * recall / max(precision + recall, 1e-12)


def _steps(depth_m: Floats) -> npt.NDArray[np.uint8]:
    log = np.log(np.maximum(depth_m, 1e-3))
    step = np.zeros(depth_m.shape, bool)
    limit = np.log(EDGE_RATIO)
    with np.errstate(invalid="ignore"):  # of nan, where nothing is known, which is no step, and of inf - inf
        step[:, 1:] |= np.abs(np.diff(log, axis=1)) > limit
        step[1:] |= np.abs(np.diff(log, axis=0)) > limit
    return step.astype(np.uint8)


def picture_scores(shown: npt.NDArray[Any], true: npt.NDArray[Any]) -> dict[str, float]:
    """Return PSNR and SSIM of display values of 8 or 16 bits, in levels of the truth, without the border."""
    from skimage.metrics import structural_similarity

    peak = float(np.iinfo(true.dtype).max)
    a, b = inside(shown) * (peak / float(np.iinfo(shown.dtype).max)), inside(true).astype(np.float64)
    error = max(float(np.mean((a - b) ** 2)), 1e-9)
    side = min(a.shape[:2])
    scores = {"aif_psnr": float(10.0 * np.log10(peak**2 / error))}
    if side >= 11:
        scores["aif_ssim"] = float(
            structural_similarity(  # type: ignore[no-untyped-call]
                a,
                b,
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
                channel_axis=-1,
                data_range=peak,
            )
        )
    return scores


def confidence_scores(confidence: Floats, depth_m: Floats, true_m: Floats) -> dict[str, float]:
    """Return the error of the surer half, and by how much sorting by confidence misses the best order."""
    c, d, g = (inside(one).astype(np.float64).ravel() for one in (confidence, depth_m, true_m))
    known = np.isfinite(g) & (g > 0)
    c, error = c[known], np.abs(d[known] - g[known]) / g[known]
    if error.size < 2:
        return {}
    order = np.argsort(-c, kind="stable")
    return {
        "surer_half_abs_rel": float(error[order[: error.size // 2]].mean()),
        "ause": float(_sparsified(error[order]) - _sparsified(np.sort(error))),
    }


def _sparsified(error: npt.NDArray[np.float64]) -> float:
    """Return the mean error of what is left as the least sure are taken away, averaged over the shares."""
    left = np.cumsum(error) / np.arange(1, error.size + 1)
    return float(left.mean())


Mean = tuple[float, float | None, float | None]
"""A mean and its 95 % interval, which one value alone does not give."""


def interval(values: Sequence[float], seed: int = 0) -> Mean:
    """Return the mean and its 95 % interval by bootstrap over the samples; None, None of a single one."""
    array = np.asarray(values, np.float64)
    if array.size == 1:
        return float(array[0]), None, None
    drawn = np.random.default_rng(seed).integers(0, array.size, (N_RESAMPLES, array.size))
    low, high = np.percentile(array[drawn].mean(1), (2.5, 97.5))
    return float(array.mean()), float(low), float(high)


def averaged(rows: Sequence[Mapping[str, float]]) -> dict[str, Mean]:
    """Return mean and interval of each figure over the samples that have it."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    return {key: interval([row[key] for row in rows if key in row]) for key in keys}
