"""Seeds that are the same on every node, in every process, forever."""

from __future__ import annotations

import hashlib


def derive_seed(run_seed: int, *parts: str | int) -> int:
    """Return a 64-bit seed for one purpose, from SHA-256 of the run seed and the parts.

    Never `hash()`: Python salts it per process, so that a resumed scene would draw other lenses.
    The parts are joined with their lengths, so ("ab", "c") and ("a", "bc") differ.
    """
    digest = hashlib.sha256()
    for part in (run_seed, *parts):
        text = f"{type(part).__name__}:{part}".encode()
        digest.update(len(text).to_bytes(8, "big"))
        digest.update(text)
    return int.from_bytes(digest.digest()[:8], "big")


def scene_seed(run_seed: int, scene_id: str, purpose: str) -> int:
    """Return the seed of one scene for one purpose ("lenses", "noise", ...)."""
    return derive_seed(run_seed, scene_id, purpose)
