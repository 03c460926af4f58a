"""Weights of these tests lie below their own folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from focusgen.models import weights


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the folder of weights be one of this test."""
    monkeypatch.setenv(weights.CACHE_DIR_VARIABLE, str(tmp_path / "cache"))
