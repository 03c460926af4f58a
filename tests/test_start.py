"""What a command costs before it does anything: every task of an array pays it."""

from __future__ import annotations

import json
import resource
import subprocess
import sys

import pytest

UNUSED = {"torch", "cv2", "matplotlib", "av", "scipy", "skimage", "h5py", "PIL", "diffusers", "transformers"}
TASK = "import focusgen.commands.task, focusgen.cluster.task"
SCRIPT = "import focusgen.commands.phase, focusgen.run.here"
STARTED = (
    "from focusgen.base.interpreter import import_for_good\n"
    "import_for_good('focusgen.commands.task')\nimport focusgen.cluster.task"
)
PARSED = (
    f"{TASK}\nfrom focusgen.config.flags import parse\n"
    "parse(focusgen.commands.task.FLAGS, [], prog='', doc='')"
)
CHECKS_OF_TYPES = {"typeguard", "asyncio"}
READERS = {"focusgen.media.streams", "focusgen.media.images", "focusgen.media.layouts.find"}
READERS_OF_DEPTH = {"focusgen.media.depth_sources", "focusgen.phases.provided_depth"}
PHASES_OF_OTHERS = {"focusgen.phases.deblur", "focusgen.phases.render", "focusgen.phases.calibrate"}
LIBRARIES = "import numpy, pydantic, tyro"
"""What flags and settings cannot do without; ours may take a few times as long, measured beside it."""


def imported_by(code: str) -> set[str]:
    program = f"import json, sys\n{code}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def cpu_s(*arguments: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.slow
@pytest.mark.parametrize(
    ("start", "of_it"), [(PARSED, READERS_OF_DEPTH), (SCRIPT, set())], ids=["task", "script of a phase"]
)
def test_nothing_heavy_and_no_phase_is_imported_before_one_runs(start: str, of_it: set[str]):
    modules = imported_by(start)
    assert (UNUSED | PHASES_OF_OTHERS | READERS | CHECKS_OF_TYPES | of_it) & modules == set()


def test_the_command_line_imports_nothing_before_the_command_is_known():
    assert {"numpy", "pydantic", "rich", "tyro"} & imported_by("import focusgen.cli") == set()


def test_focal_infer_imports_no_phases_no_settings_and_no_pictures_before_it_has_stacks():
    modules = imported_by("import focusgen.commands.focal_infer, focusgen.tools.focal_infer")
    assert (UNUSED | {"focusgen.run.here", "focusgen.doctor", "pydantic"}) & modules == set()


@pytest.mark.slow
def test_a_data_set_is_packed_and_passed_on_without_what_nets_and_pictures_need(finished, tmp_path):
    root, dest = ["--out_root", str(finished)], ["--dest", str(tmp_path / "dest")]
    commands = [
        ["export", "webdataset", *root, *dest, "--source_license", "CC0-1.0"],
        ["push", "--repo", "lab/focus", *dest, "--dry_run"],
        ["pack", *root],
        ["unpack", *root],
    ]
    run_all = f"from focusgen import cli\nassert [cli.main(words) for words in {commands!r}] == [0] * 4"
    assert imported_by(run_all) & UNUSED == set()


@pytest.fixture(scope="module")
def libraries_s() -> float:
    return min(cpu_s("-c", LIBRARIES) for _ in range(3))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "most"),
    [(["-m", "focusgen", "run", "--help"], 3.2), (["-m", "focusgen", "--help"], 3.0), (["-c", STARTED], 3.7)],
    ids=["help of run", "help", "task"],
)
def test_a_start_takes_a_few_times_what_its_libraries_take(
    arguments: list[str], most: float, libraries_s: float
):
    # measured: 2.1, 2.0 and 2.6 times; OpenCV alone, all phases, or collections over imports would add 1
    assert min(cpu_s(*arguments) for _ in range(3)) < most * libraries_s
