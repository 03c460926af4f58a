"""The command's work: what a rehearsal refuses beyond lists, what it counts, and what a run leaves out."""

from __future__ import annotations

import pytest

from focusgen.base.errors import ConfigError
from focusgen.focal.sd3.job import rehearse, say_what_is_not_done
from focusgen.focal.sd3.settings import Sd3Settings
from tests.focal.sd3.stacks import record, write_lines
from tests.sd3_tiny import build as build_model


def settings_of(tmp_path, **sections) -> Sd3Settings:
    path = write_lines(tmp_path / "train.jsonl", *(record(tmp_path / "f", name) for name in ("a", "b")))
    data = {"size": 16, "train_list": path, "most_slices": 3, "variants": 1, **sections.pop("data", {})}
    return Sd3Settings.model_validate(
        {"data": data, "logging": {"use_tensorboard": False}, "output_dir": tmp_path / "out", **sections}
    )


@pytest.mark.slow
def test_a_rehearsal_keeps_nothing_and_counts_the_configured_model(tmp_path):
    said: list[str] = []
    rehearse(settings_of(tmp_path, model={"preset": "large", "trains": "lora"}), True, said.append)
    text = "\n".join(said)
    assert "train: a: 3 slices of 40x32" in text and "val: no stacks; nothing is judged" in text
    assert "large: 8.1" in text and "one step, saved and loaded; nothing was kept" in text
    assert not (tmp_path / "out").exists()


def test_a_rehearsal_refuses_what_the_configured_model_would(tmp_path):
    model = build_model(tmp_path / "sd35")
    (tmp_path / "file").touch()
    for sections, message in (
        ({"model": {"trains": "lora"}}, "tiny without model.base_model has random weights"),
        ({"model": {"preset": "medium"}, "data": {"size": 24}}, "multiples of 16"),
        ({"data": {"size": 64}}, "a: 40x32, smaller than data.size 64"),
        ({"model": {"base_model": "./gone"}}, "neither a folder here nor a hub id"),
        ({"model": {"base_model": str(tmp_path)}}, "transformer/config.json: no such file"),
        ({"model": {"base_model": str(model), "prompt_embedding": "gone.safetensors"}}, "no such file"),
        ({"output_dir": tmp_path / "file/out"}, "cannot be written to"),
    ):
        with pytest.raises(ConfigError, match=message):
            rehearse(settings_of(tmp_path, **sections), False, lambda line: None)


def test_what_a_run_leaves_out_is_said_once(tmp_path, monkeypatch):
    said: list[str] = []
    say_what_is_not_done(settings_of(tmp_path, train={"fsdp": True}), said.append)
    assert "no stacks for validation" in said[0] and "train.fsdp has no effect" in said[1]
    monkeypatch.setenv("RANK", "1")
    say_what_is_not_done(settings_of(tmp_path), said.append)
    assert len(said) == 2


def test_a_list_for_training_that_holds_other_splits_is_said(tmp_path):
    said: list[str] = []
    settings = settings_of(tmp_path)
    splits = ("train", "test", "test", None)
    lines = [{**record(tmp_path / "f", "a"), **({"split": split} if split else {})} for split in splits]
    write_lines(tmp_path / "train.jsonl", *lines)
    say_what_is_not_done(settings, said.append)
    assert [line for line in said if "split" in line] == [
        f"note: {tmp_path}/train.jsonl: 2 stacks of split test are learned from too"
    ]
