"""Things that stand about: on their level, as large as they are asked for, alike for a seed."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.synth import things
from focusgen.synth.shapes import Shape
from focusgen.synth.things import GARDEN_THINGS, TABLE_THINGS, bookcase, tree

X, Z, LEVEL_M, SIZE = 0.4, 3.0, 0.8, 0.25
MAKERS = sorted({*TABLE_THINGS, *GARDEN_THINGS, tree}, key=lambda make: make.__name__)


def made(make, seed: int = 0, size: float = SIZE) -> list[Shape]:
    return make(np.random.default_rng(seed), X, Z, LEVEL_M, size)


def bottom_m(shape: Shape) -> float:
    """Return the lowest point of a body that only turns about the upright axis, or is a ball."""
    return shape.centre_m[1] + shape.half_m[1]


def top_m(shape: Shape) -> float:
    return shape.centre_m[1] - shape.half_m[1]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("seed", range(4))
def test_a_thing_stands_on_its_level_and_not_in_it(make, seed):
    bottoms = [bottom_m(shape) for shape in made(make, seed)]
    assert max(bottoms) == pytest.approx(LEVEL_M, abs=1e-9)


@pytest.mark.parametrize("make", MAKERS)
def test_a_thing_lies_round_its_place_and_grows_with_its_size(make):
    small, large = made(make, size=0.1), made(make, size=0.2)
    assert len(small) == len(large)
    for one, two in zip(small, large, strict=True):
        assert np.allclose(np.array(two.half_m), 2.0 * np.array(one.half_m))
        moved, twice = (np.array(s.centre_m) - (X, LEVEL_M, Z) for s in (one, two))
        assert np.allclose(twice, 2.0 * moved)
        assert np.hypot(moved[0], moved[2]) <= 0.1


@pytest.mark.parametrize("make", MAKERS)
def test_a_seed_is_a_thing(make):
    assert made(make, 3) == made(make, 3)
    assert made(make, 3) != made(make, 4)


def test_books_lie_on_one_another_without_a_gap():
    for seed in range(6):
        books = made(things.book_pile, seed)
        assert 2 <= len(books) <= 4
        for lower, upper in zip(books, books[1:], strict=False):
            assert bottom_m(upper) == pytest.approx(top_m(lower))


def test_a_tin_has_a_lid_on_it_and_a_tree_a_crown_above_its_trunk():
    body, lid = made(things.tin)
    assert bottom_m(lid) == pytest.approx(top_m(body)) and lid.half_m[0] > body.half_m[0]
    trunk, *crown = made(tree)
    assert len(crown) == 4 and min(map(top_m, crown)) < top_m(trunk) < max(map(bottom_m, crown))


@pytest.mark.parametrize("turn_deg", [0.0, 30.0, -75.0])
def test_books_of_a_case_stand_on_its_shelves_whichever_way_it_faces(turn_deg):
    shapes = bookcase(np.random.default_rng(1), X, Z, LEVEL_M, turn_deg)
    shelves = [s for s in shapes if s.half_m[0] == 0.5]
    books = [s for s in shapes if s.half_m[0] != 0.5]
    assert len(shelves) == 5 and len(books) > 20
    tops = {round(top_m(shelf), 6) for shelf in shelves}
    assert {round(bottom_m(book), 6) for book in books} <= tops
    along, across = (np.cos(np.deg2rad(turn_deg)), np.sin(np.deg2rad(turn_deg)))
    for book in books:
        dx, dz = book.centre_m[0] - X, book.centre_m[2] - Z
        assert abs(dx * along - dz * across) + book.half_m[0] <= 0.52  # on the board
        assert -0.05 <= dx * across + dz * along <= 0.01
        assert book.turn_deg == (turn_deg, 0.0, 0.0)
