"""A hundred thousand scenes without their pixels: what each command costs beside the work itself.

Raw videos are links to one tiny clip, and what an array of eight tasks would have found out about them is
written down for them, but for the first, which is decoded. Then each command runs in a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from focusgen import config
from focusgen.cluster.plans import new_plan_id, write_plan
from focusgen.config import SCENE_PHASES, Config, PhaseName, settings_for
from focusgen.dataset.file_marks import SETTLED_S
from focusgen.dataset.findings import Findings, stamp_of
from focusgen.dataset.index import read_index
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.record_writing import record_document
from focusgen.dataset.records import seal
from focusgen.media.rawcheck import CheckOptions, RawReport, check_raw
from focusgen.media.scenes import RawScene
from focusgen.phases.looking import discover_scenes
from focusgen.run.finished_notes import note_finished
from focusgen.run.settings import save_config
from focusgen.run.staleness import build_identity
from focusgen.run.table import PHASES
from tests.clips import moving_texture, write_video

N_FRAMES = 32
N_TASKS = 8
SCENES_PER_TASK = 100
MANY = 100_000
BARS = {
    **dict.fromkeys(("status", "status again", "status, all finished", "the same again"), (10.0, None)),
    "merge": (None, 400.0),
    "task": (None, 200.0),
}
"""Step -> (CPU seconds, MB) that it may take with 100,000 scenes."""
LAUNCHER = """
import json, os, sys
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
status, used = os.wait4(child, 0)[1:]
print()
print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss]))
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""A small process between: Linux counts the memory of whoever starts a process as its own peak."""
DOES_NOT_FIT = 3  # a plan of a hundred thousand scenes on a small disk


@dataclass(frozen=True)
class Cost:
    """CPU seconds and peak memory of one process."""

    cpu_s: float
    peak_mb: float

    def __str__(self) -> str:
        return f"{self.cpu_s:.2f} s, {self.peak_mb:.0f} MB"


Costs = Mapping[str, Cost]
Measure = Callable[..., Cost]
"""Runs a command of focusgen, given in words, and says what it took."""


def in_own_process(*words: str) -> Cost:
    """Run a command of focusgen and return what it took.

    Raises:
        RuntimeError: it failed.
    """
    command = [sys.executable, "-m", "focusgen.cli", *words]
    done = subprocess.run(
        [sys.executable, "-IS", "-c", LAUNCHER, *command], capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, DOES_NOT_FIT):
        raise RuntimeError(f"{' '.join(words)}: {done.stderr[-2000:]}")
    cpu_s, peak_kb = json.loads(done.stdout.splitlines()[-1])
    return Cost(cpu_s, peak_kb / 1024)


def measure_index(n_scenes: int, folder: Path, cost: Measure = in_own_process) -> dict[str, Cost]:
    """Return what each command costs with so many scenes."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".bench_scale.") as scratch:
        cfg = config.load(
            None, {"data.raw_root": Path(scratch) / "raw", "data.out_root": Path(scratch) / "out"}
        )
        _write_raw(cfg.data.raw_root, n_scenes)
        _find_out(cfg)
        roots = ["--out_root", str(cfg.data.out_root), "--raw_root", str(cfg.data.raw_root)]
        costs = {"merge": cost("task", "--phases", "index", *roots)}
        costs["status"] = cost("status", *roots[:2])
        costs["status again"] = cost("status", *roots[:2])
        costs["plan"] = cost("plan", "--phases", "2-3", *roots[:2])
        costs["submission"] = cost("submit", "--phases", "2-3", "--dry_run", *roots[:2])
        plan = _write_plan(cfg, n_scenes)
        task = ("task", "--plan", plan, "--phases", "deblur", "--index", "0", *roots)
        costs["task"], costs["task, finished"] = cost(*task), cost(*task)
        _finish(cfg)
        costs["status, all finished"] = cost("status", *roots[:2])
        costs["the same again"] = cost("status", *roots[:2])
    return costs


def _write_raw(raw_root: Path, n_scenes: int) -> None:
    raw_root.mkdir()
    clip = write_video(raw_root / "clip_000000.mp4", moving_texture(N_FRAMES, 64, 48))
    for number in range(1, n_scenes):
        if number % 30_000:  # a file may have 65,000 names
            os.link(clip, raw_root / f"clip_{number:06d}.mp4")
        else:
            other = raw_root / f"clip_{number:06d}.mp4"
            other.write_bytes(clip.read_bytes())
            clip = other


def _find_out(cfg: Config) -> None:
    """Write down what tasks would have found out: true of the first scene, made up for the others."""
    time.sleep(SETTLED_S + 0.1)
    dataset, scenes = DatasetLayout.of(cfg), discover_scenes(cfg).scenes
    true = check_raw(scenes[0], CheckOptions(16, None, 0.5))
    for task in range(N_TASKS):
        findings = Findings(cfg, dataset)
        for number in range(task, len(scenes), N_TASKS):
            findings.keep(scenes[number], stamp_of(scenes[number]), _report(true, scenes[number], number))


def _report(true: RawReport, raw: RawScene, number: int) -> RawReport:
    return true if number == 0 else replace(true, digests=tuple(f"{number:032x}" for _ in raw.files))


def _write_plan(cfg: Config, n_scenes: int) -> str:
    """Write a plan whose first task has one scene that can be done; return its id."""
    tasks = [["clip_000000"]]
    names = [f"clip_{number:06d}" for number in range(1, n_scenes)]
    tasks += [names[start : start + SCENES_PER_TASK] for start in range(0, len(names), SCENES_PER_TASK)]
    sharpened = cfg.model_copy(update={"deblur": cfg.deblur.model_copy(update={"backend": "passthrough"})})
    return write_plan(sharpened, "submit", ("deblur",), tasks, new_plan_id()).plan_id


def _finish(cfg: Config) -> None:
    """Give every scene the records of three finished phases, without their files, noted as runs note them."""
    dataset = DatasetLayout.of(cfg)
    index = read_index(dataset)
    for phase in SCENE_PHASES:
        save_config(cfg, phase)
    settings = {phase: settings_for(cfg, phase) for phase in SCENE_PHASES}
    for scene_id in index:
        digests: dict[PhaseName, str] = {"index": index[scene_id].ingest_digest}
        scene = dataset.scene(scene_id)
        (scene.root / "bokeh_renders" / "set_00").mkdir(parents=True)
        for phase in SCENE_PHASES:
            identity = build_identity(
                phase,
                scene_id,
                settings=settings[phase],
                algorithm_version=PHASES[phase].algorithm_version,
                weights={},
                digests=digests,
                n_frames=N_FRAMES,
            )
            data = seal(record_document(identity, scene.root, {}, {}, (), {}), {})
            scene.phase_folder(phase).mkdir(exist_ok=True)
            scene.done(phase).write_bytes(data)
            digests[phase] = json.loads(data)["digest"]
        note_finished(dataset, index, scene_id)


def table(costs: Mapping[int, Costs]) -> list[str]:
    """Return the lines of a table."""
    steps = list(next(iter(costs.values())))
    lines = [f"| scenes | {' | '.join(steps)} |", "|" + "---|" * (len(steps) + 1)]
    return lines + [f"| {n:,} | {' | '.join(str(costs[n][step]) for step in steps)} |" for n in costs]


def missed(costs: Mapping[int, Costs], growth_allowed: float) -> list[str]:
    """Return what takes more than its bar with 100,000 scenes, or grows faster than their number."""
    found = []
    for step, (cpu_s, peak_mb) in BARS.items():
        cost = costs[MANY][step] if MANY in costs else None
        if cost is not None and (cost.cpu_s > (cpu_s or np.inf) or cost.peak_mb > (peak_mb or np.inf)):
            found.append(f"{step} of {MANY:,} scenes takes {cost}")
    fewest, most = min(costs), max(costs)
    for step in costs[most] if most > fewest else ():
        growth = (costs[most][step].cpu_s / most) / (costs[fewest][step].cpu_s / fewest)
        if growth > growth_allowed:
            found.append(f"{step}: {growth:.2f} x the time per scene from {fewest:,} to {most:,} scenes")
    return found


def section(costs: Mapping[int, Costs]) -> Sequence[str]:
    """Return the text for RESULTS.md."""
    text = f"""Clips of {N_FRAMES} frames without pixels of their own. Phase 1 was an array of {N_TASKS}:
merge is its last job. Each command in a process of its own: CPU time and peak memory, interpreter and imports
included. task: from its start to the end of its one scene of {N_FRAMES} frames; the same with nothing left to
do, which is what a start costs. "All finished": three records a scene and the line that a run writes of it;
the first status over them, and the second."""
    return [text, "", *table(costs)]
