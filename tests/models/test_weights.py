from __future__ import annotations

import hashlib
import json
import os
import struct
import tempfile
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
import torch
from huggingface_hub import errors as hub_errors
from safetensors.torch import save_file

from focusgen.base.errors import ConfigError
from focusgen.models import checkpoints, weight_sources, weights, weights_hub

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def small(tmp_path) -> Path:
    path = tmp_path / "small.safetensors"
    save_file({"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}, path)
    return path


def flip_one_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def test_a_file_that_did_not_change_is_hashed_once(small, monkeypatch):
    first = weights.file_sha256(small)
    monkeypatch.setattr(weights, "_hash_file", lambda path: pytest.fail("read again"))
    assert weights.file_sha256(small) == first


def test_one_flipped_bit_is_refused_by_name(small):
    weights.verify(small, licence="Apache-2.0")
    assert weights.verify(small).licence == "Apache-2.0"
    flip_one_bit(small)
    with pytest.raises(ConfigError, match=r"small\.safetensors: not the file that was recorded .* SHA-256"):
        weights.verify(small)


def test_a_file_replaced_on_purpose_is_accepted_when_told(small):
    weights.verify(small)
    flip_one_bit(small)
    replaced = weights.verify(small, accept=True)
    assert weights.verify(small) == replaced


@pytest.mark.slow
def test_a_record_survives_in_the_cache_where_the_folder_is_read_only(small, monkeypatch):
    write = weights._try_write_json
    beside = weights.record_path(small)
    monkeypatch.setattr(weights, "_try_write_json", lambda path, doc: path != beside and write(path, doc))
    record = weights.verify(small)
    assert not beside.exists()
    assert weights.read_record(small) == record
    flip_one_bit(small)
    with pytest.raises(ConfigError, match="recorded"):
        weights.verify(small)


def test_a_damaged_cache_costs_one_reading_and_nothing_else(small, tmp_path):
    digest = weights.file_sha256(small)
    (tmp_path / "cache" / "weight_digests.json").write_text("{ cut sho")
    assert weights.file_sha256(small) == digest


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
def test_truncated_files_are_refused_by_name(tmp_path, suffix, share):
    path = tmp_path / f"cut{suffix}"
    tensors = {"w": torch.ones(1000)}
    save_file(tensors, path) if suffix == ".safetensors" else torch.save(tensors, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ConfigError, match=rf"cut{suffix}: not a readable"):
        checkpoints.read_tensors(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"<html><body>404</body></html>" * 9, "not a readable torch file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git-lfs pointer"),
        (bytes(range(256)) * 8, "not a readable torch file"),
    ],
)
def test_files_that_are_no_weights_are_refused(tmp_path, content, message):
    path = tmp_path / "x.pth"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        checkpoints.read_tensors(path)


EVIL_TRACE = Path(tempfile.gettempdir()) / "focusgen-test-must-not-exist"


class Payload:
    def __reduce__(self):
        return (Path.touch, (EVIL_TRACE,))


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    path = tmp_path / "evil.pth"
    torch.save({"w": Payload()}, path)
    with pytest.raises(ConfigError, match="not a readable torch file"):
        checkpoints.read_tensors(path)
    assert not EVIL_TRACE.exists()


def test_a_wrapped_state_dict_is_refused_by_key(tmp_path):
    path = tmp_path / "training.pth"
    torch.save({"model": {"w": torch.ones(1)}, "step": 3}, path)
    with pytest.raises(ConfigError, match=r"training\.pth: key 'model' holds dict"):
        checkpoints.read_tensors(path)


def test_strict_loading_names_missing_unexpected_and_misshapen_keys(small):
    with pytest.raises(ConfigError) as caught:
        checkpoints.load_strict(torch.nn.Linear(3, 2), checkpoints.read_tensors(small), small)
    assert "2 missing: bias, weight" in caught.value.message
    assert "2 unexpected: a.bias, a.weight" in caught.value.message
    with pytest.raises(ConfigError, match=r"weight \[2, 3\], expected \[5, 3\]"):
        tensors = {k.removeprefix("a."): v for k, v in checkpoints.read_tensors(small).items()}
        checkpoints.load_strict(torch.nn.Linear(3, 5), tensors, small)


def test_nan_and_quantised_weights_are_refused_by_key(small):
    bad = {"a": torch.ones(4), "b": torch.tensor([1.0, float("nan"), float("inf")])}
    with pytest.raises(ConfigError, match=r"key 'b': 2 of 3 values are NaN or infinite"):
        checkpoints.check_finite(bad, small)
    with pytest.raises(ConfigError, match=r"key 'q' is torch.int8"):
        checkpoints.check_finite({"q": torch.ones(4, dtype=torch.int8)}, small)
    huge = torch.full((4,), torch.finfo(torch.float32).max)
    checkpoints.check_finite({"large but finite": huge}, small)


class FakeHub:
    """Answers what `fetch` asks huggingface_hub, for one file."""

    def __init__(self, monkeypatch, content: bytes, sha256: str, error: Exception | None = None) -> None:
        self.content, self.sha256, self.error = content, sha256, error
        monkeypatch.setattr(huggingface_hub, "HfApi", lambda: self)
        monkeypatch.setattr(huggingface_hub, "hf_hub_download", self.download)
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)

    def model_info(self, repo_id, **_):
        if self.error is not None:
            raise self.error
        lfs = SimpleNamespace(sha256=self.sha256)
        names = ("README.md", "metric_video_depth_anything_vits.pth")
        files = [SimpleNamespace(rfilename=name, size=len(self.content), lfs=lfs) for name in names]
        return SimpleNamespace(sha="c0ffee", siblings=files)

    def download(self, repo_id, file_name, *, revision, local_dir):
        path = Path(local_dir) / file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.content)
        return str(path)


CONTENT = b"weights" * 1000
OTHER_SHA256 = "0" * 64


def test_fetched_weights_are_checked_recorded_and_licensed(tmp_path, monkeypatch):
    FakeHub(monkeypatch, CONTENT, hashlib.sha256(CONTENT).hexdigest())
    lines: list[str] = []
    (record,) = weights_hub.fetch("vda-vits", tmp_path / "checkpoints", say=lines.append)
    assert record.revision == "c0ffee" and record.licence == "Apache-2.0"
    assert record.source == "depth-anything/Metric-Video-Depth-Anything-Small"
    assert "Apache-2.0 (commercial use allowed)" in lines[0] and record.sha256 in lines[1]
    assert weights.verify(tmp_path / "checkpoints" / record.file) == record


def test_a_damaged_download_is_refused(tmp_path, monkeypatch):
    FakeHub(monkeypatch, CONTENT, OTHER_SHA256)
    with pytest.raises(ConfigError, match=r"vits\.pth: 7000 bytes, SHA-256 .* the hub has"):
        weights_hub.fetch("vda-vits", tmp_path, say=lambda line: None)


def test_gated_weights_explain_the_licence_and_the_login(tmp_path, monkeypatch):
    gated = hub_errors.GatedRepoError.__new__(hub_errors.GatedRepoError)  # its parts are the HTTP client's
    FakeHub(monkeypatch, b"", "", gated)
    lines: list[str] = []
    with pytest.raises(ConfigError, match="FLUX.1-dev Non-Commercial") as caught:
        weights_hub.fetch("flux", tmp_path, say=lines.append)
    assert "hf auth login" in caught.value.advice and "NO commercial use" in lines[0]


def test_offline_fetch_says_the_exact_command_for_another_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ConfigError) as caught:
        weights_hub.fetch("vda", tmp_path / "w", revision="abc", say=lambda line: None)
    assert (
        "hf download depth-anything/Metric-Video-Depth-Anything-Large 'metric_video_depth_anything_vitl.pth' "
        f"--revision abc --local-dir {tmp_path / 'w'}" in caught.value.advice
    )


def test_unknown_weights_list_the_known_ones():
    with pytest.raises(ConfigError, match=r"no weights called 'vdaa'(.|\n)*vda-vits"):
        weight_sources.find_source("vdaa")


def test_check_reads_the_file_again_and_records_it(small):
    lines: list[str] = []
    (record,) = weights_hub.check("deblurnet", small, say=lines.append)
    assert json.loads(weights.record_path(small).read_text())["sha256"] == record.sha256
    assert record.sha256 in lines[0] and "Apache-2.0" in lines[0]
    # a change that leaves size and time alone is what a failing disk makes
    stat = small.stat()
    flip_one_bit(small)
    os.utime(small, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert weights.verify(small) == record  # untouched by its looks
    with pytest.raises(ConfigError, match="recorded"):
        weights_hub.check("deblurnet", small, say=lines.append)


def test_a_header_that_lies_about_its_length_is_refused(tmp_path):
    path = tmp_path / "lie.safetensors"
    path.write_bytes(struct.pack("<Q", 1 << 60) + b"{}")
    with pytest.raises(ConfigError, match="not a readable safetensors"):
        checkpoints.read_tensors(path)


def test_a_folder_is_checked_file_by_file(tmp_path, small):
    (tmp_path / "vae").mkdir()
    small.rename(tmp_path / "vae" / "w.safetensors")
    (tmp_path / "model_index.json").write_text("{}")
    for _ in range(2):  # the records of the first time are no weights
        records = weights_hub.check("flux", tmp_path, say=lambda line: None)
        assert [record.file for record in records] == ["model_index.json", "w.safetensors"]
    flip_one_bit(tmp_path / "vae" / "w.safetensors")
    with pytest.raises(ConfigError, match=r"w\.safetensors: not the file"):
        weights_hub.check("flux", tmp_path, say=lambda line: None)
    with pytest.raises(
        ConfigError, match=r"holds none of deblurNet.safetensors(.|\n)*hf download nycu-cplab"
    ):
        weights_hub.check("deblurnet", tmp_path, say=lambda line: None)
