"""Phase 5's settings: what draws the blur, and which of them a backend is told."""

from __future__ import annotations

from typing import Any

import pytest

from focusgen import config
from focusgen.base.errors import ConfigError
from focusgen.config import settings_for
from focusgen.config.render import RenderConfig


def load(**values: Any) -> config.Config:
    return config.load(None, {f"render.{name}": value for name, value in values.items()})


@pytest.mark.parametrize(
    ("given", "read"), [(True, "on"), (False, "off"), ("on", "on"), ("off", "off"), ("auto", "auto")]
)
def test_yaml_s_on_and_off_are_the_words(given, read):
    assert load(depth_edge_snap=given).render.depth_edge_snap == read


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"n_sets": 0}, "n_sets"),
        ({"n_sets": 101}, "n_sets"),
        ({"n_sets": 2.5}, "n_sets"),
        ({"max_coc": 0}, "max_coc"),
        ({"max_coc": -1e-3}, "max_coc"),
        ({"max_coc": float("nan")}, "max_coc"),
        ({"max_radius_px": 0}, "max_radius_px"),
        ({"guidance": "metric"}, "guidance"),
        ({"depth_edge_snap": 1}, "depth_edge_snap"),
        ({"warn_focus_mean": (0.8, 0.2)}, "warn_focus_mean: needs low <= high"),
        ({"warn_focus_mean": "0.2-0.8"}, "warn_focus_mean: give one number, or"),
    ],
)
def test_what_cannot_be_is_refused_by_its_key(values, key):
    with pytest.raises(ConfigError, match=rf"render\.{key}"):
        load(**values)


@pytest.mark.parametrize(("n_sets", "max_coc"), [(1, 1e-9), (100, 0.0012)])
def test_the_ends_of_a_range_belong_to_it(n_sets, max_coc):
    read = load(n_sets=n_sets, max_coc=max_coc).render
    assert (read.n_sets, read.max_coc) == (n_sets, max_coc)


THIN_LENS_ONLY = {"max_radius_px", "depth_edge_snap", "aperture", "highlights", "planes", "transfer"}
BOKEHNET_ONLY = {"guidance", "steps", "prompt", "guidance_scale"}


@pytest.mark.parametrize(
    ("backend", "told", "not_told"),
    [("thin_lens", THIN_LENS_ONLY, BOKEHNET_ONLY), ("bokehnet", BOKEHNET_ONLY, THIN_LENS_ONLY)],
)
def test_a_backend_is_told_its_own_settings(backend, told, not_told):
    section = RenderConfig(backend=backend)
    assert all(section.has_effect(name) for name in told)
    assert not any(section.has_effect(name) for name in not_told)


def test_a_radius_of_physical_guidance_counts_for_that_guidance_alone():
    physical = RenderConfig(backend="bokehnet", guidance="physical")
    assert physical.has_effect("guidance_max_radius_px")
    assert not RenderConfig(backend="bokehnet").has_effect("guidance_max_radius_px")
    assert not RenderConfig(guidance="physical").has_effect("guidance_max_radius_px")


def test_a_wider_warning_makes_no_render_stale_and_another_max_coc_does():
    assert settings_for(load(warn_focus_mean=(0.0, 1.0)), "render") == settings_for(load(), "render")
    assert settings_for(load(max_coc=0.001), "render") != settings_for(load(), "render")
    assert settings_for(load(max_coc=0.001), "depth") == settings_for(load(), "depth")
