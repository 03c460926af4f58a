"""Submitting, draining, resubmitting and cancelling against a scheduler that only answers."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from focusgen import cli
from focusgen.cluster import slurm, task
from focusgen.cluster.attempts import AttemptObserver, read_attempts
from focusgen.cluster.causes import losses
from focusgen.cluster.slurm import JobState, Limits, task_names, unwanted_variables
from focusgen.dataset.layout import DatasetLayout
from focusgen.run.console import make_console
from tests.cluster.conftest import submit
from tests.conftest import Rgbd

pytestmark = pytest.mark.slow


def test_arrays_are_split_as_the_cluster_says_and_limits_on_jobs_make_packs_larger(indexed, fake_slurm):
    (fake_slurm.folder / "config.txt").write_text("MaxArraySize            = 2\n")
    assert submit(indexed, "--phases", "2", "--one_scene_per_task") == 0
    first, second = fake_slurm.scripts()
    assert "--array=0-1\n" in first and "--array=0\n" in second
    assert "--offset 0 " in first and "--offset 2 " in second
    (fake_slurm.folder / "assoc.txt").write_text("here|lab||2|\n")
    assert submit(indexed, "--phases", "2", "--one_scene_per_task") == 2
    assert submit(indexed, "--phases", "2") == 0


ACCOUNTS = """here|lab||500|
here|lab|debug|1|
here|old||0|
here|course||7|9
there|lab||2|
"""


@pytest.mark.parametrize(
    ("account", "default", "partitions", "n_jobs"),
    [
        ("lab", "old", ["gpu"], 500),
        ("Lab", "", ["gpu", "debug"], 1),
        ("course", "", [], 7),
        (None, "course", ["gpu"], 7),
        (None, "", ["gpu"], 500),
        ("unknown", "course", ["gpu"], 500),
    ],
)
def test_only_the_limits_of_the_account_and_partitions_of_the_jobs_count(
    fake_slurm, account, default, partitions, n_jobs
):
    (fake_slurm.folder / "config.txt").write_text("ClusterName = here\nMaxJobCount = 10000\n")
    (fake_slurm.folder / "assoc.txt").write_text(ACCOUNTS)
    (fake_slurm.folder / "default_account.txt").write_text(default)
    assert slurm.read_limits(account, partitions) == Limits(1001, n_jobs)
    (fake_slurm.folder / "config.txt").write_text("AccountingStorageEnforce = none\n")
    assert slurm.read_limits("old", partitions) == Limits(1001, None), "listed, and kept by nobody"


def test_an_account_that_may_submit_nothing_is_named_before_anything_is_planned(
    indexed, fake_slurm, capsys, monkeypatch
):
    (fake_slurm.folder / "assoc.txt").write_text(ACCOUNTS)
    assert submit(indexed, "--phases", "2", "--cluster.account", "old") == 2
    said = capsys.readouterr().err
    assert "account old may submit no job" in said and "cluster.account" in said
    assert not fake_slurm.scripts() and not DatasetLayout.of(indexed.config()).plans.exists()
    monkeypatch.setenv("SBATCH_ACCOUNT", "lab")  # sbatch takes it before what a script says
    assert submit(indexed, "--phases", "2", "--cluster.account", "old") == 0


def test_a_cluster_without_arrays_is_named_before_anything_is_planned_and_one_job_does_it(
    indexed, fake_slurm, monkeypatch, capsys
):
    (fake_slurm.folder / "config.txt").write_text("MaxArraySize            = 0\n")
    assert submit(indexed, "--phases", "2") == 2
    said = capsys.readouterr().err
    assert "takes no job arrays" in said and "--cluster local" in said
    assert not fake_slurm.scripts() and not DatasetLayout.of(indexed.config()).plans.exists()
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    assert submit(indexed, "--phases", "2", "--cluster", "local") == 0
    assert all((indexed.out_root / name / "frames_sharp" / ".done").exists() for name in "abc")


def test_secrets_of_the_environment_reach_no_job_script_or_file(indexed, fake_slurm, monkeypatch, capsys):
    secret = "s3cr3t-sentinel"
    names = ("HF_TOKEN", "WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY", "MY_PASSWORD", "GITHUB_TOKEN")
    for name in names:
        monkeypatch.setenv(name, secret)
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    monkeypatch.setenv("HARMLESS", "kept")
    assert submit(indexed, "--phases", "2-4") == 0
    submit(indexed, "--phases", "2-4", "--dry_run")
    for call in fake_slurm.calls("sbatch"):
        assert not set(names) & call["environment"].keys()
        assert "SLURM_JOB_ID" not in call["environment"], "an outer job would change what is asked for"
        assert call["environment"]["HARMLESS"] == "kept"
        assert secret not in call["script"]
    printed = capsys.readouterr()
    assert secret not in printed.out + printed.err
    kept = [path for path in indexed.out_root.rglob("*") if path.is_file()]
    assert not [path for path in kept if secret.encode() in path.read_bytes()]


def test_a_secret_that_is_asked_for_is_handed_on():
    environment = {"HF_TOKEN": "x", "KEYBOARD": "us", "SLURM_CONF": "/etc", "PATH": "/bin"}
    assert unwanted_variables(environment, []) == ["HF_TOKEN"]
    assert unwanted_variables(environment, ["HF_TOKEN"]) == []


def test_odd_folder_names_never_meet_a_shell_unquoted(tmp_path, fake_slurm):
    rgbd = Rgbd(tmp_path / "it $(touch pwned) 50% of;it")
    rgbd.add_scene("a")
    assert cli.phase_main("index", "doc", [*rgbd.flags("raw_root", "out_root"), "--min_frames", "2"]) == 0
    assert submit(rgbd, "--phases", "2") == 0
    script = fake_slurm.scripts()[0]
    assert "50%% of" in script, "sbatch reads % in a log name"
    words = script.rpartition("exec ")[2]
    done = subprocess.run(
        ["bash", "-c", f"printf '%s\\n' {words}"], capture_output=True, text=True, cwd=tmp_path
    )
    assert str(rgbd.out_root) in done.stdout
    assert not (tmp_path / "pwned").exists()


def test_scenes_that_are_complete_are_not_submitted_again(indexed, fake_slurm, capsys):
    flags = [*indexed.flags("raw_root", "out_root"), "--scene_idx", "1"]
    assert cli.phase_main("deblur", "doc", flags) == 0
    assert submit(indexed, "--phases", "2") == 0
    plan = json.loads(next((indexed.out_root / ".focusgen/plans").glob("*.json")).read_text())
    assert sorted(scene for slot in plan["slots"] for scene in slot) == ["a", "c"]


def test_phase_5_is_not_submitted_before_the_approval(indexed, fake_slurm, capsys):
    assert submit(indexed, "--phases", "5-6") == 4
    assert fake_slurm.calls("sbatch") == []


def test_phase_1_is_one_job_that_submits_the_rest_from_its_own_index(rgbd, fake_slurm):
    rgbd.add_scene("a")
    assert submit(rgbd, "--phases", "1-4") == 0
    (script,) = fake_slurm.scripts()
    first, second = script.strip().splitlines()[-2:]
    assert "task --phases index" in first
    assert second.startswith("exec ") and "submit --phases deblur,depth,calibrate" in second


def test_cancel_ends_just_our_jobs_by_id_and_name(indexed, fake_slurm):
    assert submit(indexed, "--phases", "2-4") == 0
    assert cli.main(["cancel", *indexed.flags("out_root")]) == 0
    calls = [call["argv"] for call in fake_slurm.calls("scancel")]
    assert [argv[1] for argv in calls] == ["100", "101", "102"]
    assert all(re.fullmatch(r"--name=focusgen-[\w-]+", argv[0]) for argv in calls)


def test_resubmit_indices_submits_just_those_of_the_plan(indexed, fake_slurm):
    assert submit(indexed, "--phases", "2-3", "--one_scene_per_task") == 0
    assert cli.main(["resubmit", *indexed.flags("out_root"), "--indices", "2,0", "--phases", "3"]) == 0
    script = fake_slurm.scripts()[-1]
    assert "--array=0,2\n" in script and "--phases depth" in script and "--dependency" not in script


def fail(rgbd: Rgbd, scene: str, kind: str) -> None:
    document = {"class": kind, "message": "it failed", "advice": "", "traceback": "", "attempt": 1, "run": {}}
    path = rgbd.out_root / scene / "frames_sharp" / ".failed"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


def test_out_of_memory_is_retried_only_with_another_setting(indexed, fake_slurm, capsys):
    assert submit(indexed, "--phases", "2-3", "--cluster", "debug", "--scenes", "c") == 0
    fail(indexed, "a", "oom")
    fail(indexed, "b", "corrupt_input")
    out = indexed.flags("out_root")
    assert cli.main(["resubmit", *out, "--failed"]) == 0
    assert "not submitted: a: out of memory" in capsys.readouterr().out
    plans = sorted((indexed.out_root / ".focusgen/plans").glob("*.json"))
    assert json.loads(plans[-1].read_text())["slots"] == [["b"]]
    assert cli.main(["resubmit", *out, "--failed", "--cluster.memory_gb", "{deblur: 96}"]) == 0
    plans = sorted((indexed.out_root / ".focusgen/plans").glob("*.json"))
    assert [s for slot in json.loads(plans[-1].read_text())["slots"] for s in slot].count("a") == 1
    assert "#SBATCH --mem=96G\n" in fake_slurm.scripts()[-3]


def test_status_counts_failures_by_class_from_files_alone(indexed, fake_slurm, capsys):
    assert submit(indexed, "--phases", "2", "--cluster", "debug", "--scenes", "c") == 0
    fail(indexed, "a", "oom")
    fail(indexed, "b", "oom")
    capsys.readouterr()
    n_calls = len(fake_slurm.calls())
    assert cli.main(["status", *indexed.flags("out_root"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["phases"]["deblur"]["failures"] == {"oom": 2}
    assert document["running"] == [] and document["counts"]["deblur"] == {"complete": 1, "failed": 2}
    assert len(fake_slurm.calls()) == n_calls, "status needs no scheduler"


def attempt_of(rgbd: Rgbd, job_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    array, _, index = job_id.partition("_")
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", array)
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", index)
    observer = AttemptObserver(make_console(), DatasetLayout(rgbd.out_root, Path("x")), "p", int(index), 0)
    observer.phase_started("depth", 1, 10, 0)
    observer.scene_started("a", 10)


@pytest.mark.parametrize(
    ("state", "exit_code", "cause"),
    [
        ("OUT_OF_MEMORY", "0:125", "oom"),
        ("TIMEOUT", "0:0", "timeout"),
        ("NODE_FAIL", "1:0", "node_failure"),
        ("CANCELLED by 1000", "0:0", "cancelled"),
        ("FAILED", "0:9", "killed"),
        ("FAILED", "1:0", "crashed"),
    ],
)
def test_what_ended_without_a_word_is_told_apart_by_one_question(
    indexed, fake_slurm, monkeypatch, capsys, state, exit_code, cause
):
    attempt_of(indexed, "7_0", monkeypatch)
    attempt_of(indexed, "7_1", monkeypatch)
    fake_slurm.accounting(f"7_0|{state}|{exit_code}|n3\n7_1|RUNNING|0:0|n4\n")
    capsys.readouterr()
    assert cli.main(["status", *indexed.flags("out_root"), "--json", "--slurm"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [(lost["cause"], lost["node"], lost["scene_id"]) for lost in document["lost"]] == [
        (cause, "n3", "a")
    ]
    assert [task["job_id"] for task in document["running"]] == ["7_1"]
    (call,) = fake_slurm.calls("sacct")
    assert call["argv"][call["argv"].index("-j") + 1] == "7"


def test_without_sacct_nothing_breaks_and_only_silence_tells(indexed, tmp_path, monkeypatch, fake_slurm):
    attempt_of(indexed, "7_0", monkeypatch)
    fake_slurm.fault(sacct=["down"])
    assert slurm.job_states(["7_0"]) is None
    (attempt,) = read_attempts(DatasetLayout(indexed.out_root, Path("x")))
    assert losses([attempt], None) == []
    monkeypatch.setattr("focusgen.cluster.attempts.SILENT_S", -1)
    assert [loss.cause for loss in losses([attempt], None)] == ["lost"]
    assert losses([attempt], {}) != [], "accounting lags: unknown there is not yet an answer"


def test_array_names_of_accounting_are_read_one_by_one():
    assert task_names("12_[0-2,5%8]") == ["12_0", "12_1", "12_2", "12_5"]
    assert task_names("12_3") == ["12_3"] and task_names("12") == ["12"]
    assert not JobState("FAILED", 0, "").is_alive


def run_index_0(rgbd: Rgbd, *words: str) -> int:
    return cli.main(["task", *rgbd.flags("out_root"), "--phases", "2", "--index", "0", *words])


def test_a_task_that_lacks_weights_is_told_by_status_until_it_is_submitted_anew(indexed, fake_slurm, capsys):
    submit(indexed, "--phases", "2")
    assert run_index_0(indexed, "--deblur.backend", "deblurnet", "--device", "cpu") == 2
    capsys.readouterr()
    assert cli.main(["status", *indexed.flags("out_root")]) == 0
    assert re.search(
        r"stopped: deblur index 0 .*deblurNet.safetensors: no such weight file", capsys.readouterr().out
    )
    submit(indexed, "--phases", "2")
    capsys.readouterr()
    assert cli.main(["status", *indexed.flags("out_root")]) == 0
    assert "stopped" not in capsys.readouterr().out


@pytest.fixture
def in_array(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("JOB_ID", "45"), ("ARRAY_JOB_ID", "40"), ("ARRAY_TASK_ID", "0")):
        monkeypatch.setenv(f"SLURM_{name}", value)


def stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a signal arrive after the first frame."""
    frame_done = AttemptObserver.frame_done

    def signalled(self: AttemptObserver, scene_id: str, frame: int) -> None:
        frame_done(self, scene_id, frame)
        os.kill(os.getpid(), task.signal.SIGUSR1)

    monkeypatch.setattr(AttemptObserver, "frame_done", signalled)


@pytest.fixture
def after_the_signal(monkeypatch: pytest.MonkeyPatch):
    """Signals are ignored in a job from the requeue on; give them back to the test process."""
    before = {number: task.signal.getsignal(number) for number in (task.signal.SIGTERM, task.signal.SIGUSR1)}
    yield
    for number, handler in before.items():
        task.signal.signal(number, handler)


def test_a_signal_drains_the_task_and_requeues_just_this_index(
    indexed, fake_slurm, in_array, after_the_signal, monkeypatch
):
    submit(indexed, "--phases", "2")
    stopped(monkeypatch)
    assert run_index_0(indexed) == 143
    requeued = [c["argv"] for c in fake_slurm.calls("scontrol") if c["argv"][0] == "requeue"]
    assert requeued == [["requeue", "40_0"]], "never $SLURM_JOB_ID, which may be the whole array"
    assert len(list(indexed.out_root.glob("*/frames_sharp/*.png"))) >= 1, "the frame in hand is published"
    monkeypatch.undo()
    (attempt,) = read_attempts(DatasetLayout(indexed.out_root, Path("x")))
    assert attempt.state == "interrupted"


@pytest.mark.parametrize("state", ["CANCELLED", "PREEMPTED", "PENDING"])
def test_a_task_that_slurm_ended_itself_does_not_come_back(
    indexed, fake_slurm, in_array, after_the_signal, monkeypatch, state
):
    submit(indexed, "--phases", "2")
    (fake_slurm.folder / "state.txt").write_text(state)
    stopped(monkeypatch)
    assert run_index_0(indexed) == 143
    assert not [c for c in fake_slurm.calls("scontrol") if c["argv"][0] == "requeue"]


def test_after_the_cap_what_is_left_has_timed_out_and_the_next_phase_may_go_on(
    indexed, fake_slurm, in_array, after_the_signal, monkeypatch
):
    submit(indexed, "--phases", "2")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "5")
    stopped(monkeypatch)
    assert run_index_0(indexed) == 0
    plan = json.loads(next((indexed.out_root / ".focusgen/plans").glob("*.json")).read_text())
    failures = [indexed.out_root / scene / "frames_sharp" / ".failed" for scene in plan["slots"][0]]
    assert {json.loads(path.read_text())["class"] for path in failures if path.exists()} == {"timeout"}
    assert not [c for c in fake_slurm.calls("scontrol") if c["argv"][0] == "requeue"]


def test_one_failed_scene_does_not_cut_its_pack_mates_from_the_next_phase(indexed, capsys):
    (indexed.raw_root / "b" / "frame_0001.png").write_bytes(b"changed")
    assert submit(indexed, "--phases", "2", "--cluster", "debug", "--tasks", "1") == 0
    assert (indexed.out_root / "a" / "frames_sharp" / ".done").exists()
    assert (indexed.out_root / "b" / "frames_sharp" / ".failed").exists()
    assert (indexed.out_root / "c" / "frames_sharp" / ".done").exists()


def test_several_gpus_of_a_task_are_shared_among_its_workers():
    assert task.gpu_shares("0,1,2,3", 4) == ["0", "1", "2", "3"]
    assert task.gpu_shares("0,1,2,3", 2) == ["0,1", "2,3"]
    assert task.gpu_shares("", 2) == [None, None]


@pytest.mark.slow
def test_a_task_of_two_workers_does_the_scenes_of_both(indexed, fake_slurm):
    gpus = ("--cluster.gpus", "{deblur: 1}")
    assert submit(indexed, "--phases", "2", "--cluster.workers_per_task", "2", "--tasks", "1", *gpus) == 0
    script = fake_slurm.scripts()[0]
    assert "--array=0\n" in script and "--gres=gpu:2\n" in script and "--mem=96G\n" in script
    assert run_index_0(indexed) == 0
    assert len(list(indexed.out_root.glob("*/frames_sharp/.done"))) == 3


@pytest.mark.slow
def test_30_scenes_on_8_tasks_load_the_model_8_times_per_phase(rgbd):
    for number in range(30):
        rgbd.add_scene(f"s{number:02d}", n_frames=2, width=32, height=16, seed=number)
    assert submit(rgbd, "--phases", "1-3", "--cluster", "debug", "--tasks", "8") == 0
    dataset = DatasetLayout(rgbd.out_root, rgbd.out_root / "scene_index.json")
    for phase in ("deblur", "depth"):
        ended = [json.loads(path.read_bytes()) for path in dataset.attempts.glob(f"*/{phase}-*.ended")]
        assert sum(attempt["model_loads"] for attempt in ended) == 8
    assert len(list(rgbd.out_root.glob("*/depth_maps/.done"))) == 30
