"""NaN anywhere in a FLUX net ends in an error that names the file, never in black frames."""

from __future__ import annotations

import logging
import shutil

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from focusgen import config
from focusgen.base.errors import ConfigError, SceneError
from focusgen.models.flux.files import prompt_file
from focusgen.models.flux.lora import load_adapter
from focusgen.models.flux.prompts import encode_prompts
from focusgen.models.protocols import NoiseKey, RenderContext
from focusgen.models.registry import load_deblurrer, load_renderer
from focusgen.optics.coc import Lens
from tests import flux_tiny
from tests import named_weights as nw

FRAMES = nw.video(1, 32, 48, seed=1)
KEYS = [NoiseKey("bear", 0, 0)]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flux")
    made = flux_tiny.build(folder)
    cfg = config.Config()
    encode_prompts(str(made.model), [cfg.deblur.prompt, cfg.render.prompt], folder / "prompts")
    return made


@pytest.fixture
def tiny(built, tmp_path):
    """Return a copy of the whole that a test may spoil."""
    root = tmp_path / "flux"
    shutil.copytree(built.model.parent, root)
    return flux_tiny.TinyFlux(
        root / built.model.name, root / built.deblur_lora.name, root / built.bokeh_lora.name
    )


def settings(tiny, **more):
    overrides = {**tiny.settings(tiny.model.parent / "prompts"), "deblur.steps": 1, "render.steps": 1}
    return config.load(None, {**overrides, **{key.replace("__", "."): value for key, value in more.items()}})


def spoil(path, key, value):
    """Put one value into a weight file, keeping its metadata (a prompt's names it)."""
    weights = load_file(path)
    weights[key].view(-1)[0] = value
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    save_file(weights, path, metadata=metadata)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize(
    ("file", "key"),
    [
        ("deblurNet.safetensors", "transformer.x_embedder.lora_B.weight"),
        ("FLUX.1-tiny/transformer/diffusion_pytorch_model.safetensors", "norm_out.linear.bias"),
        ("FLUX.1-tiny/vae/diffusion_pytorch_model.safetensors", "decoder.conv_out.bias"),
        ("FLUX.1-tiny/vae/diffusion_pytorch_model.safetensors", "encoder.conv_in.weight"),
        ("prompt", "pooled"),
    ],
)
def test_a_single_bad_value_is_refused_at_load_with_its_file_and_key(tiny, file, key, value):
    cfg = settings(tiny)
    path = tiny.model.parent / file
    if file == "prompt":
        path = prompt_file(cfg.deblur.prompt_cache, cfg.deblur.prompt)
    spoil(path, key, value)
    with pytest.raises(ConfigError, match=rf"{path.name}: key '{key}': 1 of \d+ values are NaN or infinite"):
        load_deblurrer(cfg, device="cpu")


def test_half_precision_and_shards_are_looked_through_as_well(tiny):
    from diffusers import FluxTransformer2DModel

    folder = tiny.model / "transformer"
    model = FluxTransformer2DModel.from_pretrained(folder, torch_dtype=torch.bfloat16)
    shutil.rmtree(folder)
    model.save_pretrained(folder, max_shard_size="80KB")
    shards = sorted(folder.glob("*.safetensors"))
    assert len(shards) > 1
    load_deblurrer(settings(tiny, deblur__precision="bf16"), device="cpu")
    key = next(iter(load_file(shards[-1])))
    spoil(shards[-1], key, float("nan"))
    with pytest.raises(ConfigError, match=shards[-1].name):
        load_deblurrer(settings(tiny, deblur__precision="bf16"), device="cpu")


def test_integers_are_no_lora(tiny):
    weights = {key: (10 * value).to(torch.int8) for key, value in load_file(tiny.deblur_lora).items()}
    save_file(weights, tiny.deblur_lora)
    with pytest.raises(ConfigError, match=r"(?s)deblurNet.safetensors: key '.*' is torch.int8.*float16"):
        load_adapter(tiny.deblur_lora)


def test_an_integer_alpha_beside_a_lora_is_no_fault(tiny):
    weights = load_file(tiny.deblur_lora)
    weights["transformer.x_embedder.alpha"] = torch.tensor(4)
    save_file(weights, tiny.deblur_lora)
    assert len(load_adapter(tiny.deblur_lora)) == 25


def test_eight_bit_floats_are_compared_too(tiny):
    weights = {key: value.to(torch.float8_e4m3fn) for key, value in load_file(tiny.deblur_lora).items()}
    save_file(weights, tiny.deblur_lora)
    assert len(load_adapter(tiny.deblur_lora)) == 25
    weights["transformer.x_embedder.lora_A.weight"] = torch.full((4, 64), torch.nan).to(torch.float8_e4m3fn)
    save_file(weights, tiny.deblur_lora)
    with pytest.raises(ConfigError, match="256 of 256 values"):
        load_adapter(tiny.deblur_lora)


def test_a_lora_of_one_module_of_25_is_warned_about_and_recorded(tiny, caplog):
    weights = load_file(tiny.deblur_lora)
    save_file({key: value for key, value in weights.items() if "x_embedder" in key}, tiny.deblur_lora)
    net = load_deblurrer(settings(tiny), device="cpu")
    assert "deblurNet.safetensors: the LoRA changes 1 of 25 projections" in caplog.text
    assert list(net.approximations) == ["the LoRA changes 1 of 25 projections"]


def test_a_whole_lora_is_not_warned_about(tiny, caplog):
    net = load_deblurrer(settings(tiny), device="cpu")
    assert "projections" not in caplog.text and list(net.approximations) == []


def test_a_lora_that_changes_nothing_is_warned_about(tiny, caplog):
    weights = load_file(tiny.deblur_lora)
    save_file({k: v * 0 if "lora_B" in k else v for k, v in weights.items()}, tiny.deblur_lora)
    with caplog.at_level(logging.WARNING):
        load_adapter(tiny.deblur_lora)
    assert "every lora_B is zero" in caplog.text


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_vae_that_returns_nan_makes_no_frame(tiny, monkeypatch, value):
    net = load_deblurrer(settings(tiny), device="cpu")
    decode = net.net.sampler.vae.decode

    def overflowing(latents):
        decoded = decode(latents)
        decoded.sample[0, 0, 3, 5] = value
        return decoded

    monkeypatch.setattr(net.net.sampler.vae, "decode", overflowing)
    with pytest.raises(SceneError, match=r"'bear', frame 0: .*NaN or infinity .*deblurNet\.safetensors"):
        net.deblur(FRAMES, KEYS)


def test_bokehnet_makes_no_picture_of_nan_either(tiny, monkeypatch):
    net = load_renderer(settings(tiny), device="cpu")
    height, width = FRAMES.shape[1:3]
    lens = Lens(focal_length_m=0.050, f_number=2.0, focus_distance_m=2.0)
    depth_m = {"d_min": 1.0, "d_max": 5.0, "d_median": 2.0, "d_p5": 1.0, "d_p95": 5.0}
    session = net.start(RenderContext("bear", 1, width, height, lens, None, 0.036, depth_m, True, 7))
    ones = np.ones((1, height, width), np.float32)
    assert session.render(FRAMES, ones, ones.astype(np.float16), [4]).dtype == np.uint8
    for parameter in net.net.sampler.vae.decoder.conv_out.parameters():
        monkeypatch.setattr(parameter, "data", torch.full_like(parameter.data, torch.nan))
    with pytest.raises(SceneError, match=r"'bear', set 1, frame 4: .*bokehNet\.safetensors"):
        session.render(FRAMES, ones, ones.astype(np.float16), [4])
