"""Every write into a data set: atomic, checked, resumable.

A file is written beside its place and renamed, its size compared with the bytes handed over (a full disk or
a file size limit may write less without a word). The record comes last, after one syncfs of the scene.
"""

from __future__ import annotations

import os
import platform
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from focusgen import __version__
from focusgen.base.checksums import FileEntry
from focusgen.base.errors import CorruptInputError, FailureClass, FocusgenError, SceneError
from focusgen.base.files import make_folder, publish, publish_json, remove
from focusgen.config.graph import PhaseName
from focusgen.dataset.layout import SceneLayout
from focusgen.dataset.states import read_failure
from focusgen.media.codecs import GREY, RGB, check_png, decode_npz

QUEUE_FRAMES = 8

Encode = Callable[[], bytes]


def run_facts(started_s: float) -> dict[str, Any]:
    """Return the part of a record that no digest covers: when, where, with what."""
    return {
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started_s)),
        "elapsed_s": round(time.time() - started_s, 3),
        "host": socket.gethostname(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "focusgen": __version__,
        "slurm_job_id": os.environ.get("SLURM_JOB_ID"),
    }


def valid_entry(path: Path) -> FileEntry | None:
    """Return size and checksum of a published frame that is whole, None if it is missing or damaged."""
    try:
        data = path.read_bytes()
        if path.suffix == ".png":
            check_png(data, GREY if path.name.startswith("valid_") else RGB)
        else:
            decode_npz(data, "depth" if path.name.startswith("depth_") else "focus_map")
    except (FileNotFoundError, CorruptInputError):
        return None
    return FileEntry.of(data)


class Writer:
    """One thread that encodes and publishes, so that encoding overlaps computing; a bounded queue."""

    def __init__(self) -> None:
        self.entries: dict[Path, FileEntry] = {}
        self._queue: queue.Queue[Sequence[tuple[Path, Encode]] | None] = queue.Queue(QUEUE_FRAMES)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._loop, name="focusgen-writer", daemon=True)
        self._thread.start()

    def put(self, *files: tuple[Path, Encode]) -> None:
        """Queue files that belong together; they are published in the order given.

        Raises:
            StorageError: an earlier write failed.
        """
        self._raise_error()
        self._queue.put(files)

    def close(self) -> None:
        """Wait until all is written.

        Raises:
            StorageError: a write failed.
        """
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()
        self._raise_error()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _loop(self) -> None:
        while (files := self._queue.get()) is not None:
            if self._error is not None:
                continue  # keep emptying, so that put() never blocks; nothing is written after a failure
            try:
                for path, encode in files:
                    self.entries[path] = publish(path, encode())
            except BaseException as error:  # noqa: BLE001 - handed to the caller's thread
                self._error = error


def write_failure(
    scene: SceneLayout,
    phase: PhaseName,
    error: BaseException,
    failure_class: FailureClass,
    traceback: str,
    started_s: float,
) -> None:
    """Write `.failed` for a scene.

    Raises:
        StorageError: not even this could be written.
    """
    before = read_failure(scene, phase)
    attempt = int(before.get("attempt", 0)) + 1 if before else 1
    message, advice = f"{type(error).__name__}: {error}", ""
    if isinstance(error, FocusgenError):
        message, advice = error.message or message, error.advice
    document = {
        "class": failure_class.value,
        "message": message,
        "advice": advice,
        "traceback": traceback,
        "attempt": attempt,
        "run": run_facts(started_s),
    }
    make_folder(scene.failed(phase).parent)
    try:
        publish_json(scene.failed(phase), document)
    except SceneError:  # a size limit or a nearly full disk may still take the short form
        publish_json(scene.failed(phase), {**document, "traceback": ""})


def publish_scene_log(internal: Path, log_name: str, scene_id: str, text: str) -> None:
    """Put one scene's lines of a log in their own file: many tasks, one writer each."""
    folder = internal / "scene_logs" / log_name
    make_folder(folder)
    path = folder / scene_id
    if text:
        publish(path, text.encode())
    else:
        remove(path)


def merge_scene_logs(internal: Path, log: Path, scene_ids: Iterable[str], header: str = "") -> None:
    """Write a log of the data set anew from its scenes' own lines, in index order."""
    folder = internal / "scene_logs" / log.name
    parts = [header]
    for scene_id in scene_ids:
        try:
            parts.append((folder / scene_id).read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
    make_folder(log.parent)
    publish(log, "".join(parts).encode())
