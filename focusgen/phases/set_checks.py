"""What phase 6 checks of the lens sets in metadata.json before it believes a label of them."""

from __future__ import annotations

from typing import Any

from focusgen.base.finite import non_finite_keys
from focusgen.dataset.lens_metadata import SET_KEYS, lenses_of


def check_sets(metadata: dict[str, Any], n_frames: int) -> None:
    """Check the lens sets of metadata.json, and that all its numbers are finite.

    Args:
        metadata: as read.
        n_frames: frames that a moving focus has to be told for.

    Raises:
        ValueError, KeyError, TypeError: what is wrong.
    """
    if unknown := list(non_finite_keys(metadata)):
        raise ValueError(f"no finite number: {', '.join(unknown)}")
    for number, lens_set in enumerate(metadata["sets"]):
        for key in SET_KEYS:
            if not float(lens_set[key]) > 0:
                raise ValueError(f"set {number}: {key} is not positive")
        if "S_focus_per_frame" in lens_set:
            _check_moving(number, lens_set, metadata, n_frames)
        if metadata.get("breathing"):
            _check_magnification(number, lens_set)
    n_values = len({float(lens_set["max_coc"]) for lens_set in metadata["sets"]})
    if n_values != 1:
        raise ValueError(f"sets of {n_values} values of max_coc" if n_values else "no lens set")
    lenses_of(metadata)


def _check_moving(number: int, lens_set: dict[str, Any], metadata: dict[str, Any], n_frames: int) -> None:
    """Check that a moving focus is told for each frame, and that it jumps only where that is said.

    Raises:
        ValueError, KeyError, TypeError: what is wrong.
    """
    distances_m = [float(value) for value in lens_set["S_focus_per_frame"]]
    if len(distances_m) != n_frames:
        raise ValueError(
            f"set {number}: S_focus_per_frame has {len(distances_m)} numbers for {n_frames} frames"
        )
    if not min(distances_m) > 0:
        raise ValueError(f"set {number}: S_focus_per_frame has a number that is not positive")
    if distances_m[0] != float(lens_set["S_focus"]):
        raise ValueError(f"set {number}: S_focus is not the first of S_focus_per_frame")
    told = lens_set.get("focus_motion", {}).get("jumps")
    cuts = [cut for cut in metadata.get("shot_cuts", ()) if 0 < cut < n_frames]
    jumps = [cut for cut in cuts if distances_m[cut] != distances_m[cut - 1]]
    if told is not None and list(told) != jumps:
        raise ValueError(f"set {number}: focus jumps at {jumps}, metadata.json says {list(told)}")


def _check_magnification(number: int, lens_set: dict[str, Any]) -> None:
    """Check that a set says how it magnifies, and that this follows from its focus.

    Raises:
        ValueError, KeyError: what is wrong.
    """
    f = float(lens_set["f"])
    told = [float(lens_set["magnification"]), *map(float, lens_set.get("magnification_per_frame", ()))]
    distances_m = [float(lens_set["S_focus"]), *map(float, lens_set.get("S_focus_per_frame", ()))]
    if told != [s / (s - f) for s in distances_m]:
        raise ValueError(f"set {number}: magnification is not S / (S - f) of its focus")
