"""A section refuses what it does not know, reads one number as a range, and says what its fields change."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, Field, ValidationError

from focusgen.config.section import Effect, Section, effect_of, is_range, refuse_blank_name, setting


class Small(Section):
    """Two fields, of which one counts only under some values of the other."""

    kind: str = setting("a", affects=["depth"], help="kind")
    amount: float = setting(1.0, affects=["depth", "render"], when={"kind": ["a", "b"]}, gt=0, help="amount")
    span: tuple[float, float] = setting((1.0, 2.0), help="span")
    maybe: tuple[int, int] | None = setting(None, is_recorded_at_default=False, help="maybe")
    names: tuple[str, ...] = setting((), help="names")


class Resolved(Small):
    """`auto` counts as b."""

    def effective(self, name: str) -> Any:
        return "b" if name == "kind" and self.kind == "auto" else super().effective(name)


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        (tuple[float, float], True),
        (tuple[int, int], True),
        (tuple[float, float] | None, True),
        (tuple[int, ...], False),
        (tuple[float, float, float], False),
        (tuple[str, str], False),
        (float, False),
        (float | None, False),
        (list[float], False),
        (None, False),
    ],
)
def test_a_pair_of_numbers_is_a_range(kind, answer):
    assert is_range(kind) is answer


@pytest.mark.parametrize(
    ("given", "read"), [(3, (3.0, 3.0)), (0.5, (0.5, 0.5)), ((1, 4), (1.0, 4.0)), ("2.8", (2.8, 2.8))]
)
def test_one_number_is_a_range_without_a_width(given, read):
    assert Small(span=given).span == read


def test_an_optional_range_is_read_alike_and_may_stay_none():
    assert Small(maybe=4).maybe == (4, 4)
    assert Small(maybe=None).maybe is None


@pytest.mark.parametrize(
    "values",
    [
        {"span": True},  # a switch is no number
        {"span": (1.0,)},
        {"span": "1-4"},
        {"span": "nan"},
        {"span": (1.0, 2.0, 3.0)},
        {"span": (1.0, float("nan"))},
        {"span": float("inf")},
        {"amount": float("inf")},
        {"amount": 0},
        {"amunt": 2.0},
        {"names": "one"},
    ],
)
def test_what_cannot_be_is_refused(values):
    with pytest.raises(ValidationError) as caught:
        Small(**values)
    assert next(iter(values)) in str(caught.value)


def test_an_empty_name_is_refused_alone_and_in_a_table_and_none_is_left_out():
    table = {"depth": "gpu", "render": None}
    assert (refuse_blank_name(table), refuse_blank_name("a"), refuse_blank_name(None)) == (table, "a", None)
    for blank in ("", " \t", {"depth": "gpu", "render": " "}):
        with pytest.raises(ValueError, match="is empty: give a name, or leave it out"):
            refuse_blank_name(blank)


def test_a_section_is_frozen():
    small = Small()
    with pytest.raises(ValidationError, match="frozen"):
        small.amount = 2.0


def test_a_field_says_what_it_changes():
    assert Small.effect("amount") == Effect(("depth", "render"), {"kind": ["a", "b"]})
    assert Small.effect("span") == Effect((), {})
    assert not Small.effect("maybe").is_recorded_at_default


def test_an_effect_survives_its_own_document():
    effect = Effect(("render",), {"kind": ("a",)}, is_recorded_at_default=False)
    assert effect.document() == {
        "affects": ["render"],
        "when": {"kind": ["a"]},
        "is_recorded_at_default": False,
    }


def test_a_field_that_was_not_declared_with_setting_has_no_effect_to_tell():
    class Plain(BaseModel):
        bare: int = 1
        described: int = Field(2, description="two")

    assert effect_of(Plain.model_fields["bare"]) is None
    assert effect_of(Plain.model_fields["described"]) is None


@pytest.mark.parametrize(("kind", "counts"), [("a", True), ("b", True), ("c", False), ("auto", False)])
def test_a_field_counts_only_under_the_values_that_it_names(kind, counts):
    assert Small(kind=kind).has_effect("amount") is counts
    assert Small(kind=kind).has_effect("kind")


def test_auto_counts_as_what_it_stands_for():
    assert Resolved(kind="auto").has_effect("amount")
    assert not Resolved(kind="c").has_effect("amount")
