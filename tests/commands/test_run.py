"""`focusgen run`: which settings it hands on, in which order it ends, what it refuses before it begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from focusgen import cli
from focusgen.commands.run import backend_overrides
from focusgen.config import Config
from focusgen.run import here
from focusgen.run.selection import Selection
from focusgen.tools import pack, run_pictures


class Stage:
    """Stands for the phases, the pictures and the packing of a run, and keeps what they were told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.code, self.done = 0, list[str]()
        self.cfg, self.chosen, self.recheck = Config(), Selection(), False
        monkeypatch.setattr(here, "run_everything", self.run)
        monkeypatch.setattr(run_pictures, "end_with_pictures", self.draw)
        monkeypatch.setattr(pack, "pack_if_passed", self.pack)

    def run(self, cfg: Config, selection: Selection, *, recheck: bool = False) -> int:
        self.cfg, self.chosen, self.recheck = cfg, selection, recheck
        self.done.append("phases")
        return self.code

    def draw(self, cfg: Config, selection: Selection, work: Any) -> tuple[int, Path | None]:
        code = work()
        assert selection == self.chosen
        self.done.append("pictures")
        return code, Path("report.html") if code == 0 else None

    def pack(self, cfg: Config, code: int) -> int:
        self.done.append("pack")
        return code


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch)


def test_phases_then_pictures_then_the_one_line_that_opens_them(stage: Stage, capsys) -> None:
    assert cli.main(["run", "--raw_root", "my videos"]) == 0
    assert stage.done == ["phases", "pictures"] and stage.cfg.data.raw_root == Path("my videos")
    assert capsys.readouterr().out.splitlines()[-1].startswith("look at it: ")
    assert cli.main(["run", "--no_pictures"]) == 0
    assert stage.done[2:] == ["phases"] and not capsys.readouterr().out


@pytest.mark.parametrize("code", [0, 3, 4])
@pytest.mark.parametrize("more", [[], ["--no_pictures"]])
def test_the_exit_status_is_that_of_the_phases(stage: Stage, code: int, more: list[str]) -> None:
    stage.code = code
    assert cli.main(["run", *more, "--store.pack", "scene"]) == code
    assert stage.done[-1] == "pack" and stage.done.count("phases") == 1


def test_what_was_chosen_reaches_the_phases(stage: Stage) -> None:
    words = ["--scenes", " a, b ", "--split", "val", "--scene_idx", "1", "--recheck"]
    how = ["--on_stale", "keep", "--device", "cpu", "--seed", "3"]
    assert cli.main(["run", *words, *how, "--backend", "classical,dryrun"]) == 0
    assert stage.chosen == Selection(1, ["a", "b"], "val") and stage.recheck
    cfg = stage.cfg
    assert (cfg.deblur.backend, cfg.depth.backend) == ("classical", "dryrun")
    assert (cfg.run.on_stale, cfg.run.device, cfg.seed) == ("keep", "cpu", 3)


def test_scenes_stand_by_themselves_as_for_other_commands_or_behind_their_flag(stage: Stage) -> None:
    assert cli.main(["run", "a,b", "c", "--scenes", "d"]) == 0
    assert stage.chosen == Selection(scenes=["a,b", "c", "d"])
    assert cli.main(["run"]) == 0
    assert stage.chosen == Selection(scenes=None)


def test_a_dotted_setting_wins_over_the_names_of_backends_and_both_over_the_file(stage: Stage) -> None:
    words = ["--config", "demo", "--backend", "passthrough,dryrun", "--depth.backend", "vda"]
    assert cli.main(["run", *words]) == 0
    assert (stage.cfg.deblur.backend, stage.cfg.depth.backend) == ("passthrough", "vda")


def test_a_flag_without_effect_is_said(stage: Stage, capsys) -> None:
    assert cli.main(["run", "--backend", "vda", "--depth_scale", "5000"]) == 0
    assert "note: --depth_scale has no effect with depth.backend = vda" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--backend", "vdaa"], ["--backend vdaa: unknown; did you mean vda?", "dryrun"]),
        (["--backend", "vda,dryrun"], ["--backend vda,dryrun: two backends for phase depth"]),
        (
            ["--backend", ""],
            ["--backend '' names no backend", "Leave --backend away"],
        ),
        (["--config", "davi"], ["davi: no such configuration", "davis"]),
        (["--scenes", ","], ["--scenes ',' names no scene"]),
        (["--lens.f_number", "fast"], ["--lens.f_number", "'fast'"]),
        (["--min_frames", "0"], ["--min_frames"]),
    ],
)
def test_what_cannot_be_is_refused_by_its_flag_before_anything_runs(stage, capsys, words, said):
    assert cli.main(["run", *words]) == 2 and not stage.done
    told = capsys.readouterr().err
    assert all(text in told for text in said), told


def test_each_backend_belongs_to_one_phase() -> None:
    assert backend_overrides(" classical, dryrun ,thin_lens") == {
        "deblur.backend": "classical",
        "depth.backend": "dryrun",
        "render.backend": "thin_lens",
    }
    assert backend_overrides(None) == {}
