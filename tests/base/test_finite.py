"""NaN and infinity are found by their place in JSON data, and leave it without touching the rest."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from focusgen.base.finite import finite_only, non_finite_keys

NAN, INF = math.nan, math.inf

WORDS = st.text("a\u00e9.[0] \n", max_size=5)  # of all of Unicode, its table would be made first: a second
JSON_DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("document", "places"),
    [
        ({}, []),
        ([], []),
        (None, []),
        ("nan", []),
        (10**400, []),  # an integer that no float holds is a number all the same
        (NAN, [""]),
        ({"max_coc": NAN}, ["max_coc"]),
        ({"sets": [{"max_coc": 1.0}, {"max_coc": INF}]}, ["sets[1].max_coc"]),
        ([[1.0, -INF], NAN], ["[0][1]", "[1]"]),
        ({"a": (NAN, 1.0), "b": {"c": -INF}}, ["a[0]", "b.c"]),
        ({3: NAN}, ["3"]),
        ({"name with space.and dot": [NAN]}, ["name with space.and dot[0]"]),
        ({"is_done": True, "n": 0, "x": -0.0}, []),
    ],
)
def test_places_are_named_as_a_person_would_write_them(document, places):
    assert list(non_finite_keys(document)) == places


@pytest.mark.parametrize(
    ("document", "rest"),
    [
        (NAN, None),
        ({"a": [1.5, NAN, "NaN", True]}, {"a": [1.5, None, "NaN", True]}),
        ((1.0, INF), [1.0, None]),
        ({"deep": [{"x": -INF}]}, {"deep": [{"x": None}]}),
    ],
)
def test_what_is_no_number_becomes_none_and_the_rest_stays(document, rest):
    assert finite_only(document) == rest


@given(JSON_DATA)
def test_what_is_left_is_json_for_strict_readers(document):
    cleaned = finite_only(document)
    json.dumps(cleaned, allow_nan=False)
    assert not list(non_finite_keys(cleaned))
    assert finite_only(cleaned) == cleaned


@given(JSON_DATA)
def test_data_without_such_numbers_is_left_alone(document):
    if not list(non_finite_keys(document)):
        assert finite_only(document) == document


def test_what_was_given_is_not_changed_in_place():
    document = {"sets": [{"x": NAN}]}
    finite_only(document)
    assert math.isnan(document["sets"][0]["x"])
