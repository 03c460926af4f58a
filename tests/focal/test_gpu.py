"""What a GPU computes of a focal stack: the depth of a CPU, and training that learns in either precision."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState

from focusgen import cli
from focusgen.focal.candidates import put_together
from focusgen.focal.classical import Estimate, estimate
from focusgen.focal.refine import refine
from focusgen.focal.sd3.design import Design
from focusgen.focal.sd3.settings import Sd3Settings
from focusgen.focal.sd3.trainer import train
from focusgen.focal.stack import FocalStack
from tests.focal.sd3.lists import write_list
from tests.focal.sd3.small import awake, stack_input
from tests.focal.stacks import truth

pytestmark = [pytest.mark.gpu, pytest.mark.usefixtures("there_is_a_gpu")]


@pytest.fixture(autouse=True)
def accelerate_knows_nothing_of_other_trainings() -> None:
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(scope="module")
def seen() -> tuple[FocalStack, Estimate]:
    made = truth("tabletop")
    keep = slice(0, None, 2)
    stack = FocalStack(made.slices[keep], 1.0 / np.array(made.distances_m[keep]), made.radius_px_m)
    return stack, estimate(stack)


def test_candidates_are_put_together_as_on_a_cpu(seen):
    stack, found = seen
    here, there = (put_together(stack, found, device=device).diopters for device in ("cpu", "cuda"))
    assert (np.abs(here - there) > 0.01 * stack.span).mean() < 0.005  # ties may fall either way


def test_descent_ends_where_a_cpu_ends(seen):
    stack, found = seen
    here, there = (refine(stack, found, device=device) for device in ("cpu", "cuda"))
    assert np.median(np.abs(here.diopters - there.diopters)) < 1e-3 * stack.span
    assert np.abs(here.rgb.astype(int) - there.rgb).mean() < 0.5


def test_best_on_a_gpu_says_where_it_ran(tmp_path):
    made = truth("tabletop")
    words = ["--input", str(made.folder), "--output", str(tmp_path), *made.lens_flags]
    words += ["--focus-distances", made.distance_text, "--quality", "best", "--device", "cuda"]
    assert cli.main(["focal", "infer", *words]) == 0
    (about,) = tmp_path.glob("*_metadata.json")
    assert json.loads(about.read_text())["device"] == "cuda"


def test_a_network_says_what_it_says_on_a_cpu():
    net, stack = awake(Design()), stack_input()
    with torch.no_grad():
        here = net(stack).unit
        there = net.to("cuda")(stack.to(torch.device("cuda"))).unit
    torch.testing.assert_close(there.cpu(), here, atol=2e-3, rtol=0.0)


def settings_of(folder, train_list, precision: str) -> Sd3Settings:
    schedule = {"steps": 60, "batch": 2, "learning_rate": 3e-3, "gate_rate": 0.05, "warm_up": 1, "ema": 0.0}
    return Sd3Settings.model_validate(
        {
            "data": {"size": 64, "variants": 1, "train_list": train_list, "workers": 2, "noise": 0.0},
            "train": {**schedule, "precision": precision, "gradient_checkpointing": precision == "bf16"},
            "model": {"gate": 0.5},
            "logging": {"use_tensorboard": False},
            "output_dir": folder,
        }
    )


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_training_learns_and_goes_on_from_its_checkpoint(tmp_path, precision):
    settings = settings_of(tmp_path / "out", write_list(tmp_path / "train.jsonl", "tabletop"), precision)
    told: list[float] = []
    run = train(settings, tell=lambda step, means: told.append(means["total"]))
    assert run.net.gate.device.type == "cuda"
    assert told[-1] < 0.8 * told[0]
    longer = settings.model_copy(update={"train": settings.train.model_copy(update={"steps": 62})})
    again = train(longer, tell=lambda step, means: told.append(means["total"]))
    assert again.step == 62 and told[-1] < 0.9 * told[0]


def test_a_checkpoint_of_a_gpu_is_used_by_infer_on_both(tmp_path):
    lines = write_list(tmp_path / "train.jsonl", "tabletop")
    config = "configs/focal/sd3_tiny.yaml"
    words = ["--config", config, "--train-filelist", str(lines), "--output-dir", str(tmp_path / "net")]
    assert cli.main(["focal", "train", *words, "--max-steps", "10"]) == 0
    made = truth("tabletop")
    found = []
    for device in ("cuda", "cpu"):
        out = tmp_path / device
        asked = ["--input", str(made.folder), "--output", str(out), *made.lens_flags, "--device", device]
        asked += ["--focus-distances", made.distance_text, "--backend", "sd3"]
        assert cli.main(["focal", "infer", *asked, "--checkpoint", str(tmp_path / "net")]) == 0
        (depth,) = out.glob("*_depth.npy")
        found.append(np.load(depth))
    assert np.abs(found[0] / found[1] - 1.0).mean() < 1e-3
