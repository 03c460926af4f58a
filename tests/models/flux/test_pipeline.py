"""Phases 2, 5 and 6 through the scripts with a tiny FLUX: real prompts, all flags, kill and resume."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
import yaml

from focusgen import cli
from focusgen.base import files
from focusgen.models.flux.bokehnet import BokehNetSession
from focusgen.models.flux.deblurnet import DeblurNet
from focusgen.models.flux.prompts import encode_prompts
from tests import flux_tiny
from tests.faults import in_child

pytestmark = pytest.mark.slow
PROMPTS = ["a sharp photo with everything in focus", "an excellent photo with a large aperture"]
N_FRAMES = 4


class Killed(BaseException):
    """Ends the process's work at once, as SIGKILL would; nothing may catch it."""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flux")
    built = flux_tiny.build(folder)
    encode_prompts(str(built.model), PROMPTS, folder / "prompts")
    return built


@pytest.fixture
def dataset(rgbd, tiny):
    """Raw frames and depth of one scene, indexed, and a configuration that runs both nets on them."""
    rgbd.add_scene("bear", n_frames=N_FRAMES)
    document = {"defaults": ["base"], "depth": {"depth_root": str(rgbd.depth_root)}}
    document |= {"data": {"min_frames": 2, "raw_root": str(rgbd.raw_root), "out_root": str(rgbd.out_root)}}
    document |= {"render": {"n_sets": 2, "steps": 2}, "deblur": {"steps": 2, "radius": 1}}
    for key, value in tiny.settings(tiny.model.parent / "prompts").items():
        section, _, name = key.partition(".")
        document[section][name] = value
    (rgbd.root / "tiny.yaml").write_text(yaml.safe_dump(document))
    assert run(rgbd, "index") == 0
    return rgbd


def run(dataset, phase, *flags):
    return cli.phase_main(phase, "", ["--config", str(dataset.root / "tiny.yaml"), *flags])


def run_all(dataset):
    assert run(dataset, "deblur", "--device", "cpu") == 0
    assert run(dataset, "depth") == 0
    assert run(dataset, "calibrate") == 0
    assert run(dataset, "render", "--device", "cpu", "--max_coc", "0.002") == 0


def published(dataset):
    """Return {path: bytes} of the frames, renders and labels."""
    scene = dataset.out_root / "bear"
    kinds = ("frames_sharp/*.png", "bokeh_renders/*/*.png", "focus_maps/*/*.npz")
    return {str(p.relative_to(scene)): p.read_bytes() for kind in kinds for p in scene.glob(kind)}


def test_both_nets_make_a_data_set_that_validates(dataset):
    run_all(dataset)
    assert run(dataset, "validate") == 0
    report = json.loads((dataset.out_root / "logs" / "validation_report.json").read_text())
    assert report["verdict"] == "pass" and report["passing_scenes"] == 1
    record = json.loads((dataset.out_root / "bear" / "frames_sharp" / ".done").read_text())
    assert record["backend"] == "deblurnet" and record["settings"]["deblur.precision"] == "fp32"
    assert {"flux/lora", "flux/prompt", "flux/vae/config.json"} <= record["weights"].keys()
    first = published(dataset)
    run_all(dataset)  # nothing to do
    assert published(dataset) == first


def test_a_run_cut_short_anywhere_ends_with_the_same_bytes(dataset, monkeypatch):
    run_all(dataset)
    wanted = published(dataset)
    for folder in ("frames_sharp", "bokeh_renders", "focus_maps"):
        for path in (dataset.out_root / "bear" / folder).rglob("*"):
            if path.is_file():
                path.unlink()
    cut_short_until_done(monkeypatch, DeblurNet, "deblur", lambda: run(dataset, "deblur", "--device", "cpu"))
    assert run(dataset, "depth") == 0
    render = ["--device", "cpu", "--max_coc", "0.002"]
    cut_short_until_done(monkeypatch, BokehNetSession, "render", lambda: run(dataset, "render", *render))
    assert published(dataset) == wanted


def cut_short_until_done(monkeypatch, owner, name, work):
    """Run again and again, killed in the net's fourth call, until the phase is complete.

    Three calls make one sharp frame: with radius 1 it is fused with a neighbour on each side.
    """
    original = getattr(owner, name)
    for _ in range(4 * N_FRAMES):
        calls = []

        def deadly(self, *args, calls=calls):
            calls.append(1)
            if len(calls) == 4:
                raise Killed
            return original(self, *args)

        monkeypatch.setattr(owner, name, deadly)
        try:
            exit_code = work()
        except Killed:
            continue
        finally:
            monkeypatch.setattr(owner, name, original)
        assert exit_code == 0
        return
    raise AssertionError("never complete")


def test_a_real_kill_is_resumed(dataset):
    assert run(dataset, "deblur", "--device", "cpu") == 0
    wanted = published(dataset)
    sharp = dataset.out_root / "bear" / "frames_sharp"
    for path in sharp.iterdir():
        path.unlink()

    def dies_with_the_first_frame() -> int:
        def on_step(step: str, path: Path) -> None:
            if step == "after_rename" and path.suffix == ".png":
                os.kill(os.getpid(), signal.SIGKILL)

        files.on_step = on_step
        return run(dataset, "deblur", "--device", "cpu")

    assert in_child(dies_with_the_first_frame) == -signal.SIGKILL  # a fork: to import all anew takes 5 s
    assert list(sharp.glob("*.png")) and not (sharp / ".done").exists()
    assert run(dataset, "deblur", "--device", "cpu") == 0
    assert published(dataset) == wanted


@pytest.mark.parametrize(
    "flags",
    [
        ["--no_temporal_avg"],
        ["--deblur.temporal", "draws", "--window_size", "2", "--stride", "1"],
        ["--resize_long_side", "64", "--disable_tiling", "--steps", "1"],
        ["--deblur.protocol", "black+frame", "--deblur.posterior", "sample", "--seed", "7"],
        ["--deblur.tile_px", "32", "--deblur.tile_overlap_px", "16", "--deblur.guidance_scale", "2.0"],
    ],
)
def test_flags_of_phase_2(dataset, tiny, flags):
    lora = ["--model_id", str(tiny.model), "--lora_path", str(tiny.deblur_lora.parent)]
    assert (
        run(dataset, "deblur", "--device", "cpu", *lora, "--lora_weight", "deblurNet.safetensors", *flags)
        == 0
    )


@pytest.mark.parametrize(
    "flags",
    [
        ["--render.guidance", "physical", "--steps", "1"],
        ["--disable_tiling", "--n_sets", "1", "--render.posterior", "sample"],
    ],
)
def test_flags_of_phase_5(dataset, flags):
    assert run(dataset, "deblur", "--device", "cpu") == 0
    assert run(dataset, "depth") == 0
    assert run(dataset, "calibrate") == 0
    assert run(dataset, "render", "--device", "cpu", "--max_coc", "0.002", *flags) == 0


def test_without_device_cpu_nothing_starts(dataset, monkeypatch, capsys):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert run(dataset, "deblur") == 2
    assert "deblur.backend: deblurnet needs a GPU" in capsys.readouterr().err
    assert not list((dataset.out_root / "bear" / "frames_sharp").glob("*"))
