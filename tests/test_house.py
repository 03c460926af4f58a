"""The papers and lists around the code agree with each other and with the code."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import yaml

import focusgen
from focusgen.cli import COMMANDS
from tests.test_architecture import imports_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ("3.10", "3.11", "3.12", "3.13")

# Where conda-forge calls a package otherwise.
CONDA_NAME = {
    "torch": "pytorch",
    "matplotlib": "matplotlib-base",
    "xxhash": "python-xxhash",
    "huggingface-hub": "huggingface_hub",
}

# What is imported by another name than it is installed by.
IMPORTED_AS = {
    "opencv-python-headless": "cv2",
    "pillow": "PIL",
    "pyyaml": "yaml",
    "scikit-image": "skimage",
    "openexr": "OpenEXR",
    "rerun-sdk": "rerun",
}

HEAVY = ("torch", "cv2", "matplotlib", "skimage", "scipy", "av", "diffusers", "transformers")


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def floors(requirements: list[str]) -> dict[str, str]:
    """Return {lower-case name: "2.10" or ""} of requirement lines; extras of our own are left out."""
    found = {}
    for line in requirements:
        match = re.fullmatch(r"([A-Za-z0-9._-]+)(?:>=([0-9.]+))?", line.replace(" ", ""))
        if match:
            found[match[1].lower()] = match[2] or ""
    return found


def declared(*extras: str) -> dict[str, str]:
    project = pyproject()["project"]
    lines = list(project["dependencies"])
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    return floors(lines)


def constraints(python: str) -> dict[str, str]:
    """Return {lower-case name: version} of the lines that hold for one Python version."""
    pins: dict[str, str] = {}
    is_new = int(python.split(".")[1]) >= 11
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if not text:
            continue
        match = re.fullmatch(r'([A-Za-z0-9._-]+)==(\S+)(?: ; python_version (>=|<) "3\.11")?', text)
        assert match, f"constraints.txt: cannot read {line!r}"
        if match[3] is None or (match[3] == ">=") == is_new:
            name = match[1].lower().replace("_", "-")
            assert name not in pins, f"constraints.txt: {name} is pinned twice for Python {python}"
            pins[name] = match[2]
    return pins


def numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


# --- package lists -------------------------------------------------------------------------------


def test_conda_and_pip_install_the_same_packages_with_the_same_floors():
    document = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    conda = [line for line in document["dependencies"] if isinstance(line, str)]
    (pip,) = [line["pip"] for line in document["dependencies"] if isinstance(line, dict)]
    in_environment = {**floors(conda), **floors(pip)}
    in_environment.pop("pip")
    in_project = {CONDA_NAME.get(n, n): floor for n, floor in declared("gpu", "hub", "test").items()}
    assert in_environment == in_project
    assert "python=3.12" in conda
    assert (document["name"], document["channels"]) == ("genfocus", ["conda-forge"])


def test_what_the_package_imports_is_declared():
    """`weights fetch` asked for a package that only extras brought along: a traceback in a plain install."""
    extras = pyproject()["project"]["optional-dependencies"]
    there = {IMPORTED_AS.get(name, name.replace("-", "_")) for name in declared(*extras)}
    imported = {one.target.partition(".")[0] for one in imports_of(ROOT / "focusgen") if not one.is_ours}
    assert imported - there - set(sys.stdlib_module_names) == {"pydantic_core"}, "which is of pydantic"
    assert "huggingface-hub" in declared(), "weights fetch and push are no extras"


def test_the_floors_that_security_asks_for_stand():
    wanted = declared()
    assert numbers(wanted["torch"]) >= [2, 10], "older weights_only unpickling is unsafe"
    assert numbers(wanted["av"]) >= [17, 1], "older wheels carry an FFmpeg with a critical CVE"


@pytest.mark.parametrize("python", PYTHONS)
def test_every_dependency_is_pinned_at_or_above_its_floor(python: str):
    pins = constraints(python)
    for name, floor in declared("gpu", "hub", "test", "dev").items():
        assert name in pins, f"constraints.txt pins no {name} for Python {python}"
        assert numbers(pins[name]) >= numbers(floor), f"{name} {pins[name]} is below its floor {floor}"


def test_torch_is_pinned_once_because_the_set_up_reads_that_line():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if re.fullmatch(r"torch==[0-9.]+", line)]) == 1


def test_every_dependency_has_its_reason_in_the_decisions():
    text = (ROOT / "focusgen" / "DECISIONS.md").read_text(encoding="utf-8").lower()
    explained = {
        word
        for line in text.splitlines()
        if line.startswith("| ")
        for word in re.split(r"[ ,]+", line.split("|")[1])
    }
    assert not declared("gpu", "hub", "test", "dev").keys() - explained


# --- papers --------------------------------------------------------------------------------------


def test_the_citation_is_valid_and_of_this_version():
    document = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"authors", "cff-version", "message", "title"} <= document.keys()
    assert document["cff-version"] == "1.2.0"
    assert str(document["version"]) == focusgen.__version__ == pyproject()["project"]["version"]
    assert document["license"] == pyproject()["project"]["license"]
    for work in (document, *document["references"]):
        assert work["authors"] and all("name" in a or "family-names" in a for a in work["authors"])
        assert work["title"]
    titles = " ".join(work["title"] for work in document["references"])
    for name in ("Generative Refocusing", "Video Depth Anything", "FLUX.1-dev", "Isambard-AI"):
        assert name in titles
    assert all({"type", "authors", "title"} <= work.keys() for work in document["references"])
    assert not (ROOT / ".zenodo.json").exists(), "Zenodo would ignore CITATION.cff"


def test_the_changelog_begins_with_this_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## ([0-9.]+)", text, re.MULTILINE)[0] == focusgen.__version__


def test_decision_notes_are_numbered_and_dated():
    text = (ROOT / "focusgen" / "DECISIONS.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)", text, re.MULTILINE)
    for number, heading in enumerate(headings, start=1):
        assert re.fullmatch(rf"{number}\. .+ \(\d{{4}}-\d\d-\d\d\)", heading), heading


CITED = re.compile(
    r"(?<![\w/.-])(?:focusgen|tests|docs|configs|scripts|jobs|benchmarks)/[\w/.-]*\w\.(?:py|md|sh|yaml)\b"
    r"|\b[\w-]+\.md\b"
)


def test_whatever_file_is_cited_is_here():
    here = [
        path.relative_to(ROOT)
        for folder in ("focusgen", "tests", "docs", "configs", "scripts", "jobs", "benchmarks")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".md", ".sh", ".yaml") and path.is_file()
    ] + [path.relative_to(ROOT) for path in ROOT.glob("*.md")]
    known = {path.as_posix() for path in here} | {path.name.lower() for path in here}
    known |= {
        "commands.md",
        "settings.md",
    }  # docs/reference_pages.py writes them before each build of the site
    absent = [
        f"{path} cites {name}"
        for path in here
        for name in CITED.findall((ROOT / path).read_text(encoding="utf-8", errors="replace"))
        if name not in known and name.lower() not in known
    ]
    assert not absent, "say the fact itself: " + "; ".join(absent)


def test_the_licence_is_whole():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text and "END OF TERMS AND CONDITIONS" in text and "Version 2.0" in text
    assert len(text.split()) > 1500


# --- entry points --------------------------------------------------------------------------------


def test_make_has_the_promised_targets():
    for target in ("demo", "test", "fmt", "lint", "types", "check", "bench", "clean", "help"):
        done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, f"make {target}: {done.stderr}"


def test_shell_scripts_can_be_read_and_run():
    scripts = [
        ROOT / ".ci" / "run",
        *ROOT.glob(".ci/*.sh"),
        *ROOT.glob("scripts/*.sh"),
        *ROOT.glob("jobs/*.sh"),
    ]
    for script in scripts:
        assert os.access(script, os.X_OK), f"{script.name} is not executable"
        done = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [("echo 3.12.0 /elsewhere", "was made by Python 3.12.0 /elsewhere, but PYTHON="), ("exit 1", "rm -rf")],
)
def test_an_environment_of_another_interpreter_is_refused(tmp_path: Path, answer: str, complaint: str):
    python = tmp_path / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\n{answer}\n")
    python.chmod(0o755)
    environment = {**os.environ, "VENV": str(tmp_path / "venv"), "PYTHON": sys.executable}
    script = str(ROOT / ".ci" / "setup.sh")
    done = subprocess.run(["bash", script], capture_output=True, text=True, env=environment)
    assert done.returncode == 2
    assert complaint in done.stderr


def test_the_console_command_is_declared_where_it_is():
    assert pyproject()["project"]["scripts"] == {"focusgen": "focusgen.cli:entry_point"}
    installed = [point for point in entry_points(group="console_scripts") if point.name == "focusgen"]
    assert [point.value for point in installed] == ["focusgen.cli:entry_point"]


PHASE_SCRIPTS = sorted((ROOT / "scripts").glob("0*.py"))
FOCAL_SCRIPTS = sorted((ROOT / "scripts").glob("focal_*.py"))


ASK_FOR_HELP = f"""
import json, os, runpy, sys
import numpy, focusgen.cli, focusgen.config.flags
from focusgen.config import Config
for key, argv, script in json.loads(sys.argv[1]):
    with open("asked", "w+") as shown:
        if os.fork() == 0:
            os.dup2(shown.fileno(), 1), os.dup2(shown.fileno(), 2)
            status, sys.argv = 0, argv
            try:
                if script:
                    runpy.run_path(script, run_name="__main__")
                sys.exit(focusgen.cli.entry_point())
            except SystemExit as error:
                status = error.code or 0
            sys.stdout.flush()
            heavy = sorted(set({HEAVY!r}) & set(sys.modules))
            os.write(1, ("\\n" + json.dumps([status, heavy])).encode())
            os._exit(0)
        os.wait()
        shown.seek(0)
        print(json.dumps([key, shown.read()]))
"""
"""Each asks in a fork of a process that imported what nearly all commands share, and nothing heavy."""


@pytest.fixture(scope="module")
def helps(tmp_path_factory) -> dict[str, tuple[int, str, list[str]]]:
    """Return script or command -> (status, what its --help printed, heavy modules that it imported)."""
    asked = [(path.name, [path.name, "--help"], str(path)) for path in (*PHASE_SCRIPTS, *FOCAL_SCRIPTS)]
    asked += [(name, ["focusgen", *name.split(), "--help"], "") for name in ("", *COMMANDS)]
    done = subprocess.run(
        [sys.executable, "-c", ASK_FOR_HELP, json.dumps(asked)],
        capture_output=True,
        text=True,
        cwd=tmp_path_factory.mktemp("help"),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found = {}
    for key, shown in map(json.loads, done.stdout.splitlines()):
        printed, _, last = shown.rpartition("\n")
        status, heavy = json.loads(last)
        found[key] = (status, printed, heavy)
    return found


def test_there_is_a_script_for_each_phase():
    assert [path.name[:2] for path in PHASE_SCRIPTS] == ["01", "02", "03", "04", "05", "06"]


@pytest.mark.parametrize("script", PHASE_SCRIPTS, ids=lambda path: path.name)
def test_help_of_a_script_answers_without_heavy_imports(script: Path, helps):
    status, printed, heavy = helps[script.name]
    assert status == 0, printed
    assert "--out" in printed and "--config" in printed
    assert heavy == []


def test_a_script_of_focal_stacks_is_its_command(helps):
    assert [path.stem for path in FOCAL_SCRIPTS] == [
        f"focal_{a}" for a in ("evaluate", "infer", "stacks", "train")
    ]
    for script in FOCAL_SCRIPTS:
        status, printed, heavy = helps[script.name]
        assert (status, heavy) == (0, []), printed
        assert f"usage: focusgen focal {script.stem.removeprefix('focal_')} " in printed
        assert os.access(script, os.X_OK)


def test_help_lists_every_command(helps):
    status, printed, heavy = helps[""]
    assert (status, heavy) == (0, [])
    assert all(f"\n  {name} " in printed for name in COMMANDS)
    assert {"run", "status", "approve", "preview", "synth", "doctor", "demo"} <= COMMANDS.keys()


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_of_a_command_answers_without_heavy_imports(name: str, helps):
    status, printed, heavy = helps[name]
    assert status == 0, printed
    assert f"focusgen {name}" in printed
    assert heavy == []
