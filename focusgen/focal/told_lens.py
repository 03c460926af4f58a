"""The lens of a stack: what the user or a list says of it, else what EXIF of its slices does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from focusgen.base.errors import ConfigError
from focusgen.base.names import display
from focusgen.focal.lens_checks import check_lens, sensor_shown_m
from focusgen.focal.slice_files import StackFiles
from focusgen.focal.slice_reading import read_slice
from focusgen.focal.stack import StackLens
from focusgen.media.picture_files import CameraNotes

SAME_LENS = 1.1
"""Focal lengths and f-numbers of one stack differ by less: macro lenses stop down by themselves as they focus
nearer, zooms breathe."""


@dataclass(frozen=True)
class LensFlags:
    """What the user says of the lens; None: from EXIF, else unknown.

    Attributes:
        formula: "auto": exact where the slices were found to breathe, else paper.
        distances_from: "sensor" where focus distances count from there; "order" where nobody knows them, and
            those that are given stand for the order of the slices alone.
        fx_px: focal length in pixels, as lists have it; it tells the sensor's width where that is not said.
        transfer: curve between the slices' pixels and light; auto: sRGB, unless their profile says otherwise.
    """

    focal_length_mm: float | None = None
    f_number: float | None = None
    sensor_width_mm: float | None = None
    formula: Literal["auto", "paper", "exact"] = "auto"
    distances_from: Literal["lens", "sensor", "order"] = "lens"
    fx_px: float | None = None
    transfer: Literal["auto", "srgb", "linear"] = "auto"

    @property
    def knows_order_only(self) -> bool:
        """True where nobody knows focus distances, and so how much a lens blurs from slice to slice."""
        return self.distances_from == "order"


def camera_of(files: StackFiles, cameras: list[CameraNotes], given: LensFlags) -> CameraNotes:
    """Return what EXIF of the slices says of their one lens.

    Raises:
        ConfigError: it says different things, and no flag says which is true; names two slices.
    """
    focal_mm = _agreed(files, [c.focal_length_mm for c in cameras], "--focal-length", given.focal_length_mm)
    f_number = _agreed(files, [c.f_number for c in cameras], "--f-number", given.f_number)
    tells = next((c for c in cameras if c.sensor_width_mm is not None), CameraNotes())
    return replace(
        CameraNotes(focal_mm, f_number, tells.sensor_width_mm), told_by_resolution=tells.told_by_resolution
    )


def _agreed(files: StackFiles, found: list[float | None], flag: str, given: float | None) -> float | None:
    """Return the value that slices say, the first's; None where none says it."""
    said = [(value, name) for value, name in zip(found, files.names, strict=True) if value is not None]
    if given is not None or not said:
        return None
    (least, one), (most, other) = min(said), max(said)
    if most > SAME_LENS * least:
        raise ConfigError(
            f"{display(files.name)}: EXIF says {least:g} in {display(one)} and {most:g} in {display(other)} "
            f"for what {flag} is: a focal stack is taken through one lens, as it is",
            f"Leave out the slices that were taken otherwise, or give {flag}, which then holds for all.",
        )
    return said[0][0]


def lens_of(
    given: LensFlags, camera: CameraNotes, size: tuple[int, int]
) -> tuple[StackLens | None, list[str]]:
    """Return the lens, None if it is not known or tells nothing, and what is missing."""
    if given.knows_order_only:
        return None, ["--focus-distances"]
    focal_mm, f_number = given.focal_length_mm or camera.focal_length_mm, given.f_number or camera.f_number
    if focal_mm is None or f_number is None:
        return None, lens_flags_lacking(focal_mm, f_number)
    given_m, told_m = (
        None if width_mm is None else width_mm / 1000.0
        for width_mm in (given.sensor_width_mm, camera.sensor_width_mm)
    )
    width_m = sensor_shown_m(size, focal_mm / 1000.0, given_m=given_m, fx_px=given.fx_px, told_m=told_m)
    check_lens(focal_mm, f_number, 1e3 * width_m, "the lens")
    is_assumed = width_from(given, camera) == "assumed"
    return StackLens(focal_mm / 1000.0, f_number, width_m), ["--sensor-width"] if is_assumed else []


def width_from(given: LensFlags, camera: CameraNotes) -> str:
    """Return what tells the sensor's width: "given", "exif", "exif_resolution" or "assumed"."""
    if given.sensor_width_mm is not None or given.fx_px is not None:
        return "given"
    if camera.sensor_width_mm is None:
        return "assumed"
    return "exif_resolution" if camera.told_by_resolution else "exif"


def missing_lens_flags(files: StackFiles, given: LensFlags) -> list[str]:
    """Return the flags that the lens is not known without; slices are read until EXIF has told the rest.

    Raises:
        CorruptInputError: a slice cannot be read; names it.
    """
    known = CameraNotes(given.focal_length_mm, given.f_number)
    for path in files.paths:
        if None in (known.focal_length_mm, known.f_number):
            found = read_slice(path)[1]
            focal_mm = known.focal_length_mm or found.focal_length_mm
            known = CameraNotes(focal_mm, known.f_number or found.f_number)
    return lens_flags_lacking(known.focal_length_mm, known.f_number)


def lens_flags_lacking(focal_length_mm: float | None, f_number: float | None) -> list[str]:
    """Return the flags that would say what is not known of a lens."""
    flags = (("--focal-length", focal_length_mm), ("--f-number", f_number))
    return [flag for flag, value in flags if value is None]
