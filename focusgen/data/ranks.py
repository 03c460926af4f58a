"""Which rank of how many, where somebody says it."""

from __future__ import annotations

from focusgen.data.crops import whole_argument


def given_rank(rank: int | None, n_ranks: int | None) -> tuple[int, int] | None:
    """Return which rank of how many was said, None if nothing was.

    Raises:
        ValueError: one without the other, or no such rank.
    """
    if rank is None and n_ranks is None:
        return None
    rank, n_ranks = whole_argument("rank", rank), whole_argument("n_ranks", n_ranks)
    if not 0 <= rank < n_ranks:
        raise ValueError(f"rank {rank} of {n_ranks}: ranks are numbered from 0")
    return rank, n_ranks
