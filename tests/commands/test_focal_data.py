"""`focusgen focal render | check | infer LIST | evaluate`, one after the other on a small RGB-D picture."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from focusgen.base.errors import ConfigError
from focusgen.cli import main
from focusgen.commands.focal_infer import InferFlags
from focusgen.dataset.index import read_index
from focusgen.dataset.layout import DatasetLayout
from focusgen.focal.baselines import METHODS
from focusgen.tools import focal_evaluate
from tests.focal.stacks import truth


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    traced = truth("tabletop")
    cv2.imwrite(str(folder / "rgb.png"), traced.aif[40:136, 60:220, ::-1])
    np.save(folder / "d.npy", traced.depth_m[40:136, 60:220])
    words = ["--aif", str(folder / "rgb.png"), "--depth", str(folder / "d.npy"), "-o", str(folder / "stack")]
    assert main(["focal", "render", *words, "--focus-distances", "0.55,1,3", "--sensor-size", "18"]) == 0
    return folder


@pytest.mark.slow
def test_a_list_of_drawn_stacks_is_checked_inferred_and_judged(
    drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    record = json.loads((drawn / "stack" / "stack.json").read_text())
    listed = drawn / "stack" / "train.jsonl"
    listed.write_text(json.dumps({**record, "name": "one", "scene": "s"}) + "\n")
    assert main(["focal", "check", str(listed)]) == 0
    assert "identifiable share" in capsys.readouterr().out
    assert main(["focal", "infer", "--input", str(listed), "--output", str(tmp_path / "o")]) == 0
    assert json.loads((tmp_path / "o" / "one_metadata.json").read_text())["unit"] == "metre"
    assert (
        main(["focal", "evaluate", "--list", str(listed), "-o", str(tmp_path / "e"), "--n-slices", "2,3"])
        == 0
    )
    table = json.loads((tmp_path / "e" / "evaluation.json").read_text())["table"]
    assert {name.split()[0] for name in table} == {*METHODS, "auto"}
    assert table["classical N=3"]["abs_rel"][0] < 0.5 * table["constant N=3"]["abs_rel"][0]
    assert (tmp_path / "e" / "evaluation").with_suffix(".md").read_text().count("\n") == 12


@pytest.mark.slow
def test_protocols_write_their_numbers_and_files(
    drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    record = json.loads((drawn / "stack" / "stack.json").read_text())
    listed = drawn / "stack" / "protocol.jsonl"
    listed.write_text(
        json.dumps({**record, "name": "000"}) + "\n" + json.dumps({**record, "name": "001"}) + "\n"
    )
    words = ["focal", "evaluate", "--list", str(listed), "--max-samples", "1", "--backend", "classical"]
    assert main([*words, "-o", str(tmp_path / "d"), "--protocol", "ddff"]) == 0
    captured = capsys.readouterr()
    assert "disparity_rmse" in captured.out
    assert "aif_lpips" in captured.err
    row = json.loads((tmp_path / "d" / "evaluation.json").read_text())["table"]["constant N=3"]
    true_m = np.load(drawn / "d.npy")
    disparity = 0.140779 * np.array([0.5 * (1 / 0.55 + 1 / 3), 1.0 / true_m], object)
    assert row["disparity_rmse"][0] == pytest.approx(
        np.sqrt(np.mean((disparity[0] - disparity[1]) ** 2)), rel=1e-4
    )
    five = ["--aif", str(drawn / "rgb.png"), "--depth", str(drawn / "d.npy"), "-o", str(tmp_path / "five")]
    assert main(["focal", "render", *five, "--focus-distances", "0.55,0.8,1,2,3"]) == 0
    stack = json.loads((tmp_path / "five" / "stack.json").read_text())
    lines = [json.dumps({**stack, "name": name}) + "\n" for name in ("000", "001")]
    (tmp_path / "five" / "protocol.jsonl").write_text("".join(lines))
    words[3] = str(tmp_path / "five" / "protocol.jsonl")
    assert main([*words[:4], "-o", str(tmp_path / "z"), "--protocol", "zedd"]) == 0
    assert "takes 50 files; these are 2" in capsys.readouterr().err
    assert sorted(one.name for one in (tmp_path / "z/zedd").iterdir()) == ["000.npy", "001.npy"]
    assert np.load(tmp_path / "z/zedd/001.npy").shape == (1216, 1824)


def test_a_list_without_truth_is_no_empty_table(
    drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    record = json.loads((drawn / "stack" / "stack.json").read_text())
    kept = {key: record[key] for key in record if key not in ("depth", "all_in_focus")}
    (drawn / "stack" / "bare.jsonl").write_text(json.dumps(kept) + "\n")
    words = ["--list", str(drawn / "stack" / "bare.jsonl"), "-o", str(tmp_path / "e")]
    assert main(["focal", "evaluate", *words]) == 2
    assert "no sample has depth or all_in_focus" in capsys.readouterr().err


@pytest.mark.parametrize(
    "flags", [["--focal-length", "0"], ["--f-number", "-2"], ["--sensor-width", "0.036"]]
)
def test_no_stack_is_drawn_through_a_lens_that_cannot_be(drawn: Path, tmp_path: Path, flags: list[str]):
    words = ["--aif", str(drawn / "rgb.png"), "--depth", str(drawn / "d.npy"), "-o", str(tmp_path / "s")]
    assert main(["focal", "render", *words, "--focus-distances", "0.55,1", *flags]) == 2
    assert not (tmp_path / "s").exists()


def test_depth_in_another_unit_or_another_way_round_is_a_problem(
    drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    record = json.loads((drawn / "stack" / "stack.json").read_text())
    depth_m = np.load(drawn / "d.npy")
    np.save(tmp_path / "cm.npy", 100.0 * depth_m)
    np.save(tmp_path / "turned.npy", depth_m.T)
    lines = [{**record, "depth": str(tmp_path / f"{name}.npy")} for name in ("cm", "turned")]
    listed = drawn / "stack" / "wrong.jsonl"
    listed.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert main(["focal", "check", str(listed)]) == 3
    said = capsys.readouterr().out
    assert "wrong.jsonl:1: depth (" in said and "lies outside the focus distances (0.55 to 3 m)" in said
    assert "wrong.jsonl:2: depth is 96x160, the picture 160x96; transpose_depth?" in said
    assert "2 problems" in said


def test_leakage_and_missing_files_are_problems(
    drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    record = {"focal_stack": str(drawn / "stack"), "scene": "s"}
    (tmp_path / "train.jsonl").write_text(json.dumps(record) + '\n{"focal_stack": "gone"}\n')
    (tmp_path / "val.jsonl").write_text(json.dumps(record) + "\n")
    assert main(["focal", "check", str(tmp_path / "train.jsonl"), str(tmp_path / "val.jsonl")]) == 3
    said = capsys.readouterr().out
    assert "leakage: scene s lies in train and val" in said
    assert "train.jsonl:2: focal_stack gone does not exist" in said


@pytest.mark.parametrize("name", ["base", "hypersim", "virtual_kitti", "mixed"])
def test_presets_say_what_their_lens_can_tell(name: str, capsys: pytest.CaptureFixture[str]):
    assert main(["focal", "check", "--config", name]) == 0
    said = capsys.readouterr().out
    assert "10 % depth needs d <=" in said
    assert ("not identifiable" in said) == (name in ("hypersim", "mixed"))
    assert name != "base" or "f/8 50 mm: 10 % depth needs d <= 5.2 m" in said


@pytest.mark.slow
def test_a_stack_becomes_a_scene(drawn: Path, tmp_path: Path):
    out = tmp_path / "scene"
    words = ["--input", str(drawn / "stack"), "-o", str(out), "--focus-distances", "stack.json", "--as-scene"]
    assert (
        main(["focal", "infer", *words, "--focal-length", "50", "--f-number", "2", "--sensor-width", "18"])
        == 0
    )
    assert (out / "stack" / "frames_sharp" / "frame_0000.png").exists()
    assert (out / "stack" / "depth_maps" / ".done").exists()
    assert list(read_index(DatasetLayout(out, out / "scene_index.json"))) == ["stack"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["stacks", "--scenes", "s", "--out", "l.jsonl", "--every", "0"],
            "--every must be at least 1, not 0",
        ),
        (["stacks", "--scenes", "s", "--out", "l.jsonl", "--n-slices", "1"], "--n_slices must be at least 2"),
        (["check", "l.jsonl", "--max-samples", "-1"], "--max_samples must be at least 0, not -1"),
        (["evaluate", "--list", "l.jsonl", "--out", "t", "--limit", "0"], "--max_samples must be at least 1"),
        (["infer", "--input", "s", "--out", "o", "--ensemble", "0"], "--ensemble_size must be at least 1"),
    ],
)
def test_counts_that_cannot_be_are_refused_before_anything_is_read(words, message, capsys):
    assert main(["focal", *words]) == 2
    assert message in capsys.readouterr().err


def test_a_list_is_judged_as_the_preset_beside_it_says(tmp_path: Path, monkeypatch):
    asked: list[focal_evaluate.EvaluateJob] = []

    def evaluate(job: focal_evaluate.EvaluateJob, *_: object) -> None:
        asked.append(job)
        raise ConfigError("enough")

    monkeypatch.setattr(focal_evaluate, "evaluate", evaluate)
    words = ["focal", "evaluate", "--list", str(tmp_path / "l.jsonl"), "-o", str(tmp_path / "e")]
    assert main(words) == main([*words, "--config", "hypersim"]) == 2
    plain, preset = asked
    assert plain.backend == InferFlags.backend, "judged is what a user gets"
    assert plain.lists == preset.lists == [tmp_path / "l.jsonl"]
    assert plain.preset is None and preset.preset.overrides["depth_kind"] == "ray"
