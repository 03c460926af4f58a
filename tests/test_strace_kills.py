"""SIGKILL by the kernel at the k-th write, rename, fsync ... of a run: no record is ever false."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from focusgen.base.files import publish
from focusgen.dataset import scene_store
from focusgen.phases.index import index_dataset
from tests.faults import EVERY, FAILED_IN_CHILD, false_records, fork, import_phases, in_child, run_phases
from tests.fingerprint import published_digests

SCENES = ("a", "b")
PHASES = ("deblur", "depth")  # without torch: a life takes a tenth of a second
STRIDE = {"write": 11, "rename": 11, "unlink": 11, "mkdir": 11, "openat": 47, "fsync": 1, "syncfs": 1}


class InlineWriter:
    """Publishes where it is called: strace counts the calls of each thread for itself."""

    def __init__(self) -> None:
        self.entries: dict = {}

    def put(self, *files) -> None:
        for path, encode in files:
            self.entries[path] = publish(path, encode())

    def close(self) -> None:
        pass


def killed_at(call: str, k: int, cfg, log: Path) -> int:
    """Run both phases in a fork that strace kills at its k-th `call`; return the exit status.

    The fork waits until strace holds it, so that counting begins with the run and not with Python's start.
    """
    ready, go = os.pipe(), os.pipe()
    pid = fork()
    if pid == 0:
        code = FAILED_IN_CHILD
        try:
            scene_store.Writer = InlineWriter
            os.write(ready[1], b"r")
            os.read(go[0], 1)
            code = run_phases(cfg, SCENES, PHASES)
        finally:
            os._exit(code)
    os.read(ready[0], 1)
    injection = f"{call}:signal=KILL:when={k}"
    command = [
        "strace",
        "-q",
        "-e",
        f"trace={call}",
        "-e",
        f"inject={injection}",
        "-o",
        str(log),
        "-p",
        str(pid),
    ]
    tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while not is_traced(pid):
        assert tracer.poll() is None, "strace cannot attach"
    os.write(go[1], b"g")
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    tracer.wait()
    for descriptor in (*ready, *go):
        os.close(descriptor)
    return status


def is_traced(pid: int) -> bool:
    return "TracerPid:\t0\n" not in Path(f"/proc/{pid}/status").read_text()


def can_trace() -> bool:
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(not can_trace(), reason="strace cannot trace here")
@pytest.mark.parametrize("call", STRIDE)
@pytest.mark.usefixtures("synced_records")
def test_no_false_record_wherever_the_kernel_kills(rgbd, call):
    import_phases()
    for seed, scene_id in enumerate(SCENES):
        rgbd.add_scene(scene_id, n_frames=2, seed=seed, width=16, height=16)
    cfg = rgbd.config()
    index_dataset(cfg)
    start = rgbd.root / "start"
    shutil.copytree(rgbd.out_root, start)
    assert in_child(lambda: run_phases(cfg, SCENES, PHASES)) == 0
    expected = published_digests(rgbd.out_root)
    step = 1 if EVERY else STRIDE[call]
    n_kills = 0
    for k in itertools.count(1, step):
        shutil.rmtree(rgbd.out_root)
        shutil.copytree(start, rgbd.out_root)
        status = killed_at(call, k, cfg, rgbd.root / "strace.log")
        if status == 0:
            break
        assert status == -signal.SIGKILL
        n_kills += 1
        assert false_records(rgbd.out_root, SCENES) == [], (call, k)
        assert in_child(lambda: run_phases(cfg, SCENES, PHASES)) == 0, (call, k)
        assert published_digests(rgbd.out_root) == expected, (call, k)
    print(f"{call}: {n_kills} kills, 0 false records")
    assert n_kills >= 3
