from __future__ import annotations

import fcntl
import json
import os
import resource
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from focusgen import config, doctor
from focusgen.doctor import disk, disk_probes, gpu, imports, machine, weights
from focusgen.doctor.check import Check, Status
from focusgen.doctor.gpu import Gpu, TorchBuild

GH200 = [Gpu("NVIDIA GH200 480GB", "565.57.01", "97871")]
H100 = [Gpu("NVIDIA H100", "580.95.05", "81559")]
CPU_BUILD = TorchBuild("2.13.0+cpu", None)
CUDA_13 = TorchBuild("2.13.0", "13.0")
DEFAULT = config.Config()


def settings(**overrides: object) -> config.Config:
    """Return settings with dotted keys, written with two underscores."""
    document: dict[str, dict[str, object]] = {}
    for key, value in overrides.items():
        section, _, name = key.partition("__")
        document.setdefault(section, {})[name] = value
    return config.from_document(document, "test")


def put_on_path(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


# --- GPU, driver, torch --------------------------------------------------------------------------


def test_a_torch_for_a_newer_cuda_than_the_driver_fails_and_says_what_to_take():
    found = gpu.judge_gpu(GH200, CUDA_13, needed_by=["depth.backend vda"])
    assert found[-1].status is Status.FAIL
    assert "needs driver 580.65 or newer; here is 565.57.01" in found[-1].detail
    assert "cu126" in found[-1].advice


def test_a_fitting_driver_is_in_order():
    assert [c.status for c in gpu.judge_gpu(H100, CUDA_13, ["depth.backend vda"])] == [Status.OK, Status.OK]
    assert [c.status for c in gpu.judge_gpu(GH200, TorchBuild("2.9.1", "12.8"), ["x"])] == [
        Status.OK,
        Status.OK,
    ]


def test_a_cpu_build_on_a_gpu_node_fails_where_a_backend_needs_the_gpu_and_warns_elsewhere():
    assert gpu.judge_gpu(GH200, CPU_BUILD, ["deblur.backend deblurnet"])[-1].status is Status.FAIL
    assert gpu.judge_gpu(GH200, CPU_BUILD, [])[-1].status is Status.WARN


def test_the_silent_cpu_wheels_of_aarch64_are_explained():
    old = gpu.judge_gpu(GH200, TorchBuild("2.10.0", None), ["x"], architecture="aarch64")[-1]
    assert "aarch64" in old.advice and "2.11" in old.advice and "conda" in old.advice
    other = gpu.judge_gpu(GH200, TorchBuild("2.10.0", None), ["x"], architecture="x86_64")[-1]
    assert "aarch64" not in other.advice


@pytest.mark.parametrize(
    ("driver", "words"),
    [
        ("580.95.05", "pip uninstall -y torch && pip install torch==2.13.0"),
        ("565.57.01", "pip install 'torch>=2.10' --index-url https://download.pytorch.org/whl/cu126"),
        ("470.82.01", "No supported torch runs on driver 470.82.01: it needs 525.60 or newer"),
    ],
)
@pytest.mark.parametrize("build", [CPU_BUILD, TorchBuild("2.13.0", "14.0"), None])
def test_the_torch_that_is_advised_runs_on_the_driver_that_is_there(monkeypatch, driver, words, build):
    monkeypatch.setitem(gpu.FIRST_DRIVER, 14, (700, 0))
    found = gpu.judge_gpu([gpu.Gpu("A100", driver, "40960")], build, ["x"], architecture="x86_64")[-1]
    assert found.status is Status.FAIL
    assert words.replace(
        "pip uninstall -y torch && ", "" if build is None else "pip uninstall -y torch && "
    ) in (found.advice)


def test_no_gpu_matters_only_to_backends_that_want_one():
    assert gpu.judge_gpu("no driver", CPU_BUILD, [])[0].status is Status.INFO
    missing = gpu.judge_gpu("no driver", CPU_BUILD, ["depth.backend vda"])[0]
    assert missing.status is Status.WARN and "depth.backend vda" in missing.detail


def test_the_build_is_read_from_the_text_of_version_py():
    text = "__version__ = '2.13.0'\ncuda: Optional[str] = '13.0'\nhip: Optional[str] = None\n"
    assert gpu.parse_torch_version(text) == TorchBuild("2.13.0", "13.0", is_rocm=False)
    assert gpu.parse_torch_version(text.replace("'13.0'", "None")) == TorchBuild("2.13.0", None)
    assert gpu.parse_torch_version("__version__ = '2.9.0+cu126'\ncuda = '12.6'\n").cuda == "12.6"
    rocm = gpu.parse_torch_version(
        "__version__ = '2.9.0'\ncuda: Optional[str] = None\nhip: Optional[str] = '6.4'\n"
    )
    assert rocm.is_rocm


def test_the_installed_build_is_read_without_importing_torch():
    code = (
        "import sys; from focusgen.doctor.gpu import read_torch_build; b = read_torch_build();"
        "print(b.version, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    version, imported = done.stdout.split()
    assert version[0].isdigit() and imported == "False"


def test_gpus_are_read_from_nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    rows = "NVIDIA GH200 480GB, 565.57.01, 97871"
    put_on_path(tmp_path / "bin", monkeypatch, "nvidia-smi", f"echo '{rows}'; echo '{rows}'")
    assert gpu.read_gpus() == GH200 * 2
    put_on_path(tmp_path / "bin", monkeypatch, "nvidia-smi", "echo 'NVIDIA-SMI has failed'; exit 9")
    assert gpu.read_gpus() == "broken driver"
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert gpu.read_gpus() == "no driver"


@pytest.mark.slow
def test_the_real_check_of_a_device_multiplies_and_compares():
    command = [sys.executable, "-m", "focusgen.models.gpu_check", "--device", "cpu"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "agrees with float64" in done.stdout


@pytest.mark.gpu
def test_the_gpu_of_this_machine_multiplies_correctly():
    check = gpu.use_the_gpu(["depth.backend vda"])
    assert check.status is Status.OK, check
    assert "capability" in check.detail


# --- packages ------------------------------------------------------------------------------------


def test_versions_are_compared_as_numbers():
    assert machine.release("2.10.0+cu130") == (2, 10)
    assert machine.release("2.9.1") < machine.release("2.10") <= machine.release("2.10.0")


def test_a_package_below_its_floor_or_missing_is_named(monkeypatch: pytest.MonkeyPatch):
    lines = ["av>=99.1", "no-such-package>=1", "numpy>=1.26", 'diffusers>=99; extra == "gpu"']
    monkeypatch.setattr(machine.importlib.metadata, "requires", lambda name: lines)
    (check,) = machine.check_packages(DEFAULT)
    assert check.status is Status.FAIL
    assert "older than 99.1" in check.detail and "no-such-package is missing" in check.detail
    assert "diffusers" not in check.detail
    assert check.advice.endswith("av>=99.1' 'no-such-package>=1'") and sys.executable in check.advice
    (check,) = machine.check_packages(settings(render__backend="bokehnet"))
    assert "diffusers" in check.detail


# --- weights -------------------------------------------------------------------------------------


def write_safetensors(path: Path, n_bytes: int = 16) -> None:
    header = json.dumps(
        {"w": {"dtype": "F32", "shape": [n_bytes // 4], "data_offsets": [0, n_bytes]}}
    ).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(n_bytes))


def test_damaged_weight_files_are_told_apart(tmp_path: Path):
    good = tmp_path / "good.safetensors"
    write_safetensors(good)
    assert weights.file_problem(good) is None
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(good.read_bytes()[:-1])
    assert "its header promises" in str(weights.file_problem(cut))
    pointer = tmp_path / "pointer.pth"
    pointer.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n")
    assert "LFS pointer" in str(weights.file_problem(pointer))
    with zipfile.ZipFile(tmp_path / "whole.pth", "w") as archive:
        archive.writestr("data.pkl", b"x" * 1000)
    assert weights.file_problem(tmp_path / "whole.pth") is None
    (tmp_path / "half.pth").write_bytes((tmp_path / "whole.pth").read_bytes()[:600])
    assert "cut short" in str(weights.file_problem(tmp_path / "half.pth"))
    (tmp_path / "empty.pth").touch()
    assert weights.file_problem(tmp_path / "empty.pth") == "it is empty"
    assert weights.file_problem(tmp_path / "none.pth") == "No such file or directory"


@pytest.mark.parametrize(
    "header", [b"[]", b'{"w": 1}', b'{"w": {"data_offsets": ["x", "y"]}}', b"\xff\xfe{}", b"{"]
)
def test_a_hostile_safetensors_header_is_only_damaged(tmp_path: Path, header: bytes):
    path = tmp_path / "w.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    assert "header is damaged" in str(weights.file_problem(path))


def test_only_what_the_configured_backends_need_is_asked_for(tmp_path: Path):
    assert [c.detail for c in weights.check_weights(DEFAULT)] == ["the configured backends need none"]
    vda = weights.check_weights(settings(depth__backend="vda", depth__checkpoint=tmp_path / "vda.pth"))
    assert [(c.name, c.status) for c in vda] == [("depth.checkpoint", Status.FAIL)]


def test_offline_without_a_cached_model_fails_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    model = "black-forest-labs/FLUX.1-dev"
    online = weights.check_model("deblur.model_id", model)
    assert online.status is Status.WARN and "non-commercial" in online.detail
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    offline = weights.check_model("deblur.model_id", model)
    assert offline.status is Status.FAIL and f"hf download {model}" in offline.advice
    (tmp_path / "hub" / "models--black-forest-labs--FLUX.1-dev" / "snapshots" / "abc").mkdir(parents=True)
    assert weights.check_model("deblur.model_id", model).status is Status.OK


def test_a_local_folder_stands_for_a_hub_id(tmp_path: Path):
    (tmp_path / "model_index.json").write_text("{}")
    assert weights.check_model("deblur.model_id", str(tmp_path)).status is Status.OK
    assert weights.check_model("deblur.model_id", str(tmp_path / "none")).status is Status.FAIL


# --- output folder -------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_folder_that_does_not_exist_yet_is_judged_by_its_parent_and_left_unmade(tmp_path: Path):
    checks = disk.check_output(tmp_path / "a" / "b", DEFAULT)
    assert {c.name: c.status for c in checks if c.name in ("output", "rename", "lock")} == {
        "output": Status.OK,
        "rename": Status.OK,
        "lock": Status.OK,
    }
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_the_folder_fails(tmp_path: Path):
    (tmp_path / "output").write_text("x")
    (check,) = disk.check_output(tmp_path / "output", DEFAULT)
    assert check.status is Status.FAIL and "Not a directory" in check.detail


def test_a_folder_that_refuses_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*args: object, **kwargs: object) -> str:  # root, as which CI runs, may write everywhere
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(disk.tempfile, "mkdtemp", refuse)
    (check,) = disk.check_output(tmp_path, DEFAULT)
    assert check.status is Status.FAIL and "Permission denied" in check.detail


@pytest.mark.slow
def test_a_writer_that_does_not_replace_atomically_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def copy_slowly(source: Path, target: Path) -> None:
        content = Path(source).read_bytes()
        with open(target, "wb") as file:
            for start in range(0, len(content), 64):
                file.write(content[start : start + 64])
                file.flush()

    monkeypatch.setattr(disk_probes.os, "replace", copy_slowly)
    assert "torn" in str(disk_probes.rename_problem(tmp_path))


@pytest.mark.slow
def test_a_lock_that_excludes_nobody_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(disk_probes, "_try_lock", lambda descriptor: True)
    assert disk_probes.lock_problem(tmp_path) == "two processes hold the same lock at once"
    monkeypatch.setattr(disk_probes, "LOCK_RELEASE_S", 0.1)
    monkeypatch.setattr(disk_probes, "_try_lock", lambda descriptor: False)
    assert disk_probes.lock_problem(tmp_path) == "a killed process keeps its lock"


def test_a_machine_that_starts_no_second_process_says_nothing_of_the_folder(tmp_path, monkeypatch):
    for name in ("rename_problem", "lock_problem"):
        monkeypatch.setattr(disk, name, lambda probe: disk_probes.NO_ANSWER)
    for check in (disk._check_rename(tmp_path), disk._check_lock(tmp_path)):
        assert check.status is Status.WARN and "was not tried" in check.advice


@pytest.mark.parametrize(
    ("free_bytes", "free_inodes", "status"),
    [
        (1 << 40, 10**9, Status.OK),
        (1 << 30, 10**9, Status.WARN),
        (1 << 40, 900, Status.WARN),
        (1 << 20, 9, Status.FAIL),
    ],
)
def test_room_is_counted_in_bytes_and_inodes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free_bytes: int, free_inodes: int, status: Status
):
    facts = os.statvfs_result(
        (1, 1, free_bytes, free_bytes, free_bytes, 10**9, free_inodes, free_inodes, 0, 255)
    )
    monkeypatch.setattr(disk.os, "statvfs", lambda folder: facts)
    assert disk.check_room(tmp_path, DEFAULT).status is status


def test_a_quota_above_its_limit_warns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    put_on_path(tmp_path / "bin", monkeypatch, "quota", "echo '/dev/sda1 1000* 900 1000 7days 10 0 0'")
    check = disk.check_quota(tmp_path)
    assert check is not None and check.status is Status.WARN and "1000*" in check.detail


def test_the_umask_is_read_and_left_as_it_was(tmp_path: Path):
    before = os.umask(0o007)
    try:
        assert disk.check_umask(tmp_path, DEFAULT).detail == "0007: others may not read"
        assert os.umask(0o007) == 0o007
    finally:
        os.umask(before)


# --- limits, cluster, report ---------------------------------------------------------------------


def test_a_small_file_size_limit_fails(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(machine.resource, "getrlimit", lambda which: (1 << 20, resource.RLIM_INFINITY))
    check = machine.check_limits()[0]
    assert check.status is Status.FAIL and "1 MiB" in check.detail


def test_a_login_node_warns_before_gpu_phases_and_a_job_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    put_on_path(tmp_path / "bin", monkeypatch, "sbatch", "exit 0")
    put_on_path(tmp_path / "bin", monkeypatch, "sinfo", "echo 'workq* up (null)'; echo 'gpu up gpu:4'")
    with_gpu = settings(depth__backend="vda")
    login, partitions = machine.check_cluster(with_gpu)
    assert login.status is Status.WARN and "gpu up gpu:4" in partitions.detail
    assert machine.check_cluster(DEFAULT)[0].status is Status.INFO
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    assert [c.status for c in machine.check_cluster(with_gpu)] == [Status.INFO]


def test_only_a_failure_makes_the_exit_status_bad():
    fine = [Check("a", Status.WARN, "x"), Check("b", Status.INFO, "y")]
    assert doctor.exit_code(fine) == 0
    assert doctor.exit_code([*fine, Check("c", Status.FAIL, "z")]) == 2


def test_the_report_shows_advice_and_takes_names_literally():
    text = doctor.render([Check("output", Status.FAIL, "scene[/b] " + "word " * 60, "make room")]).plain
    assert "scene[/b]" in text and "-> make room" in text and "1 to mend first" in text
    assert max(len(line) for line in text.splitlines()) <= doctor.LINE_LENGTH


@pytest.mark.slow
def test_every_check_has_advice_when_it_fails_and_no_secret_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HF_TOKEN", "hf_abcdefghijklmnop")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(imports, "_broken_among", lambda modules: {})  # seconds; test_imports.py
    cfg = settings(deblur__backend="deblurnet", depth__backend="vda", render__backend="bokehnet")
    checks = doctor.run_checks(tmp_path, cfg)
    failed = [c for c in checks if c.status is Status.FAIL]
    assert len(failed) >= 4  # two LoRA files, the checkpoint, the model
    assert all(c.advice for c in failed)
    text = doctor.render(checks).plain
    assert "HF_TOKEN is set" in text and "abcdefgh" not in text


def test_flock_of_this_machine_is_what_the_probe_uses(tmp_path: Path):
    with (tmp_path / "f").open("w") as one, (tmp_path / "f").open("w") as two:
        fcntl.flock(one, fcntl.LOCK_EX)
        assert not disk_probes._try_lock(two.fileno())
