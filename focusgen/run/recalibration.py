"""Whether phase 4 has to measure: the same depth under the same settings gives the same statistics.

Statistics that somebody approved are not made anew unasked: the approval would be void, and every finished
scene stale with it. `run.on_stale` decides, as it does for scenes; other depth counts where a run is about
all scenes, or phase 4 is run by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from focusgen.base.errors import ApprovalError, CalibrationError
from focusgen.base.files import publish_json
from focusgen.config import Config, settings_for, unrecorded_defaults
from focusgen.dataset.index import IndexEntry
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.masked import mask_digest
from focusgen.dataset.records import MASKS, object_if_readable, read_record
from focusgen.phases.approval import approved_max_coc_m, max_coc_to_keep_m, stats_digest

Standing = Literal["measure", "same", "kept", "held"]
Asked = Literal["alone", "all", "some"]
"""Phase 4 by itself, in a run of all scenes, or in one of some."""


def standing(
    cfg: Config, dataset: DatasetLayout, ready: Mapping[str, IndexEntry], asked: Asked = "alone"
) -> Standing:
    """Say what phase 4 has to do: measure, nothing since all is the same, or leave what is otherwise.

    What is "kept" is of other settings, what is "held" of other depth only.

    Args:
        ready: scenes whose depth is complete, as the index has them.
        asked: what the run is about.

    Raises:
        CalibrationError: approved statistics were made with other settings or masks, and nobody said what
            to do.
    """
    stats = object_if_readable(cfg.calibrate.output_stats or dataset.coc_stats_json)
    if stats is None:
        return "measure"
    plot = cfg.calibrate.output_plot or dataset.coc_histogram_png
    is_drawn = plot.exists() and dataset.coc_histogram_npz.exists()
    is_whole = is_drawn and stats.get("recommended_max_coc") is not None
    before, now = object_if_readable(dataset.calibrated_json) or {}, _inputs(cfg, dataset, ready)
    other_masks = _other_masks(before, now)
    may_take_more = bool(stats.get("scenes_without_lenses")) and not _is_approved(cfg)
    if is_whole and not may_take_more and not other_masks and _without_masks(before) == _without_masks(now):
        return "same"
    changed = _changed(stats.get("settings", {}), settings_for(cfg, "calibrate")) or other_masks
    if not changed and _outlives_other_depth(cfg, dataset, before, now, asked):
        return "held"
    if not changed or cfg.run.on_stale == "redo" or not _is_approved(cfg):
        return "measure"
    if cfg.run.on_stale == "keep":
        return "kept"
    path = cfg.calibrate.output_stats or dataset.coc_stats_json
    raise CalibrationError(
        f"{path}: approved, and made otherwise: {changed}",
        "Nothing was written. --on_stale redo calibrates anew (the approval is void then), "
        "--on_stale keep leaves it.",
    )


def _outlives_other_depth(
    cfg: Config, dataset: DatasetLayout, before: Mapping[str, Any], now: Mapping[str, Any], asked: Asked
) -> bool:
    """Say whether statistics stay the approved ones though depth came, went or changed since.

    Scenes that are new to a run of all are measured with the others, for a person to look at; where nobody
    will look, finished scenes are not to turn stale by them.
    """
    if not _is_approved(cfg):
        return False
    if asked == "some" or cfg.run.on_stale == "keep":
        return True
    if asked == "alone":
        return False
    has_new = not now["depth"].keys() <= before.get("depth", {}).keys()
    in_use = max_coc_to_keep_m(dataset) is not None
    return cfg.run.on_stale == "fail" and (not has_new or (cfg.run.auto_approve and in_use))


def other_depth(cfg: Config, dataset: DatasetLayout, ready: Mapping[str, IndexEntry]) -> list[str]:
    """Return the scenes whose depth came, went or changed since the statistics were made, by name.

    Release 0.1.0 kept nothing of what its statistics were made from: of those nothing is known to be other.
    """
    now = _inputs(cfg, dataset, ready)["depth"]
    before = (object_if_readable(dataset.calibrated_json) or {}).get("depth", now)
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


def remember(cfg: Config, dataset: DatasetLayout, ready: Mapping[str, IndexEntry]) -> None:
    """Keep what the statistics that were just written are made from."""
    publish_json(dataset.calibrated_json, _inputs(cfg, dataset, ready))


def is_approved_as_asked(cfg: Config) -> bool:
    """Say whether the statistics are approved, with the value that the settings ask for if they do."""
    return _is_approved(cfg) and cfg.render.max_coc in (None, approved_max_coc_m(cfg))


def calibrated_otherwise(cfg: Config) -> str | None:
    """Return what to tell where the approved calibration is of other lenses than these settings draw.

    How many scenes and lenses it sampled is no matter of phase 5, and often said to phase 4 alone.
    """
    stats = object_if_readable(cfg.calibrate.output_stats or DatasetLayout.of(cfg).coc_stats_json) or {}
    before, now = stats.get("settings"), settings_for(cfg, "calibrate")
    if not isinstance(before, dict) or not _is_approved(cfg):
        return None
    changed = _changed(_of_lenses(before), _of_lenses(now))
    if not changed:
        return None
    return (
        f"the approved max_coc was calibrated with other lenses: {changed}. Phase 4 with --on_stale redo "
        "calibrates anew, and asks for approval again"
    )


def _of_lenses(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key.startswith(("lens.", "optics."))}


def _is_approved(cfg: Config) -> bool:
    try:
        approved_max_coc_m(cfg)
    except ApprovalError:
        return False
    return True


def _inputs(cfg: Config, dataset: DatasetLayout, ready: Mapping[str, IndexEntry]) -> dict[str, Any]:
    records = {scene_id: read_record(dataset.scene(scene_id).done("depth")) for scene_id in ready}
    return {
        "depth": {scene_id: record.digest for scene_id, record in records.items() if record is not None},
        "settings": settings_for(cfg, "calibrate"),
        "statistics": stats_digest(cfg.calibrate.output_stats or dataset.coc_stats_json),
        **{
            f"{MASKS} {scene_id}": digest
            for scene_id, entry in ready.items()
            for digest in mask_digest(cfg, scene_id, entry).values()
        },
    }


def _without_masks(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in inputs.items() if not key.startswith(f"{MASKS} ")}


def _other_masks(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return the first masks that are others than they were; those that are gone change nothing."""
    for key in sorted(now.keys() - _without_masks(now).keys()):
        if key in before and before[key] != now[key]:
            scene_id = key.removeprefix(f"{MASKS} ")
            return f"weights.{MASKS} of scene {scene_id!r}: {before[key]} -> {now[key]}"
    return ""


def _changed(before: dict[str, Any], now: dict[str, Any]) -> str:
    """Return e.g. "seed 42 -> 7"; "" if nothing is other than it was."""
    before, now = ({**unrecorded_defaults("calibrate"), **known} for known in (before, now))
    keys = [key for key in now if key in before and before[key] != now[key]]
    return ", ".join(f"{key} {before[key]} -> {now[key]}" for key in keys)
