"""From conditions and noise to frames: what is computed how often, in which order, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from focusgen.base.errors import SceneError
from focusgen.models.flux.conditions import BlackCondition, ImageCondition
from focusgen.models.flux.memory import Effort, Ladder
from focusgen.models.flux.prompts import PromptEmbedding
from focusgen.models.flux.sampler import Batch, FluxSampler
from focusgen.models.flux.schedule import Schedule
from focusgen.models.flux.tiling import Tiling
from focusgen.models.flux.tokens import Grid, pack
from tests.models.flux.stand_in import PooledVae, weights

GRID = Grid(2, 3)
WHOLE = Effort(8, is_vae_sliced=False, tiling=None)
TILED = Effort(2, is_vae_sliced=False, tiling=Tiling(2, 1))


def sampler_of(velocity: Any, n_steps: int = 4) -> FluxSampler:
    prompt = PromptEmbedding(torch.zeros(1, 5, 3), torch.zeros(1, 2))
    return FluxSampler(weights(), PooledVae(), Schedule(), prompt, n_steps, 3.5, velocity)


def towards(clean: torch.Tensor):
    """Return the velocity of a straight way from any noise to one picture: exact whatever the steps are."""

    def velocity(model: Any, around: Any, tables: Any, tokens: torch.Tensor) -> torch.Tensor:
        start = velocity.noise if velocity.noise is not None else tokens
        velocity.noise = start
        velocity.calls.append(len(tokens))
        return start - clean.expand_as(tokens)

    velocity.noise, velocity.calls = None, []
    return velocity


def batch_of(n_frames: int = 2, seed: int = 0, grid: Grid = GRID, conditions: Any = ()) -> Batch:
    noise = torch.randn(n_frames, grid.n_tokens, 64, generator=torch.Generator().manual_seed(seed))
    return Batch(grid, conditions, noise, (None,) * len(conditions))


@pytest.mark.parametrize("n_steps", [1, 4, 9])
def test_a_straight_way_ends_at_the_picture_after_any_number_of_steps(n_steps):
    clean = torch.full((1, GRID.n_tokens, 64), 0.3)
    found = sampler_of(towards(clean), n_steps).denoise(batch_of(), WHOLE)
    torch.testing.assert_close(found, clean.expand(2, -1, -1), atol=1e-6, rtol=0)


def test_each_step_starts_where_the_last_one_ended():
    velocity = towards(torch.zeros(1, GRID.n_tokens, 64))
    sampler, batch = sampler_of(velocity, 3), batch_of()
    steps = list(sampler.steps(batch.noise, [], GRID, WHOLE))
    sigmas = Schedule().sigmas(3, GRID.n_tokens)
    for index, step in enumerate(steps):
        torch.testing.assert_close(step.latents, batch.noise * sigmas[index + 1])
        assert step.tiles is None and step.latents.dtype == torch.float32


@pytest.mark.parametrize(("portion", "calls"), [(1, [1, 1, 1]), (2, [2, 1]), (8, [3])])
def test_samples_go_through_in_portions_and_come_back_in_order(portion, calls):
    seen = []

    def velocity(model: Any, around: Any, tables: Any, tokens: torch.Tensor) -> torch.Tensor:
        seen.append(len(tokens))
        assert all(len(one) == len(tokens) for one in around.conditions)
        return tokens * 2.0

    frames = np.zeros((3, 32, 48, 3), np.uint8)
    batch = batch_of(3, conditions=(ImageCondition(frames, None),))
    found = sampler_of(velocity, 1).denoise(batch, Effort(portion, False, None))
    torch.testing.assert_close(found, batch.noise - 2.0 * batch.noise)
    assert seen == calls


def test_tiles_are_the_same_picture_where_velocity_looks_at_one_token():
    def velocity(model: Any, around: Any, tables: Any, tokens: torch.Tensor) -> torch.Tensor:
        return tokens.sin()

    sampler, batch = sampler_of(velocity), batch_of(2, grid=Grid(4, 5))
    whole = sampler.denoise(batch, WHOLE)
    torch.testing.assert_close(sampler.denoise(batch, TILED), whole, atol=1e-5, rtol=0)
    (step, *_) = sampler.steps(batch.noise, [], batch.grid, TILED)
    assert step.tiles is not None and step.tiles.shape == (2 * 3 * 4, 4, 64)


def test_a_condition_of_another_size_cannot_be_cut_into_the_picture_s_tiles():
    frames = np.zeros((1, 64, 64, 3), np.uint8)
    batch = batch_of(1, grid=Grid(4, 5), conditions=(ImageCondition(frames, None),))
    with pytest.raises(ValueError, match="a tiled condition must have the picture's size"):
        sampler_of(lambda *a: a[3]).denoise(batch, TILED)


def test_a_black_condition_is_encoded_once_for_each_size():
    sampler = sampler_of(lambda *a: a[3])
    for height_px in (32, 32, 48):
        black = BlackCondition(height_px, 48, "a")
        (encoded,) = sampler.encode([black], [None])
        assert encoded.tokens.shape == (1, height_px // 16 * 3, 64) and encoded.adapter == "a"
        # (-1 - shift) * scale everywhere
        torch.testing.assert_close(encoded.tokens, torch.full_like(encoded.tokens, (-1.0 - 0.25) * 2.0))
    assert len(sampler.vae.encoded) == 2


def test_a_posterior_s_sample_moves_by_its_own_noise():
    sampler, frames = sampler_of(lambda *a: a[3]), np.zeros((1, 32, 48, 3), np.uint8)
    condition, noise = ImageCondition(frames, None), torch.randn(1, 16, 4, 6)
    mean, sample = (sampler.encode([condition], [own])[0].tokens for own in (None, noise))
    torch.testing.assert_close(sample - mean, pack(0.5 * noise * 2.0))


def test_modulation_is_computed_once_per_size_and_adapters(monkeypatch):
    made = []
    real = FluxSampler._tables_for.__globals__["modulation_tables"]
    monkeypatch.setitem(
        FluxSampler._tables_for.__globals__, "modulation_tables", lambda *a: made.append(a[-1]) or real(*a)
    )
    sampler = sampler_of(lambda *a: a[3])
    for grid in (GRID, GRID, Grid(4, 4), GRID):
        sampler.denoise(batch_of(1, grid=grid), WHOLE)
    assert len(made) == 3 and len(sampler._tables) == 1


# --- frames ------------------------------------------------------------------------------------------------


def ladder() -> Ladder:
    return Ladder([WHOLE], torch.device("cpu"), "Less.")


def test_batches_come_out_in_order_as_levels():
    # Latents that decode to one level each: (x / 2 + 1 / 4) is the pixel.
    def velocity(model: Any, around: Any, tables: Any, tokens: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(tokens)

    batches = [
        Batch(GRID, (), torch.full((n, GRID.n_tokens, 64), 2.0 * (level / 127.5 - 1.0 - 0.25)), ())
        for n, level in ((2, 10), (1, 200), (3, 64))
    ]
    found = list(sampler_of(velocity).generate(iter(batches), ladder(), "x"))
    assert [frames.shape for frames in found] == [(2, 32, 48, 3), (1, 32, 48, 3), (3, 32, 48, 3)]
    assert [int(frames[0, 0, 0, 0]) for frames in found] == [10, 200, 64]
    assert all(frames.dtype == np.uint8 and frames.min() == frames.max() for frames in found)


def test_no_batch_gives_no_frame():
    assert list(sampler_of(lambda *a: a[3]).generate([], ladder(), "x")) == []


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_pictures_that_are_no_numbers_fail_the_scene_and_name_the_weights(bad):
    def velocity(model: Any, around: Any, tables: Any, tokens: torch.Tensor) -> torch.Tensor:
        return torch.full_like(tokens, bad)

    sampler = sampler_of(velocity)
    sampler.origin = "lora.safetensors on FLUX.1-dev"
    with pytest.raises(
        SceneError, match=r"scene 'bear', frame 3: .*NaN or infinity \(lora\.safetensors"
    ) as caught:
        list(sampler.generate([batch_of(1)], ladder(), "scene 'bear', frame 3"))
    assert "precision" in caught.value.advice
