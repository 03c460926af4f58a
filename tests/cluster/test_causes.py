"""Tasks that ended without a word, told apart by accounting."""

from __future__ import annotations

import time

import pytest

from focusgen.cluster.attempts import SILENT_S
from focusgen.cluster.causes import CAUSE_OF_STATE, TREATMENT, cause_of, losses
from focusgen.cluster.slurm import ALIVE, JobState
from tests.cluster.conftest import attempt


def state(name: str, signal: int = 0) -> JobState:
    return JobState(name, signal, "n3")


def test_a_task_that_accounting_knows_to_live_is_not_lost_however_silent():
    silent = attempt(job_id="7_0", updated_s=time.time() - 10 * SILENT_S)
    for name in ALIVE:
        assert losses([silent], {"7_0": state(name)}) == [], name
    (lost,) = losses([silent], {"7_0": state("NODE_FAIL")})
    assert (lost.cause, lost.node) == ("node_failure", "n3")


def test_what_said_its_end_is_not_lost_whatever_accounting_says():
    assert losses([attempt(job_id="7_0", state="ended")], {"7_0": state("FAILED")}) == []


def test_a_task_stopped_by_a_signal_and_gone_is_lost_at_once():
    (lost,) = losses([attempt(job_id="7_0", state="interrupted")], {"7_0": state("TIMEOUT")})
    assert lost.cause == "timeout"


@pytest.mark.parametrize("states", [None, {}, {"7_1": JobState("RUNNING", 0, "n1")}])
def test_without_an_answer_only_silence_tells_and_the_node_is_that_of_the_task(states):
    fresh, silent = attempt(job_id="7_0"), attempt(job_id="7_0", updated_s=time.time() - SILENT_S - 1)
    assert losses([fresh], states) == []
    (lost,) = losses([silent], states)
    assert (lost.cause, lost.node) == ("lost", silent.host)


@pytest.mark.parametrize(
    ("name", "signal", "cause"),
    [("FAILED", 9, "killed"), ("FAILED", 0, "crashed"), ("FAILED", 11, "crashed")],
)
def test_a_kill_and_a_crash_are_told_apart(name, signal, cause):
    assert cause_of(state(name, signal)) == cause


def test_every_cause_has_a_treatment():
    assert {*CAUSE_OF_STATE.values(), "killed", "crashed", "lost", "stopped"} == set(TREATMENT)
