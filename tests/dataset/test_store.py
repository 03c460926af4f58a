"""Writes into a data set are whole or not there, ordered, and resumable to the same bytes."""

from __future__ import annotations

import errno
import json
import os
import threading

import numpy as np
import pytest

from focusgen.base import files
from focusgen.base.checksums import FileEntry, checksum
from focusgen.base.errors import StaleError, StorageError
from focusgen.base.files import publish
from focusgen.dataset import scene_store, store
from focusgen.dataset.layout import SceneLayout
from focusgen.dataset.records import Identity, read_record
from focusgen.dataset.scene_store import PhaseStore, reopen
from focusgen.dataset.store import Writer
from focusgen.media.codecs import encode_npz

IDENTITY = Identity("depth", "a", "dryrun", 1, {"depth.min_m": 0.01}, {}, {"deblur": "1"}, 3)


@pytest.fixture
def scene(tmp_path) -> SceneLayout:
    return SceneLayout(tmp_path, "a")


def depth_bytes(frame: int) -> bytes:
    return encode_npz("depth", np.full((4, 4), frame + 1, np.float16))


def make(
    scene: SceneLayout, identity: Identity = IDENTITY, *, stop_before: int | None = None, **named
) -> list[int]:
    """Make what is missing, with a note per frame; return the frames that were made."""
    made = []
    with PhaseStore(scene, identity, **named) as out:
        for frame in out.missing(lambda frame: [scene.depth(frame)]):
            if frame == stop_before:
                raise KeyboardInterrupt
            out.remember(f"median/{frame}", frame + 1.0)
            out.put((scene.depth(frame), lambda frame=frame: depth_bytes(frame)))
            made.append(frame)
        out.drain()
        out.finish({"median": out.recall_frames("median")})
    return made


# --- one file


def test_the_entry_is_of_the_bytes_handed_over(tmp_path):
    entry = publish(tmp_path / "x", b"hello")
    assert entry == FileEntry(5, checksum(b"hello"))
    assert os.listdir(tmp_path) == ["x"]


def test_a_reader_sees_the_old_file_or_the_whole_new_one(tmp_path):
    path, sizes = tmp_path / "x", set()
    publish(path, bytes(1 << 20))
    is_over = threading.Event()

    def read() -> None:
        while not is_over.is_set():
            sizes.add(len(path.read_bytes()))

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(20):
        publish(path, bytes(1 << 20))
    is_over.set()
    reader.join()
    assert sizes == {1 << 20}


def test_a_short_write_goes_on_and_a_shorter_file_is_refused(tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    publish(tmp_path / "x", b"0123456789")
    assert (tmp_path / "x").read_bytes() == b"0123456789"
    monkeypatch.setattr(os, "write", lambda descriptor, data: len(data))  # claims, and writes nothing
    with pytest.raises(StorageError, match="shorter than what was written"):
        publish(tmp_path / "y", b"0123456789")
    assert os.listdir(tmp_path) == ["x"]


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "Free space"),
        (errno.EDQUOT, "quota"),
        (errno.EFBIG, "ulimit -f"),
        (errno.EROFS, "another place"),
    ],
)
def test_a_storage_error_names_the_file_and_the_way_out(tmp_path, monkeypatch, number, advice):
    def fail(*arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(StorageError) as caught:
        publish(tmp_path / "x", b"1")
    assert str(tmp_path / "x") in caught.value.message
    assert advice in caught.value.advice
    assert os.listdir(tmp_path) == []


def test_what_a_process_of_the_same_number_left_is_replaced_and_no_link_is_followed(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    (tmp_path / f".x.{os.getpid()}.tmp").symlink_to(elsewhere)
    publish(tmp_path / "x", b"1")
    assert (tmp_path / "x").read_bytes() == b"1"
    assert elsewhere.read_text() == "mine"


# --- the writer thread


def test_after_a_failed_write_nothing_more_is_written_and_the_caller_learns_it(tmp_path):
    def fail() -> bytes:
        raise StorageError("full")

    writer = Writer()
    writer.put((tmp_path / "a", lambda: b"1"), (tmp_path / "b", fail), (tmp_path / "c", lambda: b"3"))
    writer.put((tmp_path / "d", lambda: b"4")) if writer._error is None else None
    with pytest.raises(StorageError, match="full"):
        writer.close()
    assert os.listdir(tmp_path) == ["a"]


def test_the_queue_is_bounded(tmp_path):
    may_go = threading.Event()
    writer = Writer()

    def slow() -> bytes:
        may_go.wait(10)
        return b"1"

    def fill() -> None:
        for number in range(store.QUEUE_FRAMES + 3):
            writer.put((tmp_path / str(number), slow))
        is_through.set()

    is_through = threading.Event()
    threading.Thread(target=fill, daemon=True).start()
    assert not is_through.wait(0.2)
    may_go.set()
    assert is_through.wait(10)
    writer.close()
    assert len(writer.entries) == store.QUEUE_FRAMES + 3


# --- one phase of one scene


def test_the_record_comes_last_after_a_sync_and_the_folder_is_synced_after(scene, monkeypatch):
    events = []
    monkeypatch.setattr(files, "on_step", lambda step, path: events.append((step, path.name)))
    for name in ("sync_file_system", "fsync_folder"):
        monkeypatch.setattr(scene_store, name, lambda folder, name=name: events.append((name, folder.name)))
    make(scene)
    published = [name for step, name in events if step == "after_rename"]
    assert published[-1] == ".done"
    assert {f"depth_{frame:04d}.npz" for frame in range(3)} < set(published)
    last = [event for event in events if event[1] in ("depth_maps", ".done")]
    steps = [step for step, _ in last]
    assert steps.index("sync_file_system") < steps.index("after_rename") < steps.index("fsync_folder")


def test_a_killed_phase_goes_on_with_the_facts_of_the_frames_it_kept(scene, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        make(scene, stop_before=2)
    assert not scene.done("depth").exists()
    assert make(scene) == [2]
    other = SceneLayout(tmp_path / "undisturbed", "a")
    make(other)
    assert read_record(scene.done("depth")).digest == read_record(other.done("depth")).digest
    assert not scene.journal("depth").exists()


def test_a_frame_that_a_kill_damaged_is_made_again(scene):
    with pytest.raises(KeyboardInterrupt):
        make(scene, stop_before=2)
    scene.depth(0).write_bytes(depth_bytes(0)[:-5])
    assert make(scene) == [0, 2]


def test_frames_of_other_settings_are_never_mixed_in(scene):
    with pytest.raises(KeyboardInterrupt):
        make(scene, stop_before=2)
    other = Identity(**{**IDENTITY.__dict__, "settings": {"depth.min_m": 0.5}})
    with pytest.raises(StaleError, match=r"depth\.min_m: 0\.01 -> 0\.5"):
        make(scene, other)
    assert make(scene, other, redo=True) == [0, 1, 2]


def test_frames_without_a_journal_are_not_trusted(scene):
    make(scene)
    scene.done("depth").unlink()
    with pytest.raises(StaleError, match="no journal"):
        make(scene)


def test_reopening_makes_the_lost_files_again_under_the_same_digest(scene):
    make(scene)
    before = read_record(scene.done("depth"))
    kept = scene.depth(0).stat().st_mtime_ns
    reopen(scene, before, [scene.depth(1)])
    assert not scene.done("depth").exists()
    assert not scene.depth(1).exists()
    assert make(scene) == [1]
    assert read_record(scene.done("depth")).digest == before.digest
    assert scene.depth(0).stat().st_mtime_ns == kept


def test_redoing_removes_the_copy_of_the_old_record_first(scene):
    make(scene)
    other = Identity(**{**IDENTITY.__dict__, "backend": "hf"})
    with pytest.raises(KeyboardInterrupt):
        make(scene, other, redo=True, stop_before=1)
    assert not scene.record_copy("depth").exists()
    assert not scene.done("depth").exists()


def test_a_failure_is_counted_and_kept_in_short_form_where_there_is_no_room(scene, monkeypatch):
    error = StorageError("full", "free some")
    store.write_failure(scene, "depth", error, error.failure_class, "trace" * 1000, 0.0)
    real = store.publish_json

    def limited(path, document, **named):
        if len(json.dumps(document)) > 2000:
            raise StorageError("File too large")
        return real(path, document, **named)

    monkeypatch.setattr(store, "publish_json", limited)
    store.write_failure(scene, "depth", error, error.failure_class, "trace" * 1000, 0.0)
    failure = json.loads(scene.failed("depth").read_text())
    assert (failure["class"], failure["attempt"], failure["traceback"]) == ("storage", 2, "")
    assert failure["advice"] == "free some"
