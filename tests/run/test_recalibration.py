"""Phase 4 measures once, and never voids an approval unasked."""

from __future__ import annotations

import json

import pytest

from focusgen import cli
from tests.dataset.test_masked import write_masks


@pytest.fixture
def approved(rgbd):
    """A data set of one scene whose statistics a person approved."""
    rgbd.add_scene("a", width=96)
    flags = [*rgbd.flags("raw_root", "out_root", "depth_root"), "--min_frames", "2", "--n_sets", "1"]
    assert cli.main(["run", "--no_pictures", *flags]) == 4
    assert cli.main(["approve", *rgbd.flags("out_root")]) == 0
    return rgbd


def calibrate(rgbd, *words: str) -> int:
    flags = rgbd.flags("raw_root", "out_root", "depth_root")
    return cli.phase_main("calibrate", "Phase 4.", [*flags, *words])


def test_another_seed_needs_a_word_before_it_voids_an_approval(approved, capsys):
    stats, approval = (approved.out_root / "logs" / f"coc_{name}.json" for name in ("stats", "approval"))
    before = stats.read_bytes(), approval.read_bytes()
    assert calibrate(approved, "--seed", "7") == 3
    said = capsys.readouterr().err
    assert "seed 42 -> 7" in said and "--on_stale redo" in said
    assert calibrate(approved, "--seed", "7", "--on_stale", "keep") == 0
    assert (stats.read_bytes(), approval.read_bytes()) == before
    assert calibrate(approved, "--seed", "7", "--on_stale", "redo") == 0
    assert json.loads(stats.read_bytes())["settings"]["seed"] == 7


def test_the_same_again_measures_nothing_until_there_is_other_depth(approved, capsys):
    stats = approved.out_root / "logs" / "coc_stats.json"
    stamp = stats.stat().st_mtime_ns
    assert calibrate(approved) == 0
    assert "there already" in capsys.readouterr().err and stats.stat().st_mtime_ns == stamp
    stats.write_bytes(stats.read_bytes().replace(b'"n_values"', b'"n_other"'))
    assert calibrate(approved) == 0
    assert b'"n_values"' in stats.read_bytes(), "an edited file is made anew"


def test_phase_4_by_itself_measures_other_depth_unless_it_is_told_to_keep(approved, capsys):
    calibrated = approved.out_root / ".focusgen" / "calibrated.json"
    calibrated.write_bytes(calibrated.read_bytes().replace(b'"depth": {', b'"depth": {"gone": "0",'))
    assert calibrate(approved, "--on_stale", "keep") == 0
    assert "though 1 scenes have other depth" in capsys.readouterr().err
    assert calibrate(approved) == 0
    assert "recommended max_coc" in capsys.readouterr().err


def test_statistics_of_which_nobody_kept_the_depth_are_not_said_to_be_of_other_depth(approved, capsys):
    (approved.out_root / ".focusgen" / "calibrated.json").unlink()  # release 0.1.0 had none
    assert calibrate(approved, "--on_stale", "keep") == 0
    said = capsys.readouterr().err
    assert "kept: the approved calibration\n" in said and "other depth" not in said


OTHER_LENSES = "calibrated with other lenses: lens.focal_length_mm [24.0, 85.0] -> [100.0, 200.0]"


@pytest.mark.parametrize(
    ("words", "is_told"),
    [
        (["--lens.focal_length_mm", "[100, 200]"], True),
        (["--lens.focal_length_mm", "[100, 200]", "--max_coc", "0.001"], False),  # a person's own word
        (["--calibrate.n_lens_sets", "3"], False),
        ([], False),
    ],
)
def test_phase_5_says_when_the_approved_calibration_is_of_other_lenses(approved, capsys, words, is_told):
    flags = approved.flags("out_root")
    assert cli.phase_main("render", "Phase 5.", [*flags, "--n_sets", "1", *words]) == 0
    assert (OTHER_LENSES in capsys.readouterr().err) == is_told


@pytest.mark.parametrize("other", [["--lens.focal_length_mm", "[100, 200]"], ["--calibrate.lenses", "law"]])
def test_the_way_out_that_phase_5_names_calibrates_anew(approved, capsys, other):
    assert calibrate(approved, *other, "--on_stale", "redo") == 0
    assert cli.main(["approve", *approved.flags("out_root")]) == 0
    capsys.readouterr()
    assert cli.phase_main("render", "Phase 5.", [*approved.flags("out_root"), "--n_sets", "1", *other]) == 0
    assert "calibrated with other lenses" not in capsys.readouterr().err


@pytest.mark.slow
def test_a_scene_that_was_left_out_is_measured_once_its_masks_are_there(rgbd, capsys):
    for name in "ab":
        rgbd.add_scene(name, width=96)
    write_masks(rgbd.root / "masks" / "a", width=96)
    flags = [*rgbd.flags("raw_root", "out_root", "depth_root"), "--min_frames", "2"]
    flags += ["--lens.motion", "track", "--mask_root", str(rgbd.root / "masks")]
    assert cli.main(["run", "--no_pictures", *flags]) == 4
    assert "b: left out: " in capsys.readouterr().err
    write_masks(rgbd.root / "masks" / "b", width=96)
    assert cli.main(["run", "--no_pictures", *flags]) == 4
    assert json.loads((rgbd.out_root / "logs" / "coc_stats.json").read_text())["scenes"] == ["a", "b"]
