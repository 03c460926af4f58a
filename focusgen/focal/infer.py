"""One stack of files to depth, confidence and an all-in-focus picture, in bounded memory.

Depth is found at a working size of about a megapixel; the all-in-focus picture is put together at full size,
one slice in memory at a time.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.focal.alignment import moved, seen_by_all
from focusgen.focal.backends import BackendOptions, load_estimator
from focusgen.focal.candidates import put_together
from focusgen.focal.classical import Estimate
from focusgen.focal.fusion import Fused
from focusgen.focal.light_change import found_in_even_light
from focusgen.focal.measured_lens import with_measured_lens
from focusgen.focal.misfit import Fit, fit_of
from focusgen.focal.notes import fit_document, notes_of
from focusgen.focal.opened import OpenedStack, Progress, open_stack
from focusgen.focal.picture import sharp_picture_from_files
from focusgen.focal.refine import refine
from focusgen.focal.slice_files import StackFiles
from focusgen.focal.stack import FocalStack, metres_of, unshrunk
from focusgen.focal.told_lens import LensFlags

Floats = npt.NDArray[np.float32]
Quality = Literal["fast", "default", "best"]

WORK_PIXELS = {"fast": 250_000, "default": 1_000_000, "best": 1_000_000}
"""Depth is found at no more pixels than these."""

SAME_SURFACE_SHARE = 0.08
"""Of the slices' span: where `best` goes farther from what the network says, it names another surface, and is
the worse judge of that (8 traced stacks: AbsRel .0742; without the limit .0755, the network alone .0751)."""

INVERSE_BELIEVED = 0.1
"""What is left of confidence where distances are hardly metres: near and far are exchanged, then."""

SOFT_STEP_SHARE = 0.05
"""Larger steps of depth, as part of the slices' span, stay hard when a map is enlarged."""


@dataclass(frozen=True)
class InferOptions:
    """How a stack is worked on.

    Attributes:
        quality: fast: at a quarter of the size; best: with the renderer in the loop.
        aligns: whether slices are aligned.
        device: where `best` and the backend sd3 compute.
        backend: how depth is found: a name of `backends`.
        checkpoint: its weights; None: those that ship.
        base_model: sd3: folder or hub id of the published weights; None: those of training.
        n_ensemble: sd3: chains that are averaged, where it has randomness.
    """

    quality: Quality = "default"
    aligns: bool = True
    device: str = "cpu"
    backend: str = "auto"
    checkpoint: Path | None = None
    base_model: str | None = None
    n_ensemble: int = 1

    @property
    def uses_device(self) -> bool:
        """True if anything is computed on `device`: the sweep and the small network stay on the CPU."""
        return self.quality == "best" or self.backend == "sd3"

    @property
    def of_backend(self) -> BackendOptions:
        """What the backend may need of them."""
        return BackendOptions(self.checkpoint, self.base_model, self.device, self.n_ensemble)


class StackResult(NamedTuple):
    """What was found.

    Attributes:
        depth: (H, W) metres, or relative depth, 0 nearest slice to 1 farthest.
        confidence: (H, W), 0 to 1.
        rgb: (H, W, 3) all in focus, uint8 or uint16.
        slice_index: (H, W), which slice a pixel came from, 0 the nearest.
        is_metric: whether depth is in metres.
        metadata: how it was found.
        icc_profile: what the colours of `rgb` mean, empty for sRGB: that of the slices.
    """

    depth: Floats
    confidence: Floats
    rgb: npt.NDArray[Any]
    slice_index: npt.NDArray[np.uint16]
    is_metric: bool
    metadata: dict[str, Any]
    icc_profile: bytes = b""


def infer_stack(
    files: StackFiles,
    distances_m: Sequence[float] | None,
    lens: LensFlags,
    options: InferOptions,
    progress: Progress = lambda what, part: None,
) -> StackResult:
    """Return depth, confidence and the all-in-focus picture of one stack.

    Args:
        files: the slices.
        distances_m: one per slice, in their order; None: from EXIF.
        lens: what is known of the lens.
        options: how.
        progress: told how far it is.

    Raises:
        ConfigError: the stack or its distances cannot be used; nothing was computed.
        CorruptInputError: a slice cannot be read; names it.
    """
    started_s = time.process_time()
    find_depth = load_estimator(options.backend, options.of_backend)
    opened = open_stack(
        files,
        distances_m,
        lens,
        most_pixels=WORK_PIXELS[options.quality],
        aligns=options.aligns,
        progress=progress,
    )
    opened = with_measured_lens(opened, progress)
    progress("depth", 0.0)
    even = found_in_even_light(opened.stack, find_depth)
    opened = opened._replace(stack=even.stack, light_change=even.change)
    found = _refined(opened.stack, even.estimate, options, progress)
    fit = _fit_of(opened, found)
    believed = INVERSE_BELIEVED if opened.are_likelier_inverse else 1.0 if fit is None else fit.believed_part
    confidence = _confidence(opened, found, believed)
    fused = _fused(opened, found, progress)
    metadata = {
        **notes_of(opened, found, confidence, was_asked=options.aligns),
        **fit_document(fit, opened.names, are_likelier_inverse=opened.are_likelier_inverse),
        "backend": options.backend,
        "quality": options.quality,
        "device": options.device if options.uses_device else "cpu",
        "cpu_s": round(time.process_time() - started_s, 3),
    }
    depth = _depth_of(opened, found)
    confidence = enlarged(confidence, opened.size, None)
    is_metric = opened.lens is not None
    profile = opened.icc_profile
    return StackResult(depth, confidence, fused.rgb, fused.slice_index, is_metric, metadata, profile)


def _fit_of(opened: OpenedStack, found: Estimate) -> Fit | None:
    """Return whether the slices fit their lens; None where nothing is known of its blur."""
    if opened.stack.radius_px_m is None:
        return None
    return fit_of(opened.stack, found.diopters, opened.blur_factor)


def _confidence(opened: OpenedStack, found: Estimate, believed: float) -> Floats:
    """Return confidence at working size: less where not every slice sees, and where slices do not fit."""
    unseen = ~seen_by_all(opened.alignment, *opened.stack.slices.shape[1:3])
    n_showing = sum(
        moved((~empty).astype(np.uint8), matrix)
        for empty, matrix in zip(opened.empty, opened.alignment.matrices, strict=True)
    )
    unseen |= n_showing < len(opened.empty)
    confidence = np.where(unseen, 0.5 * found.confidence, found.confidence) * (n_showing > 0)
    return np.asarray(confidence * believed, np.float32)


def _depth_of(opened: OpenedStack, found: Estimate) -> Floats:
    """Return metres, or relative depth where the lens is not known, at full size."""
    stack = opened.stack
    diopters = enlarged(found.diopters, opened.size, stack.span)
    if opened.lens is not None:
        return metres_of(diopters, stack.farthest_m)
    return np.asarray(np.clip((stack.diopters[0] - diopters) / stack.span, 0.0, 1.0), np.float32)


def _refined(stack: FocalStack, found: Estimate, options: InferOptions, progress: Progress) -> Estimate:
    """Return depth and picture with the renderer in the loop, if that was asked for and blur is known."""
    if options.quality != "best" or stack.radius_px_m is None:
        return found
    start = found
    if "focus_measure" in found.rerender_error:  # of a backend whose parts are known
        found = put_together(
            stack, found, device=options.device, progress=lambda part: progress("candidates", part)
        )
    refined = refine(stack, found, device=options.device, progress=lambda part: progress("refine", part))
    diopters = refined.diopters
    if start.method == "learned":
        is_near = np.abs(diopters - start.diopters) < SAME_SURFACE_SHARE * stack.span
        diopters = np.where(is_near, diopters, start.diopters)
    return found._replace(diopters=diopters, rgb=refined.rgb)


def enlarged(small: Floats, size: tuple[int, int], span: float | None) -> Floats:
    """Return a map at full size: smooth on surfaces, hard where depth jumps."""
    if small.shape == size:
        return small
    import cv2

    shown = unshrunk(small, size)
    if span is not None:
        window = np.ones((3, 3), np.uint8)
        jump = (cv2.dilate(small, window) - cv2.erode(small, window)) > SOFT_STEP_SHARE * span
        is_jump = unshrunk(jump.astype(np.uint8), size, is_hard=True) > 0
        shown[is_jump] = unshrunk(small, size, is_hard=True)[is_jump]
    return shown


def _fused(opened: OpenedStack, found: Estimate, progress: Progress) -> Fused:
    """Return the sharp picture at full size; a backend's own picture where that is the working size."""
    stack, alignment = opened.stack, opened.alignment
    large = alignment.scaled(opened.factor)

    @cache
    def reference() -> npt.NDArray[Any]:
        return read_large(opened.exposure.reference)

    def read_large(n: int) -> npt.NDArray[Any]:
        pixels = opened.read(n)
        return pixels if alignment.is_still else moved(pixels, large.matrices[n])

    def read(n: int) -> npt.NDArray[Any]:
        if opened.factor == 1:
            return np.asarray(stack.slices[n])
        pixels = read_large(n)
        if opened.exposure.changes(n):
            pixels = opened.exposure.evened(n, pixels, reference())
        return opened.light_change.evened(n, pixels)

    def tell(n: int) -> None:
        progress("all in focus", (n + 1) / len(opened.order))

    fused = sharp_picture_from_files(
        stack,
        found.diopters,
        found.sharpest,
        read,
        lambda small: enlarged(small, opened.size, stack.span),
        opened.factor,
        tell,
    )
    rgb = fused.rgb if found.rgb is None or opened.factor != 1 else found.rgb
    return fused._replace(rgb=opened.as_on_disk(rgb))
