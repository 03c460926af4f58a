"""Noise belongs to a name: frame, draw, set and purpose each have their own."""

from __future__ import annotations

import itertools

import torch

from focusgen.models.flux.noise import frame_seed, initial_tokens, posterior_noise, set_seed
from focusgen.models.flux.tokens import Grid, pack

GRID = Grid(2, 3)


def test_every_part_of_a_key_changes_the_seed():
    base = (42, "bear", 3, 0, "deblur/latents")
    others = [(43, *base[1:]), (42, "bull", *base[2:]), (42, "bear", 4, *base[3:]),
              (42, "bear", 3, 1, base[4]), (*base[:4], "deblur/posterior/0")]  # fmt: skip
    seeds = [frame_seed(*key) for key in (base, *others)]
    seeds += [set_seed(42, "bear", 3, "deblur/latents"), set_seed(42, "bear", 4, "deblur/latents")]
    assert len(set(seeds)) == len(seeds)
    assert frame_seed(*base) == frame_seed(*base)


def test_noise_is_standard_normal_and_independent_between_seeds():
    draws = [initial_tokens(seed, Grid(16, 16)) for seed in range(4)]
    for draw in draws:
        assert abs(float(draw.mean())) < 0.03 and abs(float(draw.std()) - 1) < 0.03
    for a, b in itertools.combinations(draws, 2):
        assert abs(float((a * b).mean())) < 0.03


def test_the_global_stream_is_neither_read_nor_moved():
    torch.manual_seed(0)
    first = initial_tokens(5, GRID)
    expected = torch.rand(3)
    torch.manual_seed(0)
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(initial_tokens(5, GRID), first)


def test_tokens_and_latents_of_one_seed_are_the_same_numbers():
    assert torch.equal(pack(posterior_noise(9, GRID)), initial_tokens(9, GRID))
