"""`focusgen focal train` and `focal synth`: flags reach the settings, and what has no meaning is refused."""

from pathlib import Path

import pytest

from focusgen.base.errors import ConfigError
from focusgen.commands.focal_train import gathered, overrides_of
from focusgen.commands.focal_train import main as train_main
from focusgen.config.files import CONFIG_DIR

SMALL = str(CONFIG_DIR / "focal" / "small.yaml")


def test_overrides_are_read_as_yaml():
    assert overrides_of(["train.steps=20", "output_dir=x", "train.average=0.5"]) == {
        "train.steps": 20,
        "output_dir": "x",
        "train.average": 0.5,
    }
    with pytest.raises(ConfigError, match="key=value"):
        overrides_of(["train.steps"])


def test_an_override_that_is_given_again_adds_to_the_first():
    words = ["--override", "a=1", "b=2", "--debug", "--override", "c=3", "--override=d=4", "-x", "y"]
    assert gathered(words) == ["--debug", "-x", "y", "--override", "a=1", "b=2", "c=3", "d=4"]
    assert gathered(["--debug"]) == ["--debug"]


def test_a_missing_folder_of_stacks_says_the_command(tmp_path: Path):
    with pytest.raises(ConfigError, match="focal synth"):
        train_main(["--config", SMALL, "--data-root", str(tmp_path), "--output-dir", str(tmp_path / "o")])


def test_lists_and_unknown_networks_are_refused(tmp_path: Path):
    with pytest.raises(ConfigError, match="train_filelist"):
        train_main(["--config", SMALL, "--train-filelist", "x.jsonl"])
    other = tmp_path / "other.yaml"
    other.write_text("model: {kind: giant}\n")
    with pytest.raises(ConfigError, match="giant"):
        train_main(["--config", str(other)])
    other.write_text("name: x\n")
    with pytest.raises(ConfigError, match="model.kind"):
        train_main(["--config", str(other)])


def test_a_folder_that_is_not_there_and_a_device_that_cannot_be_chosen_are_named(tmp_path: Path):
    for config in (SMALL, "sd3_tiny"):
        with pytest.raises(ConfigError, match="gone: no such folder"):
            train_main(["--config", config, "--data-root", str(tmp_path / "gone"), "--dry-run"])
    with pytest.raises((ConfigError, SystemExit)):
        train_main(["--config", SMALL, "--device", "gpu"])


def test_the_small_network_refuses_to_be_several_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="trains in one process"):
        train_main(["--config", SMALL, "--data-root", str(tmp_path)])
