"""A training on a real Slurm: stopped at its time limit, queued again, and the same at the end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file

from focusgen.config.files import CONFIG_DIR
from tests.focal.sd3.lists import write_list

from .harness import ROOT, Slurm, environment_of_jobs

STEPS = 90
STEP_S = "0.5"
"""Each checkpoint takes that long: training outlasts the half minute between Slurm's looks at limits."""


def words_of(stacks: Path, output: Path) -> list[str]:
    pairs = ("data.size=32", "data.most_slices=3", "data.variants=1", "train.batch=1", "model.gate=0.5")
    more = ("train.checkpoint_every=1", "train.log_every=1", "logging.use_tensorboard=false")
    return [
        *("--config", str(CONFIG_DIR / "focal/sd3_tiny.yaml"), "--train-filelist", str(stacks)),
        *("--output-dir", str(output), "--max-steps", str(STEPS), "--override", *pairs, *more),
    ]


def wait_for(what: str, is_true: Callable[[], bool], timeout_s: float = 600.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_true():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.3)


def test_a_training_killed_by_its_time_limit_ends_with_the_undisturbed_weights(slurm: Slurm, tmp_path: Path):
    stacks = write_list(tmp_path / "train.jsonl", "tabletop")
    cut, whole = tmp_path / "cut", tmp_path / "whole"
    limits = ("--gpus", "0", "--cpus", "1", "--memory-gb", "1", "--time-h", "0.25")
    program = (sys.executable, "-m", "focusgen.cli")
    submit = (*program, "submit", "--focal", *words_of(stacks, cut), *limits)
    job_id = slurm.run(*submit, FOCUSGEN_TEST_FRAME_S=STEP_S).split()[0]
    log = cut / "slurm" / f"train_{job_id}.out"
    wait_for("a few steps", lambda: log.is_file() and f"step 3/{STEPS}" in log.read_text())
    # The time that is left is now less than the warning: Slurm warns when it looks next, as before any limit.
    started = int(slurm.run("squeue", "-h", "-j", job_id, "-O", "TimeUsed").strip().split(":")[-2] or 0)
    slurm.run("scontrol", "update", f"JobId={job_id}", f"TimeLimit={started + 3}")
    wait_for("the requeue", lambda: f"requeued as {job_id}" in log.read_text())
    slurm.run("scontrol", "update", f"JobId={job_id}", "TimeLimit=15")
    train = [*program, "focal", "train", *words_of(stacks, whole), "--device", "cpu"]
    environment = {**os.environ, **environment_of_jobs()}
    subprocess.run(train, env=environment, cwd=ROOT, check=True, stdin=subprocess.DEVNULL)
    slurm.wait_until_idle(600.0)
    assert f"step {STEPS}/{STEPS}" in log.read_text()
    assert log.read_text().count("step 3/") == 1, "it went on, and did not begin again"
    ours, undisturbed = (load_file(folder / "focal_sd3.safetensors") for folder in (cut, whole))
    assert ours.keys() == undisturbed.keys()
    assert all(torch.equal(ours[name], undisturbed[name]) for name in undisturbed)
    state = ("sacct", "-n", "-X", "-j", job_id, "-o", "State")  # the accounts lag behind the queue
    wait_for("COMPLETED in the accounts", lambda: slurm.run(*state).split()[-1] == "COMPLETED", 60.0)
