"""Scenes through the network window by window; numbers against the published loop: test_backend.py."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from focusgen.base.errors import ModelMemoryError
from focusgen.models.vda.stream import MemoryLadder, VideoStreamer
from tests.models.vda.tiny import tiny_net
from tests.parity.vda import Clip


@pytest.fixture(scope="module")
def net():
    return tiny_net()


def clip(n_frames: int, height: int = 20, width: int = 33) -> Clip:
    return Clip(np.random.default_rng(0).integers(0, 256, (n_frames, height, width, 3), dtype=np.uint8))


def depths(net, scene, **options) -> np.ndarray:
    found = list(VideoStreamer(net, input_size=14, **options).run(scene))
    assert [index for index, _ in found] == list(range(len(scene)))
    return np.stack([depth for _, depth in found])


def test_a_ladder_asks_for_less_until_nothing_is_left():
    ladder, asked = MemoryLadder(), []
    while True:
        asked.append((ladder.encoded_at_once, ladder.drawn_at_once, ladder.sequences_at_once))
        if not ladder.step_down():
            break
    assert len(asked) == len(MemoryLadder.LEVELS) and all(
        a > b for a, b in zip(asked, asked[1:], strict=False)
    )
    assert not ladder.step_down() and str(ladder) == "2 frames encoded and 1 drawn at once"


@pytest.mark.parametrize("n_frames", [0, 1, 2, 31])
def test_every_frame_has_depth_of_its_own_size(net, n_frames):
    if n_frames == 0:
        assert list(VideoStreamer(net, input_size=14).run(clip(0))) == []
        return
    found = depths(net, clip(n_frames))
    assert found.shape == (n_frames, 20, 33) and found.dtype == np.float32
    assert np.isfinite(found).all() and found.min() >= 0.0


def test_what_has_no_effect_has_none(net):
    np.testing.assert_allclose(depths(net, clip(30), every_slot=True), depths(net, clip(30)), atol=1e-4)


def test_two_scenes_one_after_the_other_do_not_see_each_other(net):
    streamer = VideoStreamer(net, input_size=14)
    one, two = clip(3), Clip(255 - clip(3).read(0, 3))
    first = [depth for _, depth in streamer.run(one)]
    list(streamer.run(two))
    np.testing.assert_array_equal([depth for _, depth in streamer.run(one)], first)


def test_a_ladder_that_went_down_stays_down_for_the_next_scene(monkeypatch):
    net = tiny_net()
    encode, sizes = net.encode, []

    def scarce(frames):
        sizes.append(len(frames))
        if len(frames) > 8:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return encode(frames)

    monkeypatch.setattr(net, "encode", scarce)
    streamer = VideoStreamer(net, input_size=14)
    for _ in range(2):
        assert len(list(streamer.run(clip(12)))) == 12
    assert sizes == [12, 8, 4, 8, 4] and streamer.ladder.level == 1


def test_the_end_of_the_ladder_names_scene_window_and_size(monkeypatch):
    net = tiny_net()
    monkeypatch.setattr(net, "encode", lambda frames: (_ for _ in ()).throw(MemoryError()))
    with pytest.raises(
        ModelMemoryError, match=r"window at frame 0: out of memory on cpu at 14 x 28 .*MemoryError"
    ):
        depths(net, clip(2))
