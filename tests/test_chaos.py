"""SIGKILLs at random moments of all phases; benchmarks/chaos.py does the same in large."""

from __future__ import annotations

import pytest

from benchmarks import chaos
from tests.faults import EVERY, import_phases

N_KILLS = 20 if EVERY else 8


@pytest.mark.slow
def test_random_kills_leave_nothing_torn_nothing_false_and_the_same_bytes(tmp_path):
    import_phases()
    cfg = chaos.make_config(tmp_path, seed=1)
    tally = chaos.torment(cfg, n_kills=N_KILLS, seed=1)
    assert tally.is_clean, tally
    assert tally.n_kills >= N_KILLS
