"""Phase 2 against the input video: flicker and softness are told, footage that is gone is not missed."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from focusgen import config
from focusgen.config import Config
from focusgen.dataset.layout import DatasetLayout
from focusgen.media.codecs import encode_png
from focusgen.phases.temporal_check import measure_temporal
from tests.small import entry, identity, put_record

N_FRAMES = 4
TEXTURE = cv2.resize(np.random.default_rng(4).integers(30, 220, (16, 24, 3), dtype=np.uint8), (96, 64))


class Clip:
    """A texture that stands still as footage, and what phase 2 made of it."""

    def __init__(self, root: Path) -> None:
        self.raw = root / "raw"
        (self.raw / "a").mkdir(parents=True)
        self.dataset = DatasetLayout(root / "out", root / "out" / "scene_index.json")
        self.entry = entry(N_FRAMES, width=96, height=64)
        for frame in range(N_FRAMES):
            (self.raw / "a" / f"frame_{frame:04d}.png").write_bytes(encode_png(self.noisy(frame)))
            self.put(frame, self.noisy(frame))
        made = identity("deblur", n_frames=N_FRAMES, settings={"deblur.resize_long_side": None})
        put_record(self.dataset.scene("a"), made, {"width": 96, "height": 64})

    @staticmethod
    def noisy(frame: int, spread: int = 2) -> np.ndarray:
        noise = np.random.default_rng(frame).integers(-spread, spread + 1, TEXTURE.shape)
        return np.clip(TEXTURE.astype(int) + noise, 0, 255).astype(np.uint8)

    def put(self, frame: int, picture: np.ndarray) -> None:
        path = self.dataset.scene("a").sharp(frame)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_png(picture))

    def cfg(self, **values: Any) -> Config:
        paths = {"data.raw_root": self.raw, "data.out_root": self.dataset.root}
        return config.load(None, {**paths, **{f"validate.{k}": v for k, v in values.items()}})

    def measure(self, **values: Any) -> tuple[dict[str, Any], list[str]]:
        return measure_temporal(self.cfg(**values), self.dataset, "a", self.entry, N_FRAMES)


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    return Clip(tmp_path)


def test_frames_that_were_left_alone_are_as_steady_and_as_sharp(clip):
    measures, warnings = clip.measure()
    assert measures["e_warp_ratio"] == 1.0 and measures["sharpness_ratio"] == 1.0
    assert measures["e_warp"] == measures["e_warp_raw"] > 0 and warnings == []


def test_flicker_is_told_with_both_numbers(clip):
    for frame in range(N_FRAMES):
        clip.put(frame, clip.noisy(frame + 10, spread=12))
    measures, warnings = clip.measure()
    assert measures["e_warp_ratio"] > 2.0
    assert any(f"{measures['e_warp_ratio']:.2f} x that of the raw video" in text for text in warnings)
    _, patient = clip.measure(max_e_warp_ratio=1e6)
    assert not any("flicker" in text for text in patient)


def test_softness_is_told(clip):
    for frame in range(N_FRAMES):
        clip.put(frame, cv2.GaussianBlur(clip.noisy(frame), (0, 0), 2.0))
    measures, warnings = clip.measure()
    assert measures["sharpness_ratio"] < 0.9
    assert any("phase 2 does not deblur this scene" in text for text in warnings)
    _, patient = clip.measure(min_sharpness_ratio=0.001)
    assert not any("softer" in text for text in patient)


def test_numbers_are_short_enough_for_a_report(clip):
    measures, _ = clip.measure()
    assert all(value == float(f"{value:.6g}") for value in measures.values())


def test_no_pairs_no_measures(clip):
    assert clip.measure(temporal_pairs=0) == ({}, [])
    still = measure_temporal(clip.cfg(), clip.dataset, "a", dataclasses.replace(clip.entry), 1)
    assert still == ({}, [])
    cut = dataclasses.replace(clip.entry, shot_cuts=(1, 2, 3))
    assert measure_temporal(clip.cfg(), clip.dataset, "a", cut, N_FRAMES) == ({}, [])


def test_footage_that_is_gone_is_no_warning(clip):
    clip.raw.rename(clip.raw.with_name("elsewhere"))
    assert clip.measure() == ({}, [])


def test_footage_that_is_damaged_is_one(clip):
    (clip.raw / "a" / "frame_0001.png").write_bytes(b"damaged")
    measures, (warning,) = clip.measure()
    assert measures == {} and warning.startswith("no temporal measures: ")


def test_an_adopted_scene_of_an_unknown_size_is_one(clip):
    made = identity("deblur", n_frames=N_FRAMES, settings={"deblur.resize_long_side": None})
    put_record(clip.dataset.scene("a"), made, {"width": 80, "height": 64})
    measures, (warning,) = clip.measure()
    assert measures == {} and "no temporal measures" in warning
