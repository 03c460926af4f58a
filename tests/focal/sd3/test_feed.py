"""Samples made ahead: the same ones to the bit, errors by name, whatever happens to the processes."""

from __future__ import annotations

import contextlib
import os
import signal
import time

import psutil
import pytest
import torch

from focusgen.base.errors import ConfigError
from focusgen.focal.sd3 import feed, priors
from focusgen.focal.sd3.settings import TrainSettings
from focusgen.focal.sd3.trainer import _order, start, train
from tests.faults import in_child
from tests.focal.sd3.small import in_threads
from tests.focal.sd3.stacks import record, write_lines
from tests.focal.sd3.test_trainer import settings_of

pytestmark = pytest.mark.usefixtures("fresh_decoders")


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def makers() -> list[psutil.Process]:
    """Return the processes that make samples, not what other tests or shared memory keep running."""
    children = psutil.Process().children()
    return [one for one in children if "multiprocessing.spawn" in " ".join(one.cmdline())]


def is_alive(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def test_a_resumed_training_asks_for_the_rest_of_the_samples():
    t = TrainSettings(steps=5, batch=2, accumulation=3)
    assert list(_order(2, t, 2, 1)) == list(_order(0, t, 2, 1))[6:]


@pytest.mark.slow
def test_warnings_of_slurm_do_not_disturb_and_an_ended_process_is_done_without(tmp_path, monkeypatch):
    monkeypatch.setattr(feed, "KEYS_AHEAD", 1)
    stacks = write_lines(tmp_path / "train.jsonl", record(tmp_path / "files", "a"))
    many = {"steps": 30, "train_list": stacks, "size": 16, "variants": 1000}
    alone = start(settings_of(tmp_path / "alone", **many), "none", "cpu")
    wanted = [alone.train.batch([place]).seen.slices for place in range(30)]
    run = start(settings_of(tmp_path / "fed", **many, workers=1), "none", "cpu")
    assert torch.equal(run.train.batch([0]).seen.slices, wanted[0])  # it is up
    (maker,) = makers()
    for number in (signal.SIGUSR1, signal.SIGINT):
        maker.send_signal(number)
    assert torch.equal(run.train.batch([1]).seen.slices, wanted[1])
    assert is_alive(maker.pid)
    with pytest.warns(UserWarning, match="was ended"):
        maker.terminate()
        for place in range(2, 30):
            assert torch.equal(run.train.batch([place]).seen.slices, wanted[place])
    run.train.close()
    kept = [{path.name for path in (tmp_path / one / "priors").iterdir()} for one in ("fed", "alone")]
    assert kept[0] == kept[1]


@pytest.mark.slow
def test_nobody_is_left_behind_by_a_killed_training(tmp_path):
    stacks = write_lines(tmp_path / "train.jsonl", record(tmp_path / "files", "a"))
    settings = settings_of(tmp_path / "out", 9, train_list=stacks, workers=1, size=16)

    def killed() -> int:
        start(settings, "none", "cpu").train.batch([0])
        (tmp_path / "pid").write_text(str(makers()[0].pid))
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    assert in_child(killed) == -signal.SIGKILL
    pid = int((tmp_path / "pid").read_text())
    patience_s = time.monotonic() + 20.0
    while is_alive(pid):
        assert time.monotonic() < patience_s, "it waits for a training that is gone"
        time.sleep(0.1)


@pytest.fixture
def threads_for_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Find results in threads of this process."""
    monkeypatch.setattr(feed, "ChildPool", in_threads)


@pytest.mark.usefixtures("threads_for_processes")
def test_a_stack_that_cannot_be_learned_from_is_named_as_without_processes(tmp_path):
    stacks = write_lines(tmp_path / "train.jsonl", record(tmp_path / "files", "far", depth_scale=1e-6))
    said = []
    for workers in (0, 1):
        settings = settings_of(tmp_path / str(workers), train_list=stacks, workers=workers)
        with pytest.raises(ConfigError, match="scale") as caught:
            train(settings, device="cpu")
        said.append((caught.value.message, caught.value.advice))
    assert said[0] == said[1]


@pytest.mark.usefixtures("threads_for_processes")
def test_a_result_is_looked_for_once_whatever_the_number_of_epochs(tmp_path, monkeypatch):
    stacks = write_lines(tmp_path / "train.jsonl", *(record(tmp_path / "f", name) for name in ("a", "b")))
    looked: list[int] = []
    real = priors.prior_of
    monkeypatch.setattr(priors, "prior_of", lambda stack: looked.append(1) or real(stack))
    run = start(settings_of(tmp_path / "out", 9, train_list=stacks, workers=2, size=16), "none", "cpu")
    for place in range(9):
        run.train.batch([place])
    run.train.close()
    assert len(looked) == 2
