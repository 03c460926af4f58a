"""DeblurNet's batches: which conditions, whose noise, in which order; the net itself is a recorder here."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from focusgen.config import Config
from focusgen.models.flux.conditions import BlackCondition, ImageCondition
from focusgen.models.flux.deblurnet import ADAPTER, DeblurNet
from focusgen.models.flux.options import options_of
from focusgen.models.flux.sampler import Batch
from focusgen.models.protocols import NoiseKey

FRAMES = np.random.default_rng(0).integers(0, 256, (5, 32, 48, 3), dtype=np.uint8)
KEYS = [NoiseKey("bear", 10 + index, index % 2) for index in range(5)]


class Recorder:
    """Keeps the batches that it is given, and returns what it was shown."""

    approximations = ("tiles",)

    def __init__(self, at_once: int, posterior: str) -> None:
        section = Config().deblur.model_copy(update={"posterior": posterior})
        self.options = dataclasses.replace(options_of("deblur", section))
        self.at_once, self.batches, self.asked = at_once, [], []

    def frames_at_once(self, grid: Any, n_conditions: int) -> int:
        self.asked.append((grid, n_conditions))
        return self.at_once

    def frames(self, batches: Any, size_px: tuple[int, int], what: str) -> Iterator[Any]:
        self.size_px, self.what = size_px, what
        for batch in batches:
            self.batches.append(batch)
            yield 255 - batch.conditions[-1].frames


def deblurred(
    frames: np.ndarray = FRAMES,
    keys: list[NoiseKey] = KEYS,
    protocol: str = "frame",
    at_once: int = 2,
    posterior: str = "mean",
    seed: int = 7,
) -> tuple[np.ndarray, list[Batch], Recorder]:
    net = Recorder(at_once, posterior)
    out = DeblurNet(net, protocol, seed).deblur(frames, keys)  # type: ignore[arg-type]
    return out, net.batches, net


@pytest.mark.parametrize(("at_once", "sizes"), [(1, [1] * 5), (2, [2, 2, 1]), (8, [5])])
def test_frames_come_back_in_order_whatever_goes_through_together(at_once, sizes):
    out, batches, net = deblurred(at_once=at_once)
    np.testing.assert_array_equal(out, 255 - FRAMES)
    assert [len(batch.noise) for batch in batches] == sizes
    assert net.size_px == (32, 48) and net.what == "scene 'bear', frame 10"


def test_noise_belongs_to_a_key_and_not_to_its_place_in_a_batch():
    whole = torch.cat([batch.noise for batch in deblurred(at_once=2)[1]])
    singles = torch.cat([batch.noise for batch in deblurred(at_once=1)[1]])
    assert torch.equal(whole, singles)
    (later,) = deblurred(FRAMES[3:4], KEYS[3:4])[1]
    assert torch.equal(later.noise[0], whole[3])


@pytest.mark.parametrize(
    "other", [NoiseKey("bear", 11, 0), NoiseKey("bear", 10, 1), NoiseKey("lion", 10, 0)], ids=str
)
def test_every_part_of_a_key_changes_its_noise(other):
    own, others = (deblurred(FRAMES[:1], [key])[1][0].noise for key in (NoiseKey("bear", 10, 0), other))
    assert not torch.equal(own, others)
    assert not torch.equal(own, deblurred(FRAMES[:1], KEYS[:1], seed=8)[1][0].noise)


def test_the_protocol_frame_shows_the_frame_alone():
    _, (batch, *_), net = deblurred()
    (condition,) = batch.conditions
    assert isinstance(condition, ImageCondition) and condition.adapter == ADAPTER
    assert condition.position_delta == (0, 0) and net.asked[0][1] == 1
    np.testing.assert_array_equal(condition.frames, FRAMES[:2])


def test_the_protocol_black_and_frame_shows_black_to_the_right_first():
    _, (batch, *_), net = deblurred(protocol="black+frame")
    black, frame = batch.conditions
    assert isinstance(black, BlackCondition) and (black.height_px, black.width_px) == (32, 48)
    assert black.position_delta == (0, 32) and black.grid == frame.grid == batch.grid
    assert net.asked[0][1] == 2 and len(batch.posterior_noise) == 2


def test_a_sampled_posterior_has_noise_of_its_own_for_each_condition():
    for batch in deblurred(posterior="mean")[1]:
        assert batch.posterior_noise == (None,)
    first = deblurred(protocol="black+frame", posterior="sample")[1][0]
    black, frame = first.posterior_noise
    assert black is not None and frame is not None and frame.shape == (2, 16, 4, 6)
    assert not torch.equal(black, frame) and not torch.equal(frame[0], frame[1])
    assert not torch.equal(frame.flatten()[:64], first.noise.flatten()[:64])


def test_no_frame_is_an_answer_too_and_what_comes_back_is_never_what_was_given():
    nothing = FRAMES[:0]
    out, batches, _ = deblurred(nothing, [])
    assert out.shape == nothing.shape and batches == []


def test_what_the_net_approximates_is_passed_on():
    assert DeblurNet(Recorder(1, "mean"), "frame", 1).approximations == ("tiles",)  # type: ignore[arg-type]
