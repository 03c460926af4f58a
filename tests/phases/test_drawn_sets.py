"""Drawn sets: the law's own lenses, with ways that hang on nothing but scene, seed and set."""

from __future__ import annotations

import json

import pytest

from focusgen.phases.drawn_sets import draw_sets, law_sets
from tests.conftest import Rgbd
from tests.phases.test_focus_moves import BEFORE_4, MIXED, documents, of_scene, run


@pytest.mark.slow
def test_the_first_sets_and_frames_stay_as_they_are_when_more_are_asked(rgbd: Rgbd):
    rgbd.add_scene("a", n_frames=8)
    assert rgbd.run(*MIXED) == 0
    cfg = rgbd.config(lens__motion="mixed")
    depth, entry = of_scene(rgbd, cfg)
    many = draw_sets(cfg, depth, entry, 6).moving
    assert draw_sets(cfg, depth, entry, 2).moving == many[:2]
    published = documents(rgbd)["sets"]
    shorter = rgbd.root / "shorter"
    assert run(rgbd, (*BEFORE_4, "render"), *MIXED, "--max_frames", "3", out_root=shorter) == 0
    begun = json.loads((shorter / "a/metadata.json").read_text())["sets"]
    first = [s["S_focus_per_frame"][:3] if "S_focus_per_frame" in s else None for s in published]
    assert [s.get("S_focus_per_frame") for s in begun] == first


@pytest.mark.slow
def test_the_law_draws_f_n_and_the_first_focus_as_if_nothing_moved(rgbd: Rgbd):
    rgbd.add_scene("a", n_frames=8)
    assert rgbd.run() == 0
    fixed = documents(rgbd)
    assert "motion" not in fixed["lens_law"] and "S_focus_per_frame" not in fixed["sets"][0]
    assert rgbd.run("--lens.motion", "rack", "--on_stale", "redo") == 0
    moved = documents(rgbd)
    for before, after in zip(fixed["sets"], moved["sets"], strict=True):
        assert before.items() <= after.items()


@pytest.mark.slow
def test_the_law_stands_for_all_scenes_whatever_they_are_called(rgbd: Rgbd):
    for name in ("a", "b"):
        rgbd.add_scene(name, n_frames=6)
    assert run(rgbd, BEFORE_4) == 0
    cfg = rgbd.config(lens__motion="mixed")
    whole = law_sets(cfg, *of_scene(rgbd, cfg, "a"))
    assert whole.moving == law_sets(cfg, *of_scene(rgbd, cfg, "b")).moving
    assert {one.path.kind if one.path else "fixed" for one in whole.moving} == {
        "rack",
        "drift",
        "track",
        "fixed",
    }
    assert whole.lenses == tuple(one.lens for one in whole.moving) and len(whole.paths) == len(whole.lenses)
