"""What would be sent is exactly what is vouched for; a hub that refuses is heard with the way out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import errors

from focusgen import __version__, cli
from focusgen.base.errors import ConfigError, CorruptInputError, FocusgenError
from focusgen.tools import push
from focusgen.tools.push import LeftBehind, Upload, plan_data_set, plan_export_upload, upload

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


@pytest.fixture
def with_card(finished: Path) -> Path:
    """Return a finished data set with its card."""
    assert cli.main(["card", "--out_root", str(finished), "--source_license", "CC-BY-4.0"]) == 0
    return finished


def put(root: Path, **files: int) -> None:
    """Write files of so many bytes."""
    for name, n_bytes in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x" * n_bytes)


def listed(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize("is_packed", [False, True], ids=["files", "tars"])
def test_of_a_data_set_all_that_focusgen_made_is_sent_and_nothing_of_its_owner(with_card, is_packed, capsys):
    scene = next(iter(json.loads((with_card / "scene_index.json").read_text())))
    root = ["--out_root", str(with_card)]
    assert cli.main(["report", *root]) == cli.main(["preview", scene, *root]) == 0
    if is_packed:
        assert cli.main(["pack", *root]) == cli.main(["card", *root, "--source_license", "CC-BY-4.0"]) == 0
    made = {name for name in listed(with_card) if not name.startswith(".focusgen/")}
    assert plan_data_set(with_card).left_behind == ()
    mine = {
        "credentials.txt": 9,
        "backup.tar": 4000,
        "notes/a.txt": 2,
        "notes/deep/b.txt": 3,
        f"{scene}/frames_sharp/frame_0000.png.bak": 7,
        "logs/mine.txt": 1,
        ".git/HEAD": 30,
    }
    put(with_card, **mine)
    plan = plan_data_set(with_card, ["notes/deep"])
    assert {name for name, _ in plan.files} == made | {"notes/deep/b.txt"}
    assert all(size == (with_card / name).stat().st_size for name, size in plan.files)
    capsys.readouterr()
    assert cli.main(["push", "--repo", "a/b", *root, "--dry_run"]) == 0
    expected = (
        "not sent, being no part of the data set: backup.tar, .git/, credentials.txt, "
        f"{scene}/frames_sharp/frame_0000.png.bak, notes/ and 1 more: 7 files, 4,052 bytes"
    )
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize("name", ["nothing", "../secret", "/etc/passwd"])
def test_what_is_to_be_sent_too_has_to_lie_there(exported, name):
    (exported.parent / "secret").write_text("x")
    with pytest.raises(ConfigError, match=f"--also {name}: not in "):
        plan_export_upload(exported, [name])


def test_what_its_owner_names_is_sent_with_an_export(exported):
    put(exported, LICENSE=3, **{"figures/one.png": 4, "figures/.two": 5, "rest.txt": 6})
    plan = plan_export_upload(exported, ["LICENSE", "figures"])
    sent = dict(plan.files)
    assert (sent["LICENSE"], sent["figures/one.png"], sent["figures/.two"]) == (3, 4, 5)
    assert plan.left_behind == (LeftBehind("rest.txt", 1, 6),)


def test_a_scene_that_lies_elsewhere_by_a_link_is_sent(with_card, tmp_path):
    scene = next(iter(json.loads((with_card / "scene_index.json").read_text())))
    before = plan_data_set(with_card)
    (with_card / scene).rename(tmp_path / "elsewhere")
    (with_card / scene).symlink_to(tmp_path / "elsewhere")
    assert plan_data_set(with_card) == before


@pytest.mark.slow
def test_a_scene_that_its_card_leaves_out_is_left_out_by_its_name(finished, capsys):
    name = next(iter(json.loads((finished / "scene_index.json").read_text())))
    (finished / name / "bokeh_renders" / ".done").unlink()
    words = ["--out_root", str(finished), "--leave_out", name]
    assert cli.main(["card", *words, "--source_license", "MIT"]) == 0
    assert f"left out: {name}." in (finished / "README.md").read_text().replace("\\", "")
    assert name not in "".join(path.read_text() for path in finished.glob("*.jsonl"))
    assert cli.main(["push", "--repo", "a/b", "--dry_run", *words[:2]]) == 3
    capsys.readouterr()
    assert cli.main(["push", "--repo", "a/b", "--dry_run", *words]) == 0
    told = capsys.readouterr()
    assert f"  {name}/" not in told.out and f"{name}/: " in told.err
    assert cli.main(["push", "--repo", "a/b", "--dest", str(finished), "--leave_out", name]) == 2
    assert "--leave_out: an export is sent as it was made" in capsys.readouterr().err


def test_a_file_of_a_record_that_is_gone_is_named(with_card):
    path = next(with_card.glob("*/depth_maps/stats.json"))
    path.unlink()
    with pytest.raises(CorruptInputError, match=r"stats\.json: no such file"):
        plan_data_set(with_card)


@pytest.mark.parametrize(
    ("names", "folder"),
    [(["README.md", "a/f/1", "a/f/2", "a/f/3"], "set/a/f"), (["a/1", "b/1", "c/1", "c/2"], "set")],
    ids=["files", "scenes"],
)
def test_more_in_a_folder_than_the_hub_takes_is_refused_with_the_other_way(monkeypatch, names, folder):
    plan = Upload(Path("set"), tuple((name, 1) for name in names), "mit")
    push._refuse_full_folder(plan)
    monkeypatch.setattr(push, "HUB_MAX_FOLDER_ENTRIES", 2)
    with pytest.raises(ConfigError, match=f"^{folder}: 3 entries; the hub takes 2") as caught:
        push._refuse_full_folder(plan)
    assert "focusgen export webdataset" in caught.value.advice


def test_a_data_set_that_phase_6_has_not_passed_is_not_sent(tmp_path):
    (tmp_path / "README.md").write_text(CARD)
    with pytest.raises(FocusgenError):
        plan_data_set(tmp_path)


class Hub:
    """A hub that takes all, or raises what it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: Exception | None = None) -> None:
        self.error, self.asked, self.sent = error, {}, []
        self.commits, self.breaks_at = list[str](), 0
        monkeypatch.setattr(huggingface_hub, "HfApi", lambda: self)

    def create_repo(self, repo: str, **how: Any) -> None:
        if self.error is not None:
            raise self.error
        self.asked = {"repo": repo, **how}

    def create_commit(self, repo: str, operations: Any, **how: Any) -> None:
        self.commits.append(how["commit_message"])
        if len(self.commits) == self.breaks_at:
            raise ConnectionError("reset by peer")
        self.sent += [operation.path_in_repo for operation in operations]


def test_what_was_listed_is_what_is_sent_to_a_private_page(exported, monkeypatch):
    (exported / "later.txt").write_text("x")
    hub = Hub(monkeypatch)
    plan = plan_export_upload(exported)
    assert upload(plan, "lab/focus") == "https://huggingface.co/datasets/lab/focus"
    assert sorted(hub.sent) == [name for name, _ in plan.files]
    assert hub.commits == [f"focusgen {__version__}"]
    assert hub.asked["private"] is True and hub.asked["repo_type"] == "dataset" and hub.asked["exist_ok"]


def test_thousands_of_files_go_in_parts_and_what_tells_that_all_are_there_goes_last(exported, monkeypatch):
    monkeypatch.setattr(push, "FILES_PER_COMMIT", 2)
    hub, plan = Hub(monkeypatch), plan_export_upload(exported)
    hub.breaks_at = 2
    with pytest.raises(ConfigError, match="reset by peer") as caught:
        upload(plan, "lab/focus")
    assert "it goes on" in caught.value.advice and not set(hub.sent) & {"README.md", "MANIFEST.sha256"}
    hub.sent.clear()
    upload(plan, "lab/focus")
    assert sorted(hub.sent) == [name for name, _ in plan.files]
    assert set(hub.sent[-2:]) == {"README.md", "MANIFEST.sha256"}
    assert [message[-8:] for message in hub.commits[2:]] == ["(1 of 2)", "(2 of 2)"]


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
