"""The weights that ship come from this code and these settings: their first steps follow the same curve."""

import csv
from pathlib import Path

import pytest
import torch

from focusgen.config.files import CONFIG_DIR
from focusgen.focal import classical
from focusgen.focal.learned.settings import load_settings
from focusgen.focal.learned.shards import STACKS_PER_SHARD, make_stacks
from focusgen.focal.learned.stacks import StackRecipe
from focusgen.focal.learned.trainer import LOG, train
from focusgen.focal.learned.weights import SHIPPED, weights_notes

STEPS = 20


def lines(path: Path) -> list[dict[str, float]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def test_the_log_that_ships_is_of_the_weights_that_ship():
    log = lines(SHIPPED.with_suffix(".csv"))
    steps = [row["step"] for row in log]
    assert steps == sorted(set(steps))
    assert steps[-1] <= int(weights_notes()["steps"]) < steps[-1] + 20


@pytest.mark.slow
def test_the_first_steps_follow_the_curve_of_the_log_that_ships(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(classical, "FEWEST_SLICES", 2)  # when it was made, two slices had that judge too
    make_stacks(tmp_path / "stacks", StackRecipe(), STACKS_PER_SHARD)
    given = {"data.folder": tmp_path / "stacks", "output_dir": tmp_path / "out"}
    settings = load_settings(CONFIG_DIR / "focal" / "small.yaml", given)
    assert settings.data.first == STACKS_PER_SHARD and settings.data.hold_steps >= STEPS
    short = settings.model_copy(update={"train": settings.train.model_copy(update={"steps": STEPS})})
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        train(short)
    finally:
        torch.set_num_threads(before)
    shipped = lines(SHIPPED.with_suffix(".csv"))
    for again, row in zip(lines(tmp_path / "out" / LOG), shipped, strict=False):
        for key in ("step", "log", "span", "hypothesis"):
            assert again[key] == pytest.approx(row[key], rel=0.03), f"step {row['step']}: {key}"
