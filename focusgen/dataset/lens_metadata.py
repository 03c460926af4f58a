"""The lenses of a scene as metadata.json holds them: all that is needed to recompute a label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen.config import Config
from focusgen.dataset.records import Record
from focusgen.optics.breathing import magnification, magnified_map
from focusgen.optics.coc import (
    FULL_FRAME_WIDTH_M,
    Lens,
    blur_diameter_px,
    coc_of_radius_m,
    focus_map,
    shown_width,
)
from focusgen.optics.focus_motion import FocusPath

SET_KEYS = ("f", "N", "S_focus", "max_coc")
"""What a lens set says at least, in metres: without one of them no label can be computed again."""


def lens_document(
    cfg: Config,
    scene_id: str,
    lenses: Sequence[Lens],
    upstream: Mapping[str, Record],
    paths: Sequence[FocusPath | None] = (),
    n_frames: int = 0,
    *,
    is_along_width: bool = False,
) -> dict[str, Any]:
    """Return the part of metadata.json that the labels and pictures of a scene follow from.

    Args:
        lenses: of each set, as the first frame has it.
        upstream: records of sharp frames and depth.
        paths: of each set whose focus moves, else None; () if none does.
        n_frames: frames that are made: so much of the paths is published.
        is_along_width: the sensor's long side lies along the width, though the frame be a portrait.
    """
    max_coc_m = cfg.render.max_coc
    assert max_coc_m is not None, "the runner resolves max_coc before any scene is opened"
    width, height = (int(upstream["deblur"].details[side]) for side in ("width", "height"))
    long_side_mm = cfg.optics.sensor_width_mm
    width_mm = long_side_mm if is_along_width else shown_width(long_side_mm, width, height)
    limit_px = blur_diameter_px(max_coc_m, image_width_px=width, sensor_width_m=width_mm / 1000.0)
    limits = {"max_coc": max_coc_m, "coc_limit_px": limit_px}
    return {
        "sets": [
            _set_document(lens, path, n_frames, limits, breathes=cfg.optics.breathing)
            for lens, path in zip(lenses, paths or [None] * len(lenses), strict=True)
        ],
        "scene_id": scene_id,
        "width": width,
        "height": height,
        "formula": cfg.optics.formula,
        **({"breathing": True} if cfg.optics.breathing else {}),
        "sensor_width_mm": width_mm,
        **({"sensor_long_side_mm": long_side_mm} if width_mm != long_side_mm else {}),
        "clip_to_max_coc": cfg.render.clip_to_max_coc,
        "depth_is_exact": bool(upstream["depth"].details["is_exact"]),
    }


def _set_document(
    lens: Lens, path: FocusPath | None, n_frames: int, limits: Mapping[str, float], *, breathes: bool
) -> dict[str, Any]:
    """Return what the labels and pictures of one lens set follow from."""
    return {
        "f": lens.focal_length_m,
        "N": lens.f_number,
        "S_focus": lens.focus_distance_m,
        **limits,
        **_motion_document(path, n_frames),
        **(_magnification_document(lens, path, n_frames) if breathes else {}),
    }


def _motion_document(path: FocusPath | None, n_frames: int) -> dict[str, Any]:
    """Return what a set says of its moving focus; nothing where it rests."""
    if path is None:
        return {}
    return {
        "S_focus_per_frame": list(path.distances_m[:n_frames]),
        "focus_motion": {"kind": path.kind, "jumps": [frame for frame in path.jumps if frame < n_frames]},
    }


def _magnification_document(lens: Lens, path: FocusPath | None, n_frames: int) -> dict[str, Any]:
    """Return how much larger renders and labels of a set are than sharp frames and depth."""
    document: dict[str, Any] = {"magnification": magnification(lens)}
    if path is not None:
        by_frame = [replace(lens, focus_distance_m=distance_m) for distance_m in path.distances_m[:n_frames]]
        document["magnification_per_frame"] = [magnification(one) for one in by_frame]
    return document


def lenses_of(metadata: Mapping[str, Any]) -> list[Lens]:
    """Return the lenses that metadata.json holds, as Python floats."""
    return [
        Lens(float(s["f"]), float(s["N"]), float(s["S_focus"]), metadata.get("formula", "paper"))
        for s in metadata["sets"]
    ]


@dataclass(frozen=True)
class SetLens:
    """One lens set of a scene: its lens at each frame, and the CoC where its label reaches 0.

    Attributes:
        lens: at frame 0, and at every frame where focus does not move.
        focus_distances_m: of each frame where focus moves (`S_focus_per_frame`), else None.
        coc_limit_m: where picture and label end earlier, see `label_limits_m`.
        breathes: picture and label show the middle of frame and depth, enlarged (`optics.breathing`).
    """

    lens: Lens
    max_coc_m: float
    focus_distances_m: tuple[float, ...] | None = None
    coc_limit_m: float | None = None
    breathes: bool = False

    def at(self, frame: int) -> Lens:
        """Return the lens of one frame."""
        if self.focus_distances_m is None:
            return self.lens
        return replace(self.lens, focus_distance_m=self.focus_distances_m[frame])

    def label(self, depth_m: npt.NDArray[np.float16], frame: int) -> npt.NDArray[np.float16]:
        """Return the published label of a frame's saved depth, bit for bit; of whole maps, if it breathes."""
        return focus_map(self.shown(depth_m, frame), self.at(frame), self.max_coc_m, self.coc_limit_m)

    def shown(self, depth_m: npt.NDArray[np.float16], frame: int) -> npt.NDArray[np.float16]:
        """Return the depth of each pixel of a frame's picture and label."""
        return magnified_map(depth_m, magnification(self.at(frame))) if self.breathes else depth_m


def set_lenses(metadata: Mapping[str, Any]) -> list[SetLens]:
    """Return the lens sets that metadata.json holds, as Python floats.

    Raises:
        KeyError, TypeError, ValueError: it lacks a key, or holds what is no number.
    """
    found = []
    limits_m = label_limits_m(metadata)
    for lens, document, limit_m in zip(lenses_of(metadata), metadata["sets"], limits_m, strict=True):
        moving = document.get("S_focus_per_frame")
        distances_m = None if moving is None else tuple(float(value) for value in moving)
        breathes = bool(metadata.get("breathing", False))
        found.append(SetLens(lens, float(document["max_coc"]), distances_m, limit_m, breathes))
    return found


def sensor_width_mm(metadata: Mapping[str, Any]) -> float:
    """Return how much of the sensor the frame's width shows; full frame where the metadata do not say."""
    return float(metadata.get("sensor_width_mm", 1e3 * FULL_FRAME_WIDTH_M))


def label_limits_m(metadata: Mapping[str, Any]) -> list[float | None]:
    """Return per lens set the CoC at which picture and label stop together, metres; None where nothing does.

    A set whose blur the renderer limits says so by `max_radius_px`. Its label follows if picture and label
    are to saturate together (`clip_to_max_coc`); metadata of other pipelines knows neither key.
    """
    if not metadata.get("clip_to_max_coc"):
        return [None] * len(metadata["sets"])
    width_px, sensor_width_m = metadata["width"], sensor_width_mm(metadata) / 1000.0
    return [
        coc_of_radius_m(float(s["max_radius_px"]), image_width_px=width_px, sensor_width_m=sensor_width_m)
        if "max_radius_px" in s
        else None
        for s in metadata["sets"]
    ]
