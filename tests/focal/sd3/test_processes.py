"""Two processes with a batch each are one process with twice the batch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from focusgen import cli
from focusgen.config.files import CONFIG_DIR
from tests.focal.sd3.lists import write_list

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[3]


def trained(folder: Path, stacks: Path, n_processes: int, batch: int) -> dict[str, torch.Tensor]:
    words = ["focal", "train", "--config", str(CONFIG_DIR / "focal/sd3_tiny.yaml"), "--device", "cpu"]
    words += ["--train-filelist", str(stacks), "--output-dir", str(folder), "--max-steps", "3"]
    for pair in (f"train.batch={batch}", "data.size=32", "data.most_slices=3", "data.variants=1"):
        words += ["--override", pair]
    words += ["--override", "logging.use_tensorboard=false", "--override", "model.gate=0.5"]
    if n_processes == 1:
        assert cli.main(words) == 0
        return load_file(folder / "focal_sd3.safetensors")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.focal.sd3.launched_training", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return load_file(folder / "focal_sd3.safetensors")


def test_two_processes_are_one_with_twice_the_batch(tmp_path):
    stacks = write_list(tmp_path / "train.jsonl", "tabletop", "handheld")
    two = trained(tmp_path / "two", stacks, 2, 1)
    one = trained(tmp_path / "one", stacks, 1, 2)
    assert two.keys() == one.keys()
    assert max(float((two[name] - one[name]).abs().max()) for name in one) <= 1e-5
