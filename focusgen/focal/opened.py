"""A stack as it is worked on: slices at working size, near to far, aligned, and what is known of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import ConfigError
from focusgen.base.names import display, listed
from focusgen.focal.alignment import Alignment
from focusgen.focal.distances import (
    HOW_TO_ASK_EXIFTOOL,
    HOW_TO_DO_WITHOUT,
    HOW_TO_GIVE,
    NAMES,
    check_distances,
    from_the_lens,
)
from focusgen.focal.empty_borders import filled
from focusgen.focal.exposure import Exposure
from focusgen.focal.formula import with_formula
from focusgen.focal.lens_checks import check_tells
from focusgen.focal.light import display_of, light_pixels_of, unused_bits
from focusgen.focal.light_change import LightChange, no_change
from focusgen.focal.name_order import distances_in_names
from focusgen.focal.registration import registered
from focusgen.focal.slice_checks import LEAVE_ADVICE, check_shows, twins_of
from focusgen.focal.slice_files import StackFiles
from focusgen.focal.slice_reading import read_alike, read_slice
from focusgen.focal.stack import FocalStack, StackLens, unshrunk
from focusgen.focal.told_lens import LensFlags, camera_of, lens_of, width_from
from focusgen.media.picture_files import CameraNotes

VISIBLE_STEP_PX = 1.0
"""Slices between which blur may change by more are never equal, unless one is a copy."""

Progress = Callable[[str, float], object]
"""Told what is being done, and which part of it, 0 to 1."""


class OpenedStack(NamedTuple):
    """One stack, ready to be worked on.

    Attributes:
        files: its slices on disk.
        order: numbers of the slices, nearest first; `stack` and `distances_m` have this order.
        distances_m: of the slices; stand-ins where nobody knows them.
        stack: aligned slices at working size.
        alignment: how they were moved, at working size.
        empty: (N, H, W) empty borders of an alignment before ours, which were filled; at working size.
        exposure: what was taken back of differences in exposure.
        light_change: what was, of other changes of light; none before depth was found.
        lens: None if it is not known.
        missing: flags that would tell more of the lens.
        width_from: what tells the sensor's width: "given", "exif", "exif_resolution", "assumed" or, of
            `measured_lens`, "measured".
        size: (height, width) of the slices on disk.
        factor: by which the working size is smaller.
        shift: by how many bits `stack` is brighter than the slices on disk, which leave those unused.
        icc_profile: what the colours of the slices mean, empty where they do not say it.
        dtype: of the slices on disk.
        transfer: curve of the slices on disk: auto, srgb or linear; `stack` holds display values.
        is_measured: whether the blur of `stack` was measured from its slices, by `measured_lens`.
        blur_factor: of `fit.blur_factor`, where it was found already.
        knows_distances: false where only the order of the slices is known.
        are_likelier_inverse: whether distances fit clearly better as diopters, of `measured_lens`.
    """

    files: StackFiles
    order: list[int]
    distances_m: list[float]
    stack: FocalStack
    alignment: Alignment
    empty: npt.NDArray[np.bool_]
    exposure: Exposure
    light_change: LightChange
    lens: StackLens | None
    missing: list[str]
    width_from: str
    size: tuple[int, int]
    factor: int
    shift: int
    icc_profile: bytes
    dtype: np.dtype[Any]
    transfer: str
    is_measured: bool = False
    blur_factor: float | None = None
    knows_distances: bool = True
    are_likelier_inverse: bool = False

    def read(self, number: int) -> npt.NDArray[Any]:
        """Return a slice at full size as `stack` has its values; 0 is the nearest."""
        pixels = read_slice(self.files.paths[self.order[number]])[0] << self.shift
        shown = display_of(pixels) if self.transfer == "linear" else pixels
        small = self.empty[number].astype(np.uint8)
        return filled(shown, unshrunk(small, self.size, is_hard=True) > 0)

    def as_on_disk(self, rgb: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return a picture of display values with bits and curve of the slices on disk."""
        stored = light_pixels_of(rgb, self.dtype) if self.transfer == "linear" else rgb
        return np.asarray(stored >> self.shift)

    @property
    def names(self) -> list[str]:
        """File names of the slices, nearest first."""
        names = self.files.names
        return [names[n] for n in self.order]


class _Loaded(NamedTuple):
    slices: npt.NDArray[Any]
    cameras: list[CameraNotes]
    size: tuple[int, int]
    factor: int
    shift: int
    icc_profile: bytes
    dtype: np.dtype[Any]


def open_stack(
    files: StackFiles,
    distances_m: Sequence[float] | None,
    lens: LensFlags,
    *,
    most_pixels: int,
    aligns: bool,
    progress: Progress,
) -> OpenedStack:
    """Return a stack whose distances and lens are checked and whose slices lie on each other.

    Args:
        files: the slices.
        distances_m: one per slice, in their order; None: from EXIF.
        lens: what the user says of it.
        most_pixels: of the working size.
        aligns: whether slices are aligned.
        progress: told how far it is.

    Raises:
        ConfigError: the stack or its distances cannot be used.
        CorruptInputError: a slice cannot be read; names it.
    """
    names = files.names
    if files.is_linear(lens.transfer):
        lens = replace(lens, transfer="linear")
    focal_m = None if lens.focal_length_mm is None or lens.knows_order_only else lens.focal_length_mm / 1000.0
    _check_first(files, distances_m, focal_m)
    loaded = _load(files, most_pixels, progress, is_linear=lens.transfer == "linear")
    if distances_m is None:
        distances_m = _distances_of(files, loaded.cameras)
    camera = camera_of(files, loaded.cameras, lens)
    known, missing = lens_of(lens, camera, loaded.size)
    if lens.distances_from == "sensor":
        distances_m = _from_the_lens(files, distances_m, known)
    check_distances(distances_m, names, known.focal_length_m if known else focal_m)
    order = sorted(range(len(names)), key=lambda n: distances_m[n])
    rising_m = [distances_m[n] for n in order]
    progress("align", 0.0)
    shown = loaded.slices[order]
    slices, alignment, exposure, empty = registered(shown, aligns=aligns)
    if known is not None:
        known = with_formula(known, lens.formula, alignment, rising_m, slices, empty)
        check_tells(files.name, known.radius_px_m(slices.shape[2]), rising_m)
    gain = None if known is None else known.radius_px_m(slices.shape[2])
    rising = [names[n] for n in order]
    _refuse_twins(rising, shown, rising_m, gain, knows_distances=not lens.knows_order_only)
    return OpenedStack(
        files=files,
        order=order,
        distances_m=rising_m,
        stack=FocalStack(slices, np.array([1.0 / metres for metres in rising_m]), gain),
        alignment=alignment,
        empty=empty,
        exposure=exposure,
        light_change=no_change(len(slices)),
        lens=known,
        missing=missing,
        width_from=width_from(lens, camera),
        size=loaded.size,
        factor=loaded.factor,
        shift=loaded.shift,
        icc_profile=loaded.icc_profile,
        dtype=loaded.dtype,
        transfer=lens.transfer,
        knows_distances=not lens.knows_order_only,
    )


def _check_first(files: StackFiles, distances_m: Sequence[float] | None, focal_m: float | None) -> None:
    """Refuse before anything is read what can be told then."""
    if distances_m is not None or len(files.paths) < 2:
        told_m = [1.0] if distances_m is None else distances_m
        check_distances(told_m, files.names, focal_m, files.not_of_series)


def _from_the_lens(files: StackFiles, distances_m: Sequence[float], lens: StackLens | None) -> list[float]:
    if lens is None:
        raise ConfigError(
            f"{display(files.name)}: distances from the sensor count from the lens only if it is known",
            "Give --focal-length and --f-number.",
        )
    return from_the_lens(distances_m, files.names, lens.focal_length_m)


def _refuse_twins(
    names: Sequence[str],
    slices: npt.NDArray[Any],
    rising_m: Sequence[float],
    radius_px_m: float | None,
    *,
    knows_distances: bool,
) -> None:
    """Refuse one picture under two names, but where drawn slices may well be equal: blur hardly changes.

    Raises:
        ConfigError: names both.
    """
    for one, other in twins_of(slices):
        step = 1.0 / rising_m[one] - 1.0 / rising_m[other]
        if radius_px_m is None or radius_px_m * step >= VISIBLE_STEP_PX:
            at = f", at {rising_m[one]:g} and {rising_m[other]:g} m" if knows_distances else ""
            raise ConfigError(
                f"{display(names[one])} and {display(names[other])} are the same picture{at}",
                f"One of them is a copy. {LEAVE_ADVICE}",
            )


def _load(files: StackFiles, most_pixels: int, progress: Progress, *, is_linear: bool) -> _Loaded:
    slices: list[npt.NDArray[Any]] = []
    cameras: list[CameraNotes] = []
    size, factor, peak, profile = (0, 0), 1, 0, b""
    for n, (pixels, camera, icc_profile) in enumerate(read_alike(files.paths)):
        progress("read", n / len(files.paths))
        if not slices:
            size, profile = (pixels.shape[0], pixels.shape[1]), icc_profile
            factor = shrink_factor(size, most_pixels)
        slices.append(shrunk_picture(pixels, factor))
        cameras.append(camera)
        peak = max(peak, int(pixels.max()))
    stacked = np.stack(slices)
    shift = unused_bits(peak, stacked.dtype)
    shown = display_of(stacked << shift) if is_linear else stacked << shift
    check_shows(files.paths, shown)
    return _Loaded(shown, cameras, size, factor, shift, profile, stacked.dtype)


def shrink_factor(size: tuple[int, int], most_pixels: int) -> int:
    """Return by which whole number the sides of a picture (height, width) are divided to be worked on."""
    return max(1, math.ceil(math.sqrt(size[0] * size[1] / most_pixels)))


def shrunk_picture(pixels: npt.NDArray[Any], factor: int) -> npt.NDArray[Any]:
    """Return a picture at working size; what is left over at the right and below is cut off."""
    if factor == 1:
        return pixels
    import cv2

    height, width = (side // factor for side in pixels.shape[:2])
    whole = pixels[: height * factor, : width * factor]
    return np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA))


def _distances_of(files: StackFiles, cameras: list[CameraNotes]) -> list[float]:
    found = [camera.focus_distance_m for camera in cameras]
    without = [name for name, value in zip(files.names, found, strict=True) if value is None]
    if without:
        raise ConfigError(
            f"{display(files.name)}: missing focus distances: EXIF has none in {listed(without)}, "
            "nor has XMP",
            _where_they_stand(files) or f"{HOW_TO_GIVE} {HOW_TO_ASK_EXIFTOOL} {HOW_TO_DO_WITHOUT}",
        )
    return [value for value in found if value is not None]


def _where_they_stand(files: StackFiles) -> str:
    """Return what to do where `focal render` wrote a record beside slices, or names bear them, else ""."""
    record = files.folder / "stack.json"
    if record.is_file():
        return f"{display(str(record))} has them, and the lens: give it as --input."
    told = distances_in_names(files.paths)
    if told is None:
        return ""
    shown = ", ".join(f"{metres:g}" for metres in told[:8]) + (", ..." if len(told) > 8 else "")
    return f"Names of the slices say {shown} m: --focus-distances {NAMES} takes them. Else: {HOW_TO_GIVE}"
