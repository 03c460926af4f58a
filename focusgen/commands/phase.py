"""The flags of the numbered scripts, one class per phase: the names that existing job files use."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from focusgen import config
from focusgen.commands.groups import DataSetFlags
from focusgen.config import GRAPH, SCENE_PHASES, PhaseName, flags
from focusgen.config.flags import option, sets


@dataclass(frozen=True)
class ScriptFlags(DataSetFlags):
    """What every script takes."""

    scene_idx: int | None = option(None, "the i-th scene of the index; default: all pending")
    raw_root: Path | None = sets("data.raw_root")

    def stands_for(self) -> dict[str, Any]:
        """Return settings that flags mean which are none themselves."""
        return {}

    def ignored(self) -> list[str]:
        """Return given flags that older job files have and that do nothing here."""
        return []


@dataclass(frozen=True)
class IndexFlags(ScriptFlags):
    """Phase 1."""

    glob: str | None = sets("data.glob")
    layout: str | None = sets("data.layout")
    clips: Path | None = sets("data.clips")
    split_file: tuple[Path, ...] | None = sets("data.split_file")
    min_frames: int | None = sets("data.min_frames")
    max_frames: int | None = sets("data.max_frames")
    split_seed: int | None = sets("data.split_seed")
    split_by: str | None = sets("data.split_by")
    groups_csv: Path | None = sets("data.groups_csv")
    follow_links: bool = sets("data.follow_links")
    workers: int | None = sets("run.workers")
    strict: bool = sets("run.strict")
    on_stale: str | None = sets("run.on_stale")


@dataclass(frozen=True)
class DeblurFlags(ScriptFlags):
    """Phase 2."""

    no_temporal_avg: bool = option(False, "no temporal stage: the same as --deblur.temporal none")
    backend: str | None = sets("deblur.backend")
    steps: int | None = sets("deblur.steps")
    window_size: int | None = sets("deblur.window_size")
    stride: int | None = sets("deblur.stride")
    resize_long_side: int | None = sets("deblur.resize_long_side")
    disable_tiling: bool = sets("deblur.disable_tiling")
    model_id: str | None = sets("deblur.model_id")
    lora_path: Path | None = sets("deblur.lora_path")
    lora_weight: str | None = sets("deblur.lora_weight")
    max_frames: int | None = sets("data.max_frames")
    seed: int | None = sets("seed")
    on_stale: str | None = sets("run.on_stale")
    device: str | None = sets("run.device")

    def stands_for(self) -> dict[str, Any]:
        """Return the strategy that the older name asks for."""
        return {"deblur.temporal": "none"} if self.no_temporal_avg else {}


@dataclass(frozen=True)
class DepthFlags(ScriptFlags):
    """Phase 3."""

    vda_repo: str | None = option(None, "accepted, without effect: the model is part of focusgen")
    target_fps: float | None = option(None, "accepted, without effect: no frame is ever dropped")
    backend: str | None = sets("depth.backend")
    depth_root: Path | None = sets("depth.depth_root")
    depth_scale: float | None = sets("depth.depth_scale")
    checkpoint: Path | None = sets("depth.checkpoint")
    model_id: str | None = sets("depth.model_id")
    input_size: int | None = sets("depth.input_size")
    fp32: bool = sets("depth.fp32")
    max_chunk: int | None = sets("depth.max_chunk")
    overlap: int | None = sets("depth.overlap")
    max_frames: int | None = sets("data.max_frames")
    on_stale: str | None = sets("run.on_stale")
    device: str | None = sets("run.device")

    def ignored(self) -> list[str]:
        """Return the flags of another program's model that were given."""
        given = {"vda_repo": self.vda_repo, "target_fps": self.target_fps}
        return [flag for flag, value in given.items() if value is not None]


@dataclass(frozen=True)
class CalibrateFlags(ScriptFlags):
    """Phase 4."""

    sample_fraction: float | None = sets("calibrate.sample_fraction")
    n_lens_sets: int | None = sets("calibrate.n_lens_sets")
    output_stats: Path | None = sets("calibrate.output_stats")
    output_plot: Path | None = sets("calibrate.output_plot")
    max_coc: float | None = sets("render.max_coc")
    seed: int | None = sets("seed")
    auto_approve: bool = sets("run.auto_approve")
    mask_root: Path | None = sets("lens.mask_root")
    depth_root: Path | None = sets("depth.depth_root")
    on_stale: str | None = sets("run.on_stale")


@dataclass(frozen=True)
class RenderFlags(ScriptFlags):
    """Phase 5."""

    backend: str | None = sets("render.backend")
    max_coc: float | None = sets("render.max_coc")
    n_sets: int | None = sets("render.n_sets")
    steps: int | None = sets("render.steps")
    disable_tiling: bool = sets("render.disable_tiling")
    model_id: str | None = sets("render.model_id")
    lora_path: Path | None = sets("render.lora_path")
    lora_weight: str | None = sets("render.lora_weight")
    max_frames: int | None = sets("data.max_frames")
    seed: int | None = sets("seed")
    auto_approve: bool = sets("run.auto_approve")
    mask_root: Path | None = sets("lens.mask_root")
    depth_root: Path | None = sets("depth.depth_root")
    on_stale: str | None = sets("run.on_stale")
    device: str | None = sets("run.device")


@dataclass(frozen=True)
class ValidateFlags(ScriptFlags):
    """Phase 6."""

    report: Path | None = sets("validate.report")
    workers: int | None = sets("run.workers")
    depth_root: Path | None = sets("depth.depth_root")


FLAGS: dict[PhaseName, type[ScriptFlags]] = {
    "index": IndexFlags,
    "deblur": DeblurFlags,
    "depth": DepthFlags,
    "calibrate": CalibrateFlags,
    "render": RenderFlags,
    "validate": ValidateFlags,
}


def main(phase: PhaseName, doc: str | None, argv: Sequence[str]) -> int:
    """Run one phase as its script is asked to."""
    parsed = flags.parse(FLAGS[phase], argv, prog=GRAPH[phase].script, doc=doc)
    given = parsed.flags
    cfg = config.load(given.config, {**parsed.overrides, **given.stands_for()})
    flags.report_without_effect(cfg, given)
    for flag in given.ignored():
        print(f"note: --{flag} is accepted for older job files; it has no effect", file=sys.stderr)
    if given.scene_idx is not None and phase not in SCENE_PHASES:
        print(f"note: --scene_idx has no effect: phase {phase} looks at all scenes", file=sys.stderr)
    from focusgen.run.here import run_phases
    from focusgen.run.selection import Selection

    code = run_phases(cfg, [phase], Selection(scene_idx=given.scene_idx))
    if phase == "validate" and cfg.store.pack != "none":
        from focusgen.tools.pack import pack_if_passed

        return pack_if_passed(cfg, code)
    return code
