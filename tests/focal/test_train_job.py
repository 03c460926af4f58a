"""What was asked of a training, and what debugging makes of its schedule."""

from pathlib import Path

from focusgen.focal.sd3.job import Sd3Job
from focusgen.focal.train_job import DEBUGGED_STEPS, TrainJob, debugged


def test_both_networks_are_asked_for_in_the_same_words():
    words = (Path("c.yaml"), {"train.steps": 3}, "none", True, True)
    small, large = TrainJob(*words), Sd3Job(*words, is_full=True, device="cpu")
    assert (small.is_rehearsal, small.debugs) == (large.is_rehearsal, large.debugs) == (True, True)
    assert isinstance(large, TrainJob) and (large.is_full, large.device) == (True, "cpu")


def test_debugging_shortens_and_never_prolongs():
    assert debugged(20000) == {"steps": DEBUGGED_STEPS, "log_every": 1}
    assert debugged(3)["steps"] == 3
