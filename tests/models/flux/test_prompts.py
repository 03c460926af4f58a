"""Embedded prompts: stored once, one file each, and refused when they are not what they claim to be."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from focusgen.base.errors import ConfigError
from focusgen.config import from_document
from focusgen.models.flux import prompts
from focusgen.models.flux.files import prompt_file
from focusgen.models.flux.prompts import (
    FORMAT,
    PromptEmbedding,
    encode_configured_prompts,
    encode_prompts,
    load_prompt,
    read_encoder,
    token_ids,
)

PROMPT = "a \u201cphoto\u201d"


class Words:
    """Encoders whose states are the lengths of their prompts, so that each can be told apart."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, bad: str | None = None) -> None:
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        monkeypatch.setattr(prompts, "_clip_pooled", self.pooled)
        monkeypatch.setattr(prompts, "_t5_states", self.states)
        self.bad = bad

    def values(self, texts: list[str]) -> torch.Tensor:
        return torch.tensor([torch.nan if text == self.bad else float(len(text)) for text in texts])

    def pooled(self, source: str, texts: list[str], device: str, dtype: torch.dtype) -> torch.Tensor:
        self.asked.append((source, tuple(texts)))
        return self.values(texts)[:, None].expand(-1, 3)

    def states(self, source: str, texts: list[str], device: str, dtype: torch.dtype) -> torch.Tensor:
        return self.values(texts)[:, None, None].expand(-1, 4, 2)


def test_every_prompt_gets_its_own_numbers_and_its_own_file(tmp_path, monkeypatch):
    words = Words(monkeypatch)
    files = encode_prompts(tmp_path / "FLUX", ["a", PROMPT, "a", ""], tmp_path / "new")
    assert files == [prompt_file(tmp_path / "new", text) for text in ("a", PROMPT, "")]
    assert words.asked[0][1] == ("a", PROMPT, "")
    for text in ("a", PROMPT, ""):
        found = load_prompt(tmp_path / "new", text)
        assert found.embeds.shape == (1, 4, 2) and found.pooled.shape == (1, 3)
        assert (found.embeds == len(text)).all() and (found.pooled == len(text)).all()
    with safe_open(files[1], "pt") as stored:
        assert stored.metadata() == {"format": FORMAT, "prompt": PROMPT, "model": "FLUX"}


def test_the_same_prompt_gives_the_same_bytes_whatever_stands_beside_it(tmp_path, monkeypatch):
    Words(monkeypatch)
    (alone,) = encode_prompts("/x/FLUX", [PROMPT], tmp_path / "a")
    _, beside = encode_prompts("/x/FLUX", ["b", PROMPT], tmp_path / "b")
    assert alone.read_bytes() == beside.read_bytes()


def test_numbers_that_are_none_are_not_stored(tmp_path, monkeypatch):
    Words(monkeypatch, bad=PROMPT)
    with pytest.raises(ConfigError, match="FLUX"):
        encode_prompts("/x/FLUX", [PROMPT], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nets_of_one_model_and_folder_are_embedded_together(tmp_path, monkeypatch):
    words = Words(monkeypatch)
    common = {"model_id": "/x/FLUX", "prompt_cache": str(tmp_path)}
    cfg = from_document({"deblur": {**common, "prompt": "d"}, "render": {**common, "prompt": "r"}}, "test")
    assert len(encode_configured_prompts(cfg)) == 2 and [asked[1] for asked in words.asked] == [("d", "r")]
    apart = from_document(
        {"deblur": {**common, "prompt": "d"}, "render": {**common, "prompt": "r", "model_id": "/y/FLUX"}},
        "test",
    )
    encode_configured_prompts(apart)
    assert words.asked[1:] == [("/x/FLUX", ("d",)), ("/y/FLUX", ("r",))]


def test_encoders_are_read_from_a_folder_only_if_they_lie_there(tmp_path):
    assert prompts._source("some/model") == "some/model"
    (tmp_path / "transformer").mkdir()
    assert prompts._source(str(tmp_path)) == str(tmp_path)
    (tmp_path / "text_encoder_2").mkdir()
    (tmp_path / "text_encoder_2" / "config.json").write_text("{}")
    assert prompts._source(str(tmp_path)) == str(tmp_path)


# --- what is stored -----------------------------------------------------------------------------------------

GOOD = PromptEmbedding(torch.ones(1, 4, 2), torch.ones(1, 3))


def stored(folder: Path, embedding: PromptEmbedding = GOOD, **metadata: str) -> Path:
    file = prompt_file(folder, PROMPT)
    save_file(embedding._asdict(), file, {"format": FORMAT, "prompt": PROMPT, **metadata})
    return file


@pytest.mark.parametrize("metadata", [{"format": "another/1"}, {"prompt": "another"}])
def test_a_file_of_another_format_or_prompt_is_not_believed(tmp_path, metadata):
    stored(tmp_path, **metadata)
    with pytest.raises(ConfigError, match="not an embedding of") as caught:
        load_prompt(tmp_path, PROMPT)
    assert "focusgen weights prompts" in caught.value.advice


def test_a_prompt_that_was_not_embedded_is_named_with_the_command(tmp_path):
    with pytest.raises(ConfigError, match="was not embedded yet") as caught:
        load_prompt(tmp_path, PROMPT)
    assert PROMPT in caught.value.message and "focusgen weights prompts" in caught.value.advice


def test_a_file_without_words_or_without_numbers_is_refused(tmp_path):
    save_file(GOOD._asdict(), prompt_file(tmp_path, PROMPT))
    with pytest.raises(ConfigError, match="not an embedding"):
        load_prompt(tmp_path, PROMPT)
    save_file({"embeds": GOOD.embeds}, prompt_file(tmp_path, PROMPT), {"format": FORMAT, "prompt": PROMPT})
    with pytest.raises(ConfigError, match="damaged"):
        load_prompt(tmp_path, PROMPT)


@pytest.mark.parametrize("length", [0, 7, 100, -1])
def test_a_cut_file_is_damaged(tmp_path, length):
    file = stored(tmp_path)
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(ConfigError, match=r"prompt_.*damaged \("):
        load_prompt(tmp_path, PROMPT)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_numbers_that_are_none_are_not_used(tmp_path, bad):
    stored(tmp_path, GOOD._replace(pooled=torch.full((1, 3), bad)))
    with pytest.raises(ConfigError, match="pooled"):
        load_prompt(tmp_path, PROMPT)


# --- encoders


def fake_transformers(monkeypatch: pytest.MonkeyPatch, *missing: str) -> None:
    def from_pretrained(source: str, **options: Any) -> tuple[nn.Module, dict[str, list[str]]]:
        return nn.Dropout().train(), {"missing_keys": list(missing)}

    kind = SimpleNamespace(from_pretrained=from_pretrained)
    monkeypatch.setattr(prompts.importlib, "import_module", lambda name: SimpleNamespace(T5EncoderModel=kind))


def test_an_encoder_with_missing_weights_is_refused_where_transformers_would_only_warn(monkeypatch):
    fake_transformers(monkeypatch, "b.weight", "a.weight", "encoder.embed_tokens.weight")
    with pytest.raises(ConfigError, match=r"/x/text_encoder_2: 2 weights are missing, e\.g\. a\.weight"):
        read_encoder("T5EncoderModel", "/x", "text_encoder_2", torch.float32)


def test_an_embedding_that_is_stored_under_another_name_is_not_missing(monkeypatch):
    fake_transformers(monkeypatch, "encoder.embed_tokens.weight")
    assert not read_encoder("T5EncoderModel", "/x", "text_encoder_2", torch.float32).training


def test_tokens_are_padded_and_cut_to_one_length():
    asked: dict[str, Any] = {}

    def tokenizer(texts: list[str], **options: Any) -> Any:
        asked.update(options)
        return SimpleNamespace(input_ids=torch.zeros(len(texts), options["max_length"]))

    assert token_ids(tokenizer, ["a", "b"], 77).shape == (2, 77)  # type: ignore[arg-type]
    assert asked["truncation"] is True and asked["padding"] == "max_length"
