"""What real cameras and depth networks do wrong, as seeded functions on perfect frames and depth.

Phases 2 and 3 exist to repair these; with the perfect frame at hand the repair can be measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from focusgen.base.seeds import derive_seed
from focusgen.synth.view import decode_display_u8, encode_display_u8

Array = npt.NDArray[Any]
Frame = npt.NDArray[np.uint8]
Depth = npt.NDArray[np.float32]
FaultKind = Literal["none", "camera", "depth", "all"]


@dataclass(frozen=True)
class Faults:
    """How strong each fault is; 0 turns one off.

    Attributes:
        softness_sigma_px: gaussian defocus of the camera, in linear light.
        flicker_sigma_px: how much that sigma varies from frame to frame (uniform, +-).
        sensor_noise: standard deviation of noise, display values 0..1, independent per pixel and channel.
        depth_noise: relative standard deviation of smooth depth errors, new in every frame.
        depth_noise_cell_px: size of a depth error.
        soft_edge_px: depth is averaged over blocks of this size and interpolated back, as a network's
            low resolution does; 1 or 0 leaves edges alone.
        scale_step: standard deviation of the logarithm of a factor on all depth, new per chunk.
        chunk_frames: frames that share a factor.
    """

    softness_sigma_px: float = 0.0
    flicker_sigma_px: float = 0.0
    sensor_noise: float = 0.0
    depth_noise: float = 0.0
    depth_noise_cell_px: int = 24
    soft_edge_px: int = 0
    scale_step: float = 0.0
    chunk_frames: int = 8


CAMERA_FAULTS = Faults(softness_sigma_px=1.2, flicker_sigma_px=0.3, sensor_noise=1.0 / 255.0)
DEPTH_FAULTS = Faults(depth_noise=0.01, soft_edge_px=2, scale_step=0.03)
ALL_FAULTS = Faults(
    softness_sigma_px=CAMERA_FAULTS.softness_sigma_px,
    flicker_sigma_px=CAMERA_FAULTS.flicker_sigma_px,
    sensor_noise=CAMERA_FAULTS.sensor_noise,
    depth_noise=DEPTH_FAULTS.depth_noise,
    soft_edge_px=DEPTH_FAULTS.soft_edge_px,
    scale_step=DEPTH_FAULTS.scale_step,
)
FAULTS: dict[FaultKind, Faults | None] = {
    "none": None,
    "camera": CAMERA_FAULTS,
    "depth": DEPTH_FAULTS,
    "all": ALL_FAULTS,
}

HALLUCINATIONS: dict[str, tuple[float, float]] = {"A": (12.0 / 255.0, 1.0), "B": (6.0 / 255.0, 2.0)}
"""(sigma, scale_px) of two restorers that invent detail: strong and as fine as pixels, or weak and coarse."""


def camera_frame(rgb: Frame, faults: Faults, seed: int, scene_id: str, frame_index: int) -> Frame:
    """Return the frame as the faulty camera records it."""
    sigma_px = flickering_sigma_px(faults, seed, scene_id, frame_index)
    softened = soften(rgb, sigma_px)
    return add_sensor_noise(
        softened, faults.sensor_noise, derive_seed(seed, scene_id, "sensor noise", frame_index)
    )


def depth_map(depth_m: Depth, faults: Faults, seed: int, scene_id: str, frame_index: int) -> Depth:
    """Return the depth as a faulty network would estimate it, metres."""
    softened = soften_depth_edges(depth_m, faults.soft_edge_px)
    noisy = add_depth_noise(
        softened,
        faults.depth_noise,
        derive_seed(seed, scene_id, "depth noise", frame_index),
        cell_px=faults.depth_noise_cell_px,
    )
    return noisy * np.float32(depth_scale(faults, seed, scene_id, frame_index))


def flickering_sigma_px(faults: Faults, seed: int, scene_id: str, frame_index: int) -> float:
    """Return the defocus of one frame: the mean softness plus this frame's flicker, never below 0."""
    rng = np.random.default_rng(derive_seed(seed, scene_id, "flicker", frame_index))
    return max(0.0, faults.softness_sigma_px + faults.flicker_sigma_px * float(rng.uniform(-1.0, 1.0)))


def soften(rgb: Frame, sigma_px: float) -> Frame:
    """Return the frame blurred by a gaussian in linear light, as optics adds light; 0 changes nothing."""
    if sigma_px <= 0.0:
        return rgb.copy()
    return encode_display_u8(_gaussian(decode_display_u8(rgb), sigma_px))


def add_sensor_noise(rgb: Frame, sigma: float, seed: int) -> Frame:
    """Return the frame with white noise on its display values (0..1); 0 changes nothing."""
    if sigma <= 0.0:
        return rgb.copy()
    noise = np.random.default_rng(seed).standard_normal(rgb.shape, dtype=np.float32)
    return _to_u8(rgb.astype(np.float32) + noise * np.float32(sigma * 255.0))


def add_depth_noise(depth_m: Depth, relative_sigma: float, seed: int, *, cell_px: int = 24) -> Depth:
    """Return depth times exp(smooth noise): relative errors in patches of `cell_px`, never negative."""
    if relative_sigma <= 0.0:
        return depth_m.copy()
    height, width = depth_m.shape
    coarse_shape = (height // cell_px + 3, width // cell_px + 3)
    coarse = np.random.default_rng(seed).standard_normal(coarse_shape, dtype=np.float32)
    fine = _resize(coarse, width + 2 * cell_px, height + 2 * cell_px)[cell_px:-cell_px, cell_px:-cell_px]
    fine *= np.float32(relative_sigma) / max(float(fine.std()), 1e-6)
    return depth_m * np.exp(fine)


def soften_depth_edges(depth_m: Depth, block_px: int) -> Depth:
    """Return depth averaged over blocks and interpolated back: edges become ramps, flat parts stay."""
    if block_px <= 1:
        return depth_m.copy()
    import cv2

    height, width = depth_m.shape
    small = (max(1, width // block_px), max(1, height // block_px))
    averaged = cv2.resize(depth_m, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(averaged, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def depth_scale(faults: Faults, seed: int, scene_id: str, frame_index: int) -> float:
    """Return the factor on all depth of this frame's chunk; 1 in the first chunk."""
    chunk = frame_index // faults.chunk_frames
    if chunk == 0 or faults.scale_step <= 0.0:
        return 1.0
    rng = np.random.default_rng(derive_seed(seed, scene_id, "depth scale", chunk))
    return float(np.exp(faults.scale_step * rng.standard_normal()))


def hallucinate(sharp: Frame, seed: int, sigma: float, scale_px: float) -> Frame:
    """Return what a generative restorer that invents detail makes of a scene: the truth plus its inventions.

    Args:
        sharp: (H, W, 3) uint8, the true frame.
        seed: one per (frame, draw): equal seeds invent the same, others independently.
        sigma: standard deviation of the invented detail, display values 0..1.
        scale_px: gaussian scale of the detail; 0 gives white noise.
    """
    noise = np.random.default_rng(seed).standard_normal(sharp.shape, dtype=np.float32)
    if scale_px > 0.0:
        noise = _gaussian(noise, scale_px)
    noise *= np.float32(sigma * 255.0) / max(float(noise.std()), 1e-12)
    return _to_u8(sharp.astype(np.float32) + noise)


def _gaussian(values: Array, sigma_px: float) -> npt.NDArray[np.float32]:
    import cv2

    return np.asarray(
        cv2.GaussianBlur(values, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT_101), dtype=np.float32
    )


def _resize(values: Array, width: int, height: int) -> npt.NDArray[np.float32]:
    import cv2

    return np.asarray(cv2.resize(values, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def _to_u8(values: Array) -> Frame:
    return np.clip(np.rint(values), 0.0, 255.0).astype(np.uint8)
