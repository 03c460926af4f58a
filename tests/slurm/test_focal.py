"""A training on a real Slurm: stopped at its time limit, queued again, and the same at the end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from focusgen.config.files import CONFIG_DIR
from tests.focal.sd3.lists import write_list

from .harness import ROOT, Slurm, environment_of_jobs

STEPS = 80
STEP_S = "0.5"
"""Each checkpoint takes that long, so that 80 of them outlast the minute that the job has."""


def words_of(stacks: Path, output: Path) -> list[str]:
    pairs = ("data.size=32", "data.most_slices=3", "data.variants=1", "train.batch=1", "model.gate=0.5")
    more = ("train.checkpoint_every=1", "train.log_every=1", "logging.use_tensorboard=false")
    return [
        *("--config", str(CONFIG_DIR / "focal/sd3_tiny.yaml"), "--train-filelist", str(stacks)),
        *("--output-dir", str(output), "--max-steps", str(STEPS), "--override", *pairs, *more),
    ]


def test_a_training_killed_by_its_time_limit_ends_with_the_undisturbed_weights(slurm: Slurm, tmp_path: Path):
    stacks = write_list(tmp_path / "train.jsonl", "tabletop")
    cut, whole = tmp_path / "cut", tmp_path / "whole"
    limits = ("--gpus", "0", "--cpus", "1", "--memory-gb", "1", "--time-h", "0.0167")
    program = (sys.executable, "-m", "focusgen.cli")
    submit = (*program, "submit", "--focal", *words_of(stacks, cut), *limits)
    said = slurm.run(*submit, FOCUSGEN_TEST_FRAME_S=STEP_S)
    job_id = said.split()[0]
    train = [*program, "focal", "train", *words_of(stacks, whole), "--device", "cpu"]
    environment = {**os.environ, **environment_of_jobs()}
    subprocess.run(train, env=environment, cwd=ROOT, check=True, stdin=subprocess.DEVNULL)
    slurm.wait_until_idle()
    log = (cut / "slurm" / f"train_{job_id}.out").read_text()
    assert f"requeued as {job_id}" in log and f"step {STEPS}/{STEPS}" in log
    ours, undisturbed = (load_file(folder / "focal_sd3.safetensors") for folder in (cut, whole))
    assert ours.keys() == undisturbed.keys()
    assert all(torch.equal(ours[name], undisturbed[name]) for name in undisturbed)
    assert slurm.run("sacct", "-n", "-X", "-j", job_id, "-o", "State").split()[-1] == "COMPLETED"
