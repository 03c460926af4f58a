"""The temporal stage: what it changes, what it must not, and that a restart cannot be seen."""

from __future__ import annotations

import weakref
from collections import Counter
from dataclasses import replace

import cv2
import numpy as np
import pytest

from focusgen.base.seeds import derive_seed
from focusgen.motion import temporal
from focusgen.motion.flow import Image
from focusgen.motion.metrics import FlowPair
from focusgen.motion.temporal import Stretch, TemporalNumbers
from focusgen.synth.faults import CAMERA_FAULTS, HALLUCINATIONS, camera_frame, hallucinate
from focusgen.synth.write import make_scene
from focusgen.tools.ablate import Excerpt, measure

N_FRAMES, HEIGHT, WIDTH = 9, 64, 96
NUMBERS = TemporalNumbers(radius=2, window_size=4, stride=2)


def panning_video(n_frames: int = N_FRAMES, seed: int = 0, step_px: float = 1.5) -> list[Image]:
    """A smooth random texture that moves to the left."""
    noise = np.random.default_rng(seed).standard_normal((HEIGHT, WIDTH + 60, 3)).astype(np.float32)
    texture = cv2.GaussianBlur(noise, (0, 0), 3.0)
    texture = 128 + texture * (40 / texture.std())
    shifts = [np.array([[1, 0, -step_px * t], [0, 1, 0]], np.float32) for t in range(n_frames)]
    moved = [cv2.warpAffine(texture, shift, (WIDTH + 60, HEIGHT), flags=cv2.INTER_CUBIC) for shift in shifts]
    return [np.clip(np.rint(image[:, :WIDTH]), 0, 255).astype(np.uint8) for image in moved]


class HallucinatingRestorer:
    """The true frames plus fine noise that is different for each frame and draw; counts what it is asked."""

    def __init__(self, frames: list[Image], strength: float = 12.0) -> None:
        self.frames, self.strength = frames, strength
        self.asked: Counter[tuple[int, int]] = Counter()
        self.order: list[int] = []

    def __call__(self, frame_index: int, draw: int) -> Image:
        self.asked[frame_index, draw] += 1
        self.order.append(frame_index)
        frame = self.frames[frame_index]
        noise = np.random.default_rng([frame_index, draw]).standard_normal(frame.shape) * self.strength
        return np.clip(np.rint(frame + noise), 0, 255).astype(np.uint8)


def fused(
    frames: list[Image],
    strategy: str,
    restore: temporal.Restore,
    *,
    first: int = 0,
    stop: int | None = None,
    cuts: tuple[int, ...] = (),
    **numbers: int,
) -> list[Image]:
    stop = len(frames) if stop is None else stop
    wanted = Stretch(len(frames), cuts, first, stop)
    stream = temporal.fuse(wanted, frames.__getitem__, restore, strategy, replace(NUMBERS, **numbers))
    pairs = list(stream)
    assert [index for index, _ in pairs] == list(range(first, stop))
    assert all(frame.dtype == np.uint8 and frame.shape == frames[0].shape for _, frame in pairs)
    return [frame for _, frame in pairs]


def mean_square_error(outputs: list[Image], truth: list[Image]) -> float:
    return float(np.mean([(a.astype(float) - b) ** 2 for a, b in zip(outputs, truth, strict=True)]))


def test_the_references_cached_window_changes_nothing_at_all():
    frames = panning_video()
    restore = HallucinatingRestorer(frames)
    plain = fused(frames, "none", HallucinatingRestorer(frames))
    assert np.array_equal(fused(frames, "cached_window", restore), plain)
    assert restore.asked == Counter({(index, 0): 1 for index in range(N_FRAMES)})


def test_flow_removes_most_of_the_invented_noise_and_restores_each_frame_once():
    frames = panning_video()
    restore = HallucinatingRestorer(frames)
    before = mean_square_error(fused(frames, "none", HallucinatingRestorer(frames)), frames)
    after = mean_square_error(fused(frames, "flow", restore), frames)
    assert after < before / 10**0.4  # >= 4 dB
    assert restore.asked == Counter({(index, 0): 1 for index in range(N_FRAMES)})
    assert restore.order == sorted(restore.order)


def test_flow_leaves_a_still_and_noiseless_video_as_it_is():
    frames = [panning_video(1)[0]] * 5
    assert np.array_equal(fused(frames, "flow", lambda index, draw: frames[index]), frames)


def test_draws_average_independent_noise_of_every_window_that_covers_a_frame():
    frames = panning_video()
    restore = HallucinatingRestorer(frames)
    outputs = fused(frames, "draws", restore)  # windows 0-3, 2-5, 4-7, 6-8
    n_draws = [sum(1 for start in (0, 2, 4, 6) if start <= index < start + 4) for index in range(N_FRAMES)]
    assert n_draws == [1, 1, 2, 2, 2, 2, 2, 2, 1]
    expected = {(index, draw): 1 for index in range(N_FRAMES) for draw in range(n_draws[index])}
    assert restore.asked == Counter(expected)
    one, other = (HallucinatingRestorer(frames)(4, draw).astype(int) for draw in (0, 1))
    assert np.array_equal(outputs[4], np.rint((one + other) / 2))
    alone = mean_square_error(fused(frames, "none", restore)[2:8], frames[2:8])
    assert mean_square_error(outputs[2:8], frames[2:8]) == pytest.approx(alone / 2, rel=0.1)


@pytest.mark.parametrize("strategy", temporal.STRATEGIES)
@pytest.mark.parametrize("first", [1, 4, 8, 9])
def test_a_start_in_the_middle_gives_the_same_bytes(strategy: str, first: int):
    frames = panning_video()
    whole = fused(frames, strategy, HallucinatingRestorer(frames), cuts=(5,))
    resumed = fused(frames, strategy, HallucinatingRestorer(frames), first=first, cuts=(5,))
    assert np.array_equal(np.array(resumed), np.array(whole[first:]))


def test_the_number_of_threads_does_not_show_in_the_bytes():
    frames = panning_video(5)
    threads, outputs = cv2.getNumThreads(), []
    try:
        for n_threads in (1, 2, 5):
            cv2.setNumThreads(n_threads)
            outputs.append(fused(frames, "flow", HallucinatingRestorer(frames)))
    finally:
        cv2.setNumThreads(threads)
    assert np.array_equal(outputs[0], outputs[1]) and np.array_equal(outputs[0], outputs[2])


def test_a_restart_restores_only_the_frames_within_the_radius_and_within_the_shot():
    frames = panning_video()
    restore = HallucinatingRestorer(frames)
    fused(frames, "flow", restore, first=5, stop=6)
    assert restore.order == [3, 4, 5, 6, 7]
    restore = HallucinatingRestorer(frames)
    fused(frames, "flow", restore, first=5, stop=6, cuts=(5,))
    assert restore.order == [5, 6, 7]


def test_a_shot_cut_parts_the_video_as_if_it_were_two():
    first_shot, second_shot = panning_video(4, seed=1), panning_video(5, seed=2, step_px=-2.0)
    video = first_shot + second_shot
    joined = fused(video, "flow", lambda index, draw: video[index], cuts=(4,))
    apart = fused(first_shot, "flow", lambda index, draw: first_shot[index])
    apart += fused(second_shot, "flow", lambda index, draw: second_shot[index])
    assert np.array_equal(joined, apart)


def test_even_a_cut_that_nobody_announced_leaves_no_ghost():
    first_shot, second_shot = panning_video(4, seed=1), panning_video(5, seed=2, step_px=-2.0)
    video = first_shot + second_shot
    outputs = fused(video, "flow", lambda index, draw: video[index])
    ghost = [np.abs(a.astype(int) - b).mean() for a, b in zip(outputs[3:5], video[3:5], strict=True)]
    assert max(ghost) < 1.0  # levels; an unmasked mean of the two shots gives > 20


def own_fused(raw: list[Image], first: int = 0) -> list[Image]:
    """What `flow` makes of frames that no restorer touched."""
    return fused(raw, "flow", lambda index, draw: raw[index], first=first)


def grain(index: int, shape: tuple[int, ...]) -> np.ndarray:
    """Noise as cameras and codecs leave it, correlated over a pixel, of standard deviation 12."""
    noise = np.random.default_rng([5, index]).standard_normal(shape).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), 1.0)
    return noise * (12.0 / noise.std())


def test_flow_removes_sensor_noise_that_is_stronger_than_its_limits_for_clean_video():
    frames = panning_video()
    raw = [np.clip(np.rint(f + grain(i, f.shape)), 0, 255).astype(np.uint8) for i, f in enumerate(frames)]
    again = own_fused(raw)
    after = mean_square_error(again, frames)
    assert after < mean_square_error(raw, frames) / 10**0.45  # 4.5 dB; with limits in levels alone 1.5 dB
    assert np.array_equal(own_fused(raw, first=6), again[6:])


def test_the_limits_of_the_photometric_test_follow_the_noise_and_are_fixed_below_its_floor():
    clean = temporal.photometric_weights(0.0)
    assert clean[[0, 6, 12, 18, 255]].tolist() == [1, 1, 0.5, 0, 0]
    assert np.array_equal(temporal.photometric_weights(temporal.NOISE_FLOOR_LEVELS), clean)
    noisy = temporal.photometric_weights(8.0)  # full to 2.5 sigma = 20, none from 5 sigma = 40
    assert noisy[[20, 30, 40, 255]].tolist() == [1, 0.5, 0, 0]


def test_the_noise_of_a_clip_does_not_depend_on_where_a_run_starts():
    frames = panning_video()
    raw = [np.clip(np.rint(f + grain(i, f.shape)), 0, 255).astype(np.uint8) for i, f in enumerate(frames)]
    raw[7:] = frames[7:]  # the tail alone is clean
    assert np.array_equal(own_fused(raw, first=6), own_fused(raw)[6:])


def test_flow_leaves_out_what_is_not_believed(monkeypatch):
    frames = panning_video(5)
    restore = HallucinatingRestorer(frames)
    believed_hop = temporal.believed_hop

    def doubted(there_px, back_px):
        hop = believed_hop(there_px, back_px)
        hop[:, :48, 2] = 0.0
        return hop

    monkeypatch.setattr(temporal, "believed_hop", doubted)
    outputs = fused(frames, "flow", restore)
    for index, output in enumerate(outputs):
        assert np.array_equal(output[:, :40], restore(index, 0)[:, :40])
        assert not np.array_equal(output[:, 56:], restore(index, 0)[:, 56:])


def test_a_hop_is_believed_where_there_and_back_agree_inside_the_frame():
    there, back = np.zeros((32, 48, 2), np.float32), np.zeros((32, 48, 2), np.float32)
    there[..., 0], back[..., 0] = 4.0, -4.0
    back[10:20, 10:20, 0] = 4.0  # fetched by the pixels 4 px to the left
    confidence = temporal.believed_hop(there, back)[..., 2]
    expected = np.ones((32, 48))
    expected[10:20, 6:16] = 0
    expected[:, 44:] = 0  # 44 + 4 = 48 lies outside
    assert np.array_equal(confidence, expected)


def test_two_hops_add_the_second_where_the_first_arrives_and_multiply_what_is_believed():
    first, second = np.ones((32, 48, 3), np.float32), np.ones((32, 48, 3), np.float32)
    first[..., :2] = 5.0, 0.0
    first[3, 3, 2] = 0.0
    second[..., 0] = np.arange(48)  # the step from column x is x px long
    second[..., 1] = -1.0
    second[20, 20, 2] = 0.0
    both = temporal.extended_hop(first, second)
    assert both[8, 10].tolist() == [5 + 15, -1, 1]
    assert both[3, 3, 2] == 0 and both[20, 15, 2] == 0 and both[20, 20, 2] == 1
    assert not both[:, 44:, 2].any()  # the first hop left the frame
    assert temporal.extended_hop(None, second) is second


def test_no_more_than_the_window_is_held():
    frames = panning_video(30)
    handed_out: list[weakref.ref[Image]] = []

    def restore(index: int, draw: int) -> Image:
        restored = frames[index].copy()
        handed_out.append(weakref.ref(restored))
        return restored

    held = []
    for _ in temporal.fuse(Stretch.whole(30), frames.__getitem__, restore, "flow", NUMBERS):
        held.append(sum(reference() is not None for reference in handed_out))
    assert max(held) == 2 * NUMBERS.radius + 1


@pytest.mark.parametrize(
    ("strategy", "span", "stride", "message"),
    [
        ("median", (0, 9), 2, "none of flow, draws"),
        ("draws", (0, 9), 5, "leave frames out"),
        ("flow", (3, 2), 2, "not within"),
    ],
)
def test_wrong_numbers_are_refused_at_once(strategy: str, span: tuple[int, int], stride: int, message: str):
    numbers = replace(NUMBERS, stride=stride)
    with pytest.raises(ValueError, match=message):
        temporal.fuse(Stretch(9, (), *span), lambda i: i, lambda i, d: i, strategy, numbers)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["tabletop", "corridor", "foliage"])
def test_flow_repairs_a_hallucinating_restorer_on_scenes_with_exact_truth(family: str):
    scene = make_scene(family, 1, n_frames=12, width=256, height=160)
    truth = [scene.frame(index).rgb for index in range(12)]
    raw = [camera_frame(frame, CAMERA_FAULTS, 0, "scene", index) for index, frame in enumerate(truth)]
    exact = [FlowPair(*scene.flow(index)) for index in range(11)]
    sigma, scale_px = HALLUCINATIONS["A"]

    def restore(index: int, draw: int) -> Image:
        return hallucinate(truth[index], derive_seed(0, "invented", index, draw), sigma, scale_px)

    excerpt = Excerpt(12, raw.__getitem__, (), truth.__getitem__, exact.__getitem__)
    none, flow, draws = (measure(excerpt, restore, s, NUMBERS, name=s) for s in ("none", "flow", "draws"))
    assert flow["e_warp"] < none["e_warp"] / 10
    assert flow["psnr_db"] > none["psnr_db"] + 4
    assert flow["tof"] < none["tof"] / 2
    assert 0.85 < flow["sharpness_ratio"] < 1.5
    assert abs(flow["sharpness_ratio"] - 1) < abs(none["sharpness_ratio"] - 1)
    # of 11 pairs 7 have two draws each, 2 at the ends one, 2 lie between: 7/11 is left, and the truth's own
    assert draws["e_warp"] == pytest.approx(none["e_warp"] * 7 / 11, rel=0.1)


@pytest.mark.parametrize("strategy", ["none", "flow", "draws", "cached_window"])
@pytest.mark.parametrize("span", [(0, 12), (5, 9), (11, 12)])
def test_what_will_be_asked_is_known_beforehand(strategy, span):
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (12, 32, 48, 3), dtype=np.uint8)
    asked: list[tuple[int, int]] = []

    def restore(index: int, draw: int) -> np.ndarray:
        asked.append((index, draw))
        return frames[index]

    wanted = Stretch(12, (6,), *span)
    list(temporal.fuse(wanted, frames.__getitem__, restore, strategy, NUMBERS))
    assert asked == list(temporal.asked_pairs(wanted, strategy, NUMBERS))
