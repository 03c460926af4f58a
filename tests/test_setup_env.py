"""Phase 0 with a made-up driver and made-up tools: what it would run, what it refuses, what it says."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "00_setup_env.sh"
TOOLS = ("bash", "dirname", "grep", "head", "printf", "sed", "uname")

pytestmark = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "aarch64"), reason="the script refuses other architectures"
)


class Machine:
    """A PATH with only what a test puts on it."""

    def __init__(self, root: Path) -> None:
        self.bin = root / "bin"
        self.bin.mkdir()
        self.calls = root / "calls"
        for tool in TOOLS:
            found = next((Path(d) / tool for d in ("/usr/bin", "/bin") if (Path(d) / tool).exists()), None)
            if found:
                (self.bin / tool).symlink_to(found)

    def add(self, name: str, script: str) -> None:
        (self.bin / name).write_text(f"#!/bin/bash\n{script}\n")
        (self.bin / name).chmod(0o755)

    def add_gpu(self, driver: str) -> None:
        self.add(
            "nvidia-smi", f'case "$*" in *driver*) echo {driver} ;; *) echo "NVIDIA GH200 480GB" ;; esac'
        )

    def add_conda(self, python: str = sys.executable) -> None:
        self.add(
            "conda",
            f'echo "$* CUDA=$CONDA_OVERRIDE_CUDA HF=$HF_HOME" >> {self.calls}\n'
            f'if [ "$1" = run ]; then shift 4; exec {python} "$@"; fi',
        )

    def add_python(self) -> None:
        self.add("python3.12", f'exec {sys.executable} "$@"')

    def run(self, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        plain = {"PATH": str(self.bin), "HOME": os.environ["HOME"], **environment}
        return subprocess.run([str(SCRIPT), *options], capture_output=True, text=True, env=plain, timeout=120)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_machine_without_a_gpu_is_refused_unless_that_is_wanted(machine: Machine):
    machine.add_python()
    done = machine.run()
    assert done.returncode == 1
    assert "srun --gpus=1" in done.stderr and "--cpu" in done.stderr
    assert machine.run("--cpu", "--dry-run").returncode == 0


def test_beside_a_wheel_it_begins_nothing_and_names_the_doctor(machine: Machine, tmp_path: Path):
    machine.add_python()
    installed = tmp_path / "focusgen" / "shipped" / "scripts"
    installed.mkdir(parents=True)
    (installed / SCRIPT.name).write_bytes(SCRIPT.read_bytes())
    command = ["bash", str(installed / SCRIPT.name), "--cpu", "--road", "pip"]
    done = subprocess.run(
        command, capture_output=True, text=True, env={"PATH": str(machine.bin)}, timeout=120
    )
    assert done.returncode == 1 and "focusgen doctor" in done.stderr
    assert [path.name for path in installed.parent.iterdir()] == ["scripts"]


@pytest.mark.parametrize(
    ("driver", "wanted"),
    [("580.95.05", "torch==2.13.0"), ("565.57.01", "index-url https://download.pytorch.org/whl/cu126")],
)
def test_the_wheel_fits_the_driver(machine: Machine, tmp_path: Path, driver: str, wanted: str):
    machine.add_gpu(driver)
    machine.add_python()
    done = machine.run("--dry-run", "--road", "pip", "--env-dir", str(tmp_path / "env"))
    assert done.returncode == 0, done.stderr
    (line,) = [
        text for text in done.stdout.splitlines() if "pip install" in text and "torch" in text.split("-c")[0]
    ]
    assert wanted in line
    assert "whl/cpu" not in done.stdout
    assert not (tmp_path / "env").exists()


def test_a_driver_that_no_torch_supports_is_refused(machine: Machine, tmp_path: Path):
    machine.add_gpu("470.82")
    machine.add_python()
    done = machine.run("--dry-run", "--road", "pip", "--env-dir", str(tmp_path / "env"))
    assert done.returncode == 1 and "older than 525" in done.stderr


def test_conda_is_told_of_the_gpu_and_makes_the_declared_environment(machine: Machine):
    machine.add_gpu("580.95.05")
    machine.add_conda(python="/bin/true")
    done = machine.run()
    assert done.returncode == 0, done.stderr
    calls = machine.calls.read_text()
    assert "env create -y -n genfocus -f" in calls and "CUDA=13.0" in calls
    assert "run -n genfocus python -m focusgen.models.gpu_check --device cuda" in calls


def test_an_environment_that_exists_is_updated(machine: Machine):
    machine.add_gpu("565.57.01")
    machine.add(
        "conda",
        f'echo "$*" >> {machine.calls}\n[ "$1 $2" != "env list" ] || echo "genfocus   /opt/envs/genfocus"',
    )
    assert machine.run().returncode == 0
    calls = machine.calls.read_text()
    assert "env update -n genfocus" in calls and "env create" not in calls


@pytest.mark.slow
@pytest.mark.parametrize("road", ["conda", "pip"])
def test_a_cpu_build_of_torch_on_a_gpu_node_is_refused_with_what_to_do(machine: Machine, road: str):
    torch = pytest.importorskip("torch")
    if torch.version.cuda is not None:
        pytest.skip("this environment has a CUDA build")
    machine.add_gpu("580.95.05")
    machine.add("cpu_build", '[ "$1" != -m ]')  # a Python that fails the check and says so when it is asked
    machine.add_conda(python=str(machine.bin / "cpu_build"))
    machine.add_python()
    environment = Path(sys.executable).parent.parent
    done = machine.run("--check-only", "--road", road, "--env-dir", str(environment))
    assert done.returncode == 1
    assert "CPU build on a machine with a GPU" in done.stderr
    assert (
        "env remove -n genfocus" if road == "conda" else "Run this again without --check-only"
    ) in done.stderr


@pytest.mark.slow
def test_the_check_passes_on_a_cpu_machine_that_was_accepted(machine: Machine):
    machine.add_python()
    environment = Path(sys.executable).parent.parent
    done = machine.run("--check-only", "--cpu", "--road", "pip", "--env-dir", str(environment))
    assert done.returncode == 0, done.stderr
    assert "agrees with float64" in done.stdout and "the environment works here" in done.stdout


def test_the_container_road_keeps_the_torch_of_the_image(machine: Machine):
    machine.add_gpu("580.95.05")
    machine.add("apptainer", f'echo "$*" >> {machine.calls}')
    done = machine.run("--dry-run")
    assert done.returncode == 0, done.stderr
    assert "road: container" in done.stdout
    assert "--system-site-packages" in done.stdout and "exec --nv" in done.stdout
    assert "torch==" not in done.stdout.replace("grep -v ^torch==", "")
    assert not machine.calls.exists(), "a dry run runs nothing"


def test_caches_go_to_scratch(machine: Machine, tmp_path: Path):
    machine.add_gpu("580.95.05")
    machine.add_conda(python="/bin/true")
    done = machine.run(SCRATCH=str(tmp_path))
    assert f"HF={tmp_path}/cache/huggingface" in machine.calls.read_text()
    assert f"export HF_HOME={tmp_path}/cache/huggingface" in done.stdout


def test_wrong_usage_is_status_2(machine: Machine):
    for options in (["--raod", "pip"], ["--road"], ["--road", "boat", "--cpu"]):
        machine.add_python()
        assert machine.run(*options).returncode == 2
    assert machine.run("--help").returncode == 0


def test_a_machine_with_no_tool_at_all_is_told_what_to_install(machine: Machine):
    done = machine.run("--cpu")
    assert done.returncode == 1 and "install one of them" in done.stderr
