"""The scene phases: what each needs, loads, runs and logs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from focusgen.config import PhaseName
from focusgen.models import registry
from focusgen.phases import deblur, depth, render
from focusgen.phases.job import SceneJob


@dataclass(frozen=True)
class PhaseSpec:
    """How a scene phase is run.

    Attributes:
        upstream: phases whose records this one's depends on; "index" stands for the raw checksums.
        logs: (file name in logs/, header) that its scenes write lines for.
    """

    name: PhaseName
    number: int
    algorithm_version: int
    upstream: tuple[PhaseName, ...]
    load_model: Callable[..., Any]
    process: Callable[[SceneJob, Any], None]
    logs: tuple[tuple[str, str], ...] = ()


PHASES: dict[str, PhaseSpec] = {
    spec.name: spec
    for spec in (
        PhaseSpec(
            "deblur",
            2,
            deblur.ALGORITHM_VERSION,
            ("index",),
            registry.load_deblurrer,
            deblur.deblur_scene,
            (("deblur_psnr.csv", deblur.PSNR_HEADER),),
        ),
        PhaseSpec(
            "depth",
            3,
            depth.ALGORITHM_VERSION,
            ("deblur",),
            registry.load_depth_model,
            depth.estimate_scene_depth,
            (
                (depth.SANITY_LOG, ""),
                (depth.CONSISTENCY_LOG, ""),
                (depth.PATCHES_LOG, depth.PATCHES_HEADER),
            ),
        ),
        PhaseSpec(
            "render",
            5,
            render.ALGORITHM_VERSION,
            ("deblur", "depth"),
            registry.load_renderer,
            render.render_scene,
            ((render.FOCUS_LOG, ""),),
        ),
    )
}
