"""The scene phases: what each loads, runs and logs; a task of one does not import the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from focusgen.config import Config, PhaseName
from focusgen.dataset.records import Record
from focusgen.models import registry
from focusgen.models.protocols import BokehRenderer, Deblurrer, DepthModel
from focusgen.phases import versions
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
            record_of: returns the record of an earlier phase of the scene, None if there is none to trust.
        """
        return (
            versions.render_version(cfg, record_of("depth"))
            if self.name == "render"
            else self.algorithm_version
        )


def _deblur(job: SceneJob, model: Deblurrer) -> None:
    from focusgen.phases.deblur import deblur_scene

    deblur_scene(job, model)


def _depth(job: SceneJob, model: DepthModel) -> None:
    from focusgen.phases.depth import estimate_scene_depth

    estimate_scene_depth(job, model)


def _render(job: SceneJob, model: BokehRenderer) -> None:
    from focusgen.phases.render import render_scene

    render_scene(job, model)


PHASES: dict[str, PhaseSpec] = {
    spec.name: spec
    for spec in (
        PhaseSpec(
            "deblur",
            versions.DEBLUR_VERSION,
            registry.load_deblurrer,
            _deblur,
            ((versions.PSNR_LOG, versions.PSNR_HEADER),),
        ),
        PhaseSpec(
            "depth",
            versions.DEPTH_VERSION,
            registry.load_depth_model,
            _depth,
            (
                (versions.SANITY_LOG, ""),
                (versions.CONSISTENCY_LOG, ""),
                (versions.PATCHES_LOG, versions.PATCHES_HEADER),
            ),
        ),
        PhaseSpec(
            "render",
            versions.RENDER_VERSION,
            registry.load_renderer,
            _render,
            ((versions.FOCUS_LOG, ""),),
        ),
    )
}
