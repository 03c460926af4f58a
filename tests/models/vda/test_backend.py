from __future__ import annotations

import copy
import dataclasses
import importlib.util
import json
import logging
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from focusgen.base.errors import ConfigError, ModelMemoryError
from focusgen.config.depth import DepthConfig
from focusgen.config.sections import Config
from focusgen.models import weights
from focusgen.models.precision import choose_precision
from focusgen.models.registry import load_depth_model
from focusgen.models.vda import loading, schedule, stream
from focusgen.models.vda.backend import VideoDepthAnything, compile_parts, load_video_depth
from focusgen.models.vda.frames import network_size, normalise, resize_frames
from focusgen.models.vda.network import VideoDepthNet
from focusgen.models.vda.variants import VARIANTS, Variant
from tests.parity import vda as parity

pytestmark = pytest.mark.usefixtures("own_cache")

DATA = Path(__file__).parents[2] / "data" / "vda"
TINY = Variant("tiny", 32, 4, 2, (0, 1, 2, 3), 64, (64, 64, 64, 64))
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def tiny() -> VideoDepthNet:
    """A network of all the parts, small enough to be run often, with weights of the oracle's kind."""
    generator = parity.load_generator(DATA)
    rules = [tuple(rule) for rule in json.loads((DATA / "cases.json").read_text())["model_rules"]]
    with torch.device("meta"):
        shapes = {key: tuple(value.shape) for key, value in VideoDepthNet(TINY).state_dict().items()}
    return loading.build_network(generator.to_torch(generator.state_dict(shapes, rules=rules)), TINY, DATA)


def clip(n_frames: int, height: int = 42, width: int = 56, seed: int = 0) -> parity.Clip:
    frames = np.random.default_rng(seed).integers(0, 256, (n_frames, height, width, 3), dtype=np.uint8)
    return parity.Clip(frames)


def depths(net: VideoDepthNet, scene: parity.Clip, **options) -> np.ndarray:
    found = list(stream.VideoStreamer(net, input_size=42, **options).run(scene))
    assert [index for index, _ in found] == list(range(len(scene)))
    return np.stack([depth for _, depth in found])


def published_loop(net: VideoDepthNet, scene: parity.Clip, align: bool) -> np.ndarray:
    """The published loop, without any of our savings, straight from its description.

    Relative depth (`align`) is brought to the scale and shift of the windows before, by two frames that are
    seen again: the first of the video, and the one in slot 12 of the window before.
    """
    n_frames = len(scene)
    frames = scene.read(0, n_frames)
    size = network_size(scene.height, scene.width, 42)
    images = normalise(torch.from_numpy(resize_frames(frames, size)))
    padded = torch.cat([images, images[-1:].repeat((22 - n_frames % 22) % 22 + 10, 1, 1, 1)])
    out: list[np.ndarray] = []
    previous, anchors = None, []
    for start in range(0, n_frames, 22):
        window = padded[start : start + 32].clone()
        if previous is not None:
            window[:10] = previous[[0, 12, *range(24, 32)]]
        previous = window
        with torch.no_grad():
            depth = net(window[None])[0][:, None]
        depth = stream.upsample(depth, (scene.height, scene.width))[:, 0].numpy()
        if start:
            if align:
                seen, known = depth[:2].ravel().astype(float), np.stack(anchors).ravel()
                gain, offset = np.polyfit(seen, known, 1)
                depth = np.maximum(gain * depth + offset, 0).astype(np.float32)
            for step in range(8):
                out[-8 + step] = out[-8 + step] * (1 - step / 7) + depth[2 + step] * (step / 7)
        anchors = [anchors[0] if start else depth[0], depth[12]]
        out += list(depth if not start else depth[10:])
    return np.stack(out[:n_frames])


# --- the function -------------------------------------------------------------------------------------


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("n_frames", [1, 25, 26, 33, 48, 70])
def test_savings_leave_the_numbers_of_the_published_loop(tiny, n_frames, align):
    scene = clip(n_frames)
    expected = published_loop(tiny, scene, align)
    assert expected.std() > 0.3
    np.testing.assert_allclose(depths(tiny, scene, align=align), expected, atol=2e-5)


def test_time_matters_to_the_network_under_test(tiny):
    scene = clip(8)
    reversed_scene = parity.Clip(scene.read(0, 8)[::-1])
    assert np.abs(depths(tiny, scene) - depths(tiny, reversed_scene)[::-1]).max() > 1e-3


@pytest.mark.parametrize("shape", [(1, 1, 3, 14, 14), (2, 5, 3, 14, 70), (1, 32, 3, 42, 28)])
def test_any_number_of_frames_and_patches_passes(tiny, shape):
    depth = tiny(torch.randn(shape, generator=torch.Generator().manual_seed(1)))
    assert depth.shape == (*shape[:2], *shape[3:])
    assert torch.isfinite(depth).all()


def test_positions_are_taken_as_they_are_at_the_size_they_were_trained_on(tiny):
    torch.testing.assert_close(tiny.pretrained.positions(37, 37), tiny.pretrained.pos_embed, atol=0, rtol=0)
    assert tiny.pretrained.positions(40, 20).shape == (1, 801, 32)


@pytest.mark.parametrize("encoder", ["vits", "vitb", "vitl"])
def test_keys_and_shapes_are_those_of_the_checkpoints(encoder):
    with torch.device("meta"):
        net = VideoDepthNet(VARIANTS[encoder])
    shapes = {key: list(value.shape) for key, value in net.state_dict().items()}
    assert shapes == json.loads((DATA / f"shapes_{encoder}.json").read_text())


@pytest.mark.parametrize(
    ("height", "width", "size"),
    [
        (480, 854, (518, 924)),  # 1.779: not wide yet
        (512, 896, (518, 910)),
        (854, 480, (924, 518)),
        (72, 160, (420, 938)),  # wide: the short side shrinks
        (100, 100, (518, 518)),
        (20, 8000, (14, 5600)),  # a strip keeps one row of patches
    ],
)
def test_network_sizes_follow_the_published_rule(height, width, size):
    assert network_size(height, width, 518) == size
    assert all(side % 14 == 0 for side in size)


# --- what is saved ------------------------------------------------------------------------------------


def flops_of_a_window(variant: Variant, size: tuple[int, int], n_encoded: int, n_drawn: int) -> int:
    with torch.device("meta"):
        net = VideoDepthNet(variant).eval()
        frames = torch.empty(n_encoded, 3, *size)
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            features = net.encode(frames)
            shown = [torch.empty(32, *level.shape[1:]) for level in features]
            path = net.mix(shown[2], shown[3], 32)
            net.draw(path[:n_drawn], shown[1][:n_drawn], shown[0][:n_drawn])
    return int(counter.get_total_flops())


@pytest.mark.slow
def test_a_new_frame_costs_at_most_3_tflop_at_vitl_518x924():
    window = next(w for w in schedule.plan_windows(1000) if w.start == 220)
    n_new = len(set(window.sources[10:]))
    n_drawn = len(schedule.needed_slots(window, 1000, align=False))
    assert (n_new, n_drawn) == (22, 28)
    ours = flops_of_a_window(VARIANTS["vitl"], (518, 924), n_new, n_drawn) / n_new / 1e12
    assert ours <= 3.0


@pytest.mark.slow
def test_the_savings_are_a_quarter_of_the_published_loop():
    ours = flops_of_a_window(VARIANTS["vitl"], (518, 924), 22, 28)
    plain = flops_of_a_window(VARIANTS["vitl"], (518, 924), 32, 32)
    assert 3.9 < plain / 22e12 < 4.05  # 4.02 where the 1x1 convolutions stand after the upsampling
    assert ours / plain < 0.75


class CountingNet:
    """Counts what a network is asked to do."""

    def __init__(self, monkeypatch, net: VideoDepthNet) -> None:
        self.encoded = self.drawn = self.mixed = 0
        encode, draw, mix = net.encode, net.draw, net.mix

        def count_encode(frames):
            self.encoded += len(frames)
            return encode(frames)

        def count_draw(path, middle, fine):
            self.drawn += len(path)
            return draw(path, middle, fine)

        def count_mix(coarse, coarsest, n_frames):
            self.mixed += 1
            return mix(coarse, coarsest, n_frames)

        monkeypatch.setattr(net, "encode", count_encode)
        monkeypatch.setattr(net, "draw", count_draw)
        monkeypatch.setattr(net, "mix", count_mix)


@pytest.mark.parametrize(("n_frames", "windows"), [(1, 1), (25, 1), (26, 2), (69, 3), (70, 4)])
def test_each_frame_is_encoded_once_and_no_window_is_in_vain(tiny, monkeypatch, n_frames, windows):
    counts = CountingNet(monkeypatch, tiny)
    depths(tiny, clip(n_frames))
    assert counts.encoded == n_frames
    assert counts.mixed == windows
    assert counts.drawn <= 28 * windows + 3


def test_frames_come_in_blocks_and_are_read_once(tiny):
    reads: list[tuple[int, int]] = []
    scene = clip(60)
    read = scene.read
    scene.read = lambda start, stop: reads.append((start, stop)) or read(start, stop)
    depths(tiny, scene)
    assert reads == [(0, 32), (32, 54), (54, 60)]


@pytest.mark.slow
@pytest.mark.usefixtures("usual_garbage")
def test_memory_does_not_grow_with_the_video(tiny):
    def peak_bytes(n_frames: int) -> int:
        frame = np.zeros((1, 140, 140, 3), np.uint8)
        scene = clip(1)
        scene.height = scene.width = 140
        scene.__class__ = type("Endless", (parity.Clip,), {"__len__": lambda self: n_frames})
        scene.read = lambda start, stop: np.repeat(frame, stop - start, axis=0)
        tracemalloc.start()
        n_found = sum(1 for _ in stream.VideoStreamer(tiny, input_size=14).run(scene))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert n_found == n_frames
        return peak

    peak_bytes(60)
    assert peak_bytes(300) < 1.1 * peak_bytes(100)


def test_a_relative_video_is_aligned_and_a_singular_one_left_alone():
    x = np.random.default_rng(0).random((2, 5, 7), dtype=np.float32)
    scale, shift = schedule.scale_and_shift(x, 3 * x - np.float32(0.5))
    assert scale == pytest.approx(3, rel=1e-5) and shift == pytest.approx(-0.5, rel=1e-4)
    assert schedule.scale_and_shift(np.full_like(x, 2), x) == (1.0, 0.0)


# --- precision, memory, devices ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("precision", "limit"), [("bf16", 0.1), pytest.param("fp16", 0.02, marks=pytest.mark.slow)]
)
def test_half_precision_stays_near_float32(tiny, precision, limit):
    scene = clip(3)
    model = VideoDepthAnything(copy.deepcopy(tiny), device=CPU, precision=precision, input_size=42)
    half = np.stack([depth for _, depth in model.estimate(scene)])
    full = depths(tiny, scene)
    assert half.dtype == np.float32
    assert 0 < np.abs(half - full).max() < limit * full.std() * 10
    assert model.net.head.scratch.output_conv2[0].weight.dtype == torch.float32
    assert model.net.pretrained.blocks[0].attn.qkv.weight.dtype != torch.float32


def test_out_of_memory_goes_down_the_ladder_and_leaves_the_numbers(tiny, monkeypatch, caplog):
    scene = clip(4, seed=6)
    expected = depths(tiny, scene)
    mix, draw = tiny.mix, tiny.draw

    def scarce_mix(coarse, coarsest, n_frames):
        if tiny.head.motion_modules[0].temporal_transformer.max_sequences > 8_192:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB")
        return mix(coarse, coarsest, n_frames)

    def scarce_draw(path, middle, fine):
        if len(path) > 1:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
        return draw(path, middle, fine)

    monkeypatch.setattr(tiny, "mix", scarce_mix)
    monkeypatch.setattr(tiny, "draw", scarce_draw)
    streamer = stream.VideoStreamer(tiny, input_size=42)
    with caplog.at_level(logging.WARNING):
        found = np.stack([depth for _, depth in streamer.run(scene)])
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert streamer.ladder.level == 2
    assert "going on with 2 frames encoded and 1 drawn at once" in caplog.text


def test_the_end_of_the_ladder_is_an_error_with_advice(tiny, monkeypatch):
    def never(*_):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(tiny, "mix", never)
    with pytest.raises(ModelMemoryError, match=r"scene 'parity', window at frame 0: out of memory") as caught:
        depths(tiny, clip(3))
    assert "depth.input_size (now 42)" in caught.value.advice


def test_other_errors_are_not_taken_for_memory(tiny, monkeypatch):
    monkeypatch.setattr(tiny, "mix", lambda *_: (_ for _ in ()).throw(RuntimeError("shape mismatch")))
    with pytest.raises(RuntimeError, match="shape mismatch"):
        depths(tiny, clip(3))


def test_a_wide_enough_window_is_cut_along_its_pixels(tiny):
    whole = depths(tiny, clip(5))
    cut = stream.VideoStreamer(tiny, input_size=42)
    cut.ladder.LEVELS = ((32, 8, 3),)  # 3 pixels at once
    found = np.stack([depth for _, depth in cut.run(clip(5))])
    np.testing.assert_allclose(found, whole, atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "device", "expected"),
    [
        ({}, "cuda", "fp16"),
        ({}, "cpu", "fp32"),
        ({"precision": "bf16"}, "cpu", "bf16"),
        ({"precision": "bf16", "fp32": True}, "cuda", "fp32"),
    ],
)
def test_precision_follows_flag_setting_and_device(settings, device, expected):
    assert choose_precision(DepthConfig(**settings), torch.device(device)) == expected


@pytest.mark.gpu
@pytest.mark.parametrize(("precision", "limit"), [("fp32", 5e-3), ("fp16", 0.02), ("bf16", 0.1)])
def test_a_gpu_gives_what_the_cpu_gives(there_is_a_gpu, tiny, precision, limit):
    scenes = [clip(40, seed=1), clip(27, seed=2), clip(3, seed=3)]
    device = torch.device("cuda")
    net = copy.deepcopy(tiny)
    model = VideoDepthAnything(net, device=device, precision=precision, input_size=42)
    for scene in scenes:
        reference = depths(tiny, scene)
        found = np.stack([depth for _, depth in model.estimate(scene)])
        assert np.abs(found - reference).mean() < limit * reference.std()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_asks_for_the_word():
    with pytest.raises(ConfigError, match="depth.backend: vda needs a GPU") as caught:
        load_video_depth(DepthConfig(backend="vda"))
    assert "--device cpu" in caught.value.advice


@pytest.mark.slow
def test_blocks_can_be_traced_for_compilation(tiny):
    net = copy.deepcopy(tiny)
    compile_parts(net, backend="eager")  # traced, without the minutes of a C++ compiler
    np.testing.assert_allclose(depths(net, clip(3)), depths(tiny, clip(3)), atol=1e-4)


# --- checkpoints ---------------------------------------------------------------------------------------


@pytest.fixture
def tiny_variant(monkeypatch, tiny):
    """Let the tiny network pass for a published size, and save it."""
    monkeypatch.setitem(VARIANTS, "vits", dataclasses.replace(TINY, name="vits"))
    return {key: value.clone() for key, value in tiny.state_dict().items()}


def save(state: dict, path: Path) -> Path:
    if path.suffix == ".safetensors":
        from safetensors.torch import save_file

        save_file(state, path)
    else:
        torch.save(state, path)
    return path


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_a_checkpoint_becomes_a_depth_model(tiny, tiny_variant, tmp_path, suffix):
    path = save(tiny_variant, tmp_path / f"metric_video_depth_anything_vits.{suffix}")
    cfg = DepthConfig(backend="vda", checkpoint=path, input_size=42, long_video="stream")
    model = load_video_depth(cfg, device="cpu")
    found = np.stack([depth for _, depth in model.estimate(clip(3))])
    np.testing.assert_array_equal(found, depths(tiny, clip(3)))
    assert model.handles_long_video
    assert model.weights.licence == "Apache-2.0" and len(model.weights.sha256) == 64
    chunked = load_depth_model(Config(depth=cfg.model_copy(update={"long_video": "chunks"})), device="cpu")
    assert not chunked.handles_long_video


def _without(state):
    del state["head.projects.0.bias"]
    state["head.surplus"] = torch.ones(1)
    return state


def _with_nan(state):
    state["pretrained.norm.bias"][3] = torch.nan
    return state


def _misshapen(state):
    state["head.scratch.layer1_rn.weight"] = torch.ones(1, 2, 3, 3)
    return state


def _image_model(state):
    return {"depth_head.projects.0.weight": torch.ones(3)}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_without, "1 missing: head.projects.0.bias; 1 unexpected: head.surplus"),
        (_with_nan, r"key 'pretrained.norm.bias': 1 of 32 values are NaN"),
        (_misshapen, r"head.scratch.layer1_rn.weight \[1, 2, 3, 3\], expected \[64, 64, 3, 3\]"),
        (_image_model, "no checkpoint of Video Depth Anything: it has no key 'pretrained.cls_token'"),
    ],
)
def test_bad_checkpoints_are_refused_by_key_and_file(tiny_variant, tmp_path, spoil, message):
    path = save(spoil(tiny_variant), tmp_path / "metric_vda.pth")
    with pytest.raises(ConfigError, match=message) as caught:
        loading.load_network(path)
    assert str(path) in caught.value.message
    assert not weights.record_path(path).exists()


def test_the_wrong_encoder_is_refused(tiny_variant, tmp_path):
    by_name = save(tiny_variant, tmp_path / "metric_video_depth_anything_vitl.pth")
    with pytest.raises(
        ConfigError, match=r"holds vits .*'pretrained.cls_token' has width 32.* name says vitl"
    ):
        loading.load_network(by_name)
    with pytest.raises(ConfigError, match="depth.encoder asks for vitb"):
        loading.load_network(save(tiny_variant, tmp_path / "metric.pth"), encoder="vitb")
    assert loading.load_network(by_name, encoder="vits")[1].size > 0


def test_a_width_that_nobody_published_is_refused(tmp_path):
    path = save({"pretrained.cls_token": torch.ones(1, 1, 100)}, tmp_path / "metric.pth")
    with pytest.raises(ConfigError, match=r"width 100; known are 384 \(vits\), 768 \(vitb\), 1024 \(vitl\)"):
        loading.load_network(path)


def test_a_checkpoint_of_unknown_origin_needs_a_word_which_is_kept(tiny_variant, tmp_path):
    path = save(tiny_variant, tmp_path / "renamed.pth")
    cfg = DepthConfig(backend="vda", checkpoint=path, input_size=42)
    with pytest.raises(ConfigError, match=r"(?s)renamed\.pth: not known to be metric.*--depth\.metric true"):
        load_video_depth(cfg, device="cpu")
    model = load_video_depth(cfg.model_copy(update={"metric": True}), device="cpu")
    assert "metric by depth.metric alone: renamed.pth" in model.doubts[0]
    metric = save(tiny_variant, tmp_path / "metric_video_depth_anything_vits.pth")
    known = load_video_depth(cfg.model_copy(update={"checkpoint": metric}), device="cpu")
    assert list(known.doubts) == []


# --- the parity command ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_parity_command_prints_a_line_per_case_and_its_status_says_the_rest(tmp_path, capsys):
    """Of the cases that lie here it takes one, and a fifth of the tolerance; `.ci/run` takes them all."""
    assert parity.main([str(DATA), "--case", "forward_vits_t8_98x154"]) == 0
    line = capsys.readouterr().out.splitlines()[0]
    name, largest, mean, verdict = line.split()
    assert name == "forward_vits_t8_98x154" and verdict == "PASS"
    assert float(largest.removeprefix("max=")) < 1e-4 and float(mean.removeprefix("mean=")) < 1e-5
    assert parity.main([str(DATA), "--case", "nope"]) == 2
    assert parity.main([str(tmp_path)]) == 2
    document = {"cases": [{"name": "gone", "kind": "forward", "encoder": "vits", "file": "gone.safetensors"}]}
    (tmp_path / "cases.json").write_text(json.dumps(document))
    assert parity.main([str(tmp_path)]) == 1
    assert capsys.readouterr().out.startswith("gone max=nan mean=nan FAIL")


@pytest.mark.slow
def test_the_parity_command_notices_other_maths(tmp_path, capsys, monkeypatch):
    from focusgen.models.vda import head

    def other_corners(maps, size):
        return torch.nn.functional.interpolate(maps, size=size, mode="bilinear", align_corners=False)

    monkeypatch.setattr(head, "upsample", other_corners)
    assert parity.main([str(DATA), "--case", "forward_vits_t8_98x154"]) == 1
    assert "FAIL" in capsys.readouterr().out.splitlines()[0]


def test_the_generator_is_found_beside_the_cases(tmp_path):
    own = Path(parity.__file__).resolve().parent.parent / "named_weights.py"
    (tmp_path / "named_weights.py").write_text(own.read_text() + "\nMARK = 'theirs'\n")
    (tmp_path / "vda").mkdir()
    assert parity.load_generator(tmp_path / "vda").MARK == "theirs"
    assert importlib.util.find_spec("tests.parity.vda") is not None
