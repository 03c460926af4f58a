"""A picture of one colour is an error or a fade: the raw frame tells, and where it is gone that is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from focusgen import config
from focusgen.config import Config
from focusgen.dataset.layout import DatasetLayout
from focusgen.media.codecs import encode_png
from focusgen.phases.flat_frames import FAINT_LEVELS, is_flat, judge_flat_frames, spans_levels
from focusgen.phases.scene_report import SceneReport
from tests.small import entry, identity, put_record

SIZE = (48, 32)
NOISE = np.random.default_rng(2).integers(0, 256, (32, 48, 3), dtype=np.uint8)


def one_colour(level: int = 0) -> np.ndarray:
    return np.full((32, 48, 3), level, np.uint8)


def one_pixel(level: int) -> np.ndarray:
    picture = one_colour(7)
    picture[20, 30, 1] = level
    return picture


@pytest.mark.parametrize(
    ("picture", "answer"),
    [
        (one_colour(0), True),
        (one_colour(255), True),
        (np.broadcast_to(np.array([1, 200, 3], np.uint8), (32, 48, 3)).copy(), True),  # one colour, not grey
        (one_pixel(8), False),
        (NOISE, False),
    ],
)
def test_one_colour_is_one_in_all_pixels_and_channels(picture, answer):
    assert is_flat(encode_png(picture), SIZE) is answer


def test_a_large_file_is_not_even_decoded(monkeypatch):
    def refuse(png: bytes) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr("focusgen.phases.flat_frames.decode_png", refuse)
    assert not is_flat(encode_png(NOISE), SIZE)


def test_one_colour_of_a_large_frame_still_packs_small_enough_to_be_looked_at():
    assert is_flat(encode_png(np.full((720, 1280, 3), 77, np.uint8)), (1280, 720))


@pytest.mark.parametrize(
    ("spread", "answer"), [(0, False), (FAINT_LEVELS, False), (FAINT_LEVELS + 1, True), (200, True)]
)
def test_codec_noise_of_a_black_frame_may_become_one_colour(spread, answer):
    assert spans_levels(encode_png(one_pixel(7 + spread))) is answer


def test_a_picture_of_one_colour_that_is_not_grey_spans_nothing():
    assert not spans_levels(encode_png(np.broadcast_to(np.array([1, 200, 3], np.uint8), (32, 48, 3)).copy()))


class Footage:
    """Raw frames by their spread, and what phase 6 says of some flat sharp ones."""

    def __init__(self, root: Path, *spreads: int) -> None:
        self.raw, n = root / "raw", len(spreads)
        (self.raw / "a").mkdir(parents=True)
        for frame, spread in enumerate(spreads):
            picture = one_pixel(7 + spread)
            (self.raw / "a" / f"frame_{frame:04d}.png").write_bytes(encode_png(picture))
        self.dataset = DatasetLayout(root / "out", root / "out" / "scene_index.json")
        self.entry = entry(n)
        made = identity("deblur", n_frames=n, settings={"deblur.resize_long_side": None})
        put_record(self.dataset.scene("a"), made, {"width": 48, "height": 32})

    @property
    def cfg(self) -> Config:
        return config.load(None, {"data.raw_root": self.raw, "data.out_root": self.dataset.root})

    def judge(self, *flat: int) -> SceneReport:
        report = SceneReport("a", "train", n_frames=self.entry.n_frames, flat_frames=list(flat))
        judge_flat_frames(self.cfg, self.dataset, "a", self.entry, report)
        return report


def test_no_flat_frame_reads_no_footage(tmp_path):
    footage = Footage(tmp_path, 100, 100)
    (footage.raw / "a" / "frame_0000.png").unlink()
    report = footage.judge()
    assert (report.errors, report.warnings) == ([], [])


def test_a_fade_is_a_warning_and_a_lost_frame_an_error(tmp_path):
    report = Footage(tmp_path, 0, 100, FAINT_LEVELS, FAINT_LEVELS + 1, 100).judge(0, 1, 2, 3)
    assert report.errors == ["sharp frames are a single colour where the raw ones are not: 1, 3"]
    assert report.warnings == ["frames of a single colour, like their raw frames: 0, 2"]


def test_a_fade_to_blue_is_a_warning_as_one_to_black_is(tmp_path):
    footage = Footage(tmp_path, 0, 100)
    blue = np.broadcast_to(np.array([10, 20, 200], np.uint8), (32, 48, 3)).copy()
    (footage.raw / "a" / "frame_0000.png").write_bytes(encode_png(blue))
    report = footage.judge(0)
    assert (report.errors, report.warnings) == ([], ["frames of a single colour, like their raw frames: 0"])


def test_a_scene_of_nothing_else_fails_whatever_the_video_shows(tmp_path):
    report = Footage(tmp_path, 0, 0).judge(0, 1)
    assert report.errors == ["every sharp frame is a single colour (2 of 2)"] and report.warnings == []


def test_where_the_footage_is_gone_nothing_is_claimed(tmp_path):
    footage = Footage(tmp_path, 100, 100, 100)
    (footage.raw / "a" / "frame_0001.png").unlink()
    report = footage.judge(1)
    assert report.errors == [] and len(report.warnings) == 1
    assert report.warnings[0].startswith("sharp frames of a single colour, not compared: 1: ")


def test_of_very_many_frames_ten_are_named(tmp_path):
    report = Footage(tmp_path, *[100] * 13).judge(*range(12))
    assert report.errors[0].endswith(": 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more")
