"""Decoder processes that go on from one test to the next: each start costs more than a small scene."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from focusgen.media import decode


class KeptDecoders:
    """Children of this process that have nothing to do; never those of a fork, or of another memory limit."""

    def __init__(self) -> None:
        self.idle: list[decode._Worker] = []
        self.owner = os.getpid()
        self._start = decode._Worker
        self._close = decode.DecodePool.close

    def take(self, memory_bytes: int) -> decode._Worker:
        """Return a child that waits, else a new one."""
        if self.idle and self.owner == os.getpid() and memory_bytes == decode.MEMORY_BYTES:
            return self.idle.pop()
        return self._start(memory_bytes)

    def keep(self, pool: decode.DecodePool) -> None:
        """Close a pool, but for its children without work."""
        if self.owner == os.getpid() and pool._memory_bytes == decode.MEMORY_BYTES:
            self.idle += pool._idle
            pool._idle.clear()
        self._close(pool)

    def end(self) -> None:
        """End those that wait."""
        while self.idle:
            self.idle.pop().end()


@pytest.fixture(scope="session", autouse=True)
def kept_decoders() -> Iterator[KeptDecoders]:
    kept = KeptDecoders()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decode, "_Worker", kept.take)
        patch.setattr(decode.DecodePool, "close", lambda pool: kept.keep(pool))
        yield kept
    kept.end()


@pytest.fixture
def fresh_decoders(kept_decoders: KeptDecoders) -> Iterator[None]:
    """Start decoders as users' runs do, for tests that look at them, or at the children of this process."""
    kept_decoders.end()
    kept_decoders.owner = 0
    yield
    kept_decoders.owner = os.getpid()
