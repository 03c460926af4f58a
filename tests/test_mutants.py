"""The table of mutants is aimed: each line stands once where it says, and its test exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.mutant_table import MUTANTS, Mutant

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_mutant_has_its_line_and_its_tests(mutant: Mutant):
    assert (ROOT / mutant.file).read_text(encoding="utf-8").count(mutant.old) == 1
    assert mutant.new != mutant.old
    for test in mutant.tests.split():
        file, _, name = test.partition("::")
        text = (ROOT / file).read_text(encoding="utf-8")
        assert f"def {name.partition('[')[0]}(" in text or not name, test


def test_there_are_at_least_a_hundred():
    assert len(set(MUTANTS)) >= 100
