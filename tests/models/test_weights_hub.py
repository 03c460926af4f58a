"""How weights get here: the listing, the command for another machine, folders of many files."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import errors

from focusgen.base.errors import ConfigError
from focusgen.models import weights, weights_hub
from focusgen.models.weight_sources import find_source
from focusgen.models.weights_hub import check, download_command, fetch


@pytest.fixture(autouse=True)
def online(own_cache, monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


FILES = {
    "transformer/config.json": b"{}",
    "transformer/a.safetensors": b"numbers",
    "text_encoder/model.safetensors": b"words",
    "README.md": b"hello",
    "flux1-dev.safetensors": b"in one piece",
}


def hub(
    monkeypatch, files: dict[str, bytes] = FILES, error: Exception | None = None, **sizes: int
) -> list[Any]:
    """Let the hub hold some files; big ones have digests. Returns what is downloaded."""
    taken: list[Any] = []

    def model_info(repo_id: str, revision: str | None, files_metadata: bool) -> Any:
        if error is not None:
            raise error
        siblings = [
            SimpleNamespace(
                rfilename=name,
                size=sizes.get(name.rsplit("/")[-1].split(".")[0], len(data)),
                lfs=SimpleNamespace(sha256=hashlib.sha256(data).hexdigest())
                if "safetensors" in name
                else None,
            )
            for name, data in files.items()
        ]
        return SimpleNamespace(sha="c0ffee", siblings=siblings)

    def download(repo_id: str, file_name: str, *, revision: str, local_dir: str) -> str:
        taken.append((repo_id, file_name, revision))
        path = Path(local_dir) / file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files[file_name])
        return str(path)

    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: SimpleNamespace(model_info=model_info))
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    return taken


def test_only_files_that_are_needed_are_taken_all_of_one_commit_and_recorded(tmp_path, monkeypatch):
    taken = hub(monkeypatch)
    records = fetch("flux", tmp_path / "w", revision="main", say=lambda line: None)
    names = {file for _, file, _ in taken}
    assert {"transformer/config.json", "transformer/a.safetensors"} <= names
    assert {"README.md", "flux1-dev.safetensors"}.isdisjoint(names)
    assert {revision for *_, revision in taken} == {"c0ffee"} and len(records) == len(taken)
    for (_, file, _), record in zip(taken, records, strict=True):
        assert weights.read_record(tmp_path / "w" / file) == record and record.revision == "c0ffee"


def test_a_small_file_has_no_digest_on_the_hub_but_its_size_counts(tmp_path, monkeypatch):
    hub(monkeypatch, config=3)
    with pytest.raises(ConfigError, match=r"config\.json: 2 bytes.*the hub has 3 bytes, None") as caught:
        fetch("flux", tmp_path / "w", say=lambda line: None)
    assert "delete the file" in caught.value.advice


def test_a_repository_without_the_files_is_named_with_what_was_looked_for(tmp_path, monkeypatch):
    hub(monkeypatch, {"README.md": b"x"})
    with pytest.raises(ConfigError, match=r"FLUX\.1-dev at c0ffee: holds none of"):
        fetch("flux", tmp_path, say=lambda line: None)


@pytest.mark.parametrize(
    "error",
    [OSError("Name or service not known\nmore"), errors.OfflineModeIsEnabled("offline mode"), OSError()],
)
def test_a_hub_that_cannot_be_reached_leaves_a_command_for_another_machine(tmp_path, monkeypatch, error):
    hub(monkeypatch, error=error)
    with pytest.raises(ConfigError) as caught:
        fetch("vda-vits", tmp_path, say=lambda line: None)
    assert "\n" not in caught.value.message
    assert "hf download depth-anything/Metric-Video-Depth-Anything-Small" in caught.value.advice
    assert caught.value.advice.endswith(f"--local-dir {tmp_path}"), "where it was to go"


@pytest.mark.parametrize("value", ["1", "on", "YES", "true"])
def test_offline_nobody_is_asked(tmp_path, monkeypatch, value):
    taken = hub(monkeypatch)
    monkeypatch.setenv("HF_HUB_OFFLINE", value)
    with pytest.raises(ConfigError, match="HF_HUB_OFFLINE is set"):
        fetch("flux", tmp_path, say=lambda line: None)
    assert taken == []


def test_a_command_names_patterns_for_a_folder_and_files_for_a_file():
    command = download_command(find_source("flux"), Path("w"), "abc")
    assert command.startswith("hf download black-forest-labs/FLUX.1-dev --include '")
    assert "--revision abc" in command and command.endswith("--local-dir w")
    assert "--include" not in download_command(find_source("vda-vits"), Path("w"))
    assert "--revision" not in download_command(find_source("vda-vits"), Path("w"))


# --- check -----------------------------------------------------------------------------------------------


def laid_out(folder: Path) -> Path:
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def test_a_folder_is_checked_file_by_file_and_its_records_are_none(tmp_path):
    folder, lines = laid_out(tmp_path / "w"), []
    first = check("flux", folder, say=lines.append)
    again = check("flux", folder, say=lambda line: None)
    assert first == again and len(lines) == len(first) >= 2
    assert not any(weights_hub.RECORD_SUFFIX in record.file for record in again)


def test_a_file_that_was_changed_is_noticed_unless_that_is_accepted(tmp_path):
    folder = laid_out(tmp_path / "w")
    check("flux", folder, say=lambda line: None)
    (folder / "transformer" / "a.safetensors").write_bytes(b"others!")
    with pytest.raises(ConfigError, match=r"a\.safetensors"):
        check("flux", folder, say=lambda line: None)
    check("flux", folder, accept=True, say=lambda line: None)
    check("flux", folder, say=lambda line: None)


def test_an_empty_folder_says_how_to_fill_it(tmp_path):
    with pytest.raises(ConfigError, match="holds none of") as caught:
        check("flux", tmp_path, say=lambda line: None)
    assert (
        "focusgen weights fetch" in caught.value.advice and f"--local-dir {tmp_path}" in caught.value.advice
    )


def test_a_checkpoint_is_opened_as_the_size_that_was_asked_for(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "focusgen.models.vda.loading.inspect_checkpoint",
        lambda path, *, encoder: asked.append(encoder) or "vitb",
    )
    (tmp_path / "a.pth").write_bytes(b"x")
    lines: list[str] = []
    for name in ("vda", "vda-vitb"):
        check(name, tmp_path / "a.pth", say=lines.append)
    assert asked == ["auto", "vitb"] and lines[0].endswith("  vitb")
