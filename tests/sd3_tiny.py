"""A Stable Diffusion 3.5 of 0.4 million parameters in the official folder layout, made offline."""

from __future__ import annotations

from pathlib import Path

from tests.parity.sd3 import Case, Oracle

DATA = Path(__file__).resolve().parent / "data" / "sd3"


def build(folder: Path) -> Path:
    """Write it; return the folder."""
    oracle = Oracle(DATA)
    Case(oracle, oracle.document["cases"][0]).write(folder)
    return folder
