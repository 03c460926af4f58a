"""Settings of a training: what ships is valid, and each value that cannot be is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from focusgen.base.errors import ConfigError
from focusgen.config.shipped import CONFIG_DIR
from focusgen.focal.sd3.memory import ADVICE, memory_error
from focusgen.focal.sd3.settings import Sd3Settings, load_settings


@pytest.mark.parametrize("name", ["sd3_tiny", "sd3_medium", "sd3_large"])
def test_shipped_settings_are_valid_and_of_their_preset(name):
    settings = load_settings(CONFIG_DIR / "focal" / f"{name}.yaml")
    assert settings.model.preset == name.removeprefix("sd3_")
    assert settings.data.size % settings.model.multiple == 0
    assert settings.data.least_slices <= settings.data.most_slices


def test_an_override_reaches_its_section_alone(tmp_path):
    (tmp_path / "mine.yaml").write_text("train: {steps: 5}\n")
    settings = load_settings(tmp_path / "mine.yaml", {"train.batch": 3, "model.preset": "medium"})
    assert (settings.train.steps, settings.train.batch, settings.model.preset) == (5, 3, "medium")
    assert settings.loss == Sd3Settings().loss


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("train: {stepz: 5}", r"train\.stepz.*steps"),
        ("train: {steps: 0}", r"train\.steps"),
        ("train: {ema: 1.0}", r"train\.ema"),
        ("train: {precision: fp16}", r"train\.precision"),
        ("data: {focus_jitter: 0.5}", r"data\.focus_jitter"),
        ("data: {least_slices: 1}", r"data\.least_slices"),
        ("loss: {depth: -1}", r"loss\.depth"),
        ("model: {gates: 1}", r"model\.gates"),
        ("nothing: 1", "nothing"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_its_section(tmp_path, text, named):
    (tmp_path / "mine.yaml").write_text(text + "\n")
    with pytest.raises(ConfigError, match=rf"(?s)mine\.yaml.*{named}"):
        load_settings(tmp_path / "mine.yaml")


def test_every_override_that_the_memory_error_advises_exists():
    words = [word.split("=")[0] for word in ADVICE.replace(";", " ").split() if "." in word and "=" in word]
    assert {"train.batch", "train.gradient_checkpointing", "model.trains", "data.size", "train.fsdp"} == set(
        words
    )
    for word in (*words, "train.accumulation", "data.most_slices"):
        section, key = word.split(".")
        assert key in type(getattr(Sd3Settings(), section)).model_fields


def test_a_training_that_did_not_fit_says_its_numbers(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    settings = load_settings(CONFIG_DIR / "focal" / "sd3_tiny.yaml", {"train.batch": 3, "data.size": 64})
    error = memory_error(settings, 17, 2_500_000)
    for said in (
        "at step 17",
        "batch 3 x",
        "64 px",
        "2.5 M trained parameters",
        "gradient checkpointing off",
    ):
        assert said in error.message
    assert error.advice == ADVICE and "GiB" not in error.message  # no GPU, nothing to tell


def test_folders_are_paths():
    assert Sd3Settings().output_dir == Path("focal_training_sd3")
