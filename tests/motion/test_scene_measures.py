"""Phase 6's measures: of few pairs and a quarter of the pixels, and with the verdicts of all of them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from focusgen.config import load
from focusgen.motion.flow import Image
from focusgen.motion.metrics import VideoFrame, VideoMeter
from focusgen.motion.scene_measures import sampled_pairs, scene_measures
from focusgen.phases.temporal_check import _warnings
from tests.motion.test_metrics import flat, panning

N_FRAMES = 3
SIZE = (512, 320)


def test_the_measures_of_a_scene_read_a_bounded_number_of_pairs_and_none_across_a_cut():
    shots = panning(10, seed=1) + panning(10, seed=2)
    read: list[int] = []

    def read_sharp(index: int) -> Image:
        read.append(index)
        return shots[index]

    report = scene_measures(shots.__getitem__, read_sharp, 20, [10], max_pairs=5)
    pairs = list(zip(read[::2], read[1::2], strict=True))
    assert [second for _, second in pairs] == sampled_pairs(20, [10], 5)
    assert len(pairs) == 5 and all(second - first == 1 for first, second in pairs)
    assert pairs[0] == (0, 1) and pairs[-1] == (18, 19) and (9, 10) not in pairs
    assert set(report) == {"e_warp", "e_warp_raw", "sharpness_ratio", "tof", "flicker"}
    assert report["e_warp"] == report["e_warp_raw"] < 2e-5
    assert report["tof"] == 0.0 and report["sharpness_ratio"] == 1.0
    joined = scene_measures(shots.__getitem__, shots.__getitem__, 20, [], max_pairs=30)
    assert joined["flicker"] < report["flicker"]


def test_a_scene_of_one_frame_has_no_measures():
    assert scene_measures(lambda i: flat(0), lambda i: flat(0), 1, [], max_pairs=6) == {}
    assert scene_measures(lambda i: flat(0), lambda i: flat(0), 2, [1], max_pairs=6) == {}


def test_a_flat_scene_neither_flickers_nor_lacks_sharpness():
    report = scene_measures(lambda i: flat(9), lambda i: flat(9), 3, [], max_pairs=6)
    assert report == {"e_warp": 0.0, "e_warp_raw": 0.0, "sharpness_ratio": 1.0, "tof": 0.0, "flicker": 1.0}


def photograph(n_frames: int, step_px: float) -> list[Image]:
    """A picture of a motorcycle, moved and turned a little from frame to frame, with grain of its own."""
    from skimage import data

    picture = data.stereo_motorcycle()[0]
    grain = np.random.default_rng(3)
    frames = []
    for index in range(n_frames):
        turn = cv2.getRotationMatrix2D((370, 250), 0.15 * index, 1.0)
        turn[:, 2] += step_px * index
        moved = cv2.warpAffine(picture, turn, SIZE, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        noisy = moved + grain.normal(0, 2.0, moved.shape)
        frames.append(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))
    return frames


def damaged(frames: list[Image], how: str) -> list[Image]:
    """What goes wrong in phase 2."""
    noise = np.random.default_rng(5)
    if how == "invented detail":
        return [np.clip(f + noise.normal(0, 9, f.shape), 0, 255).astype(np.uint8) for f in frames]
    if how == "pumping brightness":
        return [np.clip(f * (1 + 0.06 * (-1) ** t), 0, 255).astype(np.uint8) for t, f in enumerate(frames)]
    if how == "smeared":
        return [cv2.GaussianBlur(f, (0, 0), 2.0) for f in frames]
    if how == "jumping":
        return [np.roll(f, 2 * (t % 2), axis=1) for t, f in enumerate(frames)]
    if how == "a frame of another":
        return [frames[0], frames[0], *frames[2:]]
    return [cv2.addWeighted(f, 1.1, cv2.GaussianBlur(f, (0, 0), 1.5), -0.1, 0) for f in frames]


def of_every_pixel(raw: list[Image], sharp: list[Image]) -> dict[str, float]:
    """Return the same measures by the definitions, pair by pair."""
    judged, itself = VideoMeter(), VideoMeter()
    for second in range(1, len(raw)):
        for index in (second - 1, second):
            is_first = index < second
            judged.add(VideoFrame(index, sharp[index], raw[index], starts_shot=is_first))
            itself.add(VideoFrame(index, raw[index], raw[index], starts_shot=is_first))
    return {**judged.result(len(raw)), "e_warp_raw": itself.result(len(raw))["e_warp"]}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "verdicts"),
    [
        ("invented detail", ["sharp frames flicker"]),
        ("pumping brightness", ["sharp frames flicker"]),
        ("smeared", ["sharp frames are softer than the raw ones"]),
        ("jumping", ["sharp frames flicker"]),
        ("a frame of another", ["sharp frames flicker"]),
        ("sharpened well", []),
    ],
)
def test_verdicts_are_those_of_every_pixel(how, verdicts):
    raw = photograph(N_FRAMES, 2.6)
    sharp = damaged(raw, how)
    quick = scene_measures(raw.__getitem__, sharp.__getitem__, N_FRAMES, [], max_pairs=N_FRAMES)
    full = of_every_pixel(raw, sharp)
    for report in (quick, full):
        report["e_warp_ratio"] = report["e_warp"] / report["e_warp_raw"]
        assert [text.split(":")[0] for text in _warnings(load(None, {}), report)] == verdicts
    assert quick["e_warp_ratio"] == pytest.approx(full["e_warp_ratio"], rel=0.25, abs=0.05)
    for name in ("sharpness_ratio", "flicker"):
        assert quick[name] == pytest.approx(full[name], rel=1e-9)
    if how == "jumping":
        assert quick["tof"] == pytest.approx(full["tof"], rel=0.25) and full["tof"] > 1.0
