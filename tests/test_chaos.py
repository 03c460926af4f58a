"""SIGKILLs at random moments of all phases; benchmarks/chaos.py does the same in large."""

from __future__ import annotations

import pytest

from benchmarks import chaos


@pytest.mark.slow
def test_twenty_random_kills_leave_nothing_torn_nothing_false_and_the_same_bytes(tmp_path):
    cfg = chaos.make_config(tmp_path, seed=1)
    tally = chaos.torment(cfg, n_kills=20, seed=1)
    assert tally.is_clean, tally
    assert tally.n_kills >= 20
