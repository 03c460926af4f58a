"""The standard error of a recommendation: the spread over other lenses of the same law."""

from __future__ import annotations

import json

import numpy as np
import pytest

from focusgen import cli
from focusgen.dataset.index import read_index
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import read_record
from focusgen.optics.stats import CocHistogram
from focusgen.phases.approval import stats_digest
from focusgen.phases.calibrate import calibrate
from focusgen.phases.calibration_sample import sample_scene
from focusgen.phases.lens_law import draw_lenses
from focusgen.phases.redraws import error_words
from focusgen.phases.scene_depth import SceneDepth
from tests.conftest import Rgbd


def scene_depth_of(rgbd: Rgbd, scene_id: str) -> SceneDepth:
    scene = DatasetLayout.of(rgbd.config()).scene(scene_id)
    return SceneDepth(scene, read_record(scene.done("depth")))


@pytest.mark.slow
def test_the_standard_error_is_the_spread_of_p95_over_other_lenses_and_leaves_approvals_alone(rgbd):
    rgbd.add_scene("a", width=320)
    rgbd.run("--n_sets", "1")
    stats = calibrate(rgbd.config(), ["a"])
    path = rgbd.out_root / "logs" / "coc_stats.json"
    before = stats_digest(path)
    depth, others = scene_depth_of(rgbd, "a"), []
    for seed in range(100, 140):
        histogram = CocHistogram()
        for lens in draw_lenses(rgbd.config(seed=seed), depth, 8).lenses:
            histogram.add(depth.counts(), lens)
        others.append(histogram.percentile(95.0))
    error = stats["p95_error"]
    assert error["standard_error"] == pytest.approx(np.std(others), rel=0.6) and error["redraws"] == 16
    assert error["relative"] == pytest.approx(error["standard_error"] / stats["p95"])
    assert error["relative"] > 0.1
    said, warning = error_words(stats)
    assert f"standard error {100 * error['relative']:.0f} %" in said and "--calibrate.lenses law" in str(
        warning
    )
    path.write_text(json.dumps({key: stats[key] for key in stats if key != "p95_error"}))
    assert stats_digest(path) == before
    assert "p95_error" not in calibrate(rgbd.config(calibrate__lenses="law"), ["a"])


@pytest.mark.slow
def test_where_focus_moves_other_lenses_are_seen_at_every_frame(rgbd):
    rgbd.add_scene("a", n_frames=24, width=160)
    rgbd.run("--n_sets", "1")
    error = calibrate(rgbd.config(lens__motion="rack"), ["a"])["p95_error"]["standard_error"]
    still = calibrate(rgbd.config(), ["a"])["p95_error"]["standard_error"]
    dataset = DatasetLayout.of(rgbd.config())
    entry, others = read_index(dataset)["a"], []
    for seed in range(100, 116):
        scene = sample_scene(rgbd.config(lens__motion="rack", seed=seed), dataset, "a", entry)
        histogram = CocHistogram()
        for counts, lens in scene.seen(scene.counts()):
            histogram.add(counts, lens)
        others.append(histogram.percentile(95.0))
    assert error == pytest.approx(np.std(others), rel=0.6)
    assert error < 0.75 * still  # a rack visits near and far, whichever lens was drawn


@pytest.mark.slow
def test_phase_4_prints_the_standard_error_and_warns(rgbd, capsys):
    rgbd.add_scene("a", width=320)
    flags = ["--min_frames", "2", "--workers", "1", *rgbd.flags("raw_root", "depth_root", "out_root")]
    assert cli.main(["run", "--no_pictures", *flags, "--calibrate.n_lens_sets", "7"]) == 4
    told = " ".join("".join(capsys.readouterr()).split())
    assert "over 16 redraws of the lenses" in told and "warning: the recommended max_coc has" in told
    assert cli.main(["run", "--no_pictures", *flags, "--calibrate.lenses", "law"]) == 4
    assert "standard error" not in "".join(capsys.readouterr())
