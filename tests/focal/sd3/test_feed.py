"""Samples made ahead by processes: the same training to the bit, errors by name, deaf to Slurm's warnings."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch

from focusgen.base.errors import ConfigError
from focusgen.focal.sd3.trainer import start, train
from tests.focal.sd3.lists import write_list
from tests.focal.sd3.stacks import record, write_lines
from tests.focal.sd3.test_trainer import same, settings_of

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def makers() -> list[psutil.Process]:
    """Return the processes that make samples, not the one that keeps track of shared memory."""
    children = psutil.Process().children()
    return [one for one in children if "resource_tracker" not in " ".join(one.cmdline())]


def is_alive(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def test_a_training_fed_by_processes_is_the_same_to_the_bit(tmp_path):
    stacks = write_list(tmp_path / "train.jsonl", "tabletop")
    alone = train(settings_of(tmp_path / "alone", train_list=stacks), device="cpu")
    fed = train(settings_of(tmp_path / "fed", train_list=stacks, workers=2), device="cpu")
    assert same(alone, fed)


def test_it_goes_on_in_the_middle_with_the_same_samples(tmp_path):
    stacks = write_list(tmp_path / "train.jsonl", "tabletop")
    whole = train(settings_of(tmp_path / "whole", train_list=stacks), device="cpu")
    folder = tmp_path / "cut"
    schedule = settings_of(folder, train_list=stacks, workers=1)

    def stop(step, means):
        if step == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    with contextlib.suppress(Exception):
        train(schedule, tell=stop, device="cpu")
    assert same(whole, train(schedule, device="cpu"))


def test_warnings_of_slurm_do_not_disturb_and_an_ended_process_is_done_without(tmp_path):
    stacks = write_list(tmp_path / "train.jsonl", "tabletop")
    run = start(settings_of(tmp_path / "out", steps=50, train_list=stacks, workers=1), "none", "cpu")
    wanted = [run.batches.batch([place]) for place in range(8)]
    assert torch.equal(run.train.batch([0]).seen.slices, wanted[0].seen.slices)  # it is up
    (maker,) = makers()
    for number in (signal.SIGUSR1, signal.SIGINT):
        maker.send_signal(number)
    for place in range(1, 5):
        assert torch.equal(run.train.batch([place]).seen.slices, wanted[place].seen.slices)
    assert maker.is_running() and maker.status() != psutil.STATUS_ZOMBIE
    maker.terminate()
    maker.wait(20)
    with pytest.warns(UserWarning, match="lower data.workers"):
        for place in range(5, 8):
            assert torch.equal(run.train.batch([place]).seen.slices, wanted[place].seen.slices)


def test_nobody_is_left_behind_by_a_killed_training(tmp_path):
    stacks = write_list(tmp_path / "train.jsonl", "tabletop")
    script = tmp_path / "killed.py"
    script.write_text(
        "import os, signal, sys\nfrom pathlib import Path\n"
        "from focusgen.focal.sd3.trainer import start\nfrom tests.focal.sd3.test_feed import makers\n"
        "from tests.focal.sd3.test_trainer import settings_of\n"
        "if __name__ == '__main__':\n"
        "    out, stacks = Path(sys.argv[1]), Path(sys.argv[2])\n"
        "    run = start(settings_of(out, steps=9, train_list=stacks, workers=1), 'none', 'cpu')\n"
        "    run.train.batch([0])\n"
        "    print(makers()[0].pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "out"), str(stacks)],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
    )
    assert done.returncode == -signal.SIGKILL
    patience_s = time.monotonic() + 20.0
    while is_alive(int(done.stdout)):
        assert time.monotonic() < patience_s, "it waits for a training that is gone"
        time.sleep(0.1)


def test_a_stack_that_cannot_be_learned_from_is_named_as_without_processes(tmp_path):
    stacks = write_lines(tmp_path / "train.jsonl", record(tmp_path / "files", "far", depth_scale=1e-6))
    said = []
    for workers in (0, 1):
        settings = settings_of(tmp_path / str(workers), train_list=stacks, workers=workers)
        with pytest.raises(ConfigError, match="scale") as caught:
            train(settings, device="cpu")
        said.append((caught.value.message, caught.value.advice))
    assert said[0] == said[1]


def test_classical_results_are_found_once_and_kept_beside_the_training(tmp_path):
    stacks = write_list(tmp_path / "train.jsonl", "tabletop")
    settings = settings_of(tmp_path / "out", train_list=stacks, workers=1)
    train(settings, device="cpu")
    kept = sorted((tmp_path / "out" / "priors").iterdir())
    assert len(kept) == 1
    before = kept[0].stat().st_mtime_ns
    train(settings, "none", device="cpu")
    assert kept[0].stat().st_mtime_ns == before
