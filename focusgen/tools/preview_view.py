"""What there is to see of a scene: its published files, one frame at a time, as pictures."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import ConfigError, CorruptInputError, MissingUpstreamError
from focusgen.dataset.layout import SceneLayout
from focusgen.dataset.lens_metadata import SET_KEYS
from focusgen.dataset.packs import is_published
from focusgen.dataset.published import REPAIR, read_bokeh, read_depth, read_focus, read_sharp, read_stats
from focusgen.tools.preview_scales import ColourScale, depth_scale, focus_scale, metres

Rgb = npt.NDArray[np.uint8]
Label = npt.NDArray[np.float16]
RawReader = Callable[[int, int], Rgb]

BOKEH = "bokeh"


@dataclass(frozen=True)
class Strip:
    """One kind of picture of a scene.

    Attributes:
        title: what it is.
        note: one line more.
        scale: how its colours read as numbers; None for photographs.
        n_frames: frames published.
        read: frame index -> (H, W, 3) uint8 RGB.
    """

    title: str
    note: str
    scale: ColourScale | None
    n_frames: int
    read: Callable[[int], Rgb]


@dataclass(frozen=True)
class SceneView:
    """Everything that a preview shows of a scene.

    Attributes:
        read_label: frame index -> (H, W) label; None where none is published.
        focus_distances_m: of each frame, metres, where focus moves.
    """

    scene_id: str
    width: int
    height: int
    n_frames: int
    fps: float | None
    lens_text: str
    is_rehearsal: bool
    strips: tuple[Strip, ...]
    read_label: Callable[[int], Label] | None = None
    focus_distances_m: tuple[float, ...] = ()

    def panel_size(self, box_px: tuple[int, int]) -> tuple[int, int]:
        """Return the size of one panel inside a box, aspect ratio kept, sides even (video needs that)."""
        factor = min(box_px[0] / self.width, box_px[1] / self.height)
        return (max(2, round(self.width * factor / 2) * 2), max(2, round(self.height * factor / 2) * 2))


def look_at(scene_dir: Path, set_index: int = 0, raw_reader: RawReader | None = None) -> SceneView:
    """Return what there is to see of a scene."""
    scene = SceneLayout(scene_dir.parent, scene_dir.name)
    n_sharp = _count(scene.sharp)
    if not n_sharp:
        raise MissingUpstreamError(
            f"{scene.sharp(0)}: no such file", "Run phases 1 and 2 for this scene first."
        )
    height, width = read_sharp(scene, 0).shape[:2]
    metadata = _read_json(scene.metadata_json) or {}
    lens_set = _lens_set(scene, metadata, set_index)
    strips = [Strip("sharp", f"{width} x {height}", None, n_sharp, lambda i: read_sharp(scene, i))]
    if raw_reader is not None:
        strips.insert(0, Strip("raw", "as decoded", None, n_sharp, lambda i: raw_reader(i, i + 1)[0]))
    strips += _depth_strips(scene, lens_set) + _set_strips(scene, lens_set, set_index)
    return SceneView(
        scene_id=scene.scene_id,
        width=width,
        height=height,
        n_frames=min(strip.n_frames for strip in strips),
        fps=metadata.get("fps"),
        lens_text=_lens_text(lens_set, set_index),
        is_rehearsal=bool(metadata.get("is_rehearsal", False)),
        strips=tuple(strips),
        read_label=functools.partial(read_focus, scene, set_index) if strips[-1].title == BOKEH else None,
        focus_distances_m=_focus_distances_m(scene, lens_set, n_sharp),
    )


def _focus_distances_m(
    scene: SceneLayout, lens_set: dict[str, Any] | None, n_frames: int
) -> tuple[float, ...]:
    moving = (lens_set or {}).get("S_focus_per_frame")
    if moving is None:
        return ()
    try:
        distances_m = tuple(float(value) for value in moving)
        if len(distances_m) < n_frames or not all(0 < value < float("inf") for value in distances_m):
            raise ValueError(f"{len(distances_m)} distances for {n_frames} frames, or some are none")
    except (TypeError, ValueError) as error:
        raise CorruptInputError(f"{scene.metadata_json}: S_focus_per_frame: {error}", REPAIR) from error
    return distances_m[:n_frames]


def _lens_set(scene: SceneLayout, metadata: dict[str, Any], set_index: int) -> dict[str, Any] | None:
    sets = metadata.get("sets") or []
    if not isinstance(sets, list) or not all(isinstance(one, dict) for one in sets):
        raise CorruptInputError(f"{scene.metadata_json}: sets is no list of lens sets", REPAIR)
    if set_index < 0 or (sets and set_index >= len(sets)):
        known = f"lens sets 0 to {len(sets) - 1}" if sets else "no lens sets yet"
        raise ConfigError(f"scene '{scene.scene_id}' has {known}, not {set_index}")
    if not sets:
        return None
    missing = [key for key in SET_KEYS if not isinstance(sets[set_index].get(key), float | int)]
    if missing:
        raise CorruptInputError(f"{scene.metadata_json}: set {set_index} has no {', '.join(missing)}", REPAIR)
    return dict(sets[set_index])


def _depth_strips(scene: SceneLayout, lens_set: dict[str, Any] | None) -> list[Strip]:
    n_frames = _count(scene.depth)
    if not (n_frames and scene.stats_json.exists()):
        return []
    stats_m = read_stats(scene)
    scale = depth_scale(stats_m, lens_set["S_focus"] if lens_set else None)
    note = f"median {metres(stats_m['d_median'])}"
    return [Strip("depth", note, scale, n_frames, lambda i: scale.paint(read_depth(scene, i)))]


def _set_strips(scene: SceneLayout, lens_set: dict[str, Any] | None, set_index: int) -> list[Strip]:
    n_frames = min(_count(lambda i: scene.focus(set_index, i)), _count(lambda i: scene.bokeh(set_index, i)))
    if not (lens_set and n_frames):
        return []
    scale = focus_scale()

    def focus(frame: int) -> Rgb:
        return scale.paint(read_focus(scene, set_index, frame))

    bokeh = functools.partial(read_bokeh, scene, set_index)
    max_coc = f"0: CoC \u2265 {lens_set['max_coc'] * 1e3:.3g} mm"
    moves = " at first" if lens_set.get("S_focus_per_frame") else ""
    lens = f"f/{lens_set['N']:.2g}, S {metres(lens_set['S_focus'])}{moves}"
    return [Strip("focus", max_coc, scale, n_frames, focus), Strip(BOKEH, lens, None, n_frames, bokeh)]


def _lens_text(lens_set: dict[str, Any] | None, set_index: int) -> str:
    if lens_set is None:
        return "not rendered yet"
    return (
        f"set {set_index:02d}:  f = {lens_set['f'] * 1e3:.1f} mm,  f/{lens_set['N']:.2f},  "
        f"focused at S = {metres(lens_set['S_focus'])},  max CoC {lens_set['max_coc'] * 1e3:.3g} mm"
    )


def _count(path_of: Callable[[int], Path]) -> int:
    n_frames = 0
    while is_published(path_of(n_frames)):
        n_frames += 1
    return n_frames


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptInputError(f"{path}: {error}", REPAIR) from error
    if not isinstance(document, dict):
        raise CorruptInputError(f"{path}: not a JSON object", REPAIR)
    return document
