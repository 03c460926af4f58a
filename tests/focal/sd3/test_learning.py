"""That the network learns: slow, on one thread, with the tiny preset."""

from __future__ import annotations

import pytest
import torch

from focusgen.config.files import CONFIG_DIR
from focusgen.focal.sd3.settings import load_settings
from focusgen.focal.sd3.trainer import train
from tests.focal.sd3.lists import write_list

pytestmark = pytest.mark.slow
TINY = CONFIG_DIR / "focal" / "sd3_tiny.yaml"


def test_two_hundred_steps_lower_the_loss_by_a_quarter_and_two_stacks_are_learned_by_heart(tmp_path):
    torch.set_num_threads(1)
    overrides = {
        "data.train_list": write_list(tmp_path / "train.jsonl", "tabletop", "handheld"),
        "data.size": 48,
        "data.most_slices": 3,
        "data.variants": 1,
        "data.noise": 0.0,
        "model.gate": 1.0,  # all of the answer is the network's: the classical result cannot help
        "train.learning_rate": 0.002,
        "train.gate_rate": 0.002,
        "train.log_every": 1,
        "train.val_every": 1000,
        "train.checkpoint_every": 1000,
        "logging.use_tensorboard": False,
        "output_dir": tmp_path / "out",
    }
    rows = []
    train(load_settings(TINY, overrides), "none", lambda step, means: rows.append(means), "cpu")
    first, last = (sum(row["total"] for row in part) / 20 for part in (rows[:20], rows[-20:]))
    assert last <= 0.75 * first
    depth_first, depth_last = (sum(row["depth"] for row in part) / 10 for part in (rows[:10], rows[-10:]))
    assert depth_last <= depth_first / 3.0
