"""Phase 4: what it does not recommend."""

from __future__ import annotations

import json

import numpy as np
import pytest

from focusgen import cli


@pytest.mark.parametrize(
    ("factor", "width", "exit_code"),
    [(1.0, 96, 4), (60.0, 96, 3), (5.0, 480, 4)],
    ids=["seen", "none", "faint"],
)
def test_blur_that_nobody_would_see_is_not_recommended(rgbd, capsys, factor, width, exit_code):
    rgbd.add_scene("a", width=width)
    for path in (rgbd.depth_root / "a").iterdir():
        np.save(path, np.load(path) * np.float32(factor))
    flags = [*rgbd.flags("raw_root", "out_root", "depth_root"), "--min_frames", "2", "--workers", "1"]
    assert cli.main(["run", "--no_pictures", *flags]) == exit_code
    stats = json.loads((rgbd.out_root / "logs" / "coc_stats.json").read_text())
    assert (stats["recommended_max_coc"] is None) is (stats["in_px"]["p95"] < 0.5) is (exit_code == 3)
    said = capsys.readouterr().err
    assert ("px on frames of 96 px: hardly any lens" in said) is (exit_code == 3)
    assert "0.0 px" not in said
    assert ("95 % of the pixels are blurred by less than" in said) is (width == 480)


def near(rgbd, *names: str) -> list[str]:
    """Write scenes of which some end nearer than twice the shortest lens; return the flags of a run."""
    for number, name in enumerate(("far", "near")):
        rgbd.add_scene(name, width=96, seed=number)
        if name in names:
            for path in (rgbd.depth_root / name).iterdir():
                np.save(path, np.load(path) * np.float32(0.02))
    words = ["--min_frames", "2", "--workers", "1", "--lens.focal_length_mm", "[100, 130]"]
    return [*rgbd.flags("raw_root", "out_root", "depth_root"), *words]


@pytest.mark.slow
@pytest.mark.parametrize("law", ["random", "balanced"])
def test_a_scene_that_no_lens_can_focus_in_is_left_out_and_fails_alone(rgbd, capsys, law):
    flags = [*near(rgbd, "near"), "--lens.law", law, "--auto_approve", "--n_sets", "1"]
    assert cli.main(["run", "--no_pictures", *flags]) == 3
    said = " ".join("".join(capsys.readouterr()).split())
    assert "near: left out:" in said and "twice the shortest focal length" in said
    stats = json.loads((rgbd.out_root / "logs" / "coc_stats.json").read_text())
    assert stats["scenes"] == ["far"] and list(stats["scenes_without_lenses"]) == ["near"]
    assert (rgbd.out_root / "far" / "bokeh_renders" / ".done").is_file()
    failed = json.loads((rgbd.out_root / "near" / "bokeh_renders" / ".failed").read_text())
    assert "lens.focal_length_mm" in failed["advice"]


def test_where_no_scene_has_a_lens_the_calibration_names_one_and_the_key(rgbd, capsys):
    assert cli.main(["run", "--no_pictures", *near(rgbd, "near", "far")]) == 3
    said = " ".join(capsys.readouterr().err.split())
    assert "none of the sampled scenes has lenses: far: the depth range ends at 0.12" in said
    assert "lens.focal_length_mm" in said and not (rgbd.out_root / "logs" / "coc_stats.json").exists()


def test_a_blur_that_no_lens_reaches_is_named_by_its_key(rgbd, capsys):
    flags = [*near(rgbd)[:-2], "--lens.law", "balanced", "--lens.target_blur_px", "[500, 600]"]
    assert cli.main(["run", "--no_pictures", *flags]) == 3
    said = " ".join(capsys.readouterr().err.split())
    assert "far: lens.target_blur_px [500.0, 600.0]: no lens of lens.focal_length_mm" in said
