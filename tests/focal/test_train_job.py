"""What was asked of a training, and what debugging makes of its schedule."""

from pathlib import Path

import pytest

from focusgen.base.errors import ConfigError
from focusgen.base.locks import exclusive
from focusgen.focal.sd3.job import Sd3Job
from focusgen.focal.train_job import DEBUGGED_STEPS, LOCK, TrainJob, alone, debugged, note_of_more, number_in


def test_both_networks_are_asked_for_in_the_same_words():
    words = (Path("c.yaml"), {"train.steps": 3}, "none", True, True)
    small, large = TrainJob(*words), Sd3Job(*words, is_full=True, device="cpu")
    assert (small.is_rehearsal, small.debugs) == (large.is_rehearsal, large.debugs) == (True, True)
    assert isinstance(large, TrainJob) and (large.is_full, large.device) == (True, "cpu")


def test_debugging_shortens_and_never_prolongs():
    assert debugged(20000) == {"steps": DEBUGGED_STEPS, "log_every": 1}
    assert debugged(3)["steps"] == 3


def test_a_variable_that_is_no_number_is_named():
    environment = {"RANK": "3", "WORLD_SIZE": "", "SLURM_NNODES": "x"}
    assert [number_in(environment, name, 1) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")] == [3, 1, 1]
    with pytest.raises(ConfigError, match="SLURM_NNODES is 'x', not a whole number"):
        number_in(environment, "SLURM_NNODES", 1)


def is_held(folder: Path) -> bool:
    def waits(holder: str) -> None:
        raise BlockingIOError(holder)

    try:
        with exclusive(folder / LOCK, waits):
            return False
    except BlockingIOError:
        return True


def test_the_first_process_of_a_training_keeps_others_out_of_its_folder(tmp_path, monkeypatch):
    with alone(tmp_path):
        assert is_held(tmp_path)
        monkeypatch.setenv("RANK", "1")  # of the same training: it does not wait for the first
        with alone(tmp_path):
            pass
    with alone(tmp_path):
        assert not is_held(tmp_path)


def test_a_checkpoint_beyond_the_last_step_is_said():
    assert note_of_more(4, 4) is None
    assert "has 6 steps, more than train.steps 4" in (note_of_more(6, 4) or "")
