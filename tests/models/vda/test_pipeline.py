"""Video Depth Anything through the phases: a checkpoint file, a real clip, a kill, and what follows."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from focusgen import cli
from focusgen.base import files
from tests import named_weights
from tests.faults import in_child
from tests.fingerprint import published_digests
from tests.test_real_data import sample_videos

VDA_DATA = Path(__file__).parents[2] / "data" / "vda"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    """Return a checkpoint file with the official keys and name-keyed random weights."""
    cases = json.loads((VDA_DATA / "cases.json").read_text())
    shapes = json.loads((VDA_DATA / "shapes_vits.json").read_text())
    state = named_weights.state_dict(shapes, rules=[tuple(rule) for rule in cases["model_rules"]])
    path = tmp_path_factory.mktemp("weights") / "metric_video_depth_anything_vits.pth"
    torch.save(named_weights.to_torch(state), path)
    return path


def clip(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "bikes.mp4").write_bytes((sample_videos() / "bikes.mp4").read_bytes())
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("long_video", ["chunks", "stream"])
def test_depth_of_a_real_clip_resumes_after_a_kill_and_carries_the_later_phases(
    tmp_path, checkpoint, long_video
):
    raw_root = clip(tmp_path / "raw")
    depth = [
        *("--backend", "vda", "--checkpoint", str(checkpoint), "--device", "cpu", "--input_size", "70"),
        *("--max_chunk", "12", "--overlap", "4", "--depth.long_video", long_video),
    ]

    def run(phase: str, out: Path, *words: str) -> int:
        return cli.phase_main(phase, "doc", ["--out_root", str(out), *words])

    for out in (tmp_path / "killed", tmp_path / "whole"):
        raw = ["--raw_root", str(raw_root)]
        assert run("index", out, *raw, "--max_frames", "20") == 0
        assert run("deblur", out, *raw, "--resize_long_side", "160") == 0
    assert run("depth", tmp_path / "whole", *depth) == 0

    def dies_at_the_tenth_map() -> int:
        def on_step(step: str, path: Path) -> None:
            if step == "after_tmp" and path.name == "depth_0010.npz":
                os.kill(os.getpid(), signal.SIGKILL)

        files.on_step = on_step
        return run("depth", tmp_path / "killed", *depth)

    assert in_child(dies_at_the_tenth_map) == -signal.SIGKILL
    maps = tmp_path / "killed" / "bikes" / "depth_maps"
    n_before = len(list(maps.glob("depth_*.npz")))
    assert 0 < n_before < 20
    assert not (maps / ".done").exists()
    assert run("depth", tmp_path / "killed", *depth) == 0
    assert published_digests(tmp_path / "killed") == published_digests(tmp_path / "whole")

    out = tmp_path / "whole"
    assert run("render", out, "--max_coc", "0.002", "--n_sets", "1") == 0
    assert run("validate", out) == 0
    report = json.loads((out / "logs" / "validation_report.json").read_text())
    assert report["verdict"] == "pass"
    record = json.loads((maps / ".done").read_text())
    assert len(record["weights"]["vda"]) == 64, "the SHA-256 that the checkpoint was verified with"
    assert record["run"]["weights"]["vda"]["licence"] == "Apache-2.0"
    assert np.load(maps / "depth_0000.npz")["depth"].dtype == np.float16
