"""`focusgen demo`: scenes of its own through all phases, approved by itself, and lines that lead on."""

from __future__ import annotations

from pathlib import Path

import pytest

from focusgen import cli
from focusgen.commands import synth
from focusgen.config import Config
from focusgen.run import here
from focusgen.tools import run_pictures
from tests.small import entry, write_index


class Stage:
    """Stands for what the demo calls, and keeps what it was told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.code = 0
        self.synth: list[str] = []
        self.cfg = Config()
        monkeypatch.setattr(synth, "main", self.synth.extend)
        monkeypatch.setattr(here, "run_everything", self.run)
        monkeypatch.setattr(
            run_pictures, "end_with_pictures", lambda cfg, chosen, work: (work(), Path("r.html"))
        )

    def run(self, cfg: Config, selection: object) -> int:
        self.cfg = cfg
        write_index(cfg.data.out_root, {"bars_000": entry()} if self.code == 0 else {})
        return self.code


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch)


def test_what_it_writes_is_what_it_runs_and_it_leads_on(stage: Stage, tmp_path: Path, capsys) -> None:
    out = tmp_path / "my demo"
    assert cli.main(["demo", "--out_root", str(out), "--n_scenes", "1", "--n_frames", "18"]) == 0
    given = dict(zip(stage.synth[::2], stage.synth[1::2], strict=True))
    assert (given["--n_scenes"], given["--n_frames"], given["--faults"]) == ("1", "18", "camera")
    assert given["--raw_root"] == str(stage.cfg.data.raw_root) == str(out / "raw")
    assert given["--depth_root"] == str(stage.cfg.depth.depth_root) == str(out / "raw_depth")
    assert stage.cfg.data.out_root == out and stage.cfg.run.auto_approve
    assert stage.cfg.deblur.backend == "classical" and stage.cfg.depth.backend == "provided"
    said = capsys.readouterr().out
    assert "1 scenes in" in said and "approved by the demo itself" in said
    assert f"focusgen status --out_root '{out}'" in said and str(out / "bars_000") in said
    assert said.splitlines()[-1].endswith("r.html")


def test_a_setting_of_the_command_line_wins_over_the_demos_own(stage: Stage, tmp_path: Path) -> None:
    words = ["--render.n_sets", "2", "--run.auto_approve", "false"]
    assert cli.main(["demo", "--out_root", str(tmp_path), *words]) == 0
    assert stage.cfg.render.n_sets == 2 and not stage.cfg.run.auto_approve


@pytest.mark.parametrize(("n_frames", "min_frames"), [("3", 3), ("24", Config().data.min_frames)])
def test_a_clip_that_it_made_itself_is_never_too_short_for_it(
    stage: Stage, tmp_path: Path, n_frames: str, min_frames: int
) -> None:
    assert cli.main(["demo", "--out_root", str(tmp_path), "--n_frames", n_frames]) == 0
    assert stage.cfg.data.min_frames == min_frames


def test_where_it_failed_nothing_is_promised_and_the_status_is_the_runs(stage, tmp_path, capsys):
    stage.code = 3
    assert cli.main(["demo", "--out_root", str(tmp_path)]) == 3
    said = capsys.readouterr().out
    assert "one label" not in said and "scenes in" not in said and said.endswith("r.html\n")


def test_frames_that_are_none_are_refused_before_anything_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(here, "run_everything", lambda *_: pytest.fail("ran"))
    assert cli.main(["demo", "--out_root", str(tmp_path / "o"), "--n_frames", "0"]) == 2
    assert "0 frames" in capsys.readouterr().err and not (tmp_path / "o").exists()
