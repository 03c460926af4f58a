"""A stack of a file list, opened with its truth: slices in order and aligned, drawn where there are none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import ConfigError, CorruptInputError, FocusgenError, StorageError
from focusgen.base.names import display
from focusgen.focal.formula import with_formula
from focusgen.focal.lens_checks import check_tells
from focusgen.focal.light import display_of, unused_bits
from focusgen.focal.records import StackRecord
from focusgen.focal.registration import registered
from focusgen.focal.render import render_stack
from focusgen.focal.roots import Roots
from focusgen.focal.slice_files import is_linear_light
from focusgen.focal.slice_reading import read_sharp, read_slices
from focusgen.focal.sources import (
    OpenedRecord,
    check_focus,
    open_record,
    read_record_depth,
    record_distances_m,
)
from focusgen.focal.stack import FocalStack
from focusgen.focal.truth import truth_of
from focusgen.media.depth_units import is_plausible_median
from focusgen.optics.transfer import Transfer


@dataclass(frozen=True)
class Sample:
    """A stack with its truth.

    Attributes:
        true_m: (H, W) metres, NaN where it is not known; None without depth.
        aif: (H, W, 3) the sharp picture; None without.
        is_drawn: slices follow the thin lens: they were drawn here, or are photographs.
    """

    name: str
    stack: FocalStack
    true_m: Any
    aif: Any
    is_drawn: bool = True


@contextmanager
def placed(record: StackRecord) -> Iterator[None]:
    """Name file and line in what is wrong with a record; a disk that refuses is none of its faults."""
    try:
        yield
    except StorageError:
        raise
    except FocusgenError as error:
        if record.where in error.message:
            raise
        raise type(error)(f"{record.where}: {error.message}", error.advice) from error


def load_sample(record: StackRecord, roots: Roots, beside: Path) -> Sample:
    """Return the stack of a record, drawn if it has no slices, with its truth.

    Raises:
        ConfigError: distances, lens or depth are missing, no stack has such, or distances are hardly metres;
            names file and line.
    """
    opened, lens = open_record(record, roots, beside), record.lens()
    if lens is None:
        raise ConfigError(
            f"{record.where}: camera is missing: focal_length_mm and f_number",
            "Say them in the record; a stack that is drawn may take a preset's (--config).",
        )
    rgb = None if opened.all_in_focus is None else read_sharp(opened.all_in_focus).pixels
    true_m = None if opened.depth is None else read_record_depth(record, opened.depth)
    distances_m = record_distances_m(record, opened.n_on_disk)
    if distances_m is None:
        raise ConfigError(
            f"{record.where}: focus_distances is missing",
            "A stack that is drawn may say focus_range and num_images, or take a preset's (--config).",
        )
    check_focus(record, distances_m, opened.files, lens)
    slices, rgb, told_mm = _pictures(record, opened, rgb, true_m, distances_m)
    _check_truth(record, slices.shape[1:3], true_m, rgb)
    true_m = None if true_m is None else truth_of(record, opened, true_m)
    order = np.argsort(distances_m)
    rising_m = np.asarray(distances_m)[order]
    slices, alignment, _, empty = registered(slices[order])
    formula = record.formula() or ("paper" if opened.files is None else "auto")  # as `focal infer` has it
    height, width = slices.shape[1:3]
    shown = record.lens_shown(height, width, told_mm) or lens
    shown = with_formula(shown, formula, alignment, rising_m.tolist(), slices, empty)
    gain = shown.radius_px_m(width)
    check_tells(record.where, gain, rising_m.tolist())
    # A generative renderer's blur looks like a lens, and is not one.
    is_drawn = opened.files is None or record.text("source") != "bokeh"
    name = record.text("name") or (opened.files.name if opened.files else record.where.rsplit("/", 1)[-1])
    return Sample(name, FocalStack(slices, 1.0 / rising_m, gain), true_m, rgb, is_drawn)


def load_known(record: StackRecord, roots: Roots, beside: Path) -> Sample:
    """Return a stack that can be learned from: its true depth is known somewhere, and plausible.

    Raises:
        FocusgenError: it cannot; names file and line.
    """
    with placed(record):
        sample = load_sample(record, roots, beside)
        check_known(sample.true_m, record.where)
    return sample


def _pictures(
    record: StackRecord,
    opened: OpenedRecord,
    rgb: npt.NDArray[Any] | None,
    true_m: npt.NDArray[np.float32] | None,
    distances_m: list[float],
) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None, float | None]:
    """Return slices, drawn where there are none, and sharp picture as display values, and EXIF's sensor."""
    told = record.transfer()
    is_linear = opened.all_in_focus is not None and is_linear_light(opened.all_in_focus, told)
    if opened.files is None:
        if rgb is not None and is_linear:
            rgb = display_of(rgb << unused_bits(int(rgb.max()), rgb.dtype))
        curve: Transfer = "gamma22" if told in (None, "gamma22") and not is_linear else "srgb"
        return *_brightened(_drawn(record, rgb, true_m, distances_m, curve), rgb), None
    found, told_mm = read_slices(opened.files.paths)
    slices, rgb = _brightened(found, rgb)
    if opened.files.is_linear(told):
        slices = display_of(slices)
    if rgb is not None and is_linear:
        rgb = display_of(rgb)
    return slices, rgb, told_mm


def _brightened(
    slices: npt.NDArray[Any], rgb: npt.NDArray[Any] | None
) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None]:
    """Return slices and sharp picture with all of their bits in use, as `focal infer` looks at them."""
    pictures = [slices] if rgb is None or rgb.dtype != slices.dtype else [slices, rgb]
    shift = unused_bits(max(int(one.max()) for one in pictures), slices.dtype)
    return slices << shift, rgb if len(pictures) == 1 or rgb is None else rgb << shift


def _drawn(
    record: StackRecord,
    rgb: npt.NDArray[Any] | None,
    true_m: npt.NDArray[np.float32] | None,
    distances_m: list[float],
    curve: Transfer,
) -> npt.NDArray[Any]:
    if rgb is None or true_m is None:
        raise ConfigError(f"{record.where}: drawing a stack needs all_in_focus and depth")
    lens = record.lens_shown(*rgb.shape[:2])
    assert lens is not None, "the caller has a lens"
    depth_m = usable_depth(true_m, rgb.shape[:2], record.where)
    return np.stack(list(render_stack(rgb, depth_m, distances_m, lens, transfer=curve)))


def check_known(true_m: npt.NDArray[np.float32], where: str) -> None:
    """Refuse true depth that nothing can be learned from or judged by.

    Raises:
        ConfigError: none is known, or no scene that people photograph has such.
    """
    known = true_m[np.isfinite(true_m)]
    if not known.size:
        raise ConfigError(f"{where}: depth holds no value > 0")
    if not is_plausible_median(middle_m := float(np.median(known))):
        raise ConfigError(
            f"{where}: the median depth is {middle_m:.4g} m: the scale cannot be right",
            "Set depth_scale (units per metre: 100 for centimetres, 1000 for millimetres) in the record.",
        )


def _check_truth(record: StackRecord, size: tuple[int, ...], *truths: npt.NDArray[Any] | None) -> None:
    """Refuse truth of another size than the slices."""
    for truth in truths:
        if truth is not None and truth.shape[:2] != size:
            what = "depth" if truth.ndim == 2 else "all_in_focus"
            raise CorruptInputError(
                f"{record.where}: {what} is {truth.shape[1]}x{truth.shape[0]}, "
                f"the slices {size[1]}x{size[0]}",
                "Bring both to one size; transpose_depth: true where depth lies on its side.",
            )


def usable_depth(
    depth_m: npt.NDArray[np.float32], size: tuple[int, ...], name: str
) -> npt.NDArray[np.float32]:
    """Return depth without holes: each takes the nearest pixel's, for drawing only.

    Raises:
        CorruptInputError: another size than the picture, or no depth at all.
    """
    if depth_m.shape != tuple(size):
        raise CorruptInputError(
            f"{display(name)}: depth is {depth_m.shape[1]}x{depth_m.shape[0]}, "
            f"the picture {size[1]}x{size[0]}",
            "Bring both to one size; depth without averaging, as jumps are no slopes.",
        )
    hole = ~(np.isfinite(depth_m) & (depth_m > 0))
    if hole.all():
        raise CorruptInputError(f"{display(name)}: no pixel has a depth > 0")
    if hole.any():
        from scipy.ndimage import distance_transform_edt

        rows, columns = distance_transform_edt(hole, return_distances=False, return_indices=True)
        depth_m = depth_m[rows, columns]
    return np.asarray(depth_m, np.float32)
