"""Processes that work for this one: deaf to a terminal's Ctrl-C from the first, gone with their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor

import pytest

from focusgen.base.children import ChildPool, starting_children

PARENT = """
import multiprocessing, os, sys, time
from focusgen.base.children import end_with_parent

def work():
    end_with_parent()
    print(os.getpid(), flush=True)
    time.sleep(60)

if __name__ == "__main__":
    multiprocessing.get_context("spawn").Process(target=work).start()
    time.sleep(60)
"""


def test_a_child_never_hears_ctrl_c_and_the_parent_does_again():
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with starting_children():
        child = subprocess.Popen(["sleep", "60"])
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
    child.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.05)
    child.kill()
    child.wait()


@pytest.mark.slow
def test_a_child_ends_with_a_parent_that_was_killed(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    for _ in range(100):
        if not os.path.exists(f"/proc/{child}"):
            break
        time.sleep(0.1)
    assert not os.path.exists(f"/proc/{child}")


def test_a_pool_starts_its_processes_deaf_to_ctrl_c(monkeypatch):
    blocked: list[set[signal.Signals]] = []

    def submit(pool, work):
        blocked.append(set(signal.pthread_sigmask(signal.SIG_BLOCK, ())))

    monkeypatch.setattr(ProcessPoolExecutor, "submit", submit)
    ChildPool(1).submit(os.getpid)
    assert {signal.SIGINT, signal.SIGUSR1} <= blocked[0]


@pytest.mark.slow
def test_a_pool_outlives_ctrl_c_and_waits_for_no_work_when_it_is_left_by_an_error():
    with pytest.raises(KeyboardInterrupt), ChildPool(1) as pool:
        child = pool.submit(os.getpid).result()
        os.kill(child, signal.SIGINT)
        assert pool.submit(os.getpid).result() == child
        began_s = time.monotonic()
        pool.submit(time.sleep, 120)
        raise KeyboardInterrupt
    assert time.monotonic() - began_s < 60
