"""DeblurNet and BokehNet on a tiny FLUX in the official layout, behind the Protocols of the phases."""

from __future__ import annotations

import functools
import importlib.util
import logging
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from focusgen import config
from focusgen.base.errors import ConfigError, ModelMemoryError
from focusgen.models.flux.conditions import BlackCondition
from focusgen.models.flux.deblurnet import DeblurNet
from focusgen.models.flux.loading import offload
from focusgen.models.flux.lora import load_adapter
from focusgen.models.flux.prompts import encode_prompts, load_prompt
from focusgen.models.flux.tokens import position_ids
from focusgen.models.flux.weights import gather
from focusgen.models.protocols import NoiseKey, RenderContext
from focusgen.models.registry import load_deblurrer, load_renderer, weight_advice, weight_files
from focusgen.optics.coc import Lens
from tests import flux_tiny
from tests import named_weights as nw

FRAMES = nw.video(3, 48, 64, seed=1)
KEYS = [NoiseKey("bear", index, 0) for index in range(3)]
LENS = Lens(focal_length_m=0.050, f_number=2.0, focus_distance_m=2.0)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A tiny FLUX with both prompts embedded."""
    folder = tmp_path_factory.mktemp("flux")
    built = flux_tiny.build(folder)
    cfg = config.Config()
    encode_prompts(str(built.model), [cfg.deblur.prompt, cfg.render.prompt], folder / "prompts")
    return built


def settings(tiny, **changes):
    """Return a configuration on the tiny model; changes as deblur__steps=2."""
    document = {"deblur": {"steps": 2}, "render": {"steps": 2}}
    overrides = tiny.settings(tiny.model.parent / "prompts")
    overrides |= {key.replace("__", "."): value for key, value in changes.items()}
    for key, value in overrides.items():
        section, _, name = key.partition(".")
        document.setdefault(section, {})[name] = value
    return config.from_document(document, "test")


@pytest.fixture(scope="module")
def deblurnet(tiny):
    return load_deblurrer(settings(tiny), device="cpu")


@pytest.fixture(scope="module")
def bokehnet(tiny):
    return load_renderer(settings(tiny), device="cpu")


def context(set_index=0, scene_id="bear", width=64, height=48):
    return RenderContext(scene_id, set_index, width, height, LENS, 1e-3, 0.036, {}, True, 42)


def maps(value=0.5, n=3):
    return np.full((n, 48, 64), value, np.float16)


def test_deblurring_is_a_function_of_frame_and_key(deblurnet):
    sharp = deblurnet.deblur(FRAMES, KEYS)
    assert sharp.shape == FRAMES.shape and sharp.dtype == np.uint8
    # A killed scene resumes at a frame: alone, in another order, after other work, the same bytes.
    assert np.array_equal(deblurnet.deblur(FRAMES[2:], KEYS[2:])[0], sharp[2])
    assert np.array_equal(deblurnet.deblur(FRAMES[::-1], KEYS[::-1])[::-1], sharp)


def test_frames_and_draws_have_independent_noise(deblurnet):
    same = np.repeat(FRAMES[:1], 3, axis=0)
    keys = [NoiseKey("bear", 0, 0), NoiseKey("bear", 0, 1), NoiseKey("bear", 1, 0)]
    drawn = deblurnet.deblur(same, keys)
    assert not np.array_equal(drawn[0], drawn[1]) and not np.array_equal(drawn[0], drawn[2])


def test_another_run_seed_is_another_draw(tiny, deblurnet):
    cfg = settings(tiny)
    other = type(deblurnet)(deblurnet.net, deblurnet.protocol, cfg.seed + 1)
    assert not np.array_equal(other.deblur(FRAMES[:1], KEYS[:1]), deblurnet.deblur(FRAMES[:1], KEYS[:1]))


def test_the_protocol_is_named_and_changes_the_picture(tiny, deblurnet, caplog):
    with caplog.at_level(logging.WARNING):
        black = load_deblurrer(settings(tiny, deblur__protocol="black+frame"), device="cpu")
    assert "deblur.protocol black+frame" in caplog.text and "cannot tell" in caplog.text
    assert not np.array_equal(black.deblur(FRAMES[:1], KEYS[:1]), deblurnet.deblur(FRAMES[:1], KEYS[:1]))


def test_the_black_picture_lies_beside_the_tile_that_the_net_knows():
    """DeblurNet was trained on 512 px, where black lay right of the frame: the positions must not overlap."""
    black, frame = DeblurNet(None, "black+frame", 0)._conditions(np.zeros((1, 512, 512, 3), np.uint8))
    columns = [set(position_ids(shown.grid, shown.position_delta)[:, 2].tolist()) for shown in (frame, black)]
    assert isinstance(black, BlackCondition) and black.grid == frame.grid
    assert min(columns[1]) == max(columns[0]) + 1
    rows = [set(position_ids(shown.grid, shown.position_delta)[:, 1].tolist()) for shown in (frame, black)]
    assert rows[0] == rows[1]


def test_black_tokens_and_modulation_are_computed_once(tiny, monkeypatch):
    black = load_deblurrer(settings(tiny, deblur__protocol="black+frame"), device="cpu")
    sampler, encoded = black.net.sampler, []
    encode = sampler.vae.encode
    monkeypatch.setattr(sampler.vae, "encode", lambda x: encoded.append(float(x.std())) or encode(x))
    modulated = []
    for block in sampler.weights.single:
        block.modulation.linear.register_forward_hook(lambda *_: modulated.append(1))
    black.deblur(FRAMES, KEYS)
    assert sum(std == 0.0 for std in encoded) == 1 and len(encoded) == 4
    assert len(modulated) == 2 * len(sampler.weights.single)  # once for all steps, once for the adapter


def test_a_batch_gives_the_frames_of_singles(tiny, deblurnet):
    together = load_deblurrer(settings(tiny, deblur__batch_size=3), device="cpu")
    difference = together.deblur(FRAMES, KEYS).astype(int) - deblurnet.deblur(FRAMES, KEYS)
    assert np.abs(difference).max() <= 1  # one level where rounding tips over


def test_a_sampled_posterior_is_its_own_function_of_the_key(tiny, deblurnet):
    sampled = load_deblurrer(settings(tiny, deblur__posterior="sample"), device="cpu")
    first = sampled.deblur(FRAMES, KEYS)
    assert np.array_equal(sampled.deblur(FRAMES[1:2], KEYS[1:2])[0], first[1])
    assert not np.array_equal(first, deblurnet.deblur(FRAMES, KEYS))


def test_all_frames_of_a_set_start_from_the_same_noise(bokehnet):
    same, radius = np.repeat(FRAMES[:1], 3, axis=0), np.zeros((3, 48, 64), np.float32)
    first = bokehnet.start(context()).render(same, radius, maps(), [0, 1, 2])
    assert np.array_equal(first[0], first[1]) and np.array_equal(first[0], first[2])
    second = bokehnet.start(context(set_index=1)).render(same, radius, maps(), [0, 1, 2])
    assert not np.array_equal(first, second)


def test_the_label_is_what_the_net_is_shown(bokehnet):
    focus = np.array([1.0, 0.25, 0.0], np.float16).reshape(3, 1, 1)
    radius = np.array([0.0, -30.0, 250.0], np.float32).reshape(3, 1, 1)
    assert bokehnet.defocus_maps(radius, focus).ravel().tolist() == [0.0, 0.75, 1.0]
    physical = type(bokehnet)(bokehnet.net, "physical", 100.0)
    assert physical.defocus_maps(radius, focus).ravel().tolist() == pytest.approx([0.0, 0.3, 1.0])


def test_a_render_follows_its_map_and_resumes_at_any_frame(bokehnet):
    radius = np.zeros((3, 48, 64), np.float32)
    session = bokehnet.start(context())
    blurred = session.render(FRAMES, radius, maps(0.2), [0, 1, 2])
    assert not np.array_equal(blurred, session.render(FRAMES, radius, maps(0.9), [0, 1, 2]))
    again = bokehnet.start(context()).render(FRAMES[1:2], radius[1:2], maps(0.2, 1), [1])
    assert np.array_equal(again[0], blurred[1])


def test_tiles_are_used_where_a_frame_is_as_large_as_one(tiny):
    frame = nw.video(1, 64, 80, seed=3)
    tiled = load_deblurrer(settings(tiny, deblur__tile_px=48), device="cpu")
    whole = load_deblurrer(settings(tiny, deblur__tile_px=48, deblur__disable_tiling=True), device="cpu")
    wide = load_deblurrer(settings(tiny, deblur__tile_px=48, deblur__tile_overlap_px=32), device="cpu")
    pictures = [net.deblur(frame, KEYS[:1]) for net in (tiled, whole, wide)]
    assert not np.array_equal(pictures[0], pictures[1]) and not np.array_equal(pictures[0], pictures[2])


def test_out_of_memory_climbs_down_then_fails_the_scene(tiny, monkeypatch, caplog):
    net = load_deblurrer(settings(tiny, deblur__tile_px=48), device="cpu")
    velocity, tried = net.net.sampler.velocity, []

    def hungry(weights, around, tables, tokens):
        tried.append(tuple(tokens.shape[:2]))
        if tokens.shape[1] > 5:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return velocity(weights, around, tables, tokens)

    net.net.sampler.velocity = hungry
    with pytest.raises(ModelMemoryError, match=r"scene 'bear', frame 0: out of memory"):
        net.deblur(nw.video(1, 64, 80, seed=3), KEYS[:1])
    assert tried[0] == (4, 9) and tried[-1] == (1, 9)


def test_bf16_runs_and_stays_close_to_a_picture(tiny):
    net = load_deblurrer(settings(tiny, deblur__precision="bf16"), device="cpu")
    assert net.deblur(FRAMES[:1], KEYS[:1]).std() > 1.0
    assert net.approximations == []


def test_the_weight_files_are_named_before_anything_is_loaded(tiny):
    files = weight_files(settings(tiny), "deblur")
    assert {"flux/lora", "flux/prompt", "flux/vae/config.json"} <= files.keys()
    assert any(name.startswith("flux/transformer/") and name.endswith(".safetensors") for name in files)
    assert all(path.is_file() for path in files.values())
    assert weight_files(settings(tiny), "depth") == {}


def test_files_that_are_not_here_are_named_where_they_are_expected(tiny, tmp_path, monkeypatch):
    # Or a record would vouch for less than was used, and an array of tasks would download 24 GB each.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    for model_id in ("somebody/FLUX.1-other", str(tmp_path / "none")):
        files = weight_files(settings(tiny, deblur__model_id=model_id), "deblur")
        (expected,) = (path for name, path in files.items() if name.startswith("flux/transformer"))
        assert not expected.exists() and str(tmp_path) in str(expected)
    assert "hf auth login" in weight_advice("flux/transformer/config.json")
    assert "focusgen weights prompts" in weight_advice("flux/prompt")


def test_records_beside_the_weights_are_no_weights(tiny, tmp_path):
    model = copied(tiny, tmp_path)
    cfg = settings(tiny, deblur__model_id=str(model))
    before = weight_files(cfg, "deblur")
    (model / "vae" / "config.json.focusgen.json").write_text("{}")
    (model / "transformer" / "diffusion_pytorch_model.safetensors.focusgen.json").write_text("{}")
    assert weight_files(cfg, "deblur") == before


def test_a_shard_that_the_index_lists_is_asked_for(tiny, tmp_path):
    part = tmp_path / "transformer"
    part.mkdir()
    (part / "x.safetensors.index.json").write_text('{"weight_map": {"a": "x-1-of-2.safetensors"}}')
    files = weight_files(settings(tiny, deblur__model_id=str(tmp_path)), "deblur")
    assert files["flux/transformer/x-1-of-2.safetensors"] == part / "x-1-of-2.safetensors"


# --- what is missing, said before the weights are read ------------------------------------------------


def test_without_a_gpu_it_refuses_to_start_unless_told(tiny, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"deblur\.backend: deblurnet needs a GPU(?s:.*)--device cpu"):
        load_deblurrer(settings(tiny))


def test_without_diffusers_it_names_the_extra(tiny, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "diffusers" else find(name))
    with pytest.raises(ConfigError, match=r"(?s)FLUX needs diffusers.*pip install 'focusgen\[gpu\]'"):
        load_renderer(settings(tiny), device="cpu")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"deblur__lora_weight": "none.safetensors"}, r"none\.safetensors: no such LoRA file"),
        ({"deblur__prompt": "another"}, r"'another' was not embedded yet(?s:.*)focusgen weights prompts"),
        ({"deblur__model_id": "/no/such/folder"}, r"/no/such/folder(?s:.*)focusgen weights fetch flux"),
        ({"deblur__precision": "nf4"}, r"FLUX needs bitsandbytes(?s:.*)pip install"),
    ],
)
def test_what_is_missing_is_named(tiny, change, complaint, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "bitsandbytes" else find(name)
    )
    with pytest.raises(ConfigError, match=complaint):
        load_deblurrer(settings(tiny, **change), device="cpu")


def copied(tiny, folder):
    """Return the folder of a copy of the model that a test may spoil."""
    shutil.copytree(tiny.model, folder / "copy")
    return folder / "copy"


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda w: w.pop("proj_out.weight"), r"1 weights are missing, e\.g\. proj_out\.weight"),
        (lambda w: w.update({"proj_out.weight": torch.zeros(5, 48)}), r"proj_out\.weight expected shape"),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_name(tiny, tmp_path, spoil, complaint):
    model = copied(tiny, tmp_path)
    file = model / "transformer" / "diffusion_pytorch_model.safetensors"
    weights = load_file(file)
    spoil(weights)
    save_file(weights, file)
    with pytest.raises(ConfigError, match=complaint):
        load_deblurrer(settings(tiny, deblur__model_id=str(model)), device="cpu")


@pytest.mark.parametrize("part", ["transformer", "vae"])
def test_a_damaged_or_missing_file_is_refused_by_name(tiny, tmp_path, part):
    model = copied(tiny, tmp_path)
    file = model / part / "diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(ConfigError, match=rf"copy: .*{part}"):
        load_deblurrer(settings(tiny, deblur__model_id=str(model)), device="cpu")
    file.unlink()
    with pytest.raises(ConfigError, match="no file named diffusion_pytorch_model.safetensors"):
        load_deblurrer(settings(tiny, deblur__model_id=str(model)), device="cpu")


def test_a_gated_model_is_explained(tiny, monkeypatch):
    from diffusers import FlowMatchEulerDiscreteScheduler
    from huggingface_hub.errors import GatedRepoError

    def refuse(*_, **__):
        raise GatedRepoError.__new__(GatedRepoError, "403 Client Error")

    monkeypatch.setattr(FlowMatchEulerDiscreteScheduler, "load_config", refuse)
    with pytest.raises(ConfigError, match=r"(?s)accepted its licence.*hf auth login"):
        load_deblurrer(settings(tiny, deblur__model_id="black-forest-labs/FLUX.1-dev"), device="cpu")


def test_an_embedding_of_other_encoders_is_refused(tiny, tmp_path):
    cfg = settings(tiny, deblur__prompt_cache=str(tmp_path))
    own = load_prompt(tiny.model.parent / "prompts", cfg.deblur.prompt)
    (good,) = encode_prompts(str(tiny.model), [cfg.deblur.prompt], tmp_path)
    metadata = {"format": "focusgen-flux-prompt/1", "prompt": cfg.deblur.prompt}
    save_file({"embeds": torch.zeros(1, 512, 8), "pooled": own.pooled}, good, metadata=metadata)
    with pytest.raises(ConfigError, match=r"prompts of widths \(8, 24\)"):
        load_deblurrer(cfg, device="cpu")


@pytest.mark.slow
def test_prompts_are_embedded_as_diffusers_does(tiny):
    from diffusers import FluxPipeline

    prompt = config.Config().deblur.prompt
    ours = load_prompt(tiny.model.parent / "prompts", prompt)
    pipeline = FluxPipeline.from_pretrained(tiny.model, dtype=torch.bfloat16)
    with torch.inference_mode():
        embeds, pooled, _ = pipeline.encode_prompt(prompt, max_sequence_length=512)
    assert torch.equal(ours.embeds, embeds) and torch.equal(ours.pooled, pooled)


@pytest.mark.slow
def test_the_forward_compiles_as_one_graph(tiny, deblurnet, monkeypatch):
    # Traced and functionalised as for a GPU, then run eagerly: code generation would take minutes here.
    monkeypatch.setattr(
        torch, "compile", functools.partial(torch.compile, backend="aot_eager", fullgraph=True)
    )
    counters = torch._dynamo.utils.counters
    counters.clear()
    compiled = load_deblurrer(settings(tiny, deblur__compile=True), device="cpu")
    difference = compiled.deblur(FRAMES, KEYS).astype(int) - deblurnet.deblur(FRAMES, KEYS)
    assert np.abs(difference).max() <= 1
    assert counters["stats"]["unique_graphs"] == 1  # for all steps: on a GPU each takes minutes


def test_offloaded_layers_are_called_through_diffusers_hooks(tiny, deblurnet):
    # On a CPU nothing moves, but every layer that the forward calls must go through a hook that could.
    net = load_deblurrer(settings(tiny), device="cpu")
    transformer = stock_transformer(tiny)
    offload(transformer, torch.device("cpu"))
    sampler = net.net.sampler
    adapter = load_adapter(tiny.deblur_lora)
    sampler.weights = gather(transformer, {"deblurring": adapter})
    seen = []
    for name, module in transformer.named_modules():
        if getattr(module, "_diffusers_hook", None) is not None:
            module.register_forward_pre_hook(lambda *_, name=name: seen.append(name))
    assert np.array_equal(net.deblur(FRAMES[:1], KEYS[:1]), deblurnet.deblur(FRAMES[:1], KEYS[:1]))
    assert {"transformer_blocks.0.attn.to_q", "single_transformer_blocks.1.proj_out"} <= set(seen)
    assert "transformer_blocks.0.attn.norm_q" in seen


def stock_transformer(tiny):
    from diffusers import FluxTransformer2DModel

    return FluxTransformer2DModel.from_pretrained(tiny.model, subfolder="transformer").eval()
