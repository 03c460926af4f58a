"""One writer per scene and phase, on file systems with locks and without; a lock dies with its process."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from focusgen.base import locks
from focusgen.base.errors import ExitCode, Interrupted
from focusgen.base.locks import exclusive, heartbeat_path, holder
from focusgen.base.signals import stop_on_signals
from focusgen.config import SCENE_PHASES
from focusgen.dataset.layout import DatasetLayout, SceneLayout
from focusgen.models.passthrough import Passthrough
from focusgen.phases.index import index_dataset
from tests.faults import FAILED_IN_CHILD, false_records, fork, import_phases, in_child, run_phases
from tests.fingerprint import published_digests
from tests.flockless import environment_without_flock

SCENES = ("a",)


@pytest.fixture(scope="module", autouse=True)
def phases():
    import_phases()


def in_fork(body) -> int:
    """Start `body` in a fork and return its process number."""
    pid = fork()
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

    def refuse(descriptor, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(locks.fcntl, "flock", refuse)


@pytest.fixture(autouse=True)
def _nothing_known_of_file_systems():
    locks._without_flock.clear()
    yield
    locks._without_flock.clear()


@pytest.mark.slow
@pytest.mark.parametrize("has_flock", [True, False])
def test_two_processes_on_one_scene_do_the_work_once(rgbd, monkeypatch, has_flock):
    cfg = make_scene(rgbd)
    if not has_flock:
        without_flock(monkeypatch)
    diary = rgbd.root / "diary.txt"
    pids = [in_fork(counting_run(cfg, diary)) for _ in range(4)]
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids] == [0] * 4
    frames = [line.split()[1] for line in diary.read_text().splitlines()]
    assert sorted(frames) == [str(frame) for frame in range(6)]
    assert false_records(rgbd.out_root, SCENES) == []
    shared = published_digests(rgbd.out_root)
    rgbd.out_root.rename(rgbd.root / "shared")
    index_dataset(cfg)
    assert in_child(lambda: run_phases(cfg, SCENES)) == 0
    assert published_digests(rgbd.out_root) == shared


@pytest.mark.slow
def test_the_scene_of_a_killed_holder_is_taken_over_at_its_frame(rgbd):
    cfg = make_scene(rgbd)
    diary = rgbd.root / "diary.txt"
    first = in_fork(counting_run(cfg, diary))
    frames = rgbd.out_root / "a" / "frames_sharp"
    wait_until(lambda: len(list(frames.glob("*.png"))) >= 2, "no frame appeared")
    second = in_fork(counting_run(cfg, diary))
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

    pid = in_fork(hold)
    assert held.wait(10)
    waits = []
    os.kill(pid, signal.SIGKILL)
    started_s = time.monotonic()
    with exclusive(path, waits.append):
        assert time.monotonic() - started_s < 1.0
    os.waitpid(pid, 0)


@pytest.mark.parametrize("has_flock", [True, False])
def test_who_waits_is_told_who_holds_the_lock(tmp_path, monkeypatch, has_flock):
    if not has_flock:
        without_flock(monkeypatch)
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    path = tmp_path / "a.lock"

    class Stopped(Exception):
        pass

    def stop(who: str) -> None:
        raise Stopped(who)

    with exclusive(path):
        with pytest.raises(Stopped, match=rf"^pid {os.getpid()} on .+, job 77$"), exclusive(path, stop):
            pass
    assert holder(path) == "another process", "a lock that was given back names nobody"
    assert not heartbeat_path(path).exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_a_signal_ends_a_wait_that_nobody_looks_after(tmp_path, capfd, number):
    path = tmp_path / "a.lock"

    def wait() -> int:
        try:
            with exclusive(path):
                return 0
        except Interrupted as error:
            return int(error.exit_code)

    with exclusive(path):
        pid = in_fork(wait)
        wait_until(lambda: "waiting for" in capfd.readouterr().err, "it did not say that it waits")
        os.kill(pid, number)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code == (ExitCode.INTERRUPTED if number == signal.SIGINT else ExitCode.TERMINATED)


def test_a_signal_that_came_before_the_wait_ends_it_too(tmp_path):
    path = tmp_path / "a.lock"
    with exclusive(path), stop_on_signals() as stop:
        stop.exit_code = ExitCode.TERMINATED
        with pytest.raises(Interrupted, match=r"waiting for .*a\.lock, which pid \d+ on"), exclusive(path):
            pass


class GaveUp(Exception):
    """The lock was respected for as long as a test waits."""


def give_up_after(seconds: float):
    end = time.monotonic() + seconds

    def look(who: str) -> None:
        if time.monotonic() > end:
            raise GaveUp(who)

    return look


@pytest.mark.slow
def test_a_heartbeat_of_a_living_owner_is_respected_and_of_a_dead_one_is_not(tmp_path, monkeypatch):
    without_flock(monkeypatch)
    monkeypatch.setattr(locks, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr(locks, "HEARTBEAT_DEAD_S", 0.4)
    monkeypatch.setattr(locks, "POLL_S", 0.02)
    monkeypatch.setattr(locks, "SETTLE_S", 0.1)
    path = tmp_path / "a.lock"

    def hold() -> int:
        with exclusive(path):
            time.sleep(60)
        return 0

    pid = in_fork(hold)
    wait_until(heartbeat_path(path).exists, "no lock")
    with pytest.raises(GaveUp, match=f"pid {pid} on"), exclusive(path, give_up_after(1.0)):
        pass
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with exclusive(path):
        assert f"pid {os.getpid()} on" in holder(path)
    assert not heartbeat_path(path).exists()


def left_behind(file: Path, age_s: float) -> None:
    file.write_text(json.dumps({"host": "node7", "pid": 12, "job": "34_5"}))
    os.utime(file, (time.time() - age_s,) * 2)


@pytest.mark.slow
@pytest.mark.parametrize("clock_ahead_s", [0, -3600, 3600])
def test_a_heartbeat_is_dead_after_a_minute_by_the_clock_of_the_file_system(
    tmp_path, monkeypatch, clock_ahead_s
):
    without_flock(monkeypatch)
    monkeypatch.setattr(locks, "POLL_S", 0.02)
    monkeypatch.setattr(locks, "SETTLE_S", 0.05)
    path, now_s = tmp_path / "a.lock", time.time
    left_behind(heartbeat_path(path), 55)
    monkeypatch.setattr(time, "time", lambda: now_s() + clock_ahead_s)  # this node's clock is wrong
    with pytest.raises(GaveUp, match="pid 12 on node7, job 34_5"), exclusive(path, give_up_after(0.2)):
        pass
    monkeypatch.setattr(time, "time", now_s)
    left_behind(heartbeat_path(path), 65)
    monkeypatch.setattr(time, "time", lambda: now_s() + clock_ahead_s)
    with exclusive(path, give_up_after(5)):
        pass


def test_an_owner_that_lost_its_lock_does_not_delete_that_of_the_next(tmp_path, monkeypatch):
    without_flock(monkeypatch)
    path = tmp_path / "a.lock"
    with exclusive(path):
        left_behind(heartbeat_path(path), 0)  # it stalled, and another took over
    assert "node7" in holder(path)


@pytest.mark.slow
def test_of_two_that_saw_the_same_dead_lock_the_later_keeps_it(tmp_path, monkeypatch):
    without_flock(monkeypatch)
    path, sleep = tmp_path / "a.lock", time.sleep
    left_behind(heartbeat_path(path), 65)

    def another_deletes_ours(seconds: float) -> None:
        if seconds == locks.SETTLE_S:
            left_behind(heartbeat_path(path), 0)
        sleep(0.01)

    monkeypatch.setattr(time, "sleep", another_deletes_ours)
    with pytest.raises(GaveUp, match="node7"), exclusive(path, give_up_after(0.5)):
        pass
    assert "node7" in holder(path)


@pytest.mark.slow
def test_only_one_of_many_takes_over_a_dead_heartbeat_lock(tmp_path, monkeypatch):
    without_flock(monkeypatch)
    monkeypatch.setattr(locks, "HEARTBEAT_DEAD_S", 0.2)
    monkeypatch.setattr(locks, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr(locks, "POLL_S", 0.005)
    monkeypatch.setattr(locks, "SETTLE_S", 0.1)
    path, inside = tmp_path / "a.lock", tmp_path / "inside"
    left_behind(heartbeat_path(path), 9)

    def enter() -> int:
        with exclusive(path):
            os.close(os.open(inside, os.O_CREAT | os.O_EXCL))  # fails if somebody else is inside
            time.sleep(0.02)
            inside.unlink()
        return 0

    pids = [in_fork(enter) for _ in range(8)]
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids] == [0] * 8


@pytest.mark.parametrize("first_has_flock", [True, False])
def test_a_process_without_flock_and_one_with_it_keep_each_other_out(tmp_path, monkeypatch, first_has_flock):
    """ENOLCK comes and goes with a lock daemon."""
    monkeypatch.setattr(locks, "POLL_S", 0.02)
    path, device = tmp_path / "a.lock", tmp_path.stat().st_dev

    def hold_to(has_flock: bool) -> None:
        locks._without_flock.clear()
        locks._without_flock.update(() if has_flock else {device})

    hold_to(first_has_flock)
    with exclusive(path):
        hold_to(not first_has_flock)
        with pytest.raises(GaveUp, match=f"pid {os.getpid()} on"), exclusive(path, give_up_after(0.2)):
            pass
    with exclusive(path, give_up_after(0.2)):
        pass


def phase_1(rgbd) -> list[str]:
    script = Path(__file__).parent.parent.parent / "scripts" / "01_validate_dataset.py"
    return [sys.executable, str(script), "--min_frames", "2", *rgbd.flags("raw_root", "out_root")]


SLOW = pytest.mark.slow


@pytest.mark.slow
@pytest.mark.parametrize(
    "error", ["ENOSYS", *(pytest.param(name, marks=SLOW) for name in ("ENOLCK", "EOPNOTSUPP", "EINVAL"))]
)
def test_the_command_line_works_where_flock_fails(rgbd, error):
    rgbd.add_scene("a", n_frames=2)
    environment = environment_without_flock(rgbd.root, error)
    done = subprocess.run(phase_1(rgbd), env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("lock files with a heartbeat are used") == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert not list(rgbd.out_root.rglob("*.heartbeat")), "given back"


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_command_that_waits_without_flock_names_the_holder_and_obeys(rgbd, number, code):
    rgbd.add_scene("a", n_frames=2)
    lock = DatasetLayout.of(rgbd.config()).index_lock
    lock.parent.mkdir(parents=True)
    left_behind(heartbeat_path(lock), 0)
    environment = environment_without_flock(rgbd.root, "ENOSYS")
    with subprocess.Popen(phase_1(rgbd), env=environment, stderr=subprocess.PIPE, text=True) as waiting:
        for line in waiting.stderr:
            if "pid 12 on node7, job 34_5 holds it" in line:
                break
        waiting.send_signal(number)
        rest = waiting.stderr.read()
        assert waiting.wait(20) == code
    assert "stopped by a signal while waiting" in rest and "Traceback" not in rest


def test_a_lock_file_has_the_mode_that_the_umask_allows(tmp_path):
    before = os.umask(0o007)
    try:
        with exclusive(tmp_path / "a.lock"):
            assert (tmp_path / "a.lock").stat().st_mode & 0o777 == 0o660
    finally:
        os.umask(before)
