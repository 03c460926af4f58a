"""From a list to a scene that phase 6 accepts: train, evaluate, infer --as-scene, phases 4 to 6."""

from __future__ import annotations

import json

import cv2
import pytest
import torch

from focusgen.cli import main, phase_main
from focusgen.config.files import CONFIG_DIR
from tests.focal.sd3.lists import write_list
from tests.focal.stacks import truth

pytestmark = pytest.mark.slow
CONFIG = str(CONFIG_DIR / "focal/sd3_tiny.yaml")


def test_train_evaluate_infer_as_scene_and_phase_six(tmp_path, capsys):
    torch.set_num_threads(1)
    stacks = write_list(tmp_path / "train.jsonl", "tabletop")
    test = write_list(tmp_path / "test.jsonl", "handheld")
    out = tmp_path / "training"
    words = ["focal", "train", "--config", CONFIG]
    words += ["--train-filelist", str(stacks), "--test-filelist", str(test)]
    for pair in ("data.size=32", "data.variants=1", "data.most_slices=3"):
        words += ["--override", pair]
    assert main([*words, "--dry-run", "--full", "--output-dir", str(out)]) == 0
    said = capsys.readouterr().out
    assert "one step, saved and loaded; nothing was kept" in said and "parameters" in said
    assert "train: tabletop: 5 slices" in said and "test: handheld: 5 slices" in said
    assert not out.exists()
    assert main([*words, "--output-dir", str(out), "--max-steps", "6"]) == 0
    assert {"focal_sd3.safetensors", "log.csv", "checkpoints"} <= {path.name for path in out.iterdir()}

    backend = ["--backend", "sd3", "--checkpoint", str(out)]
    tables = tmp_path / "tables"
    assert main(["focal", "evaluate", "--list", str(test), *backend, "--output-dir", str(tables)]) == 0
    table = json.loads((tables / "evaluation.json").read_text())["table"]
    assert {"sd3 N=5", "classical N=5"} <= table.keys()

    traced, shots = truth("tabletop"), tmp_path / "shots"
    shots.mkdir()
    for n, index in enumerate((0, 2, 4)):
        cv2.imwrite(str(shots / f"img_{n}.png"), traced.slices[index][40:104, 60:156, ::-1])
    scene = tmp_path / "scene"
    lens = ["--focal-length", "50", "--aperture", "2", "--sensor-size", "10.8"]
    infer = ["focal", "infer", "--input", str(shots), "--output", str(scene), "--as-scene", *lens, *backend]
    assert main([*infer, "--focus-distances", "0.5172,0.8977,3.3981"]) == 0
    assert json.loads((scene / "shots_metadata.json").read_text())["backend"] == "sd3"
    where = ["--out_root", str(scene)]
    for phase, more in (
        ("calibrate", []), ("render", ["--max_coc", "0.0002", "--n_sets", "2"]), ("validate", []),
    ):  # fmt: skip
        assert phase_main(phase, "", [*where, *more]) == 0
    assert json.loads((scene / "logs/validation_report.json").read_text())["verdict"] == "pass"
