"""Which files a net is made of: all that pictures depend on, named even where they are not."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from focusgen.config import from_document
from focusgen.models.flux import files


def model(folder: Path) -> Path:
    """Lay out a model whose transformer comes in two shards, of which one is missing."""
    shards = {
        "a": "diffusion-1-of-2.safetensors",
        "b": "diffusion-2-of-2.safetensors",
        "c": "diffusion-1-of-2.safetensors",
    }
    for name, text in {
        "transformer/config.json": "{}",
        "transformer/diffusion-1-of-2.safetensors": "x",
        "transformer/diffusion.safetensors.index.json": json.dumps({"weight_map": shards}),
        "transformer/notes.json": "{}",
        "transformer/config.json.focusgen.json": "{}",
        "vae/config.json": "{}",
        "vae/diffusion_pytorch_model.safetensors": "x",
        "scheduler/scheduler_config.json": "{}",
        "text_encoder/model.safetensors": "x",
        "README.md": "x",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_parts_that_pictures_depend_on_are_named_with_shards_that_are_missing(tmp_path):
    found = files.model_files(str(model(tmp_path)))
    assert set(found) == {
        "flux/transformer/config.json",
        "flux/transformer/diffusion-1-of-2.safetensors",
        "flux/transformer/diffusion-2-of-2.safetensors",
        "flux/vae/config.json",
        "flux/vae/diffusion_pytorch_model.safetensors",
        "flux/scheduler/scheduler_config.json",
    }
    assert not found["flux/transformer/diffusion-2-of-2.safetensors"].exists()
    assert [path.name for path in files.part_weights(str(tmp_path), "transformer")] == [
        "diffusion-1-of-2.safetensors",
        "diffusion-2-of-2.safetensors",
    ]
    assert files.part_weights(str(tmp_path / "none"), "vae") == []


@pytest.mark.parametrize("model_id", ["/no/such/folder", "not a name", "a/b/c", "../x", "-a/b"])
def test_what_is_no_hub_id_is_a_folder_that_is_not_there(model_id, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    found = files.model_files(model_id)
    assert found == {"flux/transformer/config.json": Path(model_id) / "transformer/config.json"}


def test_a_folder_named_like_a_hub_id_is_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model(tmp_path / "black-forest-labs" / "FLUX.1-dev")
    assert files.model_folder("black-forest-labs/FLUX.1-dev") == Path("black-forest-labs/FLUX.1-dev")


def test_a_snapshot_in_the_hub_s_cache_is_found_and_expected_there(tmp_path, monkeypatch):
    snapshot = model(tmp_path / "snapshots" / "c0ffee")
    monkeypatch.setattr(
        "huggingface_hub.try_to_load_from_cache",
        lambda repo, name: str(snapshot / name) if repo == "some/model" else None,
    )
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert files.model_folder("some/model") == snapshot
    (expected,) = files.model_files("other/model").values()
    assert expected == tmp_path / "models--other--model" / "transformer" / "config.json"


def test_without_the_hub_s_library_nothing_is_claimed_of_a_hub_id(monkeypatch):
    monkeypatch.setattr(files.importlib.util, "find_spec", lambda name: None)
    assert files.model_folder("some/model") is None and files.model_files("some/model") == {}


def test_a_prompt_s_file_is_named_by_its_words_alone(tmp_path):
    digest = hashlib.sha256("a \u201cquoted\u201d prompt".encode()).hexdigest()
    path = files.prompt_file(tmp_path, "a \u201cquoted\u201d prompt")
    assert path == tmp_path / f"prompt_{digest[:16]}.safetensors"
    assert files.prompt_file(tmp_path, "a") != files.prompt_file(tmp_path, "a ")


def test_each_net_names_its_own_lora_and_prompt_and_the_common_model(tmp_path):
    section = {"model_id": str(model(tmp_path)), "lora_path": str(tmp_path)}
    cfg = from_document(
        {"deblur": {**section, "lora_weight": "d.st"}, "render": {**section, "lora_weight": "b.st"}}, "test"
    )
    deblur, render = files.deblurnet_files(cfg), files.bokehnet_files(cfg)
    assert deblur.keys() == render.keys()
    assert (deblur["flux/lora"].name, render["flux/lora"].name) == ("d.st", "b.st")
    assert deblur["flux/prompt"] != render["flux/prompt"]
    assert {n for n in deblur if deblur[n] == render[n]} == set(files.model_files(str(tmp_path)))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("flux/lora", "fetch deblurnet"),
        ("flux/prompt", "weights prompts"),
        ("flux/vae/config.json", "weights fetch flux"),
    ],
)
def test_every_missing_file_has_a_way_to_get_it(name, words):
    assert words in files.weight_advice(name)
