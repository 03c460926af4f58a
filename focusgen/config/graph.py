"""The graph of phases, once: their names, numbers, and what each depends on."""

from __future__ import annotations

from typing import Literal

PhaseName = Literal["index", "deblur", "depth", "calibrate", "render", "validate"]


UPSTREAM: dict[PhaseName, tuple[PhaseName, ...]] = {
    "deblur": ("index",),
    "depth": ("deblur",),
    "render": ("deblur", "depth"),
}

SCENE_PHASES: tuple[PhaseName, ...] = ("deblur", "depth", "render")
