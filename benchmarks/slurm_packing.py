"""How long planning takes and how even the packs are: 90, 10,000 and 1,000,000 scenes of DAVIS-like length.

Usage   python -m benchmarks.slurm_packing [--write]
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.results import write_section
from focusgen.cluster.packing import pack
from focusgen.cluster.slurm import Limits
from focusgen.cluster.submit import make_plan, steps_of
from focusgen.config import Config
from focusgen.run.forecast import SceneWork, cost_s
from tests.packing_bound import lower_bound_s, makespan_s

SIZES = ((90, 8), (90, 32), (10_000, 100), (1_000_000, 1000))


def scenes(n: int) -> list[SceneWork]:
    """Return scenes as long as those of DAVIS 2017: 25 to 104 frames, mean 69, 854x480."""
    frames = np.clip(np.random.default_rng(0).normal(69, 20, n), 25, 104).astype(int)
    return [SceneWork(f"scene_{i:07d}", int(count), 864, 480) for i, count in enumerate(frames)]


def measure(n_scenes: int, n_tasks: int) -> str:
    """Plan, write the plan and build its jobs in this process; return a row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        # Time enough that the packs are as many as asked for: evenness is what is measured.
        hours = {"deblur": 1e5, "depth": 1e5}
        cluster = {"tasks": n_tasks, "time_h": hours}
        cfg = Config.model_validate({"data": {"out_root": Path(folder)}, "cluster": cluster})
        works = scenes(n_scenes)
        started_s = time.process_time()
        plan = make_plan(cfg, ["deblur", "depth"], works, Limits())
        steps = steps_of(cfg, plan, ["deblur", "depth"], Limits())
        elapsed_s = time.process_time() - started_s
    assert len(steps) == 2 and len(plan.slots) == n_tasks
    cost = cost_s(cfg, ["deblur", "depth"], works)
    over = makespan_s(pack(cost, n_tasks)) / lower_bound_s(cost.sum(axis=1), n_tasks) - 1
    memory_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return f"| {n_scenes:,} | {n_tasks:,} | {100 * over:.2f} % | {elapsed_s:.2f} s | {memory_gib:.2f} GiB |"


def main() -> None:
    """Measure each size in a process of its own, so that the memory is its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/RESULTS.md")
    parser.add_argument("--size", type=int, default=None, help="one row of the table")
    args = parser.parse_args()
    if args.size is not None:
        print(measure(*SIZES[args.size]))
        return
    rows = []
    for number in range(len(SIZES)):
        command = [sys.executable, "-m", "benchmarks.slurm_packing", "--size", str(number)]
        done = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, check=True)
        rows.append(done.stdout.strip())
        print(rows[-1], flush=True)
    text = (
        "## SLURM: packing and planning\n\n`python -m benchmarks.slurm_packing --write`\n\n"
        "| scenes | tasks | longest task above the lower bound | plan, process time | peak memory |\n"
        "|---|---|---|---|---|\n" + "\n".join(rows)
    )
    if args.write:
        write_section("slurm", text)


if __name__ == "__main__":
    main()
