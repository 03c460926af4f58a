"""Phase 2 through the command line: what its record says about noise and about frames that did not fit."""

from __future__ import annotations

import dataclasses
import json

import cv2
import numpy as np
import pytest

from focusgen import cli
from focusgen.base.errors import ModelMemoryError
from focusgen.models.passthrough import Passthrough
from focusgen.run.table import PHASES
from tests.conftest import Rgbd


class TooSmallGpu(Passthrough):
    """Runs out of memory at one frame."""

    def deblur(self, frames, keys):
        if any(key.frame_index == 2 for key in keys):
            raise ModelMemoryError("out of memory at 48x32")
        return 255 - super().deblur(frames, keys)


def record(rgbd: Rgbd) -> dict:
    return json.loads((rgbd.out_root / "a" / "frames_sharp" / ".done").read_text())


def deblur(rgbd: Rgbd, *more: str) -> int:
    assert cli.phase_main("index", "doc", [*rgbd.flags("raw_root", "out_root"), "--min_frames", "2"]) == 0
    return cli.phase_main("deblur", "doc", [*rgbd.flags("raw_root", "out_root"), *more])


def make_noisy(rgbd: Rgbd, sigma_levels: float) -> None:
    rgbd.add_scene("a", n_frames=6, width=96, height=64)
    for number, path in enumerate(sorted((rgbd.raw_root / "a").iterdir())):
        noise = np.random.default_rng(number).standard_normal((64, 96, 3)) * sigma_levels
        picture = cv2.GaussianBlur(cv2.imread(str(path)), (0, 0), 3.0)
        cv2.imwrite(str(path), np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8))


@pytest.mark.parametrize("sigma_levels", [0.0, 12.0])
def test_the_noise_that_the_fusion_weighed_in_is_recorded_where_it_had_a_say(rgbd: Rgbd, sigma_levels: float):
    make_noisy(rgbd, sigma_levels)
    assert deblur(rgbd, "--deblur.temporal", "flow") == 0
    document = record(rgbd)
    if sigma_levels:
        assert document["details"]["noise_levels"] == pytest.approx(4.5, rel=0.2)
    else:
        assert "noise_levels" not in document["details"]  # as release 0.1.0 wrote it
        assert document["run"]["notes"]["noise_levels"] < 2.4


def test_noise_is_not_measured_where_nothing_is_fused(rgbd: Rgbd):
    make_noisy(rgbd, 12.0)
    assert deblur(rgbd) == 0
    assert "noise_levels" not in record(rgbd)["run"]["notes"]


def test_an_input_frame_published_for_lack_of_memory_is_flagged(rgbd: Rgbd, monkeypatch):
    rgbd.add_scene("a")
    spec = dataclasses.replace(PHASES["deblur"], load_model=lambda cfg, device=None: TooSmallGpu())
    monkeypatch.setitem(PHASES, "deblur", spec)
    assert deblur(rgbd) == 3
    assert deblur(rgbd, "--deblur.on_oom", "input") == 0
    assert list(record(rgbd)["flags"]) == ["2"]
    assert "raw frame published" in record(rgbd)["flags"]["2"][0]
    raw, kept = (
        cv2.imread(str(folder / "frame_0002.png"))
        for folder in (rgbd.raw_root / "a", rgbd.out_root / "a" / "frames_sharp")
    )
    assert np.array_equal(raw, kept)
