"""The training command's work: weights at the end, a rehearsal that keeps nothing."""

from pathlib import Path

import pytest
import yaml

from focusgen.cli import main
from focusgen.focal.learned.job import run_job
from focusgen.focal.learned.shards import StackSet
from focusgen.focal.learned.weights import WEIGHTS_FILE, load_trained, weights_notes
from focusgen.focal.train_job import TrainJob
from tests.focal.learned.small import small_settings


@pytest.fixture
def config(stacks: StackSet, tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    document = small_settings(stacks.folder, tmp_path / "out", steps=2).model_dump(mode="json")
    path.write_text(yaml.safe_dump(document))
    return path


def test_training_ends_with_weights_that_load(config: Path, tmp_path: Path):
    said: list[str] = []
    assert run_job(TrainJob(config), said.append) == tmp_path / "out"
    assert load_trained(tmp_path / "out" / WEIGHTS_FILE).shape.channels == (8, 8, 16, 16)
    notes = weights_notes(tmp_path / "out" / WEIGHTS_FILE)
    assert notes["steps"] == "2" and notes["stacks"] == "4"  # not data.most, which no step drew from yet
    assert said[0].startswith("step 2/2: loss ")


def test_a_rehearsal_learns_saves_and_keeps_nothing(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["focal", "train", "--config", str(config), "--dry-run"]) == 0
    assert "saved and loaded; nothing was kept" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_debugging_logs_every_step(config: Path, tmp_path: Path):
    assert main(["focal", "train", "--config", str(config), "--debug"]) == 0
    assert len((tmp_path / "out" / "log.csv").read_text().splitlines()) == 3
