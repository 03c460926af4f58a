"""Which max_coc a run uses: resolved here and nowhere else, so that all commands mean the same number."""

from __future__ import annotations

from collections.abc import Callable

from focusgen.base.errors import ApprovalError
from focusgen.base.files import publish_json
from focusgen.config import Config
from focusgen.dataset.layout import DatasetLayout
from focusgen.phases.approval import (
    approvals_m,
    approve,
    approved_max_coc_m,
    finished_max_coc_m,
    max_coc_to_keep_m,
    warning_about,
)
from focusgen.run.recalibration import calibrated_otherwise


def with_max_coc(cfg: Config, *, may_approve: bool = False, recorded_m: float | None = None) -> Config:
    """Return the settings with max_coc resolved: the person's own value, else the approved one.

    Args:
        may_approve: where nothing is approved, approve the calibration if the settings ask for it; for runs.
        recorded_m: where nothing is approved, take this: what the last run used; for comparisons.

    Raises:
        ApprovalError: none of these is there.
    """
    if cfg.render.max_coc is not None:
        return cfg
    try:
        value_m = approved_max_coc_m(cfg)
    except ApprovalError:
        if may_approve and cfg.run.auto_approve:
            value_m = approve_automatically(cfg)
        elif recorded_m is not None:
            value_m = recorded_m
        else:
            raise
    return cfg.model_copy(update={"render": cfg.render.model_copy(update={"max_coc": value_m})})


def warning_before_renders(cfg: Config) -> str | None:
    """Return what is odd about the max_coc that phase 5 takes, said or approved; None if nothing is."""
    said_m = cfg.render.max_coc
    return calibrated_otherwise(cfg) if said_m is None else warning_about(said_m, cfg)


def contradicts_finished(cfg: Config) -> bool:
    """Say whether finished scenes have another max_coc than the settings say, so that phase 5 makes none."""
    said_m, finished_m = cfg.render.max_coc, max_coc_to_keep_m(DatasetLayout.of(cfg))
    return cfg.run.on_stale != "redo" and said_m is not None and finished_m not in (None, said_m)


def approve_automatically(cfg: Config) -> float:
    """Approve the calibration where no person will, and return max_coc in metres.

    The settings' own; else that of finished scenes, unless they are to be made anew; else the recommended.
    """
    value_m = cfg.render.max_coc
    if value_m is None and cfg.run.on_stale != "redo":
        value_m = max_coc_to_keep_m(DatasetLayout.of(cfg))
    return approve(cfg, value_m, automatic=True)


def approve_calibration(cfg: Config) -> tuple[float, str | None]:
    """Approve the calibration, with the settings' own max_coc or the recommended one.

    Returns:
        The approved max_coc in metres, and what is odd about it, if anything is.
    """
    dataset = DatasetLayout.of(cfg)
    before_m = next(reversed(approvals_m(dataset)), None) if cfg.render.max_coc is None else None
    value_m = approve(cfg, cfg.render.max_coc)
    finished_m = max_coc_to_keep_m(dataset)
    others = f"finished scenes have {finished_m}: they are stale until they are made anew (--on_stale redo)"
    replaced = f"{before_m} was approved before, and is no more (--max_coc {before_m} approves it again)"
    said = [
        warning_about(value_m, cfg),
        others if finished_m not in (None, value_m) else None,
        replaced if before_m not in (None, value_m, finished_m) else None,
    ]
    return value_m, "; ".join(filter(None, said)) or None


def note_max_coc(cfg: Config, dataset: DatasetLayout, n_scenes: int, on_note: Callable[[str], None]) -> None:
    """Keep the max_coc that finished scenes have, and say it when those before have another."""
    before_m, now_m = finished_max_coc_m(dataset), cfg.render.max_coc
    if before_m == now_m:
        return
    if before_m is not None and n_scenes > 1:
        on_note(
            f"render.max_coc: {before_m} -> {now_m}: scenes that were finished before are stale "
            "until they are made anew too (--on_stale redo)"
        )
    publish_json(dataset.max_coc_json, {"max_coc": now_m})
