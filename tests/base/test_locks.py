"""One writer per scene and phase, on file systems with locks and without; a lock dies with its process."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import filelock
import pytest

from focusgen.base import locks
from focusgen.base.locks import exclusive, heartbeat_lock
from focusgen.config import SCENE_PHASES
from focusgen.dataset.fingerprint import published_digests
from focusgen.dataset.layout import SceneLayout
from focusgen.models.passthrough import Passthrough
from focusgen.phases.index import index_dataset
from tests.faults import FAILED_IN_CHILD, false_records, import_backends, in_child, run_phases

SCENES = ("a",)


@pytest.fixture(scope="module", autouse=True)
def backends():
    import_backends()


def fork(body) -> int:
    """Start `body` in a fork and return its process number."""
    pid = os.fork()
    if pid == 0:
        code = FAILED_IN_CHILD
        try:
            code = body()
        finally:
            os._exit(code)
    return pid


def wait_until(condition, what: str, timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


def counting_run(cfg, diary: Path):
    """Return a body that runs all phases and writes a line per frame that it restores."""

    def body() -> int:
        restore = Passthrough.deblur

        def noted(self, frames, keys):
            with diary.open("a") as file:
                file.write(f"{os.getpid()} {keys[0].frame_index}\n")
            time.sleep(0.03)
            return restore(self, frames, keys)

        Passthrough.deblur = noted
        return run_phases(cfg, SCENES)

    return body


def make_scene(rgbd):
    rgbd.add_scene("a", n_frames=6)
    cfg = rgbd.config(render__n_sets=1)
    index_dataset(cfg)
    return cfg


def without_flock(monkeypatch) -> None:
    """Make this look like a file system that knows no locks."""

    def refuse(self, *arguments, **named):
        raise NotImplementedError("no flock here")

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)


@pytest.mark.parametrize("has_flock", [True, False])
def test_two_processes_on_one_scene_do_the_work_once(rgbd, monkeypatch, has_flock):
    cfg = make_scene(rgbd)
    if not has_flock:
        without_flock(monkeypatch)
    diary = rgbd.root / "diary.txt"
    pids = [fork(counting_run(cfg, diary)) for _ in range(4)]
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids] == [0] * 4
    frames = [line.split()[1] for line in diary.read_text().splitlines()]
    assert sorted(frames) == [str(frame) for frame in range(6)]
    assert false_records(rgbd.out_root, SCENES) == []
    shared = published_digests(rgbd.out_root)
    rgbd.out_root.rename(rgbd.root / "shared")
    index_dataset(cfg)
    assert in_child(lambda: run_phases(cfg, SCENES)) == 0
    assert published_digests(rgbd.out_root) == shared


def test_the_scene_of_a_killed_holder_is_taken_over_at_its_frame(rgbd):
    cfg = make_scene(rgbd)
    diary = rgbd.root / "diary.txt"
    first = fork(counting_run(cfg, diary))
    frames = rgbd.out_root / "a" / "frames_sharp"
    wait_until(lambda: len(list(frames.glob("*.png"))) >= 2, "no frame appeared")
    second = fork(counting_run(cfg, diary))
    time.sleep(0.05)
    os.kill(first, signal.SIGKILL)
    os.waitpid(first, 0)
    assert os.waitstatus_to_exitcode(os.waitpid(second, 0)[1]) == 0
    done = [tuple(line.split()) for line in diary.read_text().splitlines()]
    by_second = {frame for pid, frame in done if pid == str(second)}
    assert "0" not in by_second, "frames of the killed one are kept"
    assert len(done) <= 6 + 1 + 8, "at most the frame in hand and what was queued is made twice"
    assert false_records(rgbd.out_root, SCENES) == []
    assert all(SceneLayout(rgbd.out_root, "a").done(phase).exists() for phase in SCENE_PHASES)


def test_a_lock_is_handed_over_within_a_second_of_its_holders_death(tmp_path):
    path = tmp_path / "locks" / "a.lock"
    held = multiprocessing.get_context("fork").Event()

    def hold() -> int:
        with exclusive(path):
            held.set()
            time.sleep(60)
        return 0

    pid = fork(hold)
    assert held.wait(10)
    waits = []
    os.kill(pid, signal.SIGKILL)
    started_s = time.monotonic()
    with exclusive(path, lambda: waits.append(1)):
        assert time.monotonic() - started_s < 1.0
    os.waitpid(pid, 0)


def test_waiting_tells_and_can_be_ended(tmp_path):
    path = tmp_path / "a.lock"

    class Stopped(Exception):
        pass

    def stop() -> None:
        raise Stopped

    with exclusive(path), pytest.raises(Stopped), exclusive(path, stop):
        pass


def test_a_heartbeat_lock_of_a_living_owner_is_respected_and_of_a_dead_one_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr(locks, "HEARTBEAT_DEAD_S", 0.4)
    monkeypatch.setattr(locks, "POLL_S", 0.02)
    path = tmp_path / "a.heartbeat"

    def hold() -> int:
        with heartbeat_lock(path):
            time.sleep(60)
        return 0

    pid = fork(hold)
    wait_until(path.exists, "no lock")
    waits = []

    def give_up_after_a_second() -> None:
        waits.append(time.monotonic())
        if waits[-1] - waits[0] > 1.0:
            raise TimeoutError

    with pytest.raises(TimeoutError), heartbeat_lock(path, give_up_after_a_second):
        pass
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with heartbeat_lock(path):
        assert path.exists()
    assert not path.exists()


def test_only_one_of_many_takes_over_a_dead_heartbeat_lock(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "HEARTBEAT_DEAD_S", 0.2)
    monkeypatch.setattr(locks, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr(locks, "POLL_S", 0.005)
    monkeypatch.setattr(locks, "SETTLE_S", 0.1)
    path, inside = tmp_path / "a.heartbeat", tmp_path / "inside"
    path.write_text("{}")
    os.utime(path, (1, 1))

    def enter() -> int:
        with heartbeat_lock(path):
            os.close(os.open(inside, os.O_CREAT | os.O_EXCL))  # fails if somebody else is inside
            time.sleep(0.02)
            inside.unlink()
        return 0

    pids = [fork(enter) for _ in range(8)]
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids] == [0] * 8


def test_a_lock_file_has_the_mode_that_the_umask_allows(tmp_path):
    before = os.umask(0o007)
    try:
        with exclusive(tmp_path / "a.lock"):
            assert (tmp_path / "a.lock").stat().st_mode & 0o777 == 0o660
    finally:
        os.umask(before)
