from __future__ import annotations

import json
import logging

import numpy as np
import pytest
import torch

from focusgen.base.errors import ConfigError, ModelMemoryError
from focusgen.config.depth import DepthConfig
from focusgen.models.hf import load_hf_depth, metric_doubts
from focusgen.models.hf_files import hf_weight_files
from tests.parity.vda import Clip

transformers = pytest.importorskip("transformers")
logging.getLogger("transformers").setLevel(logging.ERROR)


@pytest.fixture(autouse=True)
def no_network(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    def refuse(*_):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr("socket.socket.connect", refuse)


def tiny_config(kind: str):
    backbone = transformers.Dinov2Config(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=56,
        patch_size=14,
        out_features=["stage1", "stage2"],
        reshape_hidden_states=False,
        apply_layernorm=True,
    )
    return transformers.DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=16,
        reassemble_factors=[2, 1],
        neck_hidden_sizes=[8, 8],
        fusion_hidden_size=8,
        head_hidden_size=4,
        depth_estimation_type=kind,
        max_depth=20,
    )


def save_tiny(folder, kind="metric", processor=True):
    torch.manual_seed(3)
    model = transformers.DepthAnythingForDepthEstimation(tiny_config(kind)).eval()
    with torch.no_grad():  # transformers' small start values would give one and the same depth everywhere
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1 and not name.startswith("backbone.embeddings"):
                parameter.normal_(std=parameter[0].numel() ** -0.5)
    model.save_pretrained(folder)
    if processor:
        transformers.DPTImageProcessor(
            size={"height": 56, "width": 56}, keep_aspect_ratio=True, ensure_multiple_of=14
        ).save_pretrained(folder)
    return model


@pytest.fixture
def metric_folder(tmp_path):
    save_tiny(tmp_path / "metric")
    return tmp_path / "metric"


def settings(folder, **more) -> DepthConfig:
    return DepthConfig(backend="hf", model_id=str(folder), **more)


def clip(n_frames=5, height=48, width=80) -> Clip:
    frames = np.random.default_rng(0).integers(0, 256, (n_frames, height, width, 3), dtype=np.uint8)
    return Clip(frames)


def test_a_metric_model_from_a_folder_gives_metres_at_frame_size(metric_folder):
    model = load_hf_depth(settings(metric_folder, batch_frames=2), device="cpu")
    found = list(model.estimate(clip()))
    assert [index for index, _ in found] == [0, 1, 2, 3, 4]
    depth = np.stack([depth for _, depth in found])
    assert depth.shape == (5, 48, 80) and depth.dtype == np.float32
    assert np.isfinite(depth).all() and depth.min() > 0 and depth.max() <= 20 and depth.std() > 0.1
    assert model.handles_long_video


def test_it_is_the_function_that_transformers_computes(metric_folder):
    frames = clip(3)
    processor = transformers.AutoImageProcessor.from_pretrained(metric_folder)
    reference = transformers.AutoModelForDepthEstimation.from_pretrained(metric_folder)
    with torch.no_grad():
        outputs = reference(**processor(images=list(frames.read(0, 3)), return_tensors="pt"))
    sizes = [(48, 80)] * 3
    expected = [d["predicted_depth"] for d in processor.post_process_depth_estimation(outputs, sizes)]
    model = load_hf_depth(settings(metric_folder, batch_frames=3), device="cpu")
    found = np.stack([depth for _, depth in model.estimate(frames)])
    np.testing.assert_allclose(found, torch.stack(expected).numpy(), atol=1e-6)
    one_by_one = load_hf_depth(settings(metric_folder, batch_frames=1), device="cpu")
    np.testing.assert_allclose(
        np.stack([depth for _, depth in one_by_one.estimate(frames)]), found, atol=1e-5
    )


@pytest.mark.slow
def test_a_relative_model_is_refused_unless_the_user_vouches(tmp_path, caplog):
    save_tiny(tmp_path / "relative", "relative")
    with pytest.raises(ConfigError, match="not known to be metric: its config says .* relative") as caught:
        load_hf_depth(settings(tmp_path / "relative"), device="cpu")
    assert "depth.metric: true" in caught.value.advice
    with caplog.at_level(logging.WARNING, "focusgen"):
        model = load_hf_depth(settings(tmp_path / "relative", metric=True), device="cpu")
    assert "taken for metres" in caplog.text
    assert "by depth.metric alone: its config says depth_estimation_type: relative" in model.doubts[0]
    save_tiny(tmp_path / "metric")
    assert load_hf_depth(settings(tmp_path / "metric"), device="cpu").doubts == ()


def test_a_model_card_that_says_relative_is_believed(tmp_path):
    folder = tmp_path / "metric"
    save_tiny(folder)
    (folder / "README.md").write_text("---\ntags:\n- relative depth\n---\n# A model\n")
    with pytest.raises(ConfigError, match="its model card says relative depth"):
        load_hf_depth(settings(folder), device="cpu")
    assert load_hf_depth(settings(folder, metric=True), device="cpu").doubts
    (folder / "README.md").write_text("# A model\nUnlike relative depth models, this one gives metres.\n")
    assert load_hf_depth(settings(folder), device="cpu").doubts == ()


@pytest.mark.parametrize(
    ("config_class", "is_known"),
    [("ZoeDepthConfig", True), ("GLPNConfig", True), ("DepthProConfig", True), ("DPTConfig", False)],
)
def test_architectures_that_give_metres_are_known(config_class, is_known):
    config = getattr(transformers, config_class)()
    if is_known:
        metric_doubts(config, None, "some/model")
    else:
        with pytest.raises(ConfigError, match="does not say whether its output is metres"):
            metric_doubts(config, None, "some/model")
    metric_doubts(config, True, "some/model")
    with pytest.raises(ConfigError, match="depth.metric is false"):
        metric_doubts(config, False, "some/model")


def test_a_missing_weight_is_an_error_that_names_it(metric_folder):
    from safetensors.torch import load_file, save_file

    path = metric_folder / "model.safetensors"
    tensors = load_file(path)
    del tensors["head.conv3.bias"]
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(ConfigError, match="1 missing keys: head.conv3.bias"):
        load_hf_depth(settings(metric_folder), device="cpu")


def test_nan_weights_are_refused_by_key(metric_folder):
    from safetensors.torch import load_file, save_file

    path = metric_folder / "model.safetensors"
    tensors = load_file(path)
    tensors["head.conv3.bias"][0] = torch.nan
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(ConfigError, match="key 'head.conv3.bias': 1 of 1 values are NaN"):
        load_hf_depth(settings(metric_folder), device="cpu")


def test_a_truncated_file_is_refused(metric_folder):
    path = metric_folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ConfigError, match="cannot be loaded"):
        load_hf_depth(settings(metric_folder), device="cpu")


def test_a_model_saved_without_its_processor_gets_the_familys_and_says_so(tmp_path, caplog):
    save_tiny(tmp_path / "bare", processor=False)
    with caplog.at_level(logging.WARNING, "focusgen"):
        model = load_hf_depth(settings(tmp_path / "bare"), device="cpu")
    assert "no preprocessor_config.json" in caplog.text
    ((_, depth),) = model.estimate(clip(1))
    assert depth.shape == (48, 80)


@pytest.mark.parametrize("is_offline", [True, False])
def test_a_hub_id_that_is_not_here_says_the_exact_download(monkeypatch, is_offline):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", is_offline)
    cfg = settings("some-org/metric-depth", model_revision="0123abc")
    with pytest.raises(ConfigError, match="some-org/metric-depth: cannot be loaded") as caught:
        load_hf_depth(cfg, device="cpu")
    assert "hf download some-org/metric-depth --revision 0123abc" in caught.value.advice


def test_a_downloaded_hub_id_is_the_same_as_its_folder(metric_folder, tmp_path, monkeypatch):
    cache = tmp_path / "hub"
    repository = cache / "models--some-org--tiny-metric"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0" * 40)
    snapshot = repository / "snapshots" / ("0" * 40)
    snapshot.parent.mkdir()
    metric_folder.rename(snapshot)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    by_id = load_hf_depth(settings("some-org/tiny-metric"), device="cpu")
    by_folder = load_hf_depth(settings(snapshot), device="cpu")
    for (_, a), (_, b) in zip(by_id.estimate(clip(2)), by_folder.estimate(clip(2)), strict=True):
        np.testing.assert_array_equal(a, b)
    assert hf_weight_files("some-org/tiny-metric") == hf_weight_files(str(snapshot))


def test_no_model_named_is_a_question_of_configuration():
    with pytest.raises(ConfigError, match="no depth.model_id"):
        load_hf_depth(DepthConfig(backend="hf"), device="cpu")


def test_code_that_comes_with_a_model_is_not_run(metric_folder, tmp_path):
    config = json.loads((metric_folder / "config.json").read_text())
    config["model_type"] = "evil"
    config["auto_map"] = {"AutoConfig": "evil.EvilConfig", "AutoModelForDepthEstimation": "evil.EvilModel"}
    (metric_folder / "config.json").write_text(json.dumps(config))
    trace = tmp_path / "run"
    (metric_folder / "evil.py").write_text(f"open({str(trace)!r}, 'w')\n")
    with pytest.raises(ConfigError):
        load_hf_depth(settings(metric_folder), device="cpu")
    assert not trace.exists()


def test_out_of_memory_halves_the_batch_and_ends_in_advice(metric_folder, monkeypatch):
    model = load_hf_depth(settings(metric_folder, batch_frames=4), device="cpu")
    expected = [depth for _, depth in model.estimate(clip())]
    forward, limit = model._infer, 1

    def scarce(frames):
        if len(frames) > limit:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(frames)

    monkeypatch.setattr(model, "_infer", scarce)
    found = list(model.estimate(clip()))
    assert [index for index, _ in found] == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(np.stack([d for _, d in found]), np.stack(expected), atol=1e-5)
    limit = 0
    with pytest.raises(ModelMemoryError, match="scene 'parity', frame 0: one frame is too much"):
        list(model.estimate(clip()))


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_stays_near_float32(metric_folder, precision):
    full = load_hf_depth(settings(metric_folder), device="cpu")
    half = load_hf_depth(settings(metric_folder, precision=precision), device="cpu")
    a, b = (np.stack([depth for _, depth in model.estimate(clip(2))]) for model in (full, half))
    assert 0 < np.abs(a - b).mean() < 0.01 * a.mean()


def test_the_files_that_output_depends_on_are_listed(metric_folder):
    files = hf_weight_files(str(metric_folder))
    assert set(files) == {"hf/model.safetensors", "hf/config.json", "hf/preprocessor_config.json"}
    assert hf_weight_files("some-org/not-here") == {} == hf_weight_files(None)
