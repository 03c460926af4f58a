"""Training stacks: their truth is right, their draws are wide, and nothing that is tested is in them."""

import numpy as np
import pytest

from focusgen.base.errors import ConfigError
from focusgen.focal.learned.shape import SPAN_PX
from focusgen.focal.learned.stacks import (
    HELD_OUT,
    TRAINING_FAMILIES,
    StackRecipe,
    count_by_family,
    families_of,
    focus_diopters,
    training_stack,
)
from tests.focal.learned.small import RECIPE


def test_what_figures_are_measured_on_is_never_learned_from():
    assert not set(HELD_OUT) & set(TRAINING_FAMILIES)
    assert not set(HELD_OUT) & set(families_of(None))


def test_index_and_seed_say_all_of_a_stack():
    first, again, other = (training_stack(RECIPE, index) for index in (1, 1, 3))
    assert np.array_equal(first.slices, again.slices) and first.notes == again.notes
    assert not np.array_equal(first.sharp, other.sharp)


def test_rays_and_layers_draw_the_same_blur():
    traced = StackRecipe(seed=5, families=("slabs",), width=64, height=48, traced_share=1.0)
    layered = StackRecipe(seed=5, families=("slabs",), width=64, height=48, traced_share=0.0)
    by_rays, by_layers = training_stack(traced, 2), training_stack(layered, 2)
    assert by_rays.notes["traced"] and not by_layers.notes["traced"]
    assert by_rays.radius_px_m == by_layers.radius_px_m
    blur = np.abs(by_layers.slices.astype(float) - by_layers.sharp).mean()
    between = np.abs(by_rays.slices.astype(float) - by_layers.slices).mean()
    assert between < 0.5 * blur


def test_slices_fall_from_near_to_far_and_spans_are_wide():
    rng = np.random.default_rng(0)
    depth_m = 1.0 / np.linspace(0.2, 2.0, 500, dtype=np.float32)
    for n in (2, 5, 10):
        for _ in range(20):
            focus = focus_diopters(rng, depth_m, n)
            assert len(focus) == n and (np.diff(focus) < 0).all() and focus[-1] > 0
    spans = [training_stack(RECIPE, index).notes["span_px"] for index in range(6)]
    assert all(SPAN_PX[0] <= one <= SPAN_PX[1] for one in spans)


def test_families_take_turns():
    assert count_by_family(RECIPE, 5) == {"clutter": 3, "slabs": 2}


def test_an_unknown_family_is_refused_with_those_there_are():
    with pytest.raises(ConfigError, match="slaps"):
        StackRecipe(families=("slaps",))
