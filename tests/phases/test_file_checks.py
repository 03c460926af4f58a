"""Records and files of a scene are compared with each other; whatever does not belong together is named."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest

from focusgen.base.files import publish
from focusgen.config import GRAPH
from focusgen.dataset.layout import DatasetLayout, SceneLayout
from focusgen.phases.file_checks import SceneRecords, VouchedFiles, looks_published
from tests.small import entry, finish_scene, identity, put_record


class Told:
    """What was said while a scene's records and files were read."""

    def __init__(self, scene: SceneLayout, ingest_digest: str = "") -> None:
        self.errors: list[str] = []
        self.warnings: list[str] = []
        self.records = SceneRecords(scene, self.errors.append, self.warnings.append)
        if ingest_digest:
            self.records.check_chain(ingest_digest)
        self.files = VouchedFiles(scene, self.records, self.errors.append)


@pytest.fixture
def dataset(tmp_path: Path) -> DatasetLayout:
    return DatasetLayout(tmp_path, tmp_path / "scene_index.json")


@pytest.fixture
def made(dataset: DatasetLayout) -> tuple[SceneLayout, str]:
    """A finished scene and the digest of its raw checksums."""
    return dataset.scene("a"), finish_scene(dataset, "a").ingest_digest


def test_a_whole_scene_says_nothing(made):
    scene, digest = made
    told = Told(scene, digest)
    told.files.finish()
    assert (told.errors, told.warnings) == ([], [])
    assert list(told.records.by_phase) == ["deblur", "depth", "render"] and not told.records.is_rehearsal
    assert list(told.files.unknown()) == []


def test_every_file_is_read_once(made, monkeypatch):
    scene, _ = made
    told = Told(scene)
    read: list[Path] = []
    whole = "focusgen.phases.file_checks.read_published"
    monkeypatch.setattr(whole, lambda path: read.append(path) or path.read_bytes())
    told.files.read(scene.depth(1))
    told.files.finish()
    vouched = sum(len(record.files) for record in told.records.by_phase.values())
    assert len(read) == len(set(read)) == vouched
    assert told.files.n_bytes == sum(path.stat().st_size for path in read)


@pytest.mark.parametrize("phase", ["deblur", "depth", "render"])
def test_a_phase_without_a_record_says_why(made, phase):
    scene, _ = made
    scene.done(phase).unlink()
    (error,) = Told(scene).errors
    assert error == f"{scene.done(phase).relative_to(scene.root)}: no such record: phase {phase}: not done"
    publish(scene.failed(phase), json.dumps({"class": "oom", "message": "frame 3: too large"}).encode())
    (error,) = Told(scene).errors
    assert error.endswith(f"phase {phase}: failed (oom): frame 3: too large")


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"\xff", b'{"run": {}}'])
def test_a_damaged_record_is_named_and_vouches_for_nothing(made, data):
    scene, _ = made
    scene.done("depth").write_bytes(data)
    told = Told(scene)
    (error,) = told.errors
    assert error.startswith("depth_maps/.done: ") and "depth" not in told.records.by_phase
    assert told.files.read(scene.depth(0)) is not None  # it may be looked at
    assert "depth_maps/depth_0000.npz: no record vouches for it" in told.errors


def test_a_record_that_cannot_be_read_is_named(made):
    scene, _ = made
    scene.done("depth").unlink()
    scene.done("depth").mkdir()
    (error,) = Told(scene).errors
    assert error.startswith("depth_maps/.done: ")


def test_the_record_of_another_scene_is_not_believed(dataset, made):
    scene, _ = made
    finish_scene(dataset, "b", entry(2, width=32, height=16))
    publish(scene.done("depth"), dataset.scene("b").done("depth").read_bytes())
    told = Told(scene)
    assert "depth_maps/.done: the record of another scene or phase" in told.errors


def test_the_record_of_another_phase_is_not_believed(made):
    scene, _ = made
    publish(scene.done("depth"), scene.done("deblur").read_bytes())
    assert "depth_maps/.done: the record of another scene or phase" in Told(scene).errors


def test_an_old_record_that_was_put_back_is_noticed_by_its_copy(made):
    scene, _ = made
    old = scene.done("deblur").read_bytes()
    put_record(scene, identity("deblur"), {"width": 1})
    publish(scene.done("deblur"), old)
    told = Told(scene)
    assert told.errors == [
        "frames_sharp/.done: not the record that was written last: an old one was put back"
    ]


def test_a_damaged_copy_is_a_warning_with_a_way_out_and_a_missing_one_nothing(made):
    scene, _ = made
    scene.record_copy("depth").write_bytes(b"{")
    scene.record_copy("render").unlink()
    told = Told(scene)
    assert told.errors == [] and len(told.warnings) == 1
    assert str(scene.record_copy("depth")) in told.warnings[0] and "focusgen repair" in told.warnings[0]


def test_a_rehearsal_stands_in_where_the_whole_is_missing(made):
    scene, _ = made
    render = scene.done("render").read_bytes()
    scene.done("render").unlink()
    publish(scene.partial("render"), render)
    told = Told(scene)
    assert told.errors == [] and told.records.is_rehearsal


@pytest.mark.parametrize(
    ("phase", "upstream", "message"),
    [
        ("depth", {"deblur": "other"}, "phase depth was made from another deblur than the one that lies"),
        ("depth", {}, "phase depth was made from another deblur"),
        ("render", {"deblur": "other", "depth": "other"}, "phase render was made from another depth"),
        ("deblur", {"index": "other"}, "another index than the one that lies there (scene_index.json or"),
    ],
)
def test_what_was_made_from_something_else_is_named_with_both_sides(made, phase, upstream, message):
    scene, digest = made
    put_record(scene, identity(phase, upstream=upstream))
    errors = [error for error in Told(scene, digest).errors if message in error]
    assert len(errors) == 1 and f"{scene.done(phase).relative_to(scene.root)} is not of this run" in errors[0]
    assert errors[0].endswith(f"run phase {GRAPH[phase].number} for this scene with --on_stale redo")


def test_a_link_to_a_record_that_is_not_there_is_not_told_twice(made):
    scene, digest = made
    scene.done("deblur").unlink()
    assert len(Told(scene, digest).errors) == 1


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.unlink(), "No such file or directory"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "bytes, the record says"),
        (lambda path: path.write_bytes(b"\0" + path.read_bytes()[1:]), "damaged: its checksum"),
        (lambda path: path.unlink() or path.mkdir(), "Is a directory"),
    ],
)
def test_a_file_that_is_not_the_vouched_one_is_told_once(made, spoil, message):
    scene, _ = made
    spoil(scene.depth(1))
    told = Told(scene)
    told.files.read(scene.depth(1))
    told.files.finish()
    (error,) = told.errors
    assert error.startswith("depth_maps/depth_0001.npz: ") and message in error


def test_a_record_that_hardly_a_file_agrees_with_is_suspected_itself(made):
    scene, _ = made
    for path in (scene.sharp(0), scene.sharp(1)):
        path.write_bytes(b"of another run")
    told = Told(scene)
    told.files.finish()
    assert any(e.startswith("frames_sharp/.done: 2 of 2 files are not those") for e in told.errors)


def test_three_quarters_are_not_yet_hardly_any(made):
    """Phase 5 vouches for metadata, two labels and two renders."""
    scene, _ = made
    for path in (scene.bokeh(0, 0), scene.bokeh(0, 1), scene.focus(0, 0)):
        path.write_bytes(b"x")
    told = Told(scene)
    told.files.finish()
    assert len(told.errors) == 3
    scene.focus(0, 1).write_bytes(b"x")
    again = Told(scene)
    again.files.finish()
    assert any(e.startswith("bokeh_renders/.done: 4 of 5 files") for e in again.errors)


def test_unknown_files_come_in_the_order_of_names_and_none_of_ours_is_one(made):
    scene, _ = made
    for name in ("b.txt", "a ü.txt", "frames_sharp/z.png", "frames_sharp/.failed", "new folder/x"):
        path = scene.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    found = [path.relative_to(scene.root).as_posix() for path in Told(scene).files.unknown()]
    assert found == ["a ü.txt", "b.txt", "frames_sharp/z.png", "new folder/x"]


def test_folders_come_in_the_order_of_names_whatever_the_disk_says(made, monkeypatch):
    scene, _ = made
    walk = os.walk

    def backwards(top):
        for folder, folders, names in walk(top):
            folders.sort(reverse=True)
            yield folder, folders, names

    for name in ("new_a", "new_b", "new_c"):
        (scene.root / name).mkdir()
        (scene.root / name / "x").write_bytes(b"")
    monkeypatch.setattr(os, "walk", backwards)
    assert [path.parent.name for path in Told(scene).files.unknown()] == ["new_a", "new_b", "new_c"]


def test_what_a_phase_left_half_made_is_not_unknown(made):
    scene, _ = made
    scene.done("render").unlink()
    (scene.root / "clean_renders").mkdir()
    (scene.root / "clean_renders" / "half.png").write_bytes(b"")
    assert list(Told(scene).files.unknown()) == []


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("frames_sharp/frame_0000.png", True),
        ("frames_sharp/any.png", True),
        ("depth_maps/depth_0000.npz", True),
        ("depth_maps/depth_0000.npy", True),
        ("depth_maps/valid_0000.png", True),
        ("depth_maps/preview.png", False),
        ("bokeh_renders/set_00/bokeh_0000.png", True),
        ("bokeh_renders/bokeh_0000.png", False),
        ("focus_maps/set_12/x.npz", True),
        ("frames_sharp/.hidden.png", False),
        ("metadata.json", False),
        ("backup/frames_sharp/frame_0000.png", False),
        ("frames_sharp/deeper/frame_0000.png", False),
    ],
)
def test_what_a_loader_would_read(dataset, name, is_one):
    scene = dataset.scene("a")
    assert looks_published(scene, scene.root / name) is is_one


def test_equal_scenes_have_equal_chains_of_records(tmp_path):
    first, second = (DatasetLayout(tmp_path / n, tmp_path / n / "i.json") for n in "12")
    one = finish_scene(first, "a")
    finish_scene(second, "a", dataclasses.replace(one, ingest_digest=""))
    digests = [
        {phase: record.digest for phase, record in Told(d.scene("a")).records.by_phase.items()}
        for d in (first, second)
    ]
    assert digests[0] == digests[1]
