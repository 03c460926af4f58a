"""What a network is made of: presets as published, and designs that nobody could load again are refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from focusgen.base.errors import ConfigError
from focusgen.focal.sd3.design import PUBLISHED, TRANSFORMERS, Design


@pytest.mark.parametrize(("preset", "width", "n_layers"), [("medium", 1536, 24), ("large", 2432, 38)])
def test_presets_have_the_published_sizes(preset, width, n_layers):
    sizes = TRANSFORMERS[preset]
    assert (
        sizes["attention_head_dim"] * sizes["num_attention_heads"] == sizes["caption_projection_dim"] == width
    )
    assert sizes["num_layers"] == n_layers and max(sizes["dual_attention_layers"], default=0) < n_layers


def test_weights_come_from_a_folder_the_hub_or_a_seed():
    assert Design().source is None
    assert Design(preset="medium").source == PUBLISHED["medium"]
    assert (
        Design(preset="tiny", base_model="/x").source
        == Design(preset="large", base_model="/x").source
        == "/x"
    )


def test_a_crop_is_whole_patches_of_latents():
    assert Design().multiple == 2 * TRANSFORMERS["tiny"]["patch_size"]
    assert Design(preset="medium").multiple == 8 * TRANSFORMERS["medium"]["patch_size"]


@pytest.mark.parametrize("trains", ["lora", "new"])
def test_an_adapter_on_random_weights_is_refused_with_both_ways_out(trains):
    with pytest.raises(ConfigError, match=f"model.trains {trains}: tiny") as caught:
        Design(trains=trains).checked()
    assert "model.trains: full" in caught.value.advice and "model.base_model" in caught.value.advice
    loadable = Design(preset="medium", trains=trains)
    assert loadable.checked() is loadable


@pytest.mark.parametrize(
    "bad",
    [
        {"residual_sigma": 0},
        {"residual_sigma": 1.1},
        {"n_context": 0},
        {"lora_rank": 0},
        {"lora_alpha": 0},
        {"rgb": "magic"},
        {"preset": "huge"},
        {"unknown": 1},
    ],
)
def test_values_that_cannot_be_are_refused(bad):
    with pytest.raises(ValidationError):
        Design(**bad)


def test_a_design_cannot_be_changed_and_comes_back_from_its_json():
    design = Design(preset="large", rgb="flow", gate=0.5)
    assert Design.model_validate_json(design.model_dump_json()) == design
    assert design.objectives == ("flow", "regression") and design.prompt_preset == "large"
    with pytest.raises(ValidationError):
        design.gate = 1.0  # type: ignore[misc]
