"""Settings of a FLUX net in the units of the maths, each field from its own setting."""

from __future__ import annotations

from pathlib import Path

import pytest

from focusgen.base.errors import ConfigError
from focusgen.config import Config, from_document
from focusgen.models.flux.options import APPROXIMATIONS, options_of
from focusgen.models.flux.tiling import Tiling


def options(**deblur):
    return options_of("deblur", from_document({"deblur": deblur}, "test").deblur)


@pytest.mark.parametrize(
    ("setting", "value", "field", "expected"),
    [
        ("steps", 7, "n_steps", 7),
        ("guidance_scale", 2.5, "guidance_scale", 2.5),
        ("posterior", "sample", "is_posterior_sampled", True),
        ("posterior", "mean", "is_posterior_sampled", False),
        ("offload", True, "is_offloaded", True),
        ("sequential_vae", True, "is_vae_sliced", True),
        ("compile", True, "is_compiled", True),
        ("batch_size", 3, "batch_size", 3),
        ("prompt", "a prompt", "prompt", "a prompt"),
        ("model_id", "/models/FLUX", "model_id", "/models/FLUX"),
        ("precision", "fp32", "precision", "fp32"),
    ],
)
def test_a_setting_reaches_its_field_and_no_other(setting, value, field, expected):
    changed, plain = options(**{setting: value}), options()
    assert getattr(changed, field) == expected
    differs = {name for name in plain.__dataclass_fields__ if getattr(changed, name) != getattr(plain, name)}
    assert differs <= {field}


def test_a_lora_is_a_file_in_its_folder():
    assert options(lora_path="/w", lora_weight="d.safetensors").lora_file == Path("/w/d.safetensors")


def test_tiles_are_given_in_pixels_and_used_in_tokens():
    assert options(tile_px=512).tiling == Tiling(32, 4)
    assert options(tile_px=256, tile_overlap_px=64).tiling == Tiling(16, 4)
    assert options(tile_px=512, disable_tiling=True).tiling is None


@pytest.mark.parametrize(
    "given", [{"tile_px": 500}, {"tile_px": 256, "tile_overlap_px": 256}, {"tile_overlap_px": 40}]
)
def test_tiles_that_leave_no_stride_or_no_whole_token_are_refused(given):
    with pytest.raises(ConfigError):
        options(**given)


def test_only_weights_in_fewer_bits_are_called_an_approximation():
    assert {options(precision=p).approximations for p in ("bf16", "fp32")} == {()}
    for precision, words in APPROXIMATIONS.items():
        assert options(precision=precision).approximations == (words,)
        assert "bit" in words


def test_both_nets_have_options_that_name_their_section():
    cfg = Config()
    assert options_of("render", cfg.render).section == "render"
    assert options_of("render", cfg.render).lora_file != options_of("deblur", cfg.deblur).lora_file
