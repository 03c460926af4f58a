"""SIGKILLs at random moments of all phases; benchmarks/chaos.py does the same in large."""

from __future__ import annotations

import pytest

from benchmarks import chaos
from tests.faults import EVERY, import_phases

N_KILLS = 20 if EVERY else 8


@pytest.mark.slow
def test_random_kills_leave_nothing_torn_nothing_false_and_the_same_bytes(tmp_path, monkeypatch):
    import_phases()
    if not EVERY:
        monkeypatch.setattr(chaos, "N_SCENES", 2)
        monkeypatch.setattr(chaos, "N_FRAMES", 4)
    cfg = chaos.make_config(tmp_path, seed=1)
    tally = chaos.torment(cfg, n_kills=N_KILLS, seed=1)
    assert tally.is_clean, tally
    assert tally.n_kills >= N_KILLS
