"""Which files a model of the hub is made of, found without loading or asking anybody."""

from __future__ import annotations

from focusgen.config import load
from focusgen.models.hf_files import hf_weight_files, model_files, model_folder


def test_weights_and_what_changes_their_meaning_are_named_and_nothing_else(tmp_path):
    for name in ("model.safetensors", "config.json", "preprocessor_config.json", "README.md", "a.txt"):
        (tmp_path / name).write_text("x")
    (tmp_path / "model.safetensors.focusgen.json").write_text("{}")  # our own record beside it
    assert sorted(hf_weight_files(str(tmp_path))) == [
        "hf/config.json",
        "hf/model.safetensors",
        "hf/preprocessor_config.json",
    ]
    cfg = load(None, {"depth.backend": "hf", "depth.model_id": str(tmp_path)})
    assert model_files(cfg) == hf_weight_files(str(tmp_path))


def test_a_name_that_is_no_hub_id_or_not_here_has_no_files():
    assert model_folder("no such/thing/at all") is None
    assert hf_weight_files("some-org/not-here", "abc") == {}
    assert hf_weight_files(None) == {}
