"""Steps: the same samples however many processes share them, and rates that rise and fall."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.focal.sd3.pace import positions_of, rate_at
from focusgen.focal.sd3.settings import Sd3Settings


def test_processes_and_passes_share_out_the_same_samples():
    train_settings = Sd3Settings().train.model_copy(update={"batch": 2, "accumulation": 3})
    alone = train_settings.model_copy(update={"batch": 4})
    for step in (0, 5):
        shared = [list(positions_of(step, train_settings, 2, process)) for process in (0, 1)]
        both = [first + second for first, second in zip(*shared, strict=True)]
        assert both == list(positions_of(step, alone, 1, 0))


def test_the_rate_rises_and_falls():
    t = Sd3Settings().train.model_copy(update={"steps": 100, "warm_up": 10, "learning_rate": 1.0})
    rates = np.array([rate_at(step, t) for step in range(100)])
    assert rates[0] == pytest.approx(0.1) and rates.argmax() in (9, 10) and rates[-1] < 0.02
