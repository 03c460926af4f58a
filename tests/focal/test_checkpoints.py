"""Checkpoints survive a full disk."""

import os
import resource
from pathlib import Path

import pytest
import torch

from focusgen.base.errors import StorageError
from focusgen.focal.checkpoints import write_checkpoint


def test_a_full_disk_is_said_and_leaves_the_checkpoint_before(tmp_path: Path):
    path = tmp_path / "state.pt"
    write_checkpoint(path, {"weights": torch.ones(8), "step": 1})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(StorageError, match="state.pt") as caught:
            write_checkpoint(path, {"weights": torch.ones(8000), "step": 2})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.advice
    assert torch.load(path, weights_only=True)["step"] == 1
    assert [one.name for one in tmp_path.iterdir()] == ["state.pt"]


def test_what_a_kill_left_of_a_checkpoint_is_gone_after_the_next_one(tmp_path: Path):
    drafts = [tmp_path / f".{name}.{os.getpid()}.tmp" for name in ("state.pt", "weights.safetensors")]
    for draft in drafts:
        draft.write_bytes(b"half")
    write_checkpoint(tmp_path / "state.pt", {"step": 1})
    assert [one.name for one in tmp_path.iterdir()] == ["state.pt"]
