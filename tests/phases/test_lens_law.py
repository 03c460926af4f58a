"""One law of lenses for calibration and rendering: its ranges, its seeds, and lenses that stand for all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from focusgen import config
from focusgen.base.errors import LensError
from focusgen.config import Config
from focusgen.dataset.layout import SceneLayout
from focusgen.dataset.records import Record
from focusgen.optics.stats import depth_counts
from focusgen.phases.lens_law import LAW_LENSES, LAW_SETS, LensLaws, draw_lenses
from focusgen.phases.scene_depth import SceneDepth

STATS = {"d_min": 0.8, "d_max": 40.0, "d_median": 3.0, "d_p5": 1.5, "d_p95": 12.0}


def load(**values: Any) -> Config:
    names = {"lens__" + k if "__" not in k else k: v for k, v in values.items()}
    return config.load(None, {k.replace("__", "."): v for k, v in names.items()})


def depth(root: Path, name: str = "a", maps: np.ndarray | None = None, long_side: int = 400) -> SceneDepth:
    """Return a scene of which nothing but statistics and counts is known."""
    scene = SceneLayout(root, name)
    scene.stats_json.parent.mkdir(parents=True, exist_ok=True)
    scene.stats_json.write_text(json.dumps(STATS))
    counts = None if maps is None else depth_counts(maps.astype(np.float16))
    return SceneDepth(scene, Record({"details": {"width": 300, "height": long_side}, "n_frames": 0}), counts)


RELIEF_M = np.geomspace(0.8, 40.0, 400)


@pytest.mark.parametrize("law", ["random", "sweep"])
@pytest.mark.parametrize(("range_name", "near_m", "far_m"), [("full", 0.8, 40.0), ("robust", 1.5, 12.0)])
def test_lenses_lie_within_what_is_configured(tmp_path, law, range_name, near_m, far_m):
    cfg = load(law=law, focus_range=range_name, focal_length_mm=(35, 50), f_number=(2, 4))
    lenses = draw_lenses(cfg, depth(tmp_path), 40).lenses
    assert len(lenses) == 40
    for lens in lenses:
        assert near_m <= lens.focus_distance_m <= far_m * (1 + 1e-9)
        assert 0.035 <= lens.focal_length_m <= 0.050 and 2.0 <= lens.f_number <= 4.0
        assert lens.formula == "paper"
    distances = [lens.focus_distance_m for lens in lenses]
    assert max(distances) > (near_m + far_m) / 4 and min(distances) < (near_m + far_m) / 2


def test_a_sweep_is_even_in_diopters(tmp_path):
    lenses = draw_lenses(load(law="sweep"), depth(tmp_path), 5).lenses
    diopters = sorted(1 / lens.focus_distance_m for lens in lenses)
    assert np.allclose(np.diff(diopters), (1 / 0.8 - 1 / 40.0) / 4)


def test_the_formula_goes_with_the_lens(tmp_path):
    lenses = draw_lenses(load(optics__formula="exact"), depth(tmp_path), 3).lenses
    assert {lens.formula for lens in lenses} == {"exact"}


def test_a_draw_hangs_on_seed_and_scene_and_on_nothing_else(tmp_path):
    cfg = load()
    first = draw_lenses(cfg, depth(tmp_path), 4)
    assert draw_lenses(cfg, depth(tmp_path), 4) == first
    assert draw_lenses(load(deblur__backend="classical"), depth(tmp_path), 4) == first
    assert draw_lenses(cfg, depth(tmp_path, "b"), 4) != first
    assert draw_lenses(config.load(None, {"seed": 7}), depth(tmp_path), 4) != first


def test_many_lenses_that_stand_for_the_law_hang_on_neither(tmp_path):
    whole = LensLaws(load(), depth(tmp_path)).whole()
    assert len(whole.lenses) == LAW_LENSES and whole.n_redrawn == 0
    other = LensLaws(config.load(None, {"seed": 7}), depth(tmp_path, "b")).whole()
    assert other == whole


def test_they_are_spread_as_the_draws_are(tmp_path):
    """The median of many draws lies where that of the lenses that stand for the law lies."""
    cfg, scene = load(), depth(tmp_path)
    whole = LensLaws(cfg, scene).whole().lenses
    drawn = [lens for seed in range(300) for lens in LensLaws(cfg, scene).draw(4, seed).lenses]
    for name in ("focal_length_m", "f_number", "focus_distance_m"):
        ours, theirs = (np.median([getattr(lens, name) for lens in some]) for some in (whole, drawn))
        assert ours == pytest.approx(theirs, rel=0.06), name


def test_where_a_set_depends_on_those_before_it_whole_draws_stand_for_the_law(tmp_path):
    whole = LensLaws(load(law="sweep"), depth(tmp_path)).whole()
    assert len(whole.lenses) == LAW_SETS
    assert len(LensLaws(load(law="balanced"), depth(tmp_path, maps=RELIEF_M)).whole().lenses) == LAW_SETS


@pytest.mark.parametrize("n_sets", [1, 2, 7])
def test_a_sweep_stands_for_the_law_with_as_many_sets_as_are_rendered(tmp_path, n_sets):
    """Of two sets, both stand at an end; of four, half do."""
    cfg = config.load(None, {"lens.law": "sweep", "render.n_sets": n_sets, "calibrate.lenses": "law"})
    whole, one = LensLaws(cfg, depth(tmp_path)).whole(), draw_lenses(cfg, depth(tmp_path), n_sets)
    farthest_m = max(lens.focus_distance_m for lens in one.lenses)
    at_the_end = [lens for lens in whole.lenses if lens.focus_distance_m == pytest.approx(farthest_m)]
    assert len(whole.lenses) == n_sets * len(at_the_end)
    assert config.settings_for(cfg, "calibrate")["render.n_sets"] == n_sets
    assert "render.n_sets" not in config.settings_for(load(law="balanced"), "calibrate")


def balanced(tmp_path: Path, target_px: tuple[float, float] | None, **how: Any) -> LensLaws:
    cfg = load(law="balanced", target_blur_px=target_px)
    return LensLaws(cfg, depth(tmp_path, maps=RELIEF_M, **how))


def test_a_blur_that_no_lens_reaches_is_refused_with_what_they_reach(tmp_path):
    with pytest.raises(LensError, match=r"target_blur_px \[5000.0, 6000.0\]: no lens") as caught:
        balanced(tmp_path, (5000, 6000))
    assert "--lens.target_blur_px '[LOW, HIGH]'" in caught.value.advice
    with pytest.raises(LensError, match="they blur by"):
        balanced(tmp_path, (1e-7, 2e-7))


@pytest.mark.parametrize("target_px", [None, (1e-7, 8.0), (3.0, 6000.0)])
def test_a_blur_that_some_lens_reaches_is_drawn(tmp_path, target_px):
    assert len(balanced(tmp_path, target_px).draw(3, 1).lenses) == 3


def test_a_flat_wall_is_flagged_and_not_refused(tmp_path):
    cfg = load(law="balanced", target_blur_px=(3, 8))
    wall = depth(tmp_path, maps=np.full(1000, 3.0))
    assert len(LensLaws(cfg, wall).draw(2, 1).lenses) == 2


def test_a_scene_nearer_than_any_lens_focuses_is_refused(tmp_path):
    scene = depth(tmp_path)
    scene.scene.stats_json.write_text(json.dumps({**STATS, "d_min": 0.01, "d_max": 0.02}))
    with pytest.raises(LensError):
        draw_lenses(load(), scene, 1)
