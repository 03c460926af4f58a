"""Full, limited, failing and read-only disks, vanished and unreadable input, memory, signals, file modes."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import itertools
import json
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from focusgen import cli
from focusgen.base.errors import ModelMemoryError
from focusgen.config import SCENE_PHASES
from focusgen.models.passthrough import Passthrough
from focusgen.phases.index import index_dataset
from tests.conftest import Rgbd
from tests.faults import (
    EVERY,
    FAILED_IN_CHILD,
    failures_of,
    false_records,
    fork,
    import_phases,
    in_child,
    is_complete,
    run_phases,
)
from tests.fingerprint import published_digests

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("synced_records")]

SCENES = ("big", "small")
CAPABILITY_VERSION_3, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 0x20080522, 1 << 1, 1 << 2


@pytest.fixture(scope="module", autouse=True)
def phases():
    import_phases()


@pytest.fixture
def uneven(rgbd) -> Rgbd:
    """Return a scene whose files are large, and one whose files are small; phase 1 is done."""
    add_noise(rgbd, "big", 160, 96)
    add_noise(rgbd, "small", 32, 16)
    index_dataset(rgbd.config())
    return rgbd


def add_noise(rgbd: Rgbd, name: str, width: int, height: int, n_frames: int = 3) -> None:
    rng = np.random.default_rng(1)
    (rgbd.raw_root / name).mkdir(parents=True)
    (rgbd.depth_root / name).mkdir(parents=True)
    for frame in range(n_frames):
        picture = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        cv2.imwrite(str(rgbd.raw_root / name / f"frame_{frame:04d}.png"), picture)
        depth_m = rng.uniform(1, 5, (height, width)).astype(np.float32)
        np.save(rgbd.depth_root / name / f"depth_{frame:04d}.npy", depth_m)


def expected_digests(rgbd: Rgbd, cfg) -> dict[str, str]:
    """Return what an undisturbed run gives; leaves the data set as phase 1 left it."""
    kept = rgbd.root / "after_phase_1"
    shutil.copytree(rgbd.out_root, kept)
    assert in_child(lambda: run_phases(cfg, SCENES)) == 0
    digests = published_digests(rgbd.out_root)
    shutil.rmtree(rgbd.out_root)
    kept.rename(rgbd.out_root)
    return digests


def assert_resumes(rgbd: Rgbd, cfg, expected: dict[str, str]) -> None:
    """With the fault gone, the same command completes everything with the same bytes and leaves nothing."""
    assert in_child(lambda: run_phases(cfg, SCENES)) == 0
    assert published_digests(rgbd.out_root) == expected
    assert not list(rgbd.out_root.rglob("*.tmp"))
    assert not list(rgbd.out_root.rglob(".failed"))


def test_a_file_size_limit_stops_only_the_scene_with_large_files(uneven):
    cfg = uneven.config(render__n_sets=1)
    expected = expected_digests(uneven, cfg)

    def limited() -> int:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        return run_phases(cfg, SCENES)

    assert in_child(limited) == 3
    assert false_records(uneven.out_root, SCENES) == []
    assert is_complete(uneven.out_root, "small")
    assert "storage" in failures_of(uneven.out_root, "big")
    failed = uneven.out_root / "big" / "frames_sharp" / ".failed"
    assert "ulimit -f" in json.loads(failed.read_text())["advice"]
    assert_resumes(uneven, cfg, expected)


def test_a_size_limit_below_every_file_leaves_no_record_at_all(uneven):
    cfg = uneven.config(render__n_sets=1)

    def limited() -> int:
        sys.stderr = open(os.devnull, "w")  # pytest's capture is a file, too
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        return run_phases(cfg, SCENES, ("deblur",))

    assert in_child(limited) == 3
    assert not list(uneven.out_root.glob("*/frames_sharp/.done"))
    assert false_records(uneven.out_root, SCENES) == []


@contextlib.contextmanager
def small_disk(folder: Path, size: str):
    """Put a file system of its own under a folder, with what lay there; yields what gives it another size."""
    kept = folder.rename(folder.with_name("kept"))
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mount does not work here; the injected ENOSPC runs all the same")
    try:
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        yield lambda size: subprocess.run(["mount", "-o", f"remount,size={size}", str(folder)], check=True)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_on_a_real_tmpfs(uneven):
    cfg = uneven.config(render__n_sets=1)
    expected = expected_digests(uneven, cfg)
    with small_disk(uneven.out_root, "160k") as resize:
        assert in_child(lambda: run_phases(cfg, SCENES)) == 3
        assert false_records(uneven.out_root, SCENES) == []
        classes = failures_of(uneven.out_root, "big") + failures_of(uneven.out_root, "small")
        assert set(classes) <= {"storage", "missing_upstream"}
        assert not is_complete(uneven.out_root, "big")
        resize("8m")
        assert_resumes(uneven, cfg, expected)


def test_calibration_on_a_full_tmpfs_is_a_storage_error_and_no_crash(tiny, capfd):
    assert in_child(lambda: run_phases(tiny.config(), SCENES, ("deblur", "depth"))) == 0
    with small_disk(tiny.out_root, "8m") as resize:
        used = sum(path.stat().st_blocks * 512 for path in tiny.out_root.rglob("*"))
        resize(f"{used // 1024 + 600}k")  # the counts of two scenes need 1 MB
        small_sensor = [
            "--optics.sensor_width_mm",
            "9",
        ]  # on 16 px of a full frame nothing is blurred visibly
        words = [*tiny.flags("out_root"), *small_sensor]
        assert in_child(lambda: cli.phase_main("calibrate", "doc", words)) == 3
        assert "No space left" in capfd.readouterr().err
        resize("8m")
        assert in_child(lambda: cli.phase_main("calibrate", "doc", words)) == 0


def test_a_full_disk_by_injected_enospc(uneven):
    cfg = uneven.config(render__n_sets=1)
    expected = expected_digests(uneven, cfg)

    def full_for_the_big_scene() -> int:
        write, room = os.write, [60_000]

        def limited(descriptor, data):
            if len(data) > 8_000:
                room[0] -= len(data)
            if room[0] < 0 and len(data) > 8_000:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return write(descriptor, data)

        os.write = limited
        return run_phases(cfg, SCENES)

    assert in_child(full_for_the_big_scene) == 3
    assert false_records(uneven.out_root, SCENES) == []
    assert is_complete(uneven.out_root, "small")
    assert "storage" in failures_of(uneven.out_root, "big")
    assert_resumes(uneven, cfg, expected)


N_CALLS = {"write": 46, "replace": 34, "fsync": 4, "open": 60, "fstat": 40, "mkdir": 30, "unlink": 40}
"""About as many calls as phases 2 and 3 of two scenes of two frames make."""
STRIDE = 1 if EVERY else 11


def failing_at(call: str, n: int, number: int, cfg, phases=SCENE_PHASES, *, once: bool = False) -> int:
    """Run in a fork whose n-th os.<call> below the data set fails; 0 if it was never reached."""

    def body() -> int:
        real, count = getattr(os, call), itertools.count(1)

        def failing(*arguments, **named):
            k = next(count)
            if k == n or (k > n and not once):
                raise OSError(number, os.strerror(number))
            return real(*arguments, **named)

        setattr(os, call, failing)
        return run_phases(cfg, SCENES, phases)

    return in_child(body)


def assert_every_nth_fault_is_told(rgbd: Rgbd, cfg, faults, phases) -> int:
    """Inject each fault once into a fresh run, check what is left, resume now and then; return the count."""
    start = rgbd.root / "start"
    shutil.copytree(rgbd.out_root, start)
    assert in_child(lambda: run_phases(cfg, SCENES, phases)) == 0
    expected = published_digests(rgbd.out_root)
    n_faults = 0
    for call, n, number in faults:
        shutil.rmtree(rgbd.out_root)
        shutil.copytree(start, rgbd.out_root)
        code = failing_at(call, n, number, cfg, phases, once=True)
        if code == 0:
            continue  # the run has fewer such calls, or took this one for what it may be
        n_faults += 1
        assert code == 3, (call, n, code)
        assert false_records(rgbd.out_root, SCENES) == [], (call, n)
        classes = {c for scene_id in SCENES for c in failures_of(rgbd.out_root, scene_id)}
        assert classes <= {"storage", "missing_upstream"}, (call, n, classes)
        assert not classes or any(is_complete(rgbd.out_root, s, phases) for s in SCENES), (call, n)
        if n_faults % 5 == 0:
            assert in_child(lambda: run_phases(cfg, SCENES, phases)) == 0, (call, n)
            assert published_digests(rgbd.out_root) == expected, (call, n)
            assert not list(rgbd.out_root.rglob("*.tmp")), (call, n)
    return n_faults


@pytest.fixture
def tiny(rgbd) -> Rgbd:
    """Return two tiny scenes; phase 1 is done."""
    for name in SCENES:
        add_noise(rgbd, name, 16, 16, n_frames=2)
    index_dataset(rgbd.config())
    return rgbd


def test_a_call_that_fails_once_is_a_storage_failure_of_one_scene(tiny):
    faults = [("write", n, errno.EIO) for n in (2, 15, 40)]
    faults += [("replace", n, errno.EIO) for n in (3, 17)]
    faults += [("fsync", 2, errno.EIO), ("open", 12, errno.EDQUOT), ("fstat", 9, errno.ESTALE)]
    cfg = tiny.config(render__n_sets=1)
    assert assert_every_nth_fault_is_told(tiny, cfg, faults, SCENE_PHASES) >= 6


@pytest.mark.slow
def test_failing_calls_of_every_kind_leave_no_false_record(tiny):
    numbers = itertools.cycle((errno.EIO, errno.ENOSPC, errno.EDQUOT))
    faults = [
        (call, n, next(numbers))
        for call, last in N_CALLS.items()
        for n in range(1, last + 1, STRIDE if last > STRIDE else 1)
    ]
    n_faults = assert_every_nth_fault_is_told(tiny, tiny.config(), faults, ("deblur", "depth"))
    print(f"{n_faults} of {len(faults)} injected faults were met by the run")
    assert n_faults >= 0.75 * len(faults)


def test_a_device_that_fails_at_the_folders_fsync_has_no_record(tiny):
    cfg = tiny.config(render__n_sets=1)
    assert failing_at("fsync", 1, errno.EIO, cfg, ("deblur",)) == 3
    assert not list(tiny.out_root.glob("*/frames_sharp/.done"))


def test_a_folder_that_cannot_be_synced_at_all_is_no_failure(tiny):
    cfg = tiny.config(render__n_sets=1)
    assert failing_at("fsync", 1, errno.EINVAL, cfg, ("deblur",)) == 0


# --- who may read and write


def obeying_modes(body) -> int:
    """Run `body` in a fork that file modes bind, as they bind everybody but root."""

    def without_override() -> int:
        libc = ctypes.CDLL(None, use_errno=True)
        header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
        sets = (ctypes.c_uint32 * 6)()
        assert libc.capget(header, sets) == 0
        sets[0] &= ~(CAP_DAC_OVERRIDE | CAP_DAC_READ_SEARCH)  # effective
        assert libc.capset(header, sets) == 0
        return body()

    return in_child(without_override)


def test_a_read_only_output_folder_is_a_storage_error_with_advice(tiny, capfd):
    for path in (tiny.out_root, *tiny.out_root.rglob("*")):
        path.chmod(path.stat().st_mode & ~0o222)
    script = [*tiny.flags("raw_root", "out_root")]
    assert obeying_modes(lambda: cli.phase_main("deblur", "doc", script)) == 3
    shown = capfd.readouterr().err
    assert "Permission denied" in shown and "written to another place" in shown
    assert "Traceback" not in shown


def test_one_unreadable_scene_folder_stops_only_that_scene(tiny):
    (tiny.out_root / "big").chmod(0o500)
    cfg = tiny.config(render__n_sets=1)
    assert obeying_modes(lambda: run_phases(cfg, SCENES)) == 3
    assert is_complete(tiny.out_root, "small")
    assert not is_complete(tiny.out_root, "big")
    (tiny.out_root / "big").chmod(0o755)
    assert obeying_modes(lambda: run_phases(cfg, SCENES)) == 0


def test_unreadable_and_vanished_input_stop_only_their_scene(tiny):
    victim = tiny.raw_root / "big" / "frame_0001.png"
    victim.chmod(0o000)
    cfg = tiny.config(render__n_sets=1)
    assert obeying_modes(lambda: run_phases(cfg, SCENES)) == 3
    failure = json.loads((tiny.out_root / "big" / "frames_sharp" / ".failed").read_text())
    assert "frame_0001.png" in failure["message"]
    assert is_complete(tiny.out_root, "small")
    shutil.rmtree(tiny.raw_root / "big")
    assert obeying_modes(lambda: run_phases(cfg, SCENES)) == 3
    failure = json.loads((tiny.out_root / "big" / "frames_sharp" / ".failed").read_text())
    assert (failure["class"], failure["attempt"]) == ("corrupt_input", 2)
    assert "no such source" in failure["message"]


def test_files_and_folders_have_the_modes_that_the_umask_allows(tiny):
    shutil.rmtree(tiny.out_root)
    umask = 0o002  # what it leaves to the group would be gone by any other mode

    def with_umask() -> int:
        os.umask(umask)
        return tiny.run()

    assert in_child(with_umask) == 0
    for path in tiny.out_root.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == ((0o777 if path.is_dir() else 0o666) & ~umask), (path, oct(mode))


def test_group_writable_opens_everything_to_the_group(tiny):
    shutil.rmtree(tiny.out_root)

    def with_umask() -> int:
        os.umask(0o077)
        return tiny.run("--data.group_writable", "true")

    assert in_child(with_umask) == 0
    closed = [path for path in tiny.out_root.rglob("*") if not path.stat().st_mode & 0o060 == 0o060]
    assert closed == []


# --- memory and signals


@pytest.mark.parametrize("error", [MemoryError(), ModelMemoryError("out of memory", "lower deblur.tile_px")])
def test_out_of_memory_is_recorded_as_such(tiny, monkeypatch, error):
    def give_up(self, frames, keys):
        raise error

    monkeypatch.setattr(Passthrough, "deblur", give_up)
    cfg = tiny.config()
    assert run_phases(cfg, SCENES, ("deblur",)) == 3
    assert failures_of(tiny.out_root, "big") == failures_of(tiny.out_root, "small") == ["oom"]
    assert not list(tiny.out_root.rglob(".done"))


def slow_child(rgbd: Rgbd, frame_s: float = 0.4) -> int:
    """Start phase 2 in a fork where each frame but the first takes a while; return its process number."""
    pid = fork()
    if pid == 0:
        code = FAILED_IN_CHILD
        try:
            restore, waits_s = Passthrough.deblur, itertools.chain([0.0], itertools.repeat(frame_s))

            def slowly(self, frames, keys):
                time.sleep(next(waits_s))
                return restore(self, frames, keys)

            Passthrough.deblur = slowly
            code = cli.phase_main("deblur", "doc", rgbd.flags("raw_root", "out_root"))
        finally:
            os._exit(code)
    return pid


def wait_for_a_frame(rgbd: Rgbd) -> None:
    for _ in range(400):
        if list(rgbd.out_root.glob("*/frames_sharp/*.png")):
            return
        time.sleep(0.02)
    raise AssertionError("no frame appeared")


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGUSR1, 143)]
)
def test_a_signal_ends_the_run_after_the_frame_in_hand(tiny, number, status):
    cfg = tiny.config()
    pid = slow_child(tiny)
    wait_for_a_frame(tiny)
    os.kill(pid, number)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == status
    assert false_records(tiny.out_root, SCENES) == []
    assert not list(tiny.out_root.rglob("*.tmp"))
    before = {path: path.stat().st_mtime_ns for path in tiny.out_root.glob("*/frames_sharp/*.png")}
    assert before
    assert in_child(lambda: run_phases(cfg, SCENES, ("deblur",))) == 0
    assert all(path.stat().st_mtime_ns == time_ns for path, time_ns in before.items()), "frames are kept"


def test_a_second_signal_ends_it_at_once(tiny):
    pid = slow_child(tiny, 60.0)  # longer than any pause between the two
    wait_for_a_frame(tiny)
    os.kill(pid, signal.SIGTERM)
    time.sleep(0.05)
    os.kill(pid, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGTERM
    assert false_records(tiny.out_root, SCENES) == []


def test_ctrl_c_of_a_real_process(tiny):
    script = Path(__file__).parent.parent / "scripts" / "01_validate_dataset.py"
    process = subprocess.Popen([sys.executable, str(script), *tiny.flags("raw_root", "out_root")])
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) in (0, 3, 130, -signal.SIGINT)
