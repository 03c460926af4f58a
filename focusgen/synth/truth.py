"""Defocus truth by lens sampling: what a thin lens really sees of a procedural scene.

Every sample starts at a point of the lens and goes through the point of the focus plane that the pixel sees
through the lens centre; the first body it meets gives its light. Partial occlusion, see-through at edges and
light from behind are therefore exact, up to the noise of the sampling.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.base.seeds import derive_seed
from focusgen.optics.aperture import DISC, Aperture
from focusgen.optics.coc import FULL_FRAME_WIDTH_M, Lens
from focusgen.synth.trace import Rays, light_of_hits, nearest_hits
from focusgen.synth.view import RAYS_AT_ONCE, Radiance, SynthScene, View

Array = npt.NDArray[Any]

CAMERA_TOLERANCE = 1e-4
"""Relative difference of focal lengths in px above which a lens is not the lens of the scene's camera."""

SAMPLES_AT_ONCE = 16


def fx_px_of(lens: Lens, width: int, sensor_width_m: float = FULL_FRAME_WIDTH_M) -> float:
    """Return the pinhole focal length, in px, for which the lens's formula is the exact blur.

    "exact": the sensor lies where the lens focused at S draws sharply, f S / (S - f) behind it. "paper": the
    sensor lies at f; the report's formula is the exact blur of that camera.
    """
    f, s = lens.focal_length_m, lens.focus_distance_m
    image_distance_m = f * s / (s - f) if lens.formula == "exact" else f
    return image_distance_m * width / sensor_width_m


def trace_thin_lens(
    scene: SynthScene,
    frame_index: int,
    lens: Lens,
    *,
    aperture: Aperture = DISC,
    radiance_of: Radiance = np.asarray,
    sensor_width_m: float = FULL_FRAME_WIDTH_M,
    n_samples: int = 256,
    seed: int = 0,
) -> npt.NDArray[np.float32]:
    """Return what the lens sees, (H, W, 3) float32 linear light.

    Args:
        scene: made with `fx_px=fx_px_of(lens, width, sensor_width_m)`.
        lens: radius f / (2 N), focused at S.
        aperture: shape of the opening; rays that it stops are left out of the mean, so nothing darkens.
        radiance_of: as of `view.sharp_light`.
        sensor_width_m: width of the sensor that the frame shows.
        n_samples: rays per pixel, spread over the pixel's square and the disc round the opening.
        seed: another one gives an independent picture, to measure the noise.

    Raises:
        ValueError: the scene's camera is not the one that this lens belongs to.
    """
    wanted_px = fx_px_of(lens, scene.width, sensor_width_m)
    if abs(scene.fx_px / wanted_px - 1.0) > CAMERA_TOLERANCE:
        raise ValueError(
            f"the scene's camera has fx {scene.fx_px:.3f} px but this lens needs {wanted_px:.3f} px; "
            "make the scene with fx_px=fx_px_of(lens, width, sensor_width_m)"
        )
    view = scene.view(frame_index)
    rng = np.random.default_rng(derive_seed(seed, "lens samples", scene.name, frame_index))
    shift = rng.random((4, scene.height, scene.width), dtype=np.float32)
    samples = low_discrepancy(n_samples)
    n_rows = max(1, RAYS_AT_ONCE // (SAMPLES_AT_ONCE * scene.width))
    starts = range(0, scene.height, n_rows)
    opening = _Opening(lens, aperture, radiance_of)
    parts = [_trace_band(view, opening, samples, shift, start, start + n_rows) for start in starts]
    return np.concatenate(parts, axis=0)


class _Opening(NamedTuple):
    """What the rays go through, and what the light that they meet stands for."""

    lens: Lens
    aperture: Aperture
    radiance_of: Radiance


def _trace_band(view: View, opening: _Opening, samples: Array, shift: Array, start: int, stop: int) -> Array:
    """Return the light of rows [start, stop), (h, W, 3)."""
    lens, aperture, radiance_of = opening
    stop = min(stop, view.height)
    disc_m, focus_m = lens.focal_length_m / (2.0 * lens.f_number), lens.focus_distance_m
    radius_m = disc_m * aperture.reach
    regions = view.regions(_blur_margins_px(view, radius_m, focus_m), (start, stop))
    columns = np.arange(view.width, dtype=np.float32) - 0.5 * view.width
    rows = np.arange(start, stop, dtype=np.float32)[:, None] - 0.5 * view.height
    half_diagonal = 0.5 * float(np.hypot(view.width, view.height))
    field = ((columns + 0.5) / half_diagonal, (rows + 0.5) / half_diagonal)
    total = np.zeros((3, stop - start, view.width), dtype=np.float32)
    n_passed = np.zeros((stop - start, view.width), dtype=np.float32)
    for first in range(0, len(samples), SAMPLES_AT_ONCE):
        points = samples[first : first + SAMPLES_AT_ONCE, :, None, None] + shift[:, start:stop]
        points -= np.floor(points)
        on_lens = disc_points(points[:, 2], points[:, 3], radius_m)
        rays = Rays(
            (columns + points[:, 0]) / view.fx_px - on_lens[0] * (1.0 / focus_m),
            (rows + points[:, 1]) / view.fx_px - on_lens[1] * (1.0 / focus_m),
            on_lens,
        )
        hits = nearest_hits(view.placed, rays, regions)
        light = radiance_of(light_of_hits(view.placed, rays, hits, regions))
        if aperture.kind == "disc":
            total += light.sum(axis=1)
            n_passed += np.float32(len(points))
        else:
            passes = aperture.contains(on_lens[0] / disc_m, on_lens[1] / disc_m, field)
            total += (light * passes).sum(axis=1)
            n_passed += passes.sum(axis=0)
    return np.moveaxis(total / np.maximum(n_passed, 1.0), 0, -1)


def _blur_margins_px(view: View, radius_m: float, focus_m: float) -> list[float]:
    """Return per body how far beyond its sharp outline its light can reach."""
    margins = []
    for body in view.placed:
        blur = max(abs(1.0 / depth_m - 1.0 / focus_m) for depth_m in body.depth_range_m)
        margins.append(radius_m * view.fx_px * blur + 1.0)
    return margins


def low_discrepancy(n_samples: int) -> npt.NDArray[np.float32]:
    """Return (n, 4) points in [0, 1)^4 that fill it evenly for any n.

    References:
        Additive recurrence on the powers of the root of x^5 = x + 1, the four-dimensional golden ratio.
    """
    root = 1.0
    for _ in range(64):
        root = (1.0 + root) ** 0.2
    steps = root ** -np.arange(1.0, 5.0)
    points = (0.5 + np.arange(1, n_samples + 1)[:, None] * steps) % 1.0
    return points.astype(np.float32)


def disc_points(u: Array, v: Array, radius: float) -> tuple[Array, Array]:
    """Return points uniform on a disc from points uniform on the unit square, rings to rings."""
    a, b = 2.0 * u - 1.0, 2.0 * v - 1.0
    is_wide = np.abs(a) > np.abs(b)
    ring = np.where(is_wide, a, b)
    safe = np.where(ring == 0.0, np.float32(1.0), ring)
    angle = np.where(is_wide, (0.25 * np.pi) * (b / safe), (0.5 * np.pi) - (0.25 * np.pi) * (a / safe))
    angle = angle.astype(u.dtype, copy=False)
    ring = ring * radius
    return ring * np.cos(angle), ring * np.sin(angle)
