"""A record is the last thing that is written, and stands only over what has reached the device."""

from __future__ import annotations

from pathlib import Path

import pytest

from focusgen.base import files
from focusgen.base.checksums import FileEntry
from focusgen.base.errors import StorageError
from focusgen.dataset import record_writing
from focusgen.dataset.layout import SceneLayout
from focusgen.dataset.record_writing import record_document, write_record
from focusgen.dataset.records import read_record
from tests.small import identity


@pytest.fixture
def scene(tmp_path: Path) -> SceneLayout:
    scene = SceneLayout(tmp_path, "a")
    scene.phase_folder("depth").mkdir(parents=True)
    return scene


def document(scene: SceneLayout) -> dict[str, object]:
    entries = {scene.depth(1): FileEntry(1, "b"), scene.depth(0): FileEntry(1, "a")}
    plan = identity("depth")
    return record_document(plan, scene.phase_folder("depth"), entries, {}, ["look"], {"unit": "m"})


def test_the_record_comes_last_after_a_sync_and_the_folder_is_synced_after(scene, monkeypatch):
    events = []
    monkeypatch.setattr(files, "on_step", lambda step, path: events.append((step, path.name)))
    for name in ("sync_file_system", "fsync_folder"):
        monkeypatch.setattr(
            record_writing, name, lambda folder, name=name: events.append((name, folder.name))
        )
    written = write_record(scene, document(scene), {})
    steps = [event for event in events if event[0] in ("sync_file_system", "after_rename", "fsync_folder")]
    assert steps == [
        ("after_rename", "depth.json"),
        ("sync_file_system", "depth_maps"),
        ("after_rename", ".done"),
        ("fsync_folder", "depth_maps"),
    ]
    assert list(written.files) == ["depth_0000.npz", "depth_0001.npz"]
    assert read_record(scene.done("depth")) == read_record(scene.record_copy("depth")) == written


def test_a_device_that_fails_leaves_no_record_and_the_failure_that_was_noted(scene, monkeypatch):
    def fail(folder: Path) -> None:
        raise StorageError("the device failed")

    scene.failed("depth").write_text("{}")
    monkeypatch.setattr(record_writing, "fsync_folder", fail)
    with pytest.raises(StorageError, match="the device failed"):
        write_record(scene, document(scene), {})
    assert not scene.done("depth").exists() and scene.failed("depth").exists()


def test_a_rehearsal_s_record_has_no_copy_that_could_stand_for_a_whole_scene(scene):
    write_record(scene, document(scene), {}, whole_scene=False)
    assert read_record(scene.partial("depth")).details == {"unit": "m"}
    assert not scene.record_copy("depth").exists() and not scene.done("depth").exists()
