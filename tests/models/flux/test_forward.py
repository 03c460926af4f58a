"""The forward: stock FLUX where there are no conditions, free of order and batch, no dearer than counted."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from focusgen.models.flux.forward import surround, velocity
from focusgen.models.flux.lora import adapter_from
from focusgen.models.flux.modulation import modulation_tables
from focusgen.models.flux.tokens import Grid, position_ids, text_ids
from focusgen.models.flux.weights import gather
from tests import flux_tiny
from tests.tensors import normal

DOCUMENT = json.loads((flux_tiny.DATA / "cases.json").read_text())
SHAPES = json.loads((flux_tiny.DATA / "shapes_tiny.json").read_text())
GRID = Grid(4, 6)
SIGMAS = torch.tensor([0.7, 0.0])
GUIDANCE = 3.5


@pytest.fixture(scope="module")
def transformer():
    from diffusers import FluxTransformer2DModel

    model = FluxTransformer2DModel(**DOCUMENT["transformer"])
    model.load_state_dict(flux_tiny.weights("transformer", "transformer", DOCUMENT, SHAPES))
    return model.eval()


@pytest.fixture(scope="module")
def adapters():
    names = ("deblurring", "bokeh")
    return {n: adapter_from(flux_tiny.weights("lora", n, DOCUMENT, SHAPES), n) for n in names}


PROMPT, POOLED = normal(1, 5, 32, seed=100), normal(1, 24, seed=101)


def run(transformer, adapters, image, conditions):
    """Return the velocity at one step; conditions are (tokens, ids, adapter)."""
    weights = gather(transformer, adapters)
    with torch.inference_mode():
        tables = modulation_tables(weights, SIGMAS, GUIDANCE, POOLED, [c[2] for c in conditions])
        around = surround(weights, PROMPT, position_ids(GRID), conditions)
        return velocity(weights, around, tables.step(0), image)


def condition(seed, adapter, delta=(0, 0), batch=1):
    return normal(batch, GRID.n_tokens, 64, seed=seed), position_ids(GRID, delta), adapter


def test_without_conditions_it_is_stock_flux(transformer):
    image = normal(2, GRID.n_tokens, 64)
    with torch.inference_mode():
        stock = transformer(
            hidden_states=image,
            encoder_hidden_states=PROMPT.expand(2, -1, -1),
            pooled_projections=POOLED.expand(2, -1),
            timestep=SIGMAS[:1].expand(2),
            guidance=torch.full((2,), GUIDANCE),
            img_ids=position_ids(GRID),
            txt_ids=text_ids(5),
        ).sample
    torch.testing.assert_close(run(transformer, {}, image, []), stock, atol=3e-5, rtol=0)


def test_the_order_of_conditions_does_not_matter(transformer, adapters):
    # Where tokens lie in memory differs for a first, second and third condition; what they see does not.
    image = normal(1, GRID.n_tokens, 64)
    three = [condition(1, "bokeh"), condition(2, "deblurring", (0, 6)), condition(3, None, (4, 0))]
    outputs = [run(transformer, adapters, image, order) for order in itertools.permutations(three)]
    for other in outputs[1:]:
        torch.testing.assert_close(other, outputs[0], atol=3e-5, rtol=0)


def test_a_batch_of_frames_equals_singles(transformer, adapters):
    image = normal(3, GRID.n_tokens, 64)
    conditions = [condition(1, "deblurring", (0, 6), 3), condition(2, "deblurring", batch=3)]
    together = run(transformer, adapters, image, conditions)
    for i in range(3):
        own = [(tokens[i : i + 1], ids, adapter) for tokens, ids, adapter in conditions]
        torch.testing.assert_close(
            together[i : i + 1], run(transformer, adapters, image[i : i + 1], own), atol=3e-5, rtol=0
        )


def test_the_same_adapter_twice_is_read_twice(transformer, adapters):
    image = normal(1, GRID.n_tokens, 64)
    lora = run(transformer, adapters, image, [condition(1, "deblurring"), condition(2, "deblurring")])
    half = run(transformer, adapters, image, [condition(1, "deblurring"), condition(2, None)])
    assert (lora - half).abs().max() > 0.1


def test_the_model_is_left_as_it_was(transformer, adapters):
    before = {key: value.clone() for key, value in transformer.state_dict().items()}
    run(transformer, adapters, normal(1, GRID.n_tokens, 64), [condition(1, "bokeh")])
    after = transformer.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(before[key], after[key]) for key in before)


def test_compiled_and_eager_turns_are_the_same(monkeypatch):
    from focusgen.models.flux.tokens import rotary_turns, rotate

    turns = rotary_turns(position_ids(GRID), (4, 6, 6))
    x = normal(2, GRID.n_tokens, 3, 16)
    eager = rotate(x, turns)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    torch.testing.assert_close(rotate(x, turns), eager, atol=1e-6, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize(("n_conditions", "facts_tflop"), [(0, 30.7), (1, 58.3), (2, 85.9)])
def test_a_step_at_864x480_costs_no_more_than_the_reference_s(n_conditions, facts_tflop):
    from diffusers import FluxTransformer2DModel

    rank, grid = 16, Grid(30, 54)
    with torch.device("meta"):
        real = FluxTransformer2DModel(guidance_embeds=True)
        adapter = real_adapter(real, rank)
        weights = gather(real, {"deblurring": adapter})
        pooled, prompt = torch.empty(1, 768), torch.empty(1, 512, 4096)
        tables = modulation_tables(weights, SIGMAS.to("meta"), GUIDANCE, pooled, ["deblurring"])
    tokens = torch.empty(1, grid.n_tokens, 64, device="meta")
    conditions = [(tokens, position_ids(grid), "deblurring")] * n_conditions
    counter = FlopCounterMode(display=False)
    with torch.inference_mode(), counter:
        around = surround(weights, prompt, position_ids(grid), conditions)
        velocity(weights, around, tables.step(0), tokens)
    lora = sum(2 * (pair.down.numel() + pair.up.numel()) for pair in adapter.values())
    assert counter.get_total_flops() <= facts_tflop * 1e12 + n_conditions * grid.n_tokens * lora
    assert counter.get_total_flops() >= 0.95 * facts_tflop * 1e12  # nothing left out that changes the result


def real_adapter(model, rank):
    """Return an adapter on every projection that may have one."""
    from focusgen.models.flux.lora import LISTED

    tensors = {}
    for name, module in model.named_modules():
        if LISTED.fullmatch(name):
            tensors[f"transformer.{name}.lora_A.weight"] = torch.empty(rank, module.in_features)
            tensors[f"transformer.{name}.lora_B.weight"] = torch.empty(module.out_features, rank)
    return adapter_from(tensors, "meta")


def test_the_benchmark_s_opponent_is_the_same_function(transformer, adapters, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[3] / "benchmarks"))
    from flux_branches import BranchedFlux

    image = normal(1, GRID.n_tokens, 64)
    conditions = [condition(1, "deblurring", (0, 6)), condition(2, "bokeh")]
    with torch.inference_mode():
        theirs = BranchedFlux(transformer, adapters).velocity(
            SIGMAS[0], GUIDANCE, (PROMPT, POOLED), (image, position_ids(GRID)), conditions
        )
    torch.testing.assert_close(run(transformer, adapters, image, conditions), theirs, atol=3e-5, rtol=0)
