"""A focal stack on disk from one sharp picture with depth: what `focusgen focal render` does."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import ConfigError
from focusgen.base.files import make_folder, publish, publish_json, remove, remove_drafts
from focusgen.base.names import display
from focusgen.focal.distances import check_distances
from focusgen.focal.lens_checks import outside_focus
from focusgen.focal.render import limited_share, render_stack
from focusgen.focal.samples import usable_depth
from focusgen.focal.slice_reading import read_display
from focusgen.focal.sources import read_lone_depth
from focusgen.focal.stack import FARTHEST_M, StackLens
from focusgen.media.depth_codecs import READERS
from focusgen.media.depth_looks import unit_hint
from focusgen.media.depth_sources import HYPERSIM_ENDING
from focusgen.media.depth_units import STRANGELY_FAR_M, DepthOptions, DepthReading, is_plausible_median
from focusgen.media.depth_words import DISPARITY_ADVICE, path_note
from focusgen.models.devices import pick_device
from focusgen.optics.coc import shown_width
from focusgen.optics.transfer import Transfer
from focusgen.tools.focal_outputs import npy_bytes, png_bytes

AIF, DEPTH = "aif.png", "depth.npy"


@dataclass(frozen=True)
class SharpView:
    """A sharp picture with its depth, as files.

    Attributes:
        depth_scale: units per metre of whole numbers.
        transfer: curve of the picture.
        sensor_width_m: what the picture's width shows; None where the lens' sensor lies along its long side.
    """

    picture: Path
    depth: Path
    depth_scale: float = 1000.0
    transfer: Transfer = "gamma22"
    sensor_width_m: float | None = None


class _Depth(NamedTuple):
    """Depth (H, W) in metres, its sky at a finite distance: with holes, and without them, for drawing."""

    known_m: npt.NDArray[np.float32]
    drawn_m: npt.NDArray[np.float32]


def write_stack(
    view: SharpView,
    distances_m: Sequence[float],
    lens: StackLens,
    folder: Path,
    *,
    device: str = "cpu",
    note: Callable[[str], object] = lambda line: None,
) -> Iterator[Path]:
    """Write the slices of a stack, its truth and its lens; yield each file.

    Args:
        view: what is drawn.
        distances_m: one per slice.
        lens: it is drawn through.
        folder: for the slices.
        device: where to compute.
        note: told what is strange of the depth.

    Raises:
        ConfigError: distances, lens or device cannot be, or a file would be written over itself; nothing is
            changed. CorruptInputError: a file cannot be used.
    """
    names = [f"slice_{n:02d}.png" for n in range(len(distances_m))]
    check_distances(distances_m, names, lens.focal_length_m)
    _check_inputs(view.picture, view.depth)
    _refuse_own_inputs((view.picture, view.depth), [folder / name for name in (*names, AIF, DEPTH)])
    pick_device(device, "focal render")
    rgb, _, profile = read_display(view.picture)
    depth = _read_depth(view, rgb.shape[:2], note)
    height, width = rgb.shape[:2]
    shown_m = view.sensor_width_m or shown_width(lens.sensor_width_m, width, height)
    lens = replace(lens, sensor_width_m=shown_m)
    low_m, high_m = np.percentile(depth.drawn_m, (5, 95)).tolist()
    for line in (
        *outside_focus(distances_m, low_m, high_m),
        *_limited_blur(depth.drawn_m, distances_m, lens),
    ):
        note(line)
    make_folder(folder)
    _clear(folder)
    slices = render_stack(rgb, depth.drawn_m, distances_m, lens, transfer=view.transfer, device=device)
    for name, pixels in zip(names, slices, strict=True):
        publish(folder / name, png_bytes(pixels, profile))
        yield folder / name
    publish(folder / AIF, png_bytes(rgb, profile))
    publish(folder / DEPTH, npy_bytes(np.where(depth.known_m > 0, depth.known_m, np.float32(np.nan))))
    publish_json(folder / "stack.json", stack_document(names, distances_m, lens))
    yield folder / "stack.json"


def _check_inputs(picture: Path, depth: Path) -> None:
    for path in (picture, depth):
        if not path.is_file():
            raise ConfigError(f"{display(str(path))}: no such file")
    if depth.suffix.lower() not in READERS:
        raise ConfigError(f"{display(str(depth))}: depth is read from {', '.join(READERS)}")


def _read_depth(view: SharpView, size: tuple[int, ...], note: Callable[[str], object]) -> _Depth:
    reading = read_lone_depth(view.depth, DepthOptions(view.depth_scale, scale_floats=False))
    known_m = np.where(np.isposinf(reading.depth_m), np.float32(FARTHEST_M), reading.depth_m)
    drawn_m = usable_depth(known_m, size, str(view.depth))
    path, scale = view.depth, view.depth_scale
    for line in (*_strange_name(path, reading.unit), *_strange_depth(reading, known_m, scale)):
        note(f"{display(str(path))}: {line}")
    return _Depth(known_m, drawn_m)


def _limited_blur(
    depth_m: npt.NDArray[np.float32], distances_m: Sequence[float], lens: StackLens
) -> Iterator[str]:
    """Yield a line where the lens blurs by more than is drawn."""
    shares = [limited_share(depth_m, one, lens) for one in distances_m]
    if any(shares):
        yield (
            f"{sum(map(bool, shares))} of {len(shares)} slices would blur by more than a tenth of the width, "
            f"in up to {max(shares):.1%} of the picture: they are drawn with that"
        )


def _clear(folder: Path) -> None:
    """Remove what an earlier call left, which may have had more slices."""
    remove_drafts(folder)
    if (folder / "stack.json").is_file():
        for path in (folder / "stack.json", *folder.glob("slice_*.png")):
            remove(path)


def _strange_name(path: Path, unit: str) -> Iterator[str]:
    """Yield what a file's name says against how it was read."""
    if path_note(path):
        yield f"named like disparity or inverse depth, but read as depth. {DISPARITY_ADVICE}"
    if path.name.casefold().endswith(HYPERSIM_ENDING):
        yield "named like Hypersim's, which hold distances along the rays, but read as depth along the axis"
    hint = unit_hint(path)
    if hint and unit.startswith("1000 per metre"):
        yield f"read as millimetres. {hint}"


def _strange_depth(
    reading: DepthReading, depth_m: npt.NDArray[np.float32], depth_scale: float
) -> Iterator[str]:
    """Yield what is strange of a depth map whose sky is at a finite distance."""
    is_known = depth_m > 0
    if not is_plausible_median(median_m := float(np.median(depth_m[is_known]))):
        yield (
            f"the median depth is {median_m:.4g} m: floats are taken for metres, "
            f"whole numbers for {depth_scale:g} to a metre (--depth_scale)"
        )
    if not is_known.all():
        yield (
            f"{1.0 - is_known.mean():.1%} of it is unknown: drawn as what is beside it, and nan in {DEPTH}"
        )
    n_saturated = 0 if reading.saturated is None else int(reading.saturated.sum())
    n_far = max(n_saturated, int((depth_m > STRANGELY_FAR_M).sum()))
    if n_far:
        yield (
            f"{n_far / depth_m.size:.1%} of it lies at up to {depth_m[is_known].max():.4g} m: "
            "where that is a mark for no depth, write 0 or nan instead"
        )


def _refuse_own_inputs(inputs: Sequence[Path], written: Sequence[Path]) -> None:
    """Refuse to write over what is read."""
    for path in inputs:
        if any(other.exists() and other.samefile(path) for other in written):
            raise ConfigError(
                f"{display(str(path))} would be written over", "Give another folder as --output (-o)."
            )


def stack_document(names: Sequence[str], distances_m: Sequence[float], lens: StackLens) -> dict[str, object]:
    """Return a record that `focusgen focal infer` and the lists understand."""
    return {
        "slices": list(names),
        "focus_distances": ["inf" if math.isinf(one) else float(one) for one in distances_m],
        "all_in_focus": AIF,
        "depth": DEPTH,
        "camera": {
            "focal_length_mm": 1e3 * lens.focal_length_m,
            "f_number": lens.f_number,
            "sensor_width_mm": 1e3 * lens.sensor_width_m,
            "formula": lens.formula,
        },
    }
