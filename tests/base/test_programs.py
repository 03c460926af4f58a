"""Other programs are asked with patience and without trust."""

from __future__ import annotations

import sys

import pytest

from focusgen.base.programs import ask


@pytest.mark.parametrize(
    ("program", "answer"),
    [
        ("print('  two words  ')", "two words"),
        ("pass", ""),
        ("import sys; sys.stdout.buffer.write(b'\\xff')", "\ufffd"),
        ("import sys; print('half'); sys.exit(1)", None),
    ],
)
def test_what_a_program_prints_is_its_answer_only_if_it_ends_well(program, answer):
    assert ask([sys.executable, "-S", "-c", program]) == answer


def test_a_program_that_is_missing_or_hangs_has_none(tmp_path):
    assert ask([str(tmp_path / "no such program")]) is None
    assert ask([str(tmp_path)]) is None  # a folder
    assert ask([sys.executable, "-S", "-c", "import time; time.sleep(60)"], timeout_s=0.2) is None
