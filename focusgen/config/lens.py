"""Settings of the camera, of the lenses that are drawn for it, and of the calibration over them."""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path
from typing import Any, Literal

from pydantic import field_validator

from focusgen.config.section import Section, setting
from focusgen.optics.coc import Formula
from focusgen.optics.focus_motion import MotionLaw
from focusgen.optics.lens_limits import F_NUMBERS, FOCAL_MM, SENSOR_MM, problem_mm

_TRACKS = {"motion": ["track", "mixed"]}
_MOVES = {"motion": ["rack", "drift", "track", "mixed"]}
MAX_LAG_FRAMES = 30


_of_lenses = functools.partial(setting, affects=["calibrate", "render"])
_newer = functools.partial(_of_lenses, is_recorded_at_default=False)
"""Younger than records of 0.1.0, which stay complete."""


class OpticsConfig(Section):
    """The camera that all phases share."""

    formula: Formula = _of_lenses("paper", help="denominator of the CoC")
    sensor_width_mm: float = _of_lenses(36.0, gt=0, help="sensor that the frame's long side shows")

    footage_focal_px: float | Literal["exif", "layout"] | Path | None = _newer(
        None,
        help="the footage's focal length, px of the raw frame: a number, exif, layout, a CSV scene,focal_px",
    )

    breathing: bool = setting(
        False,
        affects=["render"],
        is_recorded_at_default=False,
        help="near focus magnifies, as v = S f/(S - f): render and label are warped together",
    )

    @field_validator("sensor_width_mm")
    @classmethod
    def _a_sensor(cls, value_mm: float) -> float:
        problem, advice = problem_mm(value_mm, SENSOR_MM)
        if problem:
            raise ValueError(f"{problem}. {advice}")
        return value_mm

    @field_validator("footage_focal_px", mode="before")
    @classmethod
    def _number_word_or_file(cls, value: object) -> object:
        if isinstance(value, str):
            with contextlib.suppress(ValueError):  # a number in quotes; ./1000 is a file of that name
                value = float(value)
        if isinstance(value, bool) or (isinstance(value, (int, float)) and not value > 0):
            raise ValueError("needs pixels > 0, exif, layout, or a CSV file with scene,focal_px")
        if isinstance(value, int):
            return float(value)
        if isinstance(value, str) and value.strip():
            return value.lower() if value.lower() in ("exif", "layout") else Path(value)
        return value

    def effective(self, name: str) -> Any:
        """Say where the footage's view comes from; what a file says is kept with each scene's record."""
        value = getattr(self, name)
        return "csv" if name == "footage_focal_px" and isinstance(value, Path) else value

    @property
    def sensor_width_m(self) -> float:
        """How much of the sensor the frame's long side shows, metres."""
        return self.sensor_width_mm / 1000.0


class LensConfig(Section):
    """The law that lenses are drawn from."""

    law: Literal["random", "sweep", "balanced"] = _of_lenses(
        "random", help="random: the report's law; sweep: S even in diopters; balanced: at surfaces, even blur"
    )
    focal_length_mm: tuple[float, float] = _of_lenses(
        (24.0, 85.0), when={"focal_length": ["drawn"]}, help="uniform between"
    )
    focal_length: Literal["drawn", "footage"] = _newer(
        "drawn", help="footage: the f that has the view of the footage (optics.footage_focal_px), none drawn"
    )
    f_number: tuple[float, float] = _of_lenses((1.4, 8.0), help="log-uniform between")
    focus_range: Literal["full", "robust"] = _of_lenses(
        "full", when={"law": ["random", "sweep"]}, help="S between d_min..d_max, or d_p5..d_p95"
    )
    target_blur_px: tuple[float, float] | None = _newer(
        None,
        when={"law": ["balanced"]},
        help="blur (CoC) that the sets reach, px; default .75 to 2 % of the long side",
    )

    motion: MotionLaw = _newer(
        "fixed", help="how focus moves over a clip: rack, track, drift; mixed: drawn per set"
    )
    max_diopters_per_s: float = _newer(
        4.0, when=_MOVES, gt=0, le=20, help="speed of focus that no lens exceeds"
    )
    track_lag_frames: tuple[int, int] = _newer(
        (1, 4), when=_TRACKS, help="frames that focus sees its point late, drawn between"
    )
    mask_root: Path | None = _newer(
        None,
        when=_TRACKS,
        help="folder of masks to track, <scene>/*.png as DAVIS annotations; default: a point along the flow",
    )

    def effective(self, name: str) -> Any:
        """Say that masks are given, not where: a data set may move, and what they give is in its metadata."""
        if name == "mask_root" and self.mask_root is not None:
            return "given"
        return getattr(self, name)

    def document(self) -> dict[str, Any]:
        """Return what metadata.json says about the law: the settings that this law has."""
        document = self.model_dump(mode="json")
        if self.focal_length == "drawn":
            del document["focal_length"]
        document["mask_root"] = self.effective("mask_root")
        for name in ("motion", "max_diopters_per_s", "track_lag_frames", "mask_root"):
            if not self.has_effect(name) or document[name] in ("fixed", None):
                del document[name]  # as older data sets have it
        if not self.has_effect("target_blur_px"):
            del document["target_blur_px"]
        if not self.has_effect("focus_range"):
            del document["focus_range"]
        return document

    @field_validator("track_lag_frames")
    @classmethod
    def _lag(cls, value: tuple[int, int]) -> tuple[int, int]:
        if not 0 <= value[0] <= value[1] <= MAX_LAG_FRAMES:
            raise ValueError(f"needs 0 <= low <= high <= {MAX_LAG_FRAMES}, not {list(value)}")
        return value

    @field_validator("focal_length_mm", "f_number", "target_blur_px")
    @classmethod
    def _ordered(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and not 0 < value[0] <= value[1]:
            raise ValueError(f"needs 0 < low <= high, not {list(value)}")
        return value

    @field_validator("focal_length_mm")
    @classmethod
    def _a_lens(cls, value_mm: tuple[float, float]) -> tuple[float, float]:
        for end_mm in value_mm:
            problem, advice = problem_mm(end_mm, FOCAL_MM)
            if problem:
                raise ValueError(f"{problem}. {advice}")
        return value_mm

    @field_validator("f_number")
    @classmethod
    def _an_opening(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not F_NUMBERS[0] <= value[0] <= value[1] <= F_NUMBERS[1]:
            raise ValueError(f"must be from {F_NUMBERS[0]:g} to {F_NUMBERS[1]:g}, not {list(value)}")
        return value


class CalibrateConfig(Section):
    """Phase 4."""

    sample_fraction: float = setting(0.2, affects=["calibrate"], gt=0, le=1, help="share of scenes sampled")
    min_scenes: int = setting(5, affects=["calibrate"], ge=1, help="scenes sampled at least")
    lenses: Literal["drawn", "law"] = setting(
        "drawn",
        affects=["calibrate"],
        is_recorded_at_default=False,
        help="drawn: n_lens_sets of each scene's own; law: many that stand for the law, whatever its name",
    )
    n_lens_sets: int = setting(
        8, affects=["calibrate"], when={"lenses": ["drawn"]}, ge=1, help="lenses drawn per sampled scene"
    )
    output_stats: Path | None = setting(None, help="default <out_root>/logs/coc_stats.json")
    output_plot: Path | None = setting(None, help="default <out_root>/logs/coc_histogram.png")
