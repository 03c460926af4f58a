"""The sbatch wrappers: resources of the table, one program that gets the signals, nothing unquoted."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from focusgen import config
from focusgen.config.cluster import TABLES

JOBS = Path(__file__).resolve().parent.parent / "jobs"
PHASE_OF = {
    "run_validate_dataset.sh": "index",
    "run_deblur.sh": "deblur",
    "run_depth.sh": "depth",
    "run_calibrate.sh": "calibrate",
    "run_render.sh": "render",
    "run_validate.sh": "validate",
}
FOCAL = "focal_all.sh", "focal_eval.sh", "focal_train.sh"
ARRAYS = ("run_deblur.sh", "run_depth.sh", "run_render.sh")
ALL = sorted(path.name for path in JOBS.glob("*.sh") if path.name != "focal_all.sh")


def header(name: str) -> dict[str, str]:
    """Return the #SBATCH options of a wrapper."""
    text = (JOBS / name).read_text()
    found = re.findall(r"^#SBATCH --([\w-]+)(?:=(\S+))?$", text, re.MULTILINE)
    assert len(found) == text.count("#SBATCH"), "a line that sbatch would not read"
    return dict(found)


def run_wrapper(name: str, tmp_path: Path, *words: str, **variables: str) -> list[str]:
    """Run a wrapper with a python that only writes down its arguments; return them."""
    python = tmp_path / "a python"
    python.write_text('#!/bin/bash\nprintf "%s\\n" "$@"\necho "$$ $PPID"\n')
    python.chmod(0o755)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("SLURM_", "SBATCH_"))}
    environment = {**kept, "PYTHON": str(python), "SLURM_ARRAY_TASK_ID": "4", **variables}
    process = subprocess.Popen(
        ["bash", str(JOBS / name), *words], env=environment, stdout=subprocess.PIPE, text=True, cwd=tmp_path
    )
    printed = process.communicate()[0].splitlines()
    assert process.returncode == 0
    assert printed[-1].split()[0] == str(process.pid), "exec: the program is what gets the signals"
    return printed[:-1]


def test_all_promised_wrappers_are_there():
    chains = "submit_phases_1_4.sh", "submit_phases_5_6.sh", "test_bear.sh"
    assert sorted({*ALL, "focal_all.sh"}) == sorted([*PHASE_OF, *chains, *FOCAL])


@pytest.mark.parametrize("name", sorted(PHASE_OF))
def test_a_wrapper_asks_for_the_resources_of_the_table(name):
    options, phase = header(name), PHASE_OF[name]
    assert options["partition"] == TABLES["partition"][phase]
    assert options["time"] == f"{TABLES['time_h'][phase]:02d}:00:00"
    assert options["mem"] == f"{TABLES['memory_gb'][phase]}G"
    assert options["cpus-per-task"] == str(TABLES["cpus"][phase])
    # Static lines know no backend: the wrappers ask for what networks need.
    assert options.get("gres") == ("gpu:1" if TABLES["gpus"][phase] == "auto" else None)


@pytest.mark.parametrize("name", [*PHASE_OF, "test_bear.sh"])
def test_a_wrapper_drains_requeues_and_appends_its_log(name):
    options = header(name)
    assert options["signal"] == f"B:USR1@{config.Config().cluster.drain_s}"
    assert "requeue" in options and options["open-mode"] == "append"
    assert ("%A_%a" in options["output"]) == (name in ARRAYS)


def test_the_trial_has_its_published_log_and_resources():
    options = header("test_bear.sh")
    assert (options["partition"], options["gres"], options["mem"]) == ("workq", "gpu:1", "80G")
    assert (options["time"], options["cpus-per-task"]) == ("06:00:00", "8")
    assert options["output"] == "logs/test_bear_%j.out"


@pytest.mark.parametrize("name", ALL)
def test_a_wrapper_is_short_strict_and_hands_everything_to_one_program(name):
    text = (JOBS / name).read_text()
    assert "\nset -euo pipefail\n" in text
    assert len(text.splitlines()) <= 40
    assert text.count("\nexec ") == 1


@pytest.mark.parametrize("name", ARRAYS)
def test_the_environment_becomes_flags_whatever_it_holds(name, tmp_path):
    odd = "out $(touch pwned) 'x' *"
    argv = run_wrapper(
        name, tmp_path, OUT_ROOT=odd, RAW_ROOT="raw", CONFIG="c.yaml", MAX_COC="0.001", PLAN="p 1"
    )
    assert argv[:3] == ["-m", "focusgen.cli", "task"]
    flags = dict(zip(argv[3::2], argv[4::2], strict=True))
    assert flags == {
        "--phases": PHASE_OF[name],
        "--index": "4",
        "--plan": "p 1",
        "--config": "c.yaml",
        "--out_root": odd,
        "--raw_root": "raw",
        "--max_coc": "0.001",
    }
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("name", ["run_calibrate.sh", "run_depth.sh", "test_bear.sh"])
def test_words_after_a_wrapper_are_flags_and_win(name, tmp_path):
    words = "--depth_root", "a b", "--n_sets", "3"
    assert run_wrapper(name, tmp_path, *words, OUT_ROOT="o")[-4:] == list(words)


@pytest.mark.parametrize("name", [*PHASE_OF, "test_bear.sh"])
def test_every_wrapper_hands_its_words_on(name):
    assert (JOBS / name).read_text().endswith(' "$@"\n')


def test_nothing_in_the_environment_means_no_flag(tmp_path):
    assert run_wrapper("run_calibrate.sh", tmp_path) == [
        "-m",
        "focusgen.cli",
        "task",
        "--phases",
        "calibrate",
    ]


def test_the_trial_approves_itself_only_without_a_max_coc(tmp_path):
    assert "--auto_approve" in run_wrapper("test_bear.sh", tmp_path)
    argv = run_wrapper("test_bear.sh", tmp_path, MAX_COC="0.002", SCENE="camel")
    assert "--auto_approve" not in argv and argv[argv.index("--max_coc") + 1] == "0.002"
    assert argv[argv.index("--scenes") + 1] == "camel"


@pytest.mark.parametrize("name", ["submit_phases_1_4.sh", "submit_phases_5_6.sh"])
def test_the_chains_hand_further_flags_on(name, tmp_path):
    argv = run_wrapper(name, tmp_path, "--dry_run", "--tasks", "3", OUT_ROOT="a b")
    assert argv[2:5] == ["submit", "--phases", "1-4" if "1_4" in name else "5-6"]
    assert argv[-3:] == ["--dry_run", "--tasks", "3"] and "a b" in argv


def test_an_array_wrapper_without_an_array_is_refused(tmp_path):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SLURM_")}
    done = subprocess.run(
        ["bash", str(JOBS / "run_depth.sh")], env=environment, capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode != 0
    assert "submit with --array" in done.stderr


def test_the_container_is_built_from_an_ngc_pytorch_image():
    text = (JOBS / "container.def").read_text()
    assert re.search(r"^From: nvcr\.io/nvidia/pytorch:\d\d\.\d\d-py3$", text, re.MULTILINE)
    assert "focusgen doctor" in text


def test_both_recipes_install_the_same_files_and_all_of_them_are_here():
    """What `pip install` of a checkout needs: the package, and what setup.py lets travel."""
    docker = re.findall(r"^COPY (.+) /opt/focusgen/", (JOBS / "Dockerfile").read_text(), re.MULTILINE)
    in_docker = {name for line in docker for name in line.split()} - {"constraints.txt"}  # not for NGC
    text = (JOBS / "container.def").read_text().partition("%post")[0]
    in_apptainer = set(re.findall(r"^    (\S+) /opt/focusgen/\1$", text, re.MULTILINE))
    assert in_docker == in_apptainer
    assert all((JOBS.parent / name).exists() for name in in_docker)
    travels = re.search(r"TRAVELS = \((.+)\)", (JOBS.parent / "setup.py").read_text())
    assert travels is not None
    assert {name.strip(' "').partition("/")[0] for name in travels[1].split(",")} <= in_docker


def test_training_becomes_flags_and_is_warned_in_time(tmp_path):
    options = header("focal_train.sh")
    assert options["signal"] == "B:USR1@180" and "requeue" in options and options["open-mode"] == "append"
    assert (options["nodes"], options["ntasks-per-node"], options["gres"]) == ("1", "1", "gpu:4")
    argv = run_wrapper("focal_train.sh", tmp_path, "--max-steps", "9", CONFIG="c x.yaml", TRAIN_LIST="a b")
    assert argv == [
        *("-m", "focusgen.cli", "focal", "launch", "--config", "c x.yaml"),
        *("--train-filelist", "a b", "--max-steps", "9"),
    ]


def test_each_index_judges_its_own_list(tmp_path):
    lists = "0.jsonl 1.jsonl 2.jsonl 3.jsonl sub/last.jsonl"
    argv = run_wrapper("focal_eval.sh", tmp_path, LISTS=lists, CHECKPOINT="t r", DEVICE="cpu")
    flags = dict(zip(argv[4::2], argv[5::2], strict=True))
    assert flags == {
        "--list": "sub/last.jsonl",
        "--backend": "sd3",
        "--device": "cpu",
        "--output-dir": "focal_evaluation/last",
        "--checkpoint": "t r",
    }


def test_lists_of_one_name_have_tables_of_their_own(tmp_path):
    lists = "a/test.jsonl b/test.jsonl c.jsonl"
    for index, name in enumerate(("test_0", "test_1", "c")):
        argv = run_wrapper("focal_eval.sh", tmp_path, LISTS=lists, SLURM_ARRAY_TASK_ID=str(index))
        assert argv[argv.index("--output-dir") + 1] == f"focal_evaluation/{name}"


def test_one_list_may_lie_in_a_folder_with_spaces_and_points(tmp_path):
    one = tmp_path / "my run 1.5" / "stacks"
    one.parent.mkdir()
    one.touch()
    argv = run_wrapper("focal_eval.sh", tmp_path, LISTS=str(one), SLURM_ARRAY_TASK_ID="0")
    assert argv[argv.index("--list") + 1] == str(one)
    assert argv[argv.index("--output-dir") + 1] == "focal_evaluation/stacks"


def test_lists_without_a_stack_are_no_lists(tmp_path):
    for name, text in (("train", "{}"), ("val", ""), ("test", "{}")):
        (tmp_path / name).write_text(text)
    lists = {f"{name.upper()}_LIST": str(tmp_path / name) for name in ("train", "val", "test")}
    argv = run_wrapper("focal_train.sh", tmp_path, CONFIG="c.yaml", **lists)
    assert "--val-filelist" not in argv and argv[argv.index("--test-filelist") + 1] == f"{tmp_path}/test"


def whole_chain(tmp_path, *splits: str, after: str = "") -> tuple[subprocess.CompletedProcess[str], Path]:
    """Run the chain on a data set with scenes of these splits; return how it ended, and what it called."""
    calls = tmp_path / "calls"
    calls.touch()
    lines = "".join(f'{{"split": "{split}"}}\\n' for split in splits)
    for name, body in (
        ("sbatch", f'echo "$@" >> {calls}; echo "$TRAIN_LIST|$LISTS" >> {calls}; echo 7\n'),
        (
            "python",
            f'while [ $# -gt 0 ]; do [ "$1" = --out ] && out=$2; shift; done\nprintf \'{lines}\' > "$out"\n',
        ),
    ):
        (tmp_path / name).write_text("#!/bin/bash\n" + body)
        (tmp_path / name).chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "SCENES": "data",
        "CONFIG": "c.yaml",
    }
    environment |= {"PYTHON": str(tmp_path / "python"), "OUTPUT_DIR": "out", "AFTER": after}
    command = ["bash", str(JOBS / "focal_all.sh"), "--nodes=2"]
    return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True), calls


def test_the_whole_chain_makes_lists_trains_and_judges(tmp_path):
    done, calls = whole_chain(tmp_path, "train", "test")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/stacks_train.jsonl").read_text() == '{"split": "train"}\n'
    assert (tmp_path / "out/stacks_val.jsonl").read_text() == ""
    train, lists, judge, judged = calls.read_text().splitlines()
    assert "--nodes=2" in train and train.endswith("focal_train.sh")
    assert lists.startswith("out/stacks_train.jsonl|")
    assert (
        "afterok:7" in judge and judge.endswith("focal_eval.sh") and judged.endswith("|out/stacks_test.jsonl")
    )


def test_the_chain_of_a_data_set_without_some_split_says_so_before_it_waits(tmp_path):
    done, calls = whole_chain(tmp_path, "train")
    assert done.returncode == 0 and "no stack is of split test" in done.stdout
    assert len(calls.read_text().splitlines()) == 2  # the training alone
    done, calls = whole_chain(tmp_path, "val")
    assert done.returncode == 2 and "no stack is of split train" in done.stderr
    assert len(calls.read_text().splitlines()) == 2


def test_lists_of_an_earlier_run_say_nothing_of_those_that_a_job_will_make(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "stacks_test.jsonl").touch()
    done, calls = whole_chain(tmp_path, after="12")
    assert done.returncode == 0 and "no tables" not in done.stdout
    lists, _, train, _, judge, _ = calls.read_text().splitlines()
    assert "afterok:12" in lists and "afterok:7" in train and judge.endswith("focal_eval.sh")
