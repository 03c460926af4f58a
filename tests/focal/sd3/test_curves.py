"""Curves: one line per number, lines of steps that come again dropped, and W&B without a network."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from focusgen.base.errors import ConfigError
from focusgen.focal.sd3.curves import RUN_ID, Curves, check_loggers
from focusgen.focal.sd3.settings import Sd3Settings

needs_wandb = pytest.mark.skipif(importlib.util.find_spec("wandb") is None, reason="wandb is not installed")


def settings_of(folder, **logging) -> Sd3Settings:
    return Sd3Settings.model_validate(
        {"logging": {"use_tensorboard": False, **logging}, "output_dir": folder}
    )


def test_a_resumed_run_forgets_the_steps_that_it_does_again(tmp_path):
    first = Curves(settings_of(tmp_path), 0)
    for step in (1, 2, 3):
        first.add(step, "train", {"total": 1.0 / step, "depth": 0.5})
    Curves(settings_of(tmp_path), 2).add(3, "val", {"abs_rel": 0.25})
    lines = (tmp_path / "log.csv").read_text().splitlines()
    assert lines[0] == "step,split,name,value"
    assert lines[1:] == [
        *("1,train,total,1", "1,train,depth,0.5", "2,train,total,0.5", "2,train,depth,0.5"),
        "3,val,abs_rel,0.25",
    ]
    Curves(settings_of(tmp_path), 0)
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 1


def test_a_logger_that_is_not_installed_is_named_before_anything_is_computed(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    check_loggers(settings_of(tmp_path))
    with pytest.raises(ConfigError, match="use_tensorboard: tensorboard is not installed") as caught:
        check_loggers(settings_of(tmp_path, use_tensorboard=True))
    assert "--override logging.use_tensorboard=false" in caught.value.advice


@needs_wandb
@pytest.mark.slow
def test_wandb_offline_keeps_the_run_in_the_training_s_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    curves = Curves(settings_of(tmp_path, use_wandb=True), 0)
    curves.add(1, "train", {"total": 0.5})
    curves.picture(1, "val/sheet", np.zeros((4, 4, 3), np.uint8))
    curves.close()
    (folder,) = (tmp_path / "wandb").glob("offline-run-*")
    name = (tmp_path / RUN_ID).read_text()
    assert (folder / f"run-{name}.wandb").stat().st_size > 0
    assert list(folder.glob("files/media/images/val/*.png"))


@needs_wandb
def test_wandb_without_a_login_says_how_to_stay_offline_and_a_folder_keeps_its_run(tmp_path, monkeypatch):
    import wandb

    asked = []

    def init(**words):
        asked.append(words["id"])
        if len(asked) > 3:
            raise wandb.errors.UsageError("No API key configured.")

    monkeypatch.setattr(wandb, "init", init)
    for folder, step in (("a/out", 0), ("a/out", 5), ("b/out", 0)):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        Curves(settings_of(tmp_path / folder, use_wandb=True), step)
    assert asked[0] == asked[1] != asked[2]  # folders of one name are not one run
    with pytest.raises(ConfigError, match="No API key configured") as caught:
        Curves(settings_of(tmp_path / "a/out", use_wandb=True), 5)
    assert "WANDB_MODE=offline" in caught.value.advice
