"""The writer thread, and what is left of a failure."""

from __future__ import annotations

import json
import os
import threading

import pytest

from focusgen.base.errors import StorageError
from focusgen.dataset import store
from focusgen.dataset.layout import SceneLayout
from focusgen.dataset.store import Writer


@pytest.fixture
def scene(tmp_path) -> SceneLayout:
    return SceneLayout(tmp_path, "a")


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
