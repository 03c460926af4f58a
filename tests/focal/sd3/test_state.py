"""Checkpoints: whole or not there, found again whatever happened to the pointer, refused when another's."""

from __future__ import annotations

import pytest
import torch

from focusgen.base.errors import ConfigError, CorruptInputError
from focusgen.focal.sd3.settings import Sd3Settings
from focusgen.focal.sd3.state import (
    Average,
    find_state,
    read_state,
    save_state,
)

SETTINGS = Sd3Settings.model_validate({"train": {"keep": 2}})


def state_of(step: int) -> dict:
    weights = {"a": torch.full((4000,), float(step))}
    return {
        "step": step, "best": 0.5, "weights": weights, "average": None, "optimizer": {}, "rows": [],
    }  # fmt: skip


def changed(**design) -> Sd3Settings:
    return SETTINGS.model_copy(update={"model": SETTINGS.model.model_copy(update=design)})


def test_the_last_few_are_kept_and_the_best_beside_them(tmp_path):
    for step in (1, 2, 3):
        save_state(tmp_path, state_of(step), SETTINGS, is_best=step == 1)
    names = sorted(path.name for path in (tmp_path / "checkpoints").glob("*.pt"))
    assert names == ["best.pt", "step_0000002.pt", "step_0000003.pt"]
    found = find_state(tmp_path, "auto")
    assert read_state(found, SETTINGS)["step"] == 3
    assert float(read_state(tmp_path / "checkpoints/best.pt", SETTINGS)["weights"]["a"][0]) == 1.0
    assert find_state(tmp_path, "none") is None
    with pytest.raises(ConfigError, match="gone.pt: no such file"):
        find_state(tmp_path, "gone.pt")


def test_a_folder_is_gone_on_from_at_its_newest_checkpoint(tmp_path):
    save_state(tmp_path, state_of(4), SETTINGS)
    for given in (tmp_path, tmp_path / "checkpoints"):
        assert find_state(tmp_path / "other", str(given)).name == "step_0000004.pt"
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="empty: no checkpoint"):
        find_state(tmp_path, str(tmp_path / "empty"))


def test_a_training_that_begins_again_is_gone_on_with_not_the_one_before(tmp_path):
    for step in (7, 8, 1, 2, 3):  # --resume none, after a longer one
        save_state(tmp_path, state_of(step), SETTINGS)
    assert find_state(tmp_path, "auto").name == "step_0000003.pt"
    names = sorted(path.name for path in (tmp_path / "checkpoints").glob("step_*.pt"))
    assert names == ["step_0000002.pt", "step_0000003.pt"]


@pytest.mark.parametrize("pointer", [b"", b"[]", b'{"file": "step_0000009.pt"}', None])
def test_a_pointer_that_says_nothing_leaves_the_newest(tmp_path, pointer):
    for step in (1, 2):
        save_state(tmp_path, state_of(step), SETTINGS)
    latest = tmp_path / "checkpoints/latest.json"
    latest.unlink() if pointer is None else latest.write_bytes(pointer)
    assert find_state(tmp_path, "auto").name == "step_0000002.pt"


def test_a_checkpoint_that_is_cut_short_or_another_s_is_named(tmp_path):
    path = save_state(tmp_path, state_of(1), SETTINGS)
    with pytest.raises(ConfigError, match=r"made with model.preset tiny, not medium"):
        read_state(path, changed(preset="medium"))
    with pytest.raises(ConfigError, match=r"made with model.lora_rank 64, not 8"):
        read_state(path, changed(lora_rank=8))
    path.write_bytes(path.read_bytes()[:-900])
    with pytest.raises(CorruptInputError, match=r"_0000001.pt: no readable .*, or cut off \(\w+\)"):
        read_state(path, SETTINGS)
    for document in ({"model": 1}, torch.zeros(2)):
        torch.save(document, path)
        with pytest.raises(CorruptInputError, match="not a checkpoint of focal train"):
            read_state(path, SETTINGS)


def test_an_average_follows_and_changes_places_with_the_weights():
    weights = {"a": torch.nn.Parameter(torch.zeros(1))}
    average = Average(weights, 0.9)
    with torch.no_grad():
        weights["a"].fill_(1.0)
    for step in range(200):
        average.add(weights, step)
    assert 0.99 < float(average.values["a"]) < 1.0
    followed = float(average.values["a"])
    average.exchange(weights)
    assert (float(weights["a"]), float(average.values["a"])) == (followed, 1.0)
    average.exchange(weights)
    assert (float(weights["a"]), float(average.values["a"])) == (1.0, followed)
