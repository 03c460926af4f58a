"""EBML worked out by hand: an id keeps the bits that tell its length, a number does not."""

from __future__ import annotations

import mmap

import pytest

from focusgen.media.elements import BrokenElement, Element, content_at, elements, id_at, number_at


def data(*numbers: int) -> mmap.mmap:
    held = mmap.mmap(-1, len(numbers))
    held.write(bytes(numbers))
    return held


def test_an_id_keeps_its_leading_bits_and_a_number_drops_them():
    assert id_at(data(0x42, 0x86, 0x81), 0) == (0x4286, 2)
    assert number_at(data(0x40, 0x02), 0) == (2, 2)
    assert number_at(data(0x81), 0) == (1, 1)


def test_a_length_of_ones_is_left_open():
    assert content_at(data(0xFF), 0) == (1, None)
    assert content_at(data(0x7F, 0xFE), 0) == (2, 2 + 0x3FFE)


def test_elements_are_walked_to_the_end_of_the_span_and_not_behind():
    two = data(0xEC, 0x82, 0, 0, 0xBF, 0x80, 0xEC, 0x80)
    assert list(elements(two, 0, 6)) == [Element(0xEC, 2, 4), Element(0xBF, 6, 6)]
    with pytest.raises(BrokenElement, match="no element at byte 4"):
        list(elements(data(0xEC, 0x82, 0, 0, 0xEC, 0x81, 0), 0, 6))


@pytest.mark.parametrize("at", [0, 1])
def test_zeros_are_no_element(at):
    with pytest.raises(BrokenElement, match=rf"no {('element', 'number')[at]} at byte {at}"):
        list(elements(data(*([0xEC] * at), 0, 0), 0, at + 2))
