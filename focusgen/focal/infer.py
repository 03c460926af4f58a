"""One stack of files to depth, confidence and an all-in-focus picture, in bounded memory.

Depth is found at a working size of about a megapixel; the all-in-focus picture is put together at full size,
one slice in memory at a time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import ConfigError, CorruptInputError
from focusgen.base.names import display
from focusgen.focal.alignment import Alignment, align, moved, no_alignment, seen_by_all
from focusgen.focal.backends import BackendOptions, load_estimator
from focusgen.focal.classical import Estimate, nearest_radius_px
from focusgen.focal.distances import HOW_TO_GIVE, check_distances
from focusgen.focal.fusion import Fused, fuse_slices
from focusgen.focal.light import grey
from focusgen.focal.refine import Refined, refine
from focusgen.focal.sharpness import noise_sigma
from focusgen.focal.slice_files import StackFiles, check_same_size, read_slice
from focusgen.focal.stack import FocalStack, StackLens, metres_of
from focusgen.media.picture_files import CameraNotes
from focusgen.optics.coc import FULL_FRAME_WIDTH_M, shown_width

Floats = npt.NDArray[np.float32]
Quality = Literal["fast", "default", "best"]
Progress = Callable[[str, float], object]
"""Told what is being done, and which part of it, 0 to 1."""

WORK_PIXELS = {"fast": 250_000, "default": 1_000_000, "best": 1_000_000}
"""Depth is found at no more pixels than these."""

IN_FOCUS_PX = 1.5
"""A pixel whose blur radius is larger in every slice is counted as in focus in none."""

UNSURE = 0.1
"""Confidence below which a pixel is counted as unsure."""

SOFT_STEP_SHARE = 0.05
"""Larger steps of depth, as part of the slices' span, stay hard when a map is enlarged."""


@dataclass(frozen=True)
class LensFlags:
    """What the user says of the lens; None: from EXIF, else unknown.

    Attributes:
        formula: "auto": exact where the slices were found to breathe, else paper.
    """

    focal_length_mm: float | None = None
    f_number: float | None = None
    sensor_width_mm: float | None = None
    formula: Literal["auto", "paper", "exact"] = "auto"


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
    backend: str = "classical"
    checkpoint: Path | None = None
    base_model: str | None = None
    n_ensemble: int = 1

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
    """

    depth: Floats
    confidence: Floats
    rgb: npt.NDArray[Any]
    slice_index: npt.NDArray[np.uint16]
    is_metric: bool
    metadata: dict[str, Any]


class _Loaded(NamedTuple):
    """Slices at working size, sorted from near to far, and their notes."""

    slices: npt.NDArray[Any]
    cameras: list[CameraNotes]
    size: tuple[int, int]
    factor: int


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
    names = [path.name for path in files.paths]
    focal_m = None if lens.focal_length_mm is None else lens.focal_length_mm / 1000.0
    if distances_m is not None or len(names) < 2:
        check_distances(distances_m or [1.0] * len(names), names, focal_m)
    loaded = _load(files, options.quality, progress)
    if distances_m is None:
        distances_m = _distances_of(files, loaded.cameras)
    known, missing = _lens_of(lens, loaded.cameras[0], loaded.size)
    check_distances(distances_m, names, known.focal_length_m if known else focal_m)
    order = sorted(range(len(names)), key=lambda n: distances_m[n])
    diopters = np.array([1.0 / distances_m[n] for n in order])
    slices = loaded.slices[order]
    progress("align", 0.0)
    alignment = align(slices) if options.aligns else no_alignment(len(order))
    if known is not None:
        known = _with_formula(known, lens.formula, alignment, [distances_m[n] for n in order])
    if not alignment.is_still:
        slices = np.stack([moved(one, m) for one, m in zip(slices, alignment.matrices, strict=True)])
    gain = None if known is None else known.radius_px_m(slices.shape[2])
    stack = FocalStack(slices, diopters, gain)
    progress("depth", 0.0)
    found = find_depth(stack)
    refined = _refined(stack, found, options, progress)
    if refined is not None:
        found = found._replace(diopters=refined.diopters)
    confidence = np.where(
        seen_by_all(alignment, *slices.shape[1:3]), found.confidence, 0.5 * found.confidence
    )
    whole = _enlarged(found.diopters, loaded.size, stack.span)
    sharpest = _enlarged(found.sharpest, loaded.size, stack.span)
    fused = _fused(files, order, alignment, loaded, stack, sharpest, progress)
    own_rgb = found.rgb if refined is None else refined.rgb
    if own_rgb is not None and loaded.factor == 1:
        fused = fused._replace(rgb=own_rgb)
    if known is None:
        depth = np.clip((diopters[0] - whole) / stack.span, 0.0, 1.0).astype(np.float32)
    else:
        depth = metres_of(whole)
    metadata = {
        "name": files.name,
        "unit": "metre" if known is not None else "relative",
        "depth": _what_depth_is(known is not None, missing),
        "slices": [{"file": names[n], "focus_distance_m": _json_metres(distances_m[n])} for n in order],
        "ignored_files": list(files.ignored),
        "lens": None if known is None else _lens_document(known, loaded.size[1]),
        "alignment": _alignment_document(alignment.scaled(loaded.factor), options.aligns),
        "backend": options.backend,
        "method": found.method,
        "rerender_error": {name: round(value, 6) for name, value in found.rerender_error.items()},
        "quality": options.quality,
        "width": loaded.size[1],
        "height": loaded.size[0],
        "working_width": int(slices.shape[2]),
        "working_height": int(slices.shape[1]),
        **_shares(stack, found, confidence, known, loaded.size[1]),
        "cpu_s": round(time.process_time() - started_s, 3),
    }
    confidence = _enlarged(confidence.astype(np.float32), loaded.size, None)
    return StackResult(depth, confidence, fused.rgb, fused.slice_index, known is not None, metadata)


def _refined(stack: FocalStack, found: Estimate, options: InferOptions, progress: Progress) -> Refined | None:
    """Return depth with the renderer in the loop, if that was asked for and the lens is known."""
    if options.quality != "best" or stack.radius_px_m is None:
        return None
    return refine(stack, found, device=options.device, progress=lambda part: progress("refine", part))


def _load(files: StackFiles, quality: Quality, progress: Progress) -> _Loaded:
    slices, cameras, sizes, factor = [], [], [], 1
    for n, path in enumerate(files.paths):
        progress("read", n / len(files.paths))
        pixels, camera = read_slice(path)
        sizes.append((pixels.shape[0], pixels.shape[1]))
        check_same_size(files.paths[: n + 1], sizes)
        factor = max(1, math.ceil(math.sqrt(pixels.shape[0] * pixels.shape[1] / WORK_PIXELS[quality])))
        slices.append(_shrunk(pixels, factor))
        cameras.append(camera)
        if slices[n].dtype != slices[0].dtype:
            raise CorruptInputError(f"{display(str(path))}: 8 and 16 bits are mixed in one stack")
    return _Loaded(np.stack(slices), cameras, sizes[0], factor)


def _shrunk(pixels: npt.NDArray[Any], factor: int) -> npt.NDArray[Any]:
    if factor == 1:
        return pixels
    import cv2

    height, width = (side // factor for side in pixels.shape[:2])
    whole = pixels[: height * factor, : width * factor]
    return np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA))


def _enlarged(small: Floats, size: tuple[int, int], span: float | None) -> Floats:
    """Return a map at full size: smooth on surfaces, hard where depth jumps."""
    if small.shape == size:
        return small
    import cv2

    target = (size[1], size[0])
    smooth = cv2.resize(small, target, interpolation=cv2.INTER_LINEAR)
    if span is None:
        return np.asarray(smooth)
    window = np.ones((3, 3), np.uint8)
    jump = ((cv2.dilate(small, window) - cv2.erode(small, window)) > SOFT_STEP_SHARE * span).astype(np.uint8)
    is_jump = cv2.resize(jump, target, interpolation=cv2.INTER_NEAREST) > 0
    smooth[is_jump] = cv2.resize(small, target, interpolation=cv2.INTER_NEAREST)[is_jump]
    return np.asarray(smooth)


def _fused(
    files: StackFiles,
    order: list[int],
    alignment: Alignment,
    loaded: _Loaded,
    stack: FocalStack,
    diopters: Floats,
    progress: Progress,
) -> Fused:
    large = alignment.scaled(loaded.factor)

    def read(n: int) -> npt.NDArray[Any]:
        if loaded.factor == 1:
            return np.asarray(stack.slices[n])
        pixels, _ = read_slice(files.paths[order[n]])
        return pixels if alignment.is_still else moved(pixels, large.matrices[n])

    gain = None if stack.radius_px_m is None else stack.radius_px_m * loaded.factor
    done = lambda n: progress("all in focus", (n + 1) / len(order))  # noqa: E731
    return fuse_slices(read, stack.diopters, diopters, gain, done)


def _distances_of(files: StackFiles, cameras: list[CameraNotes]) -> list[float]:
    found = [camera.focus_distance_m for camera in cameras]
    without = [display(path.name) for path, value in zip(files.paths, found, strict=True) if value is None]
    if without:
        raise ConfigError(
            f"{display(files.name)}: missing focus distances: EXIF has none in {', '.join(without[:6])}"
            + (f" and {len(without) - 6} more" if len(without) > 6 else ""),
            HOW_TO_GIVE,
        )
    return [value for value in found if value is not None]


def _lens_of(
    given: LensFlags, camera: CameraNotes, size: tuple[int, int]
) -> tuple[StackLens | None, list[str]]:
    """Return the lens, None if it is not known, and what is missing."""
    focal_mm, f_number = given.focal_length_mm or camera.focal_length_mm, given.f_number or camera.f_number
    missing = [
        flag for flag, value in (("--focal-length", focal_mm), ("--f-number", f_number)) if value is None
    ]
    if focal_mm is None or f_number is None:
        return None, missing
    width_mm = given.sensor_width_mm or camera.sensor_width_mm
    width_m = FULL_FRAME_WIDTH_M if width_mm is None else width_mm / 1000.0
    if given.sensor_width_mm is None:
        width_m = shown_width(width_m, size[1], size[0])
    return StackLens(focal_mm / 1000.0, f_number, width_m), ["--sensor-width"] if width_mm is None else []


def _with_formula(lens: StackLens, formula: str, alignment: Alignment, distances_m: list[float]) -> StackLens:
    reference_m = distances_m[alignment.reference]
    if formula == "auto":
        formula = "exact" if _breathes(lens, alignment, distances_m) else "paper"
    return replace(lens, formula="exact" if formula == "exact" else "paper", reference_m=reference_m)


def _breathes(lens: StackLens, alignment: Alignment, distances_m: list[float]) -> bool:
    """Say whether the slices change magnification as an uncorrected thin lens does, rather than not."""
    near, far = (_image_distance_m(lens.focal_length_m, s) for s in (distances_m[0], distances_m[-1]))
    expected = math.log(near / far)
    last = len(distances_m) - 1
    measured = math.log(alignment.magnification(0) / alignment.magnification(last))
    return not alignment.is_still and abs(measured - expected) < abs(measured)


def _image_distance_m(focal_length_m: float, focus_m: float) -> float:
    return focal_length_m if math.isinf(focus_m) else focal_length_m * focus_m / (focus_m - focal_length_m)


def _what_depth_is(is_metric: bool, missing: list[str]) -> str:
    if is_metric:
        assumed = "; the sensor is taken to be 36 mm wide (--sensor-width)" if missing else ""
        return f"float32 metres along the optical axis, of the reference slice's view{assumed}"
    return (
        f"relative, no metres: the lens is not known ({' and '.join(missing)} missing). 0 is the nearest "
        "slice, 1 the farthest, linear in inverse distance"
    )


def _json_metres(distance_m: float) -> float | str:
    return "inf" if math.isinf(distance_m) else float(distance_m)


def _lens_document(lens: StackLens, width_px: int) -> dict[str, Any]:
    return {
        "focal_length_mm": 1e3 * lens.focal_length_m,
        "f_number": lens.f_number,
        "sensor_width_mm": 1e3 * lens.sensor_width_m,
        "formula": lens.formula,
        "blur_radius_px_per_diopter": round(lens.radius_px_m(width_px), 6),
    }


def _alignment_document(alignment: Alignment, was_asked: bool) -> dict[str, Any]:
    return {
        "asked": was_asked,
        "applied": not alignment.is_still,
        "model": "affine, reference pixel to slice pixel",
        "reference_slice": alignment.reference,
        "largest_move_px": round(alignment.largest_move_px, 3),
        "matrices": [np.round(m[:2], 7).tolist() for m in alignment.matrices],
        "failed_slices": list(alignment.failed),
    }


def _shares(
    stack: FocalStack, found: Estimate, confidence: Floats, lens: StackLens | None, width_px: int
) -> dict[str, Any]:
    """Return the parts of the picture that are known well, and those that are not."""
    document: dict[str, Any] = {
        "confidence_mean": round(float(confidence.mean()), 4),
        "share_unsure": round(float((confidence < UNSURE).mean()), 4),
        "share_without_texture": round(_without_texture(stack), 4),
    }
    if lens is None:
        return {**document, "share_in_focus_in_no_slice": None, "identifiable": None}
    depth_m = metres_of(found.diopters)
    reach_m = lens.identifiable_to_m(width_px)
    blurred = nearest_radius_px(stack, found.diopters) * (width_px / stack.slices.shape[2])
    return {
        **document,
        "share_in_focus_in_no_slice": round(float((blurred > IN_FOCUS_PX).mean()), 4),
        "identifiable": {
            "to_m": round(reach_m, 4),
            "share": round(float((depth_m <= reach_m).mean()), 4),
            "rule": "a tenth of the depth changes the blur radius by at least 0.25 px",
        },
        "depth_range_m": [round(float(depth_m.min()), 4), round(float(depth_m.max()), 4)],
    }


def _without_texture(stack: FocalStack) -> float:
    """Return the part of the picture where even the sharpest slice shows no more than noise."""
    import cv2

    peak = np.float32(np.iinfo(stack.slices.dtype).max)
    strongest = np.zeros(stack.slices.shape[1:3], np.float32)
    for one in stack.slices:
        shown = grey(one) / peak
        mean = cv2.GaussianBlur(shown, (0, 0), 3.0)
        spread = cv2.GaussianBlur((shown - mean) ** 2, (0, 0), 3.0)
        noise = max(noise_sigma(shown), 1.0 / 512.0)
        np.maximum(strongest, spread / (4.0 * noise * noise), out=strongest)
    return float((strongest < 1.0).mean())
