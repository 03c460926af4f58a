"""Out of memory on a GPU: how much was in use is said too."""

from __future__ import annotations

import torch

from focusgen.focal.sd3.memory import memory_error
from focusgen.focal.sd3.settings import Sd3Settings


def test_a_gpu_says_how_much_was_in_use(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 3 * 2**29)
    assert ", 1.5 GiB were in use" in memory_error(Sd3Settings(), 0, 1).message
