"""Records opened: slices found on disk, depth in planar metres whatever its file, lens and distances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import ConfigError, CorruptInputError, UndecidedInputError
from focusgen.base.names import display
from focusgen.dataset.packs import is_published, packed_bytes
from focusgen.focal.distances import check_distances
from focusgen.focal.records import StackRecord
from focusgen.focal.roots import Roots
from focusgen.focal.slice_files import StackFiles, stack_of_folder, stack_of_paths
from focusgen.focal.slice_reading import REPLACE
from focusgen.focal.stack import StackLens
from focusgen.media.codecs import decode_npz
from focusgen.media.depth_codecs import REPLACE_ADVICE, read_depth_file
from focusgen.media.depth_looks import looks_of
from focusgen.media.depth_sources import HYPERSIM_ENDING
from focusgen.media.depth_units import DepthOptions, DepthReading, read_numbers, units_per_metre
from focusgen.media.depth_words import DISPARITY_ADVICE, file_name_note, path_note
from focusgen.media.layouts.hypersim import FOCAL_PER_WIDTH
from focusgen.media.layouts.rendered import VKITTI_SKY_M
from focusgen.media.tiff_pages import has_pages

Floats = npt.NDArray[np.float32]

CENTIMETRES, MILLIMETRES = 100.0, 1000.0
UNITS_PER_METRE = {
    **dict.fromkeys(("vkitti", "vkitti2", "virtual_kitti", "virtual_kitti_2"), CENTIMETRES),
    "hypersim": 1.0,
}
"""Of data sets that `depth_dataset` and `source` know; whole numbers of others are millimetres."""

ARRAY_FILES = (".npz", ".h5", ".hdf5")
ALONE_ADVICE = (
    "Give a file of this one map alone, such as npy in metres; in a list, depth_dataset names one of several "
    "arrays."
)


class OpenedRecord(NamedTuple):
    """Where the files of a record lie.

    Attributes:
        files: its slices; None for a picture with depth.
        all_in_focus: the sharp picture, or None.
        depth: the depth file, or None.
        on_disk: slices that there are, of which the record may ask for fewer.
        valid: flags of its depth, or None.
    """

    files: StackFiles | None
    all_in_focus: Path | None
    depth: Path | None
    on_disk: tuple[Path, ...] = ()
    valid: Path | None = None

    @property
    def n_on_disk(self) -> int:
        """How many slices there are."""
        return len(self.on_disk)


def open_record(record: StackRecord, roots: Roots, beside: Path) -> OpenedRecord:
    """Return the files of a record.

    Raises:
        ConfigError: one of them is not there; names file and line.
    """
    files = None if record.is_drawn else _slices(record, roots, beside)
    picture, depth, valid = (
        None if record.text(key) is None else _found(record, record.text(key) or "", kind, roots, beside)
        for key, kind in (("all_in_focus", "all_in_focus"), ("depth", "depth"), ("valid", "depth"))
    )
    if files is None and picture is None:
        lacks = "neither focal_stack nor all_in_focus is given"
        if record.flag("generate_focal_stack"):
            lacks = "all_in_focus is missing, of which the stack is to be drawn (generate_focal_stack)"
        raise ConfigError(f"{record.where}: {lacks}")
    if files is None:
        return OpenedRecord(None, picture, depth, valid=valid)
    return OpenedRecord(_spread(files, record), picture, depth, files.paths, valid)


def _slices(record: StackRecord, roots: Roots, beside: Path) -> StackFiles:
    if record.values.get("slices") is not None:
        paths = [_found(record, str(one), "focal_stack", roots, beside) for one in record.values["slices"]]
        return stack_of_paths(paths)
    folder = _found(record, record.text("focal_stack") or "", "focal_stack", roots, beside)
    if not folder.is_dir() and not has_pages(folder):
        raise ConfigError(
            f"{record.where}: focal_stack {display(str(folder))} is a file, not the folder of a stack",
            "slices names pictures one by one, all_in_focus a sharp one; "
            "slices in an array are saved as pictures first.",
        )
    files = stack_of_folder(folder)
    distances_m = record.focus_distances_m()
    if distances_m is not None:
        files.check_order(record.where, distances_m)
    return files


def _found(record: StackRecord, path: str, kind: str, roots: Roots, beside: Path) -> Path:
    candidates = roots.candidates(path, kind, beside)
    if "\\" in path:  # a list that was made on Windows
        candidates += roots.candidates(path.replace("\\", "/"), kind, beside)
    found = next(
        (candidate for candidate in candidates if candidate.exists() or is_published(candidate)), None
    )
    if found is None:
        looked = ", ".join(display(str(one)) for one in candidates) or "nowhere: a variable is not set"
        raise ConfigError(f"{record.where}: {kind} {display(path)} does not exist (looked at {looked})")
    return found


def _spread(files: StackFiles, record: StackRecord) -> StackFiles:
    """Return as many slices as the record asks for, spread over the whole stack, both ends included."""
    n = record.count("num_images", len(files.paths))
    named = replace(files, name=record.text("name") or files.name)
    if n > len(files.paths):
        raise ConfigError(f"{record.where}: num_images is {n}, there are {len(files.paths)} slices")
    return replace(named, paths=tuple(files.paths[k] for k in spread(len(files.paths), n)))


def record_distances_m(record: StackRecord, n_on_disk: int) -> list[float] | None:
    """Return one distance per slice that the record asks for; None: EXIF has to say.

    Args:
        record: of a stack.
        n_on_disk: slices that there are; 0 if they are to be drawn.
    """
    distances = record.focus_distances_m()
    if distances is None:
        return None
    n_all = n_on_disk or len(distances)
    n = record.count("num_images", n_all)
    if n > n_all:
        raise ConfigError(f"{record.where}: num_images is {n}, there are {n_all} focus distances")
    return [distances[k] for k in spread(n_all, n)] if len(distances) == n_all else distances


def scene_of(record: StackRecord, roots: Roots, beside: Path) -> str:
    """Return what a record shows: its scene, else the folder or file of its slices, wherever it is found."""
    named = record.text("scene")
    if named is not None:
        return named
    slices = record.values.get("slices")
    kind = "all_in_focus" if not slices and record.text("focal_stack") is None else "focal_stack"
    given = str(slices[0]) if slices else record.text(kind)
    place = place_of(given or record.where, kind, roots, beside)
    return str(place.parent if slices else place)


def place_of(path: str, kind: str, roots: Roots, beside: Path) -> Path:
    """Return where a path of a list leads, beside the list if nothing is there."""
    candidates = roots.candidates(path, kind, beside)
    there = next((one for one in candidates if one.exists() or is_published(one)), beside / path)
    return there.resolve()


def check_focus(
    record: StackRecord, distances_m: Sequence[float], files: StackFiles | None, lens: StackLens | None
) -> None:
    """Refuse focus distances of a record that are no stack's, as `focal infer` does.

    Raises:
        ConfigError: fewer than two, not one for each slice, one twice, or one within the lens; names file
            and line.
    """
    drawn = [f"slice {n + 1}" for n in range(len(distances_m))]
    names = drawn if files is None else files.names
    if len(names) != len(distances_m):
        raise ConfigError(f"{record.where}: {len(names)} slices, {len(distances_m)} focus distances")
    try:
        check_distances(distances_m, names, None if lens is None else lens.focal_length_m)
    except ConfigError as error:
        raise ConfigError(f"{record.where}: {error.message}", error.advice) from error


def spread(n_all: int, n: int) -> list[int]:
    """Return n of n_all places, spread evenly, both ends included."""
    return sorted({int(round(k)) for k in np.linspace(0, n_all - 1, n)})


def read_record_depth(record: StackRecord, path: Path) -> Floats:
    """Return planar depth in metres; NaN where there is none.

    Raises:
        CorruptInputError: the file cannot be read; names it.
    """
    kind, array = _data_set(record), _array(record, path)
    _check_name(record, path, kind)
    _check_array(record, array)
    stated = "depth_scale" in record.values and "depth_scale" not in record.of_preset
    scale = record.units_per_metre(UNITS_PER_METRE.get(kind, MILLIMETRES))
    depth_m = _metres_of(path, DepthOptions(scale, scale_floats=stated, key=array))
    if record.flag("transpose_depth"):
        depth_m = np.ascontiguousarray(depth_m.T)
    depth_m = depth_m + np.float32(record.number("depth_shift", 0.0))
    if _is_ray(record, kind):
        depth_m = planar_depth(depth_m, record.fx_px() or FOCAL_PER_WIDTH * depth_m.shape[1])
    low, high = _range(record)
    with np.errstate(invalid="ignore"):
        outside = ~np.isfinite(depth_m) | (depth_m <= 0) | (depth_m < low) | (depth_m > high)
    return np.where(outside, np.float32(np.nan), depth_m).astype(np.float32)


def without_sky(record: StackRecord, depth_m: Floats) -> Floats:
    """Return depth to learn from and to judge by: NaN for the sky, which Virtual KITTI 2 puts at 655 m."""
    if UNITS_PER_METRE.get(_data_set(record)) != CENTIMETRES:
        return depth_m
    return np.where(depth_m >= VKITTI_SKY_M - 0.5 / CENTIMETRES, np.float32(np.nan), depth_m)


def _data_set(record: StackRecord) -> str:
    """Return which known data set a record's depth is of, "" for all others."""
    said = (record.text(key) or "" for key in ("depth_dataset", "source"))
    return next((name.lower() for name in said if name.lower() in UNITS_PER_METRE), "")


def _array(record: StackRecord, path: Path) -> str | None:
    """Return which array of a file is depth, where `depth_dataset` names that and no data set.

    Raises:
        ConfigError: the file is not of a kind that holds several.
    """
    said = record.text("depth_dataset")
    if said is None or said.lower() in UNITS_PER_METRE:
        return None
    if path.suffix.lower() not in ARRAY_FILES:
        raise ConfigError(
            f"{record.where}: depth_dataset is {said!r}, not {', '.join(UNITS_PER_METRE)}",
            f"Of another data set, say depth_scale; arrays have names in {', '.join(ARRAY_FILES)} only.",
        )
    return said.strip("/")


def _check_name(record: StackRecord, path: Path, data_set: str) -> None:
    """Refuse a file that is named like something else than what it would be read as, and nobody says so.

    Raises:
        ConfigError: names file, line, and the keys that say what it is.
    """
    named = f"{record.where}: {display(str(path))} is named like"
    if record.text("depth_kind") is None and path_note(path):
        raise ConfigError(
            f"{named} disparity or inverse depth",
            f"{DISPARITY_ADVICE} If it is depth, say depth_kind=planar.",
        )
    if record.text("depth_kind") is None and not data_set and path.name.casefold().endswith(HYPERSIM_ENDING):
        raise ConfigError(
            f"{named} Hypersim's, which hold distances along the rays",
            "Say depth_dataset=hypersim; or depth_kind=planar where they were converted.",
        )
    looks = {look.data_set: look.units_per_metre for look in looks_of(path)}
    is_stated = "depth_scale" in record.values or data_set
    if not is_stated and looks and MILLIMETRES not in looks.values():
        names = " or ".join(f"{name}'s ({units:g} per metre)" for name, units in looks.items())
        raise ConfigError(
            f"{named} {names}, and nobody says of which unit",
            f"Say depth_scale={next(iter(looks.values())):g}; or 1000 where these are millimetres.",
        )


def _check_array(record: StackRecord, array: str | None) -> None:
    """Refuse an array that is called disparity, as DDFF-12's truth is, where nobody says that it is depth.

    Raises:
        ConfigError: names file, line, and array.
    """
    if array is not None and record.text("depth_kind") is None and file_name_note(array):
        raise ConfigError(
            f"{record.where}: depth_dataset {display(array)} is named like disparity or inverse depth",
            f"{DISPARITY_ADVICE} If it is depth, say depth_kind=planar.",
        )


def _metres_of(path: Path, options: DepthOptions) -> Floats:
    packed = packed_bytes(path)
    if packed is None:
        return read_lone_depth(path, options).depth_m
    values = decode_npz(packed, "depth")
    return read_numbers(values, options, units_per_metre(values, options) or 1.0).depth_m


def read_lone_depth(path: Path, options: DepthOptions) -> DepthReading:
    """Return the depth map of a file that belongs to no data set: there are no `--depth.` settings for it.

    Raises:
        CorruptInputError: names the file and what is wrong with it.
    """
    try:
        return read_depth_file(path, options)
    except UndecidedInputError as error:
        raise CorruptInputError(error.message, ALONE_ADVICE) from error
    except CorruptInputError as error:
        raise CorruptInputError(error.message, error.advice.replace(REPLACE_ADVICE, REPLACE)) from error


def planar_depth(ray_m: Floats, fx_px: float) -> Floats:
    """Return depth along the optical axis of distances along the rays."""
    height, width = ray_m.shape
    x = np.arange(width, dtype=np.float64) - 0.5 * (width - 1)
    y = np.arange(height, dtype=np.float64)[:, None] - 0.5 * (height - 1)
    return np.asarray(ray_m * (fx_px / np.sqrt(fx_px * fx_px + x * x + y * y)), np.float32)


def _is_ray(record: StackRecord, dataset: str) -> bool:
    """Say whether depth is the distance along the ray."""
    kind = record.text("depth_kind") or ("ray" if dataset == "hypersim" else "planar")
    if kind not in ("ray", "planar"):
        raise ConfigError(f"{record.where}: depth_kind is {kind!r}, not planar or ray")
    return kind == "ray"


def _range(record: StackRecord) -> tuple[float, float]:
    given = record.values.get("depth_range")
    if given is None:
        return 0.0, float("inf")
    numbers: Sequence[Any] = given if isinstance(given, list) else str(given).replace(",", " ").split()
    try:
        low, high = (float(one) for one in numbers)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{record.where}: depth_range is {given!r}, not two numbers") from error
    if not low < high:
        raise ConfigError(
            f"{record.where}: depth_range is {given!r}: the nearest depth first, then the farthest"
        )
    return low, high
