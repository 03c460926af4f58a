"""Kept results: to the bit, under the name of what they follow from, and never half of one."""

import numpy as np
import pytest

from focusgen.focal.kept import kept
from focusgen.focal.stack import FocalStack

STACK = FocalStack(np.zeros((2, 4, 6, 3), np.uint8), np.array([2.0, 1.0]), 4.0)
MADE = [np.arange(3, dtype=np.float16), np.ones((2, 2), np.float32)]


def test_what_is_there_is_not_made_again_and_another_stack_is(tmp_path):
    made = []

    def find():
        made.append(1)
        return MADE

    for _ in range(2):
        found = kept(STACK, tmp_path, ("a", "b"), find)
        assert all(x.dtype == y.dtype and np.array_equal(x, y) for x, y in zip(found, MADE, strict=True))
    assert len(made) == 1
    kept(FocalStack(STACK.slices, STACK.diopters, 4.5), tmp_path, ("a", "b"), find)
    assert len(made) == 2 and len(list(tmp_path.iterdir())) == 2


def test_a_file_that_lacks_an_array_is_made_anew(tmp_path):
    kept(STACK, tmp_path, ("a",), lambda: MADE[:1])
    assert np.array_equal(kept(STACK, tmp_path, ("a", "b"), lambda: MADE)[1], MADE[1])


def test_names_and_arrays_have_to_be_as_many(tmp_path):
    with pytest.raises(ValueError, match="zip"):
        kept(STACK, tmp_path, ("a", "b"), lambda: MADE[:1])
    assert not list(tmp_path.iterdir())
