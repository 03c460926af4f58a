"""Shifts, scales and gates of a schedule: what each row is made of, and what it does not depend on."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from focusgen.models.flux.lora import LowRank
from focusgen.models.flux.modulation import CONDITION_GUIDANCE, SCALE, modulation_tables, place
from tests.models.flux.stand_in import WIDTH, embed, projection, weights

SIGMAS = torch.tensor([1.0, 0.6, 0.25, 0.0])
POOLED = torch.tensor([[2.0, 3.0]])
LOW_RANK = {"a": LowRank(torch.ones(1, WIDTH), torch.full((6 * WIDTH, 1), 0.5))}
MODEL = weights((projection(6, 1, LOW_RANK), projection(6, 2)), (projection(3, 3),))


def tables(model=MODEL, guidance=3.5, adapters=("a", None)):
    return modulation_tables(model, SIGMAS, guidance, POOLED, adapters)


def signal(time, guidance):
    times = torch.tensor([time])
    return F.silu(embed(times, torch.tensor([guidance]) * 1000.0, POOLED))


def test_a_row_is_the_layer_s_output_at_that_time_with_one_added_to_scales():
    found = tables()
    assert found.image.shape == (3, 2, 6, WIDTH) and found.main.shape == (3, 1, 3, WIDTH)
    for step, sigma in enumerate((1.0, 0.6, 0.25)):
        expected = MODEL.double[1].modulation.linear(signal(1000.0 * sigma, 3.5)).reshape(6, WIDTH).clone()
        expected[1] += 1.0
        expected[4] += 1.0
        torch.testing.assert_close(found.image[step, 1], expected)
        torch.testing.assert_close(found.step(step).image[1], expected)


def test_single_blocks_have_one_scale():
    expected = MODEL.single[0].modulation.linear(signal(600.0, 3.5)).reshape(3, WIDTH).clone()
    expected[SCALE] += 1.0
    torch.testing.assert_close(tables().step(1).main[0], expected)


def test_the_last_norm_puts_its_scale_first_on_disk_and_its_shift_first_here():
    scale, shift = MODEL.final_modulation.linear(signal(250.0, 3.5)).reshape(2, WIDTH)
    torch.testing.assert_close(tables().step(2).final, torch.stack([shift, 1.0 + scale]))


def test_conditions_know_neither_step_nor_guidance():
    few, strong = tables(), tables(guidance=30.0)
    for adapter in ("a", None):
        assert torch.equal(few.conditions[adapter].double, strong.conditions[adapter].double)
        assert few.step(0).conditions[adapter] is few.step(2).conditions[adapter]
    expected = MODEL.double[1].modulation.linear(signal(0.0, CONDITION_GUIDANCE)).reshape(6, WIDTH).clone()
    expected[SCALE::3] += 1.0
    torch.testing.assert_close(few.conditions[None].double[1], expected)
    assert not torch.equal(few.image, strong.image)


def test_an_adapter_adds_its_own_part_where_it_has_one():
    found = tables().conditions
    added = 0.5 * signal(0.0, 1.0).sum()
    torch.testing.assert_close(found["a"].double[0] - found[None].double[0], added.expand(6, WIDTH))
    assert torch.equal(found["a"].double[1], found[None].double[1])
    assert torch.equal(tables().image, tables(adapters=()).image)  # text and picture never read it


def test_each_adapter_is_computed_once_however_often_it_is_named():
    assert set(tables(adapters=("a", "a", None, None)).conditions) == {"a", None}


def test_a_model_without_guidance_is_not_given_any():
    model = weights((projection(6, 1),), has_guidance=False)
    assert torch.equal(tables(model, 1.0).image, tables(model, 9.0).image)


@pytest.mark.parametrize("n_double", [0, 1])
def test_a_model_may_lack_one_kind_of_block(n_double):
    found = tables(weights(tuple(projection(6, n) for n in range(n_double))))
    assert found.image.shape == (3, n_double, 6, WIDTH) and found.main.shape == (3, 0, 3, WIDTH)


def test_layers_that_only_modulate_stay_in_host_memory():
    def layer() -> nn.Linear:
        return nn.Linear(2, 2)

    blocks = nn.ModuleList([nn.ModuleDict({"norm1": nn.ModuleDict({"linear": layer()}), "ff": layer()})])
    model = nn.ModuleDict({"transformer_blocks": blocks, "proj_out": layer()})
    place(model, torch.device("meta"))
    on_device = {name for name, weight in model.named_parameters() if weight.is_meta}
    assert on_device == {
        f"{name}.{part}" for name in ("transformer_blocks.0.ff", "proj_out") for part in ("weight", "bias")
    }
