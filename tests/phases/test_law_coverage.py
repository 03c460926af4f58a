"""label_coverage.json: every law on the scenes of a calibration, the configured one under its max_coc."""

from __future__ import annotations

import json

import numpy as np
import pytest

from focusgen import cli
from focusgen.config.lens import LensConfig
from focusgen.phases.law_coverage import law_name, spread_over
from tests.conftest import Rgbd


@pytest.mark.slow
def test_phase_4_says_what_each_law_would_cover_and_what_is_then_published(rgbd: Rgbd):
    rgbd.add_scene("a", width=160)
    rgbd.add_scene("b", width=160, seed=1)
    flags = ["--min_frames", "2", "--workers", "1", *rgbd.flags("raw_root", "depth_root", "out_root")]
    flags += ["--lens.law", "balanced", "--calibrate.lenses", "law", "--n_sets", "3", "--auto_approve"]
    assert cli.main(["run", "--no_pictures", *flags]) == 0
    logs = rgbd.out_root / "logs"
    document = json.loads((logs / "label_coverage.json").read_text())
    assert (logs / "label_coverage.png").read_bytes().startswith(b"\x89PNG")
    assert document["configured"] == "balanced" and document["scenes"] == ["a", "b"]
    assert list(document["laws"]) == ["random", "robust", "sweep", "balanced"]
    law = document["laws"]["balanced"]
    assert law["max_coc"] == json.loads((logs / "coc_stats.json").read_text())["recommended_max_coc"]
    assert law["sets"] == 6 and law["scenes"] == 2 and "is_rehearsal" not in document
    missing = {name: law.get("scenes_missing_deciles", []) for name, law in document["laws"].items()}
    assert any(missing.values())  # three sets
    for name, law_of_name in document["laws"].items():
        assert set(missing[name]) <= {"a", "b"}
        assert len(missing[name]) == 2 - law_of_name["scenes_with_all_deciles"]
    counts = np.zeros(10)
    for path in rgbd.out_root.glob("*/focus_maps/*/*.npz"):
        counts += np.histogram(np.load(path)["focus_map"].astype(float), 10, (0, 1))[0]
    assert law["histogram"] == pytest.approx(counts / counts.sum(), abs=2e-4)
    assert law["entropy"] > document["laws"]["random"]["entropy"]


def test_a_law_without_lenses_for_a_scene_says_so_and_harms_nothing(rgbd: Rgbd):
    rgbd.add_scene("a", width=160)
    flags = ["--min_frames", "2", "--workers", "1", *rgbd.flags("raw_root", "depth_root", "out_root")]
    assert cli.main(["run", "--no_pictures", *flags, "--lens.target_blur_px", "[500, 600]"]) == 4
    laws = json.loads((rgbd.out_root / "logs" / "label_coverage.json").read_text())["laws"]
    assert laws["balanced"] is None and laws["random"]["sets"] == 4


def test_laws_are_named_and_many_scenes_are_thinned_evenly():
    assert law_name(LensConfig()) == "random"
    assert law_name(LensConfig(focus_range="robust")) == "robust"
    assert law_name(LensConfig(law="sweep", focus_range="robust")) == "sweep"
    assert spread_over(list("abc"), 5) == list("abc")
    assert spread_over(list(range(10)), 4) == [0, 2, 5, 7]
