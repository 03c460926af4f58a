"""Backends by name: the shipped network is there, whole and small; unknown names are refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from focusgen.base.errors import ConfigError
from focusgen.focal import backends
from focusgen.focal.backends import BACKENDS, load_estimator, weight_files
from focusgen.focal.classical import estimate
from focusgen.focal.learned.network import n_parameters
from focusgen.focal.learned.weights import SHIPPED, load_trained, weights_notes
from focusgen.focal.sharpness import depth_from_focus
from focusgen.focal.stack import FocalStack, metres_of
from tests.focal.stacks import abs_rel, truth


def test_names_give_estimators_and_others_are_refused():
    assert load_estimator("classical") is estimate
    with pytest.raises(ConfigError, match="'guess' is unknown"):
        load_estimator("guess")
    assert set(BACKENDS) >= {"classical", "learned"}


@pytest.fixture(scope="module")
def tabletop() -> FocalStack:
    traced = truth("tabletop")
    return FocalStack(traced.slices, 1 / np.array(traced.distances_m), traced.radius_px_m)


@pytest.mark.slow
def test_by_default_the_network_is_asked_where_the_lens_is_known(tabletop: FocalStack):
    """What the sweep explains stays as good; what it does not explain is not left to sharpness alone."""
    depth_m = truth("tabletop").depth_m
    by_default, classical = load_estimator("auto")(tabletop), estimate(tabletop)
    assert by_default.method == "learned"
    errors = [abs_rel(metres_of(found.diopters), depth_m) for found in (classical, by_default)]
    assert errors[1] <= 1.02 * errors[0]

    moved = truth("handheld")  # two slices that were not aligned
    two = FocalStack(moved.slices[[0, 4]], 1 / np.array(moved.distances_m)[[0, 4]], moved.radius_px_m)
    plain, asked = estimate(two), load_estimator("auto")(two)
    assert (plain.method, asked.method) == ("relative_blur", "learned")
    errors = [abs_rel(metres_of(found.diopters), moved.depth_m) for found in (plain, asked)]
    assert errors[1] < 0.7 * errors[0]


def test_by_default_a_stack_of_an_unknown_lens_loads_no_network(
    tabletop: FocalStack, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(backends, "_learned", lambda options: pytest.fail("the network was loaded"))
    assert load_estimator("auto")(replace(tabletop, radius_px_m=None)).method == "focus_measure"


def test_the_weights_that_ship_are_small_free_and_say_how_they_were_made():
    assert SHIPPED.stat().st_size < 5_000_000
    assert 0.3e6 <= n_parameters(load_trained()) <= 1.5e6
    notes = weights_notes()
    assert notes["license"] == "Apache-2.0" and int(notes["steps"]) > 0
    assert SHIPPED.with_suffix(".md").is_file()


@pytest.mark.slow
def test_learned_depth_is_far_better_than_plain_focus_on_a_scene_it_never_saw(tabletop: FocalStack):
    depth_m = truth("tabletop").depth_m
    found = load_estimator("learned")(tabletop)
    plain = abs_rel(metres_of(depth_from_focus(tabletop).diopters), depth_m)
    assert found.method == "learned"
    assert abs_rel(metres_of(found.diopters), depth_m) <= 0.7 * plain


def test_weights_are_those_that_ship_and_those_that_were_given(tmp_path: Path):
    assert weight_files(None) == [SHIPPED]
    assert weight_files(tmp_path / "w.safetensors") == [SHIPPED, tmp_path / "w.safetensors"]
    (tmp_path / "mine.safetensors").touch()
    assert weight_files(tmp_path) == [SHIPPED, tmp_path / "mine.safetensors"]
