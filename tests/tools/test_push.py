"""What would be sent is exactly what is vouched for; a hub that refuses is heard with the way out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import errors

from focusgen.base.errors import ConfigError, FocusgenError
from focusgen.tools import push
from focusgen.tools.push import Upload, plan_data_set, plan_export_upload, upload

CARD = "---\nlicense: cc-by-4.0\n---\n# data\n"


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """Return a finished export of two shards."""
    folder = tmp_path / "my export"
    folder.mkdir()
    files = {"README.md": CARD.encode(), "train-00000.tar": b"t" * 700, "val-00000.tar": b"v" * 30}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    lines = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items()]
    (folder / "MANIFEST.sha256").write_text("".join(lines))
    return folder


def test_every_file_of_the_manifest_and_itself_is_sent_by_name(exported):
    (exported / "notes.txt").write_text("not of the export")
    (exported / ".focusgen_export.json").write_text("{}")
    plan = plan_export_upload(exported)
    assert [name for name, _ in plan.files] == sorted(
        ["MANIFEST.sha256", "README.md", "train-00000.tar", "val-00000.tar"]
    )
    assert plan.licence == "cc-by-4.0"
    assert plan.n_bytes == sum((exported / name).stat().st_size for name, _ in plan.files)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b"T" + b"t" * 699),
        lambda path: path.write_bytes(b"t" * 699),
        lambda path: path.unlink(),
        lambda path: path.unlink() or path.mkdir(),
    ],
)
def test_a_shard_that_is_not_the_one_of_the_manifest_is_named(exported, spoil):
    spoil(exported / "train-00000.tar")
    with pytest.raises(ConfigError, match=r"train-00000\.tar: not the file of MANIFEST\.sha256"):
        plan_export_upload(exported)


def test_a_folder_without_a_manifest_is_no_export(tmp_path):
    with pytest.raises(ConfigError, match="not a finished export") as caught:
        plan_export_upload(tmp_path)
    assert "focusgen export" in caught.value.advice


@pytest.mark.parametrize(
    "text",
    [
        "no sum  x\n",
        f"{'0' * 64}  ../outside\n",
        f"{'0' * 64}  /etc/passwd\n",
        f"{'0' * 63}  short\n",
        f"{'0' * 64} one-blank\n",
    ],
)
def test_a_manifest_that_names_what_lies_elsewhere_is_damaged(exported, text):
    (exported / "MANIFEST.sha256").write_text(text)
    with pytest.raises(ConfigError, match="damaged: line 1"):
        plan_export_upload(exported)


def test_a_shard_larger_than_the_hub_takes_is_named(exported, monkeypatch):
    monkeypatch.setattr(push, "HUB_MAX_FILE_BYTES", 699)
    with pytest.raises(ConfigError, match=r"train-00000\.tar: the hub takes 200 GB a file") as caught:
        plan_export_upload(exported)
    assert "--shard_mb" in caught.value.advice


NO_LICENCE = [None, "# no front matter\n", "---\ntags: [a]\n---\n", "---\nlicense:\n---\n"]


@pytest.mark.parametrize("card", NO_LICENCE)
def test_a_data_set_without_a_licence_is_not_even_looked_at(tmp_path, card):
    if card is not None:
        (tmp_path / "README.md").write_text(card)
    with pytest.raises(ConfigError, match="names no licence") as caught:
        plan_data_set(tmp_path)
    assert "--source_license" in caught.value.advice


class Data:
    """A data set with a card that phase 6 has passed, as far as the plan asks."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        monkeypatch.setattr(push, "plan_export", lambda *_, **__: None)
        monkeypatch.setattr(push, "refuse_old_card", lambda *_: None)
        (root / "README.md").write_text(CARD)
        for name in ("a/frames_sharp/frame_0000.png", "a/frames_sharp/.done", ".focusgen/x", "a/.hidden"):
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"12345")


def test_of_a_data_set_records_are_sent_and_nothing_else_that_is_hidden(tmp_path, monkeypatch):
    Data(tmp_path, monkeypatch)
    plan = plan_data_set(tmp_path)
    assert [name for name, _ in plan.files] == [
        "README.md",
        "a/frames_sharp/.done",
        "a/frames_sharp/frame_0000.png",
    ]


def test_more_files_in_a_folder_than_the_hub_takes_are_refused_with_the_other_way(tmp_path, monkeypatch):
    Data(tmp_path, monkeypatch)
    monkeypatch.setattr(push, "HUB_MAX_FOLDER_FILES", 1)
    with pytest.raises(ConfigError, match=r"a/frames_sharp: 2 files; the hub takes 1") as caught:
        plan_data_set(tmp_path)
    assert "focusgen export webdataset" in caught.value.advice


def test_a_data_set_that_phase_6_has_not_passed_is_not_sent(tmp_path):
    (tmp_path / "README.md").write_text(CARD)
    with pytest.raises(FocusgenError):
        plan_data_set(tmp_path)


class Hub:
    """A hub that takes all, or raises what it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: Exception | None = None) -> None:
        self.error, self.asked, self.sent = error, {}, []
        monkeypatch.setattr(huggingface_hub, "HfApi", lambda: self)

    def create_repo(self, repo: str, **how: Any) -> None:
        if self.error is not None:
            raise self.error
        self.asked = {"repo": repo, **how}

    def create_commit(self, repo: str, operations: Any, **how: Any) -> None:
        self.sent = [operation.path_in_repo for operation in operations]


def test_what_was_listed_is_what_is_sent_to_a_private_page(exported, monkeypatch):
    (exported / "later.txt").write_text("x")
    hub = Hub(monkeypatch)
    plan = plan_export_upload(exported)
    assert upload(plan, "lab/focus") == "https://huggingface.co/datasets/lab/focus"
    assert hub.sent == [name for name, _ in plan.files]
    assert hub.asked["private"] is True and hub.asked["repo_type"] == "dataset" and hub.asked["exist_ok"]


Make = Callable[[], Exception]
REFUSALS: dict[str, Make] = {
    "no login": lambda: errors.LocalTokenNotFoundError("Token is required"),
    "no network": lambda: ConnectionError("Name or service not known"),
    "offline": lambda: errors.OfflineModeIsEnabled("offline mode is enabled\nmore"),
    "no word": lambda: OSError(),
    "its own connection error": lambda: errors.HfHubHTTPError.__bases__[0]("[Errno 111] Connection refused"),
}


@pytest.mark.parametrize("make", REFUSALS.values(), ids=REFUSALS)
def test_a_hub_that_refuses_or_is_not_there_is_heard_in_one_line(exported, monkeypatch, make):
    Hub(monkeypatch, make())
    with pytest.raises(ConfigError, match="the hub did not take lab/focus: .") as caught:
        upload(plan_export_upload(exported), "lab/focus")
    assert "\n" not in caught.value.message and "HF_TOKEN" in caught.value.advice


def test_a_name_that_no_page_can_have_is_refused_by_its_flag(exported, monkeypatch):
    Hub(monkeypatch, errors.HFValidationError("Repo id must use alphanumeric chars: 'a b/c'."))
    with pytest.raises(ConfigError, match="--repo a b/c: Repo id must use"):
        upload(Upload(exported, (), "mit"), "a b/c")


def test_a_bug_of_ours_is_not_the_hub_s_fault(exported, monkeypatch):
    Hub(monkeypatch, KeyError("x"))
    with pytest.raises(KeyError):
        upload(Upload(exported, (), "mit"), "a/b")
