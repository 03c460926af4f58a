"""Families to learn from: whole scenes, the same from one seed, and none that is published."""

import numpy as np
import pytest

from focusgen.synth.families import FAMILIES
from focusgen.synth.practice import PRACTICE_FAMILIES, build_practice, with_lamps, without_texture
from focusgen.synth.view import SynthScene


def scene(family: str, seed: int) -> SynthScene:
    shapes, camera = build_practice(family, seed)
    return SynthScene(family, seed, 1, 64, 48, 80.0, tuple(shapes), camera)


@pytest.mark.parametrize("family", PRACTICE_FAMILIES)
def test_every_ray_ends_and_scenes_of_two_seeds_differ(family: str):
    first, again, other = (scene(family, seed).depth_m(0) for seed in (0, 0, 1))
    assert np.isfinite(first).all() and first.min() > 0.2
    assert first.max() / first.min() > 1.05
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_no_family_has_the_name_of_one_that_is_published():
    assert not set(PRACTICE_FAMILIES) & set(FAMILIES)


def test_a_share_of_the_bodies_loses_its_texture():
    shapes, _ = build_practice("scraps", 3)
    bare = without_texture(np.random.default_rng(0), shapes, 0.5)
    n_plain = sum(one.material.first == one.material.second for one in bare)
    assert 0.25 * len(shapes) < n_plain < 0.75 * len(shapes)
    assert [one.centre_m for one in bare] == [one.centre_m for one in shapes]


def test_lamps_keep_their_light_while_the_rest_is_dimmed():
    shapes, _ = build_practice("clutter", 0)
    lit = with_lamps(np.random.default_rng(0), shapes, 0.1)
    assert len(lit) > len(shapes)
    assert all(max(one.material.first) <= 0.1 for one in lit[: len(shapes)])
    assert all(max(one.material.first) > 0.9 for one in lit[len(shapes) :])
