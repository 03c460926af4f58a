"""Phase 4 as people see it: by itself it refuses stale depth, within a run it leaves that out and goes on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from focusgen.base.errors import CalibrationError, ExitCode, SceneError
from focusgen.base.names import first_lines, listed, rich_text
from focusgen.config import Config, PhaseName
from focusgen.dataset.index import IndexEntry, read_index
from focusgen.dataset.layout import DatasetLayout
from focusgen.run.console import ConsoleObserver
from focusgen.run.max_coc import approve_automatically, contradicts_finished
from focusgen.run.recalibration import Asked, Standing, is_approved_as_asked, other_depth, remember, standing
from focusgen.run.scene_logs import merge_what_tasks_left
from focusgen.run.selection import complete_scenes
from focusgen.run.settings import Expected, expected_by_run, expected_in_run, save_config
from focusgen.run.staleness import SceneChain, refuse_stale

MAX_NAMED = 5


def run_calibrate(cfg: Config, observer: ConsoleObserver) -> ExitCode:
    """Phase 4 by itself; approves its own result only where the settings say so.

    Raises:
        CalibrationError: depth is stale, or nothing plausible can be recommended.
    """
    dataset, index, ready = _ready(cfg)
    stale = _stale_depth(cfg, dataset, ready, expected_by_run(dataset, cfg))
    if stale:
        raise _refusal(stale)
    return _calibrate(cfg, observer, index, ready, ready, standing(cfg, dataset, ready, "alone"))


def calibrate_in_run(cfg: Config, observer: ConsoleObserver, scene_ids: Sequence[str]) -> ExitCode:
    """Phase 4 between the others: stale depth is named and left out, and an approval outlives other depth.

    Args:
        scene_ids: what the run is about.

    Raises:
        CalibrationError: nothing can be measured, and no person gave max_coc.
        SceneError: the same, by one scene.
    """
    try:
        dataset, index, ready = _ready(cfg)
        stale = _stale_depth(cfg, dataset, ready, expected_in_run(cfg))
        state = standing(cfg, dataset, ready, _asked(ready, scene_ids))
        concern = stale.keys() if state == "measure" else stale.keys() & set(scene_ids)
        for text in first_lines([e.message for name, e in stale.items() if name in concern], MAX_NAMED):
            observer.console.print(f"  [red]left out[/red]: {rich_text(text)}")
        usable = {scene_id: entry for scene_id, entry in ready.items() if scene_id not in stale}
        if stale and not usable and state == "measure":
            raise _refusal(stale)
        return _calibrate(cfg, observer, index, ready, usable, state)
    except SceneError as error:  # a file of one scene
        if cfg.render.max_coc is None and not is_approved_as_asked(cfg):
            raise
        observer.console.print(f"  [red]not calibrated anew[/red]: {rich_text(error.on_one_line)}")
        return ExitCode.INCOMPLETE
    except CalibrationError as error:
        if cfg.render.max_coc is None:
            raise
        for text in error.message.splitlines():
            observer.console.print(f"  [yellow]warning[/yellow]: {rich_text(text)}; --max_coc is used")
        return ExitCode.COMPLETE


def _asked(ready: Collection[str], scene_ids: Collection[str]) -> Asked:
    """Say whether a run is about all scenes that have depth: of others the calibration is nobody's yet."""
    return "all" if set(ready) <= set(scene_ids) else "some"


def _ready(cfg: Config) -> tuple[DatasetLayout, Mapping[str, IndexEntry], dict[str, IndexEntry]]:
    """Return paths, the index, and the scenes of it that have depth."""
    dataset = DatasetLayout.of(cfg)
    index = read_index(dataset)
    return dataset, index, {name: index[name] for name in complete_scenes(cfg, "depth", index)}


def _calibrate(
    cfg: Config,
    observer: ConsoleObserver,
    index: Mapping[str, IndexEntry],
    ready: Mapping[str, IndexEntry],
    usable: Mapping[str, IndexEntry],
    state: Standing,
) -> ExitCode:
    """Measure what is usable, unless what is there of the scenes that have depth may stay."""
    dataset, console = DatasetLayout.of(cfg), observer.console
    if state == "kept":
        console.print("  [yellow]kept[/yellow]: statistics of other settings (--on_stale keep)")
        return ExitCode.COMPLETE
    if state == "held":
        console.print(f"  [yellow]kept[/yellow]: {rich_text(_held_text(other_depth(cfg, dataset, ready)))}")
        return ExitCode.COMPLETE
    may_approve = cfg.run.auto_approve and not contradicts_finished(cfg)
    if state == "same" and (is_approved_as_asked(cfg) or not may_approve):
        console.print("  the statistics are there already, of the same depth and settings")
        return ExitCode.COMPLETE
    _warn_of_missing(observer, [scene_id for scene_id in index if scene_id not in ready])
    save_config(cfg, "calibrate")
    merge_what_tasks_left(dataset, index, ("deblur", "depth"))
    _measure(cfg, observer, list(usable))
    remember(cfg, dataset, usable)
    if may_approve:
        value_m = approve_automatically(cfg)
        said = f"approved automatically (--auto_approve): max_coc = {1e3 * value_m:.4f} mm"
        console.print(f"  {said}; no person looked at it")
    return ExitCode.COMPLETE


def _held_text(others: Collection[str]) -> str:
    if not others:
        return "the approved calibration"
    return (
        f"the approved calibration, though {len(others)} scenes have other depth than it was made from, or "
        f"none: {listed(others)} (focusgen run --on_stale redo, of all scenes, calibrates anew)"
    )


def _warn_of_missing(observer: ConsoleObserver, missing: Sequence[str]) -> None:
    if missing:
        text = f"{len(missing)} scenes have no depth yet: {rich_text(listed(missing))}"
        observer.console.print(f"  [yellow]warning[/yellow]: {text}")


def _measure(cfg: Config, observer: ConsoleObserver, scene_ids: Sequence[str]) -> None:
    """Write the statistics of scenes, and say what they recommend."""
    from focusgen.phases.calibrate import calibrate, faint_words
    from focusgen.phases.redraws import error_words

    console = observer.console
    stats: dict[str, Any] = calibrate(
        cfg,
        scene_ids,
        on_start=lambda n: observer.begin("calibrate", n, "sampled scenes"),
        on_scene=lambda scene_id: observer.advance(),
    )
    for scene_id, reason in stats.get("scenes_without_lenses", {}).items():
        console.print(f"  [yellow]warning[/yellow]: {rich_text(scene_id)}: left out: {rich_text(reason)}")
    value = stats["recommended_max_coc"]
    said, warning = error_words(stats)
    console.print(
        f"  recommended max_coc = {1e3 * value:.4f} mm = {stats['in_px']['p95']:.1f} px "
        f"(p95 of {stats['n_values']:,} values{said})"
    )
    for text in (warning, faint_words(stats, cfg)):
        if text:
            console.print(f"  [yellow]warning[/yellow]: {text}")


def _stale_depth(
    cfg: Config,
    dataset: DatasetLayout,
    ready: Mapping[str, IndexEntry],
    expected: Mapping[PhaseName, Expected],
) -> dict[str, SceneError]:
    """Return why depth is not what its settings and inputs would make today, of scenes where it is not."""
    stale: dict[str, SceneError] = {}
    for scene_id, entry in ready.items():
        chain = SceneChain(dataset, scene_id, entry, expected, look_at_inputs=True)
        try:
            refuse_stale(chain, ("index", "deblur", "depth"), keep=cfg.run.on_stale == "keep")
        except SceneError as error:
            stale[scene_id] = error
    return stale


def _refusal(stale: Mapping[str, SceneError]) -> CalibrationError:
    """Return the error that names the scenes, the phase and the key; nothing was written."""
    errors = list(stale.values())
    lines = first_lines([error.message for error in errors], MAX_NAMED)
    return CalibrationError("\n".join(lines), errors[0].advice)
