"""`focusgen plan`: counts and times from the index or from file headers; nothing is written or begun."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from focusgen import cli
from focusgen.config.backends import DRYRUN, THIN_LENS
from focusgen.run import forecast
from tests.clips import moving_texture, write_images
from tests.conftest import Rgbd
from tests.small import entry, identity, put_record, write_index


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A data set after phase 1: two scenes of three and five frames, the first with depth of phase 3."""
    dataset = write_index(tmp_path / "out", {"a": entry(3), "b": entry(5)})
    put_record(dataset.scene("a"), identity("depth", "a"), run={"elapsed_s": 36.0})
    return dataset.root


def planned(capsys, *words: str) -> dict[str, Any]:
    assert cli.main(["plan", "--json", *words]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def files(root: Path) -> set[tuple[Path, int]]:
    return {(path, path.lstat().st_mtime_ns) for path in [root, *root.rglob("*")]}


def test_the_index_is_counted_and_the_rate_is_that_of_its_records(out: Path, capsys) -> None:
    before = files(out)
    found = planned(capsys, "--out_root", str(out), "--backend", "dryrun")
    assert (found["n_scenes"], found["n_frames"], found["fits"]) == (2, 8, True)
    assert found["phase_s"]["depth"] == pytest.approx(36.0 * 8 / 3)
    assert found["rates"]["render"]["seconds_per_mpx"] == THIN_LENS.rate.seconds_per_mpx
    assert set(found["phase_s"]) == {"index", "deblur", "depth", "render", "validate"}
    assert files(out) == before


@pytest.mark.parametrize("run", [{}, {"elapsed_s": None}, {"elapsed_s": "long"}, {"elapsed_s": 0.0}])
def test_a_record_that_tells_no_time_leaves_the_estimate(out: Path, capsys, run: dict[str, Any]) -> None:
    dataset = write_index(out, {"a": entry(3), "b": entry(5)})
    put_record(dataset.scene("a"), identity("depth", "a"), run=run)
    found = planned(capsys, "--out_root", str(out), "--backend", "dryrun")
    assert found["rates"]["depth"]["seconds_per_mpx"] == DRYRUN.rate.seconds_per_mpx


def test_only_the_phases_that_were_asked_for_cost_time_and_room(out: Path, capsys) -> None:
    whole = planned(capsys, "--out_root", str(out))
    part = planned(capsys, "--out_root", str(out), "--phases", "3")
    assert set(part["phase_s"]) == {"depth"} and 0 < part["n_bytes"] < whole["n_bytes"]
    double = planned(capsys, "--out_root", str(out), "--n_sets", "8")
    assert double["phase_s"]["render"] == pytest.approx(2 * whole["phase_s"]["render"])


def test_before_phase_1_the_raw_files_are_counted(rgbd: Rgbd, capsys) -> None:
    rgbd.add_scene("a")
    rgbd.add_scene("short", n_frames=2)
    words = [*rgbd.flags("raw_root", "out_root"), "--min_frames", "3"]
    assert planned(capsys, *words)["n_frames"] == 4
    assert not rgbd.out_root.exists()


def test_lines_for_people_say_what_is_estimated_and_where_it_does_not_fit(out, capsys, monkeypatch):
    words = ["plan", "--out_root", str(out), "--backend", "dryrun"]
    assert cli.main(words) == 0
    said = capsys.readouterr().out
    assert said.startswith("2 scenes, 8 frames\n")
    lines = {line.split()[0]: line for line in said.splitlines() if "of work" in line}
    assert "0.03 h of work  (measured)" in lines["depth"] and "(estimated)" in lines["index"]
    assert "GPU hours" in said and "WARNING" not in said
    monkeypatch.setattr(forecast, "BYTES_PER_FRAME", 10**18)
    assert cli.main(words) == 3
    assert "WARNING: it does not fit: make room, or choose another --out_root" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--phases", "7"], "--phases: 7 is no phase"),
        (["--backend", "vdaa"], "did you mean vda?"),
        (["--raw_root", "nowhere", "--out_root", "none"], "nowhere: no such folder"),
        (["--config", "davi"], "Did you mean davis?"),
    ],
)
def test_what_cannot_be_planned_is_refused_by_its_flag(
    out: Path, words: list[str], said: str, capsys
) -> None:
    assert cli.main(["plan", "--out_root", str(out), *words]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ((), "no scene of 16 frames and more"),
        (("--max_frames", "4"), "--max_frames 4 is below --min_frames 16"),
    ],
)
def test_a_forecast_of_no_scene_is_refused_with_the_reason(tmp_path: Path, capsys, flags, said) -> None:
    write_images(tmp_path / "raw" / "bear", moving_texture(5))
    where = ["--raw_root", str(tmp_path / "raw"), "--out_root", str(tmp_path / "out")]
    assert cli.main(["plan", *where, *flags]) == 2
    assert said in capsys.readouterr().err
