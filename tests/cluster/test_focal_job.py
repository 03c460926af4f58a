"""Training in a job: what is started, and what a warning does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from focusgen.base.errors import ConfigError
from focusgen.cluster import focal_job, slurm
from focusgen.cluster.focal_job import Allocation, allocation, command_of, run_in_job


def test_one_process_is_started_directly_and_more_through_torchrun():
    alone = command_of(Allocation(), ["--config", "c.yaml"])
    assert alone[-4:] == ["focal", "train", "--config", "c.yaml"] and "torch.distributed.run" not in alone
    many = command_of(Allocation(2, 4, "node7", "12"), ["--config", "c.yaml"])
    assert many[0] == "srun" and many[-4:] == ["focal", "train", "--config", "c.yaml"]
    for word in ("--nnodes=2", "--nproc_per_node=4", "--rdzv_backend=c10d", "--rdzv_id=12"):
        assert word in many
    assert f"--rdzv_endpoint=node7:{focal_job.RENDEZVOUS_PORT}" in many
    assert command_of(Allocation(1, 2), [])[0] == sys.executable


def test_the_job_says_how_many_processes_and_where_they_meet(monkeypatch):
    assert allocation({}) == Allocation()
    monkeypatch.setattr(focal_job, "ask", lambda command: "n3\nn4\n" if command[-1] == "n[3-4]" else None)
    told = {
        "SLURM_NNODES": "2",
        "SLURM_GPUS_ON_NODE": "8",
        "SLURM_JOB_NODELIST": "n[3-4]",
        "SLURM_JOB_ID": "9",
    }
    assert allocation(told) == Allocation(2, 8, "n3", "9")
    with pytest.raises(ConfigError, match="which nodes"):
        allocation({"SLURM_NNODES": "2"})


CHILD = """
import signal, sys, time
def saved(number, frame):
    print("saved", flush=True)
    sys.exit(143)
signal.signal(signal.SIGTERM, saved)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.slow
@pytest.mark.parametrize("is_own", [True, False])
def test_a_warning_is_handed_on_and_the_job_queued_again(monkeypatch, tmp_path, is_own):
    asked: list[str] = []
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    monkeypatch.setattr(slurm, "may_requeue", lambda job_id: is_own)
    monkeypatch.setattr(slurm, "requeue", lambda job_id: not asked.append(job_id))
    monkeypatch.setattr(focal_job, "command_of", lambda given, words: [sys.executable, "-c", CHILD])
    warner = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import os, time; time.sleep(1.5); os.kill({os.getpid()}, {int(signal.SIGUSR1)})",
        ]
    )
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1)}
    started = time.monotonic()
    try:
        assert run_in_job([]) == 143
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert time.monotonic() - started < 40.0
    assert asked == (["77"] if is_own else [])
    assert warner.wait() == 0


def test_a_job_that_is_always_warned_before_it_can_save_is_not_queued_for_ever(monkeypatch, capfd):
    asked: list[str] = []
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    monkeypatch.setattr(slurm, "may_requeue", lambda job_id: True)
    monkeypatch.setattr(slurm, "requeue", lambda job_id: not asked.append(job_id))
    warn_itself = f"import os, time; os.kill({os.getpid()}, {int(signal.SIGUSR1)}); time.sleep(60)"
    monkeypatch.setattr(focal_job, "command_of", lambda given, words: [sys.executable, "-c", warn_itself])
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1)}
    try:
        for start, queued in ((0, 1), (focal_job.MOST_UNSAVED, 1)):
            monkeypatch.setenv("SLURM_RESTART_COUNT", str(start))
            assert run_in_job([]) == 143
            assert len(asked) == queued
            for number, handler in handlers.items():
                signal.signal(number, handler)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert "Raise the time limit: --time-h" in capfd.readouterr().out


def test_a_training_that_ends_or_fails_by_itself_is_not_queued_again(monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    monkeypatch.setattr(slurm, "requeue", lambda job_id: pytest.fail("queued again"))
    for status in (0, 2):
        command = [sys.executable, "-c", f"raise SystemExit({status})"]
        monkeypatch.setattr(focal_job, "command_of", lambda given, words, command=command: command)
        assert run_in_job([]) == status
