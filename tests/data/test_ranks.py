"""A rank is said with how many there are, or not at all."""

from __future__ import annotations

import pytest

from focusgen.data.ranks import given_rank


def test_a_rank_is_one_of_those_that_there_are():
    assert given_rank(None, None) is None
    assert given_rank(1, 2) == (1, 2)
    for rank, n_ranks, wrong in ((2, 2, "rank 2 of 2"), (0, None, "n_ranks None"), (True, 2, "rank True")):
        with pytest.raises(ValueError, match=wrong):
            given_rank(rank, n_ranks)
