"""A line says what it said when it was sealed, or nothing."""

from __future__ import annotations

import pytest

from focusgen.dataset.sealed_lines import open_line, seal_line

DOCUMENT = {"z": [1, 0.1, None], "a": {"é\n": "\u2028"}}


def test_a_line_keeps_values_and_the_order_of_keys():
    line = seal_line(DOCUMENT)
    assert line.count(b"\n") == 1
    assert open_line(line) == DOCUMENT and list(open_line(line)) == ["z", "a"]


def test_no_byte_of_a_line_can_change_or_be_missing_unseen():
    line = seal_line(DOCUMENT)
    for place in range(len(line)):
        if place != 32:  # the blank between checksum and JSON says nothing
            assert open_line(line[:place] + bytes([line[place] ^ 1]) + line[place + 1 :]) is None, place
    assert all(open_line(line[:stop]) is None for stop in range(len(line)))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_json_does_not_know_is_not_sealed(value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        seal_line({"a": value})
