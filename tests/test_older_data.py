"""A data set that the last release made is complete, and stays as it is, under today's code."""

import json
import tarfile
from pathlib import Path

import pytest

from focusgen import cli
from focusgen.dataset.journals import reopen
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import read_record
from focusgen.phases import render
from focusgen.phases.drawn_sets import draw_sets
from tests.fingerprint import published_digests

ARCHIVE = Path(__file__).parent / "data" / "data_set_0.1.0.tar.xz"
# made by release 0.1.0: synth --n_scenes 2 --n_frames 4 --width 96 --height 80 --faults all, then
# run --min_frames 4 --n_sets 2 --auto_approve --deblur.backend classical
SETTINGS = ["--min_frames", "4", "--n_sets", "2", "--auto_approve", "--deblur.backend", "classical"]


@pytest.fixture
def older(tmp_path: Path, monkeypatch) -> Path:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "output"


def test_nothing_of_an_older_data_set_turns_stale(older, capsys):
    assert cli.main(["status", "--out_root", "output"]) == 0
    shown = capsys.readouterr().out
    assert [line for line in shown.splitlines() if line.endswith("2 complete")] == [
        f"{phase:<7} 2 complete" for phase in ("deblur", "depth", "render")
    ]


@pytest.mark.slow
def test_running_again_over_an_older_data_set_changes_no_published_byte(older, capsys):
    before = published_digests(older)
    roots = ["--raw_root", "raw", "--depth_root", "depth", "--out_root", "output"]
    assert cli.main(["run", "--no_pictures", *roots, *SETTINGS]) == 0
    assert published_digests(older) == before
    assert "verdict pass: 2 of 2" in capsys.readouterr().err


def test_a_repaired_picture_of_an_older_data_set_has_its_old_bytes(older, capsys):
    before = published_digests(older)
    for lost in (
        "frames_sharp/frame_0002.png",
        "depth_maps/depth_0001.npz",
        "bokeh_renders/set_01/bokeh_0001.png",
    ):
        next(older.glob(f"*/{lost}")).unlink()
    roots = ["--raw_root", "raw", "--out_root", "output"]
    assert cli.main(["repair", *roots]) == 0
    assert published_digests(older) == before


@pytest.mark.slow
def test_a_half_made_scene_of_an_older_release_ends_with_the_encoder_that_it_began_with(older, capsys):
    before = published_digests(older)
    scene = DatasetLayout(older, older / "scene_index.json").scene("bars_000")
    record = read_record(scene.done("deblur"))
    reopen(scene, record, [scene.sharp(1), scene.sharp(3)])
    journal = json.loads(scene.journal("deblur").read_text())
    assert journal.pop("png_filter") == "paeth"
    scene.journal("deblur").write_text(json.dumps(journal))  # as 0.1.0 wrote it
    roots = ["--raw_root", "raw", "--depth_root", "depth", "--out_root", "output"]
    assert cli.main(["run", "--no_pictures", *roots, *SETTINGS, "--on_stale", "keep"]) == 0
    assert published_digests(older) == before


@pytest.fixture
def other_law(monkeypatch) -> None:
    """Let the law draw other lenses for the same settings, as a later build may."""

    def otherwise(cfg, depth, entry, n):
        return draw_sets(cfg.model_copy(update={"seed": cfg.seed + 1}), depth, entry, n)

    monkeypatch.setattr(render, "draw_sets", otherwise)


@pytest.mark.slow
def test_a_repair_goes_on_with_the_lenses_of_an_older_release_though_the_law_draws_others(older, other_law):
    before = published_digests(older)
    for lost in ("bokeh_renders/set_01/bokeh_0001.png", "focus_maps/set_00/focus_0002.npz"):
        next(older.glob(f"*/{lost}")).unlink()
    assert cli.main(["repair", "--raw_root", "raw", "--out_root", "output"]) == 0
    assert published_digests(older) == before


@pytest.mark.slow
def test_where_the_lenses_are_lost_all_labels_are_made_anew_and_that_is_said(older, other_law, capsys):
    (older / "bars_000" / "metadata.json").unlink()
    assert cli.main(["repair", "--raw_root", "raw", "--out_root", "output"]) == 3
    said = capsys.readouterr().err
    assert "all are made anew" in said and "other bytes than before" in said
    assert "run phase 6 again" in said and "labels differ" not in said
    assert cli.phase_main("validate", "Phase 6.", ["--out_root", "output"]) == 0
