"""What cameras, alignment and users do to a stack: drawn from a seed for each look at it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen.focal.learned.stacks import TrainingStack

Floats = npt.NDArray[np.float32]
Rng = np.random.Generator

WHOLE_SHARE = 0.5
"""Share of draws that keep every slice; the others are cut down to as few as two."""

CLEAN_SHARE = 0.4
"""Share of draws whose slices stay as they were rendered: what good cameras on a tripod hand over."""

ENDS_SHARE = 0.8
JITTER_SHARE, JITTER_PX, JITTER_SCALE = 0.4, 0.15, 6e-4
"""What alignment leaves: measured .09 to .24 px on slices of a hand-held camera."""

LENS_SHARE, LENS_ERROR = 0.3, 0.03
GAIN_SHARE, GAIN_ERROR = 0.25, 0.01
NOISE_SHARE, NOISE_SIGMA = 0.6, 0.02
JPEG_SHARE, JPEG_QUALITY = 0.3, (70, 98)


def degraded(stack: TrainingStack, rng: Rng) -> TrainingStack:
    """Return the stack as a camera might hand it over; the truth stays."""
    stack = _turned(_fewer(stack, rng), rng)
    if rng.random() < CLEAN_SHARE:
        return stack
    shown = stack.slices.astype(np.float32)
    if rng.random() < JITTER_SHARE:
        shown = np.stack([_jittered(one, rng) for one in shown])
    if rng.random() < GAIN_SHARE:
        shown *= np.exp(GAIN_ERROR * rng.standard_normal((len(shown), 1, 1, 1), np.float32))
    if rng.random() < NOISE_SHARE:
        shown += _noise(shown, rng)
    slices = np.clip(np.rint(shown), 0.0, 255.0).astype(np.uint8)
    if rng.random() < JPEG_SHARE:
        quality = int(rng.integers(*JPEG_QUALITY))
        slices = np.stack([_through_jpeg(one, quality) for one in slices])
    radius_px_m = stack.radius_px_m
    if rng.random() < LENS_SHARE:
        radius_px_m *= float(np.exp(LENS_ERROR * rng.standard_normal()))
    return stack._replace(slices=slices, radius_px_m=radius_px_m)


def _fewer(stack: TrainingStack, rng: Rng) -> TrainingStack:
    n = len(stack.diopters)
    if n == 2 or rng.random() < WHOLE_SHARE:
        return stack
    wanted = int(rng.integers(2, n))
    if rng.random() < ENDS_SHARE:
        middle = rng.choice(np.arange(1, n - 1), wanted - 2, replace=False)
        keep = np.sort(np.concatenate(([0, n - 1], middle)))
    else:
        keep = np.sort(rng.choice(n, wanted, replace=False))
    return stack._replace(slices=stack.slices[keep], diopters=stack.diopters[keep])


def _turned(stack: TrainingStack, rng: Rng) -> TrainingStack:
    """Return the stack mirrored, upside down, its colours exchanged, or none of that."""
    slices, depth_m, sharp = stack.slices, stack.depth_m, stack.sharp
    if rng.random() < 0.5:
        slices, depth_m, sharp = slices[:, :, ::-1], depth_m[:, ::-1], sharp[:, ::-1]
    if rng.random() < 0.5:
        slices, depth_m, sharp = slices[:, ::-1], depth_m[::-1], sharp[::-1]
    if rng.random() < 0.3:
        order = rng.permutation(3)
        slices, sharp = slices[..., order], sharp[..., order]
    return stack._replace(
        slices=np.ascontiguousarray(slices),
        depth_m=np.ascontiguousarray(depth_m),
        sharp=np.ascontiguousarray(sharp),
    )


def _jittered(picture: Floats, rng: Rng) -> Floats:
    import cv2

    height, width = picture.shape[:2]
    scale = 1.0 + JITTER_SCALE * rng.standard_normal()
    matrix = np.array([[scale, 0.0, 0.0], [0.0, scale, 0.0]])
    matrix[:, 2] = JITTER_PX * rng.standard_normal(2) + 0.5 * (1.0 - scale) * np.array([width, height])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(picture, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)
    )


def _noise(shown: Floats, rng: Rng) -> Floats:
    """Return noise of display values: even, or growing with the light."""
    sigma = 255.0 * NOISE_SIGMA * float(rng.random()) ** 2
    noise = np.float32(sigma) * rng.standard_normal(shown.shape, np.float32)
    if rng.random() < 0.5:
        noise *= np.sqrt(0.2 + 0.8 * np.clip(shown, 0.0, 255.0) / 255.0)
    return noise


def _through_jpeg(picture: npt.NDArray[np.uint8], quality: int) -> npt.NDArray[Any]:
    import cv2

    _, packed = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR))[..., ::-1]
