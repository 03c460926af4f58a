"""What only a GPU shows: the same frames as on a CPU, modulation left behind, decoding beside denoising."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from focusgen import config
from focusgen.models.flux.prompts import encode_prompts
from focusgen.models.flux.weights import is_modulation
from focusgen.models.protocols import NoiseKey
from focusgen.models.registry import load_deblurrer
from tests import flux_tiny
from tests import named_weights as nw

pytestmark = pytest.mark.gpu

FRAMES = nw.video(5, 48, 64, seed=1)
KEYS = [NoiseKey("bear", index, 0) for index in range(5)]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory, there_is_a_gpu):
    folder = tmp_path_factory.mktemp("flux")
    built = flux_tiny.build(folder)
    encode_prompts(str(built.model), [config.Config().deblur.prompt], folder / "prompts")
    return built


def load(tiny, device, **changes):
    overrides = tiny.settings(tiny.model.parent / "prompts") | {"deblur.steps": 2}
    overrides |= {f"deblur.{name}": value for name, value in changes.items()}
    return load_deblurrer(config.load(None, overrides), device=device)


def largest_difference(a, b):
    return int(np.abs(a.astype(int) - b).max())


def test_a_gpu_gives_the_frames_of_a_cpu(tiny):
    wanted = load(tiny, "cpu").deblur(FRAMES, KEYS)
    assert largest_difference(load(tiny, "cuda").deblur(FRAMES, KEYS), wanted) <= 2  # TF32 in the VAE


def test_batches_decoded_on_their_own_stream_come_out_whole_and_in_order(tiny):
    wanted = load(tiny, "cuda", batch_size=1).deblur(FRAMES, KEYS)
    assert largest_difference(load(tiny, "cuda", batch_size=2).deblur(FRAMES, KEYS), wanted) <= 1
    assert load(tiny, "cuda").frames_per_call(48, 64) > 1


def test_modulation_stays_in_host_memory(tiny):
    weights = load(tiny, "cuda").net.sampler.weights
    assert is_modulation("single_transformer_blocks.0.norm.linear")
    assert {block.modulation.linear.weight.device.type for block in weights.single} == {"cpu"}
    assert {block.out.linear.weight.device.type for block in weights.single} == {"cuda"}


def test_offloaded_weights_give_the_same_frames(tiny):
    wanted = load(tiny, "cuda").deblur(FRAMES[:1], KEYS[:1])
    assert largest_difference(load(tiny, "cuda", offload=True).deblur(FRAMES[:1], KEYS[:1]), wanted) <= 1


def test_a_compiled_forward_gives_the_same_frames(tiny):
    wanted = load(tiny, "cuda").deblur(FRAMES, KEYS)
    assert largest_difference(load(tiny, "cuda", compile=True).deblur(FRAMES, KEYS), wanted) <= 2


@pytest.mark.parametrize(("precision", "library"), [("fp8", "torchao"), ("nf4", "bitsandbytes")])
def test_quantised_weights_run_and_say_that_they_approximate(tiny, precision, library):
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    net = load(tiny, "cuda", precision=precision)
    assert net.deblur(FRAMES[:1], KEYS[:1]).std() > 1.0
    assert library in net.approximations[0]
