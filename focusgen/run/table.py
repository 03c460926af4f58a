"""The scene phases: what each loads, runs and logs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from focusgen.config import Config, PhaseName
from focusgen.dataset.records import Record
from focusgen.models import registry
from focusgen.phases import deblur, depth, render
from focusgen.phases.job import SceneJob


@dataclass(frozen=True)
class PhaseSpec:
    """How a scene phase is run; what it depends on stands in the graph (`focusgen.config.graph`).

    Attributes:
        logs: (file name in logs/, header) that its scenes write lines for.
    """

    name: PhaseName
    algorithm_version: int
    load_model: Callable[..., Any]
    process: Callable[[SceneJob, Any], None]
    logs: tuple[tuple[str, str], ...] = ()

    def version_for(self, cfg: Config, record_of: Callable[[PhaseName], Record | None]) -> int:
        """Return the algorithm version for one scene: higher where an older release was wrong about its kind.

        Args:
            cfg: the settings.
            record_of: returns the record of an earlier phase of the scene, None if there is none to trust.
        """
        return (
            render.version_for(cfg, record_of("depth")) if self.name == "render" else self.algorithm_version
        )


PHASES: dict[str, PhaseSpec] = {
    spec.name: spec
    for spec in (
        PhaseSpec(
            "deblur",
            deblur.ALGORITHM_VERSION,
            registry.load_deblurrer,
            deblur.deblur_scene,
            (("deblur_psnr.csv", deblur.PSNR_HEADER),),
        ),
        PhaseSpec(
            "depth",
            depth.ALGORITHM_VERSION,
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
            render.ALGORITHM_VERSION,
            registry.load_renderer,
            render.render_scene,
            ((render.FOCUS_LOG, ""),),
        ),
    )
}
