"""The lens sets of a scene: the one place that makes label and picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen.base.seeds import derive_seed
from focusgen.config import Config
from focusgen.config.backends import BOKEHNET, THIN_LENS
from focusgen.dataset.lens_metadata import SetLens, lenses_of, set_lenses
from focusgen.models.protocols import BokehRenderer, RenderContext, RenderSession
from focusgen.optics.breathing import magnification, source_px
from focusgen.optics.coc import Lens, focus_map, signed_blur_radius_px
from focusgen.phases.outputs import checked_frames


def renderer_limit_px(cfg: Config) -> float | None:
    """Return the largest blur radius that the renderer draws, None where it has no limit."""
    if cfg.render.backend == THIN_LENS.name:
        return cfg.render.max_radius_px
    if cfg.render.backend == BOKEHNET.name and cfg.render.guidance == "physical":
        return cfg.render.guidance_max_radius_px
    return None


def largest_radius_px(metadata: Mapping[str, Any], index: int, stats: Mapping[str, float]) -> float:
    """Return the largest blur radius that a lens set asks for within the scene's depth range."""
    lens, moving = lenses_of(metadata)[index], metadata["sets"][index].get("S_focus_per_frame")
    radii_px = [
        signed_blur_radius_px(
            np.array([stats["d_min"], stats["d_max"]]),
            replace(lens, focus_distance_m=float(distance_m)),
            image_width_px=metadata["width"],
            sensor_width_m=metadata["sensor_width_mm"] / 1000.0,
            max_coc_m=float(metadata["sets"][index]["max_coc"]) if metadata["clip_to_max_coc"] else None,
        )
        for distance_m in ((min(moving), max(moving)) if moving else (lens.focus_distance_m,))
    ]
    return float(np.abs(radii_px).max())


def mark_limited_sets(metadata: dict[str, Any], stats: Mapping[str, float], limit_px: float | None) -> None:
    """Write `max_radius_px` into the sets whose blur the renderer limits."""
    for index, lens_set in enumerate(metadata["sets"]):
        if limit_px is not None and largest_radius_px(metadata, index, stats) > limit_px:
            lens_set["max_radius_px"] = limit_px


def limits_told(metadata: Mapping[str, Any], stats: Mapping[str, float]) -> list[str]:
    """Return what to tell of the sets that say where their blur is limited."""
    labels = "labels stop with it" if metadata["clip_to_max_coc"] else "labels go on beyond it"
    return [
        f"set_{index:02d}: blur is drawn up to a radius of {lens_set['max_radius_px']:g} px of "
        f"{largest_radius_px(metadata, index, stats):.1f} px; {labels}. "
        "A larger --render.max_radius_px draws more"
        for index, lens_set in enumerate(metadata["sets"])
        if "max_radius_px" in lens_set
    ]


def unmarked_limits(
    metadata: Mapping[str, Any], stats: Mapping[str, float], limit_px: float | None
) -> list[str]:
    """Return what to tell of sets that release 0.1.0 drew with less blur than their labels say."""
    if limit_px is None or not {"clip_to_max_coc", "sensor_width_mm"} <= metadata.keys():
        return []
    needed_px = [largest_radius_px(metadata, index, stats) for index in range(len(metadata["sets"]))]
    return [
        f"set_{index:02d}: blur ends at a radius of {limit_px:g} px of {needed:.1f} px, labels go on: of "
        "an older release; delete its bokeh_renders/, then phase 5 with --on_stale redo ends both together"
        for index, needed in enumerate(needed_px)
        if needed > limit_px and "max_radius_px" not in metadata["sets"][index]
    ]


@dataclass(frozen=True)
class LensSet:
    """One lens of a scene with the renderer's session for it.

    Attributes:
        published: what metadata.json says of the set.
        is_clipped: picture and label saturate together, at max_coc_m.
    """

    index: int
    published: SetLens
    is_clipped: bool
    sensor_width_m: float
    session: RenderSession

    def draw(
        self, frames: Sequence[int], sharp: npt.NDArray[np.uint8], depth_m: npt.NDArray[np.float16]
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float16]]:
        """Return (pictures, labels) of some frames, both from the same circle of confusion.

        Args:
            frames: B positions in the scene.
            sharp: (B, H, W, 3) uint8 RGB.
            depth_m: (B, H, W) float16, as saved.
        """
        if self.published.breathes:
            sharp, depth_m = self._shown(frames, sharp, depth_m)
        if self.published.focus_distances_m is None:
            labels, radius_px = self._label_and_radius(depth_m, self.published.lens)
        else:
            by_frame = [
                self._label_and_radius(one, self.published.at(f))
                for f, one in zip(frames, depth_m, strict=True)
            ]
            labels, radius_px = (np.stack(maps) for maps in zip(*by_frame, strict=True))
        what = f"set {self.index}, frame {frames[0]}: {type(self.session).__name__}"
        return checked_frames(self.session.render(sharp, radius_px, labels, frames), sharp, what), labels

    def _shown(
        self, frames: Sequence[int], sharp: npt.NDArray[np.uint8], depth_m: npt.NDArray[np.float16]
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float16]]:
        """Return frames and depth as the lens magnifies them, one by the other's map."""
        lens, at = self.published, list(enumerate(frames))
        pictures = [magnified_picture(sharp[i], magnification(lens.at(frame))) for i, frame in at]
        return np.stack(pictures), np.stack([lens.shown(depth_m[i], frame) for i, frame in at])

    def _label_and_radius(
        self, depth_m: npt.NDArray[np.float16], lens: Lens
    ) -> tuple[npt.NDArray[np.float16], npt.NDArray[np.float32]]:
        """Return label and signed blur radius of the same circle of confusion."""
        max_coc_m = self.published.max_coc_m
        radius_px = signed_blur_radius_px(
            depth_m.astype(np.float32),
            lens,
            image_width_px=depth_m.shape[-1],
            sensor_width_m=self.sensor_width_m,
            max_coc_m=max_coc_m if self.is_clipped else None,
        )
        return focus_map(depth_m, lens, max_coc_m, self.published.coc_limit_m), radius_px


def start_lens_sets(
    cfg: Config, metadata: Mapping[str, Any], stats: Mapping[str, float], renderer: BokehRenderer
) -> list[LensSet]:
    """Return the lens sets that a scene's metadata.json holds, each with a session of the renderer."""
    lens_sets, is_clipped = [], metadata["clip_to_max_coc"]
    sensor_width_m = metadata["sensor_width_mm"] / 1000.0
    for index, one in enumerate(set_lenses(metadata)):
        context = RenderContext(
            scene_id=metadata["scene_id"],
            set_index=index,
            width=metadata["width"],
            height=metadata["height"],
            lens=one.lens,
            max_coc_m=one.max_coc_m if is_clipped else None,
            sensor_width_m=sensor_width_m,
            depth_m=stats,
            is_depth_exact=metadata["depth_is_exact"],
            seed=derive_seed(cfg.seed, metadata["scene_id"], "render", index),
            focus_distances_m=one.focus_distances_m,
        )
        lens_sets.append(LensSet(index, one, is_clipped, sensor_width_m, renderer.start(context)))
    return lens_sets


def magnified_picture(rgb: npt.NDArray[np.uint8], magnified: float) -> npt.NDArray[np.uint8]:
    """Return the middle of an (H, W, 3) picture, enlarged as by the lens, at the same size; bicubic."""
    import cv2

    y, x = (source_px(n, magnified).astype(np.float32) for n in rgb.shape[:2])
    columns, rows = np.meshgrid(x, y)
    return np.asarray(
        cv2.remap(rgb, columns, rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )
