"""A forecast in the words of a cluster: tasks, GPU hours, node hours, bytes and files against free ones."""

from __future__ import annotations

from collections.abc import Sequence

from focusgen.cluster.resources import gpus_of, node_share, partition_of
from focusgen.config import Config, PhaseName
from focusgen.models.registry import needs_gpu
from focusgen.run.forecast import Forecast


def forecast_lines(cfg: Config, expected: Forecast, phases: Sequence[PhaseName], n_workers: int) -> list[str]:
    """Return the forecast as lines for people."""
    lines = [f"{expected.n_scenes} scenes, {expected.n_frames:,} frames"]
    gpu_h = node_h = 0.0
    for phase in phases:
        if phase not in expected.phase_s:
            continue
        rate = expected.rates.get(phase)
        workers = n_workers if rate else 1
        busy_h = (expected.phase_s[phase] + workers * (rate.load_s if rate else 0.0)) / 3600
        gpu_h += busy_h * gpus_of(cfg, phase)
        node_h += busy_h * node_share(cfg, phase)
        kind = "measured" if rate and rate.is_measured else "estimated"
        lines.append(f"  {phase:<9} {workers:>5} workers  {busy_h:10.2f} h of work  ({kind})")
        if rate and not needs_gpu(cfg, phase):
            lines.append(f"    {_without_gpu(cfg, phase)}")
    lines.append(f"  charged   {gpu_h:.2f} GPU hours, {node_h:.2f} node hours")
    lines += [f"  note: {note}" for note in expected.notes]
    return lines + room_lines(expected)


def _without_gpu(cfg: Config, phase: PhaseName) -> str:
    """Say what becomes of a phase whose backend needs no GPU."""
    if gpus_of(cfg, phase):
        return f"needs no GPU, though cluster.gpus asks for one: --cluster.gpus '{{{phase}: auto}}' saves it"
    return f"needs no GPU and asks for none; partition {partition_of(cfg, phase)}"


def room_lines(expected: Forecast) -> list[str]:
    """Return what is written against what is free."""
    files = "no limit" if expected.free_files is None else f"{expected.free_files:,} free"
    lines = [
        f"  writes    {expected.n_bytes / 2**30:.2f} GiB ({expected.free_bytes / 2**30:,.1f} GiB free)",
        f"  files     {expected.n_files:,} files and folders ({files})",
    ]
    if not expected.fits:
        lines.append("  WARNING: it does not fit: make room, or choose another --out_root")
    return lines
