"""The sensor behind the lens, through phases 5 and 6: what changes, what does not, kills, bad settings."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from focusgen import cli, config
from focusgen.base.errors import ConfigError
from focusgen.phases.sensor import Sensor, through_jpeg
from tests.fingerprint import published_digests

NOISY = ["--render.sensor.noise_iso", "3200", "--render.keep_clean", "true"]


def picture(rgbd, name: str) -> np.ndarray:
    return cv2.imread(str(rgbd.out_root / "a" / name)).astype(int)


def digests(rgbd, kind: str) -> dict[str, str]:
    return {name: d for name, d in published_digests(rgbd.out_root).items() if f"/{kind}/" in name}


@pytest.mark.slow
def test_noise_comes_after_the_blur_and_touches_no_label(rgbd):
    rgbd.add_scene("a")
    assert rgbd.run() == 0
    labels, renders = digests(rgbd, "focus_maps"), digests(rgbd, "bokeh_renders")
    assert rgbd.run(*NOISY, "--on_stale", "redo") == 0
    assert digests(rgbd, "focus_maps") == labels
    clean = {
        name.replace("clean_renders", "bokeh_renders").replace("clean_", "bokeh_"): digest
        for name, digest in digests(rgbd, "clean_renders").items()
    }
    assert clean == renders, "what is kept is what would have been published"
    noise = picture(rgbd, "bokeh_renders/set_00/bokeh_0001.png")
    noise -= picture(rgbd, "clean_renders/set_00/clean_0001.png")
    assert 1.0 < noise.std() < 12.0 and abs(noise.mean()) < 0.5
    other = picture(rgbd, "bokeh_renders/set_00/bokeh_0002.png")
    other -= picture(rgbd, "clean_renders/set_00/clean_0002.png")
    assert abs(np.corrcoef(noise.ravel(), other.ravel())[0, 1]) < 0.1, "each frame has its own"
    document = json.loads((rgbd.out_root / "a/metadata.json").read_text())
    assert document["sensor"] == {"noise_iso": 3200.0}
    assert rgbd.report()["verdict"] == "pass"


@pytest.mark.slow
def test_lost_pictures_come_back_with_the_same_noise_and_a_damaged_clean_one_is_found(rgbd):
    rgbd.add_scene("a")
    assert rgbd.run(*NOISY, "--render.sensor.jpeg_quality", "80") == 0
    before = published_digests(rgbd.out_root)
    clean = rgbd.out_root / "a/clean_renders/set_01/clean_0002.png"
    (rgbd.out_root / "a/bokeh_renders/set_00/bokeh_0001.png").unlink()
    clean.write_bytes(clean.read_bytes()[:-20])
    assert cli.phase_main("validate", "doc", rgbd.flags("out_root")) == 3
    report = rgbd.report()
    assert any("clean_0002.png" in text for text in report["failure_reasons"]["a"])
    assert cli.main(["repair", *rgbd.flags("raw_root", "out_root")]) == 0
    assert published_digests(rgbd.out_root) == before


def test_jpeg_leaves_its_traces_and_a_perfect_sensor_none():
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (32, 48, 3), dtype=np.uint8)
    errors = [np.abs(through_jpeg(rgb, quality).astype(int) - rgb).mean() for quality in (95, 40)]
    assert 0 < errors[0] < errors[1]
    assert Sensor(config.load(), "a").take(rgb, 0, 0) is rgb
    grey = np.full((32, 48, 3), (200, 30, 60), np.uint8)
    assert np.abs(through_jpeg(grey, 95).astype(int) - grey).max() <= 2, "red stays red"


def test_keys_are_accepted_in_both_places_and_refused_where_they_make_no_sense(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text("render: {sensor: {noise_iso: 800, jpeg_quality: none, keep_clean: true}}\n")
    cfg = config.load(file)
    assert cfg.render.keep_clean and cfg.render.sensor.noise_iso == 800 and not cfg.render.sensor.is_perfect
    assert config.load(file, {"render.sensor.noise_iso": "none"}).render.sensor.is_perfect
    for key, value in (("noise_iso", 0), ("jpeg_quality", 101), ("iso", 5)):
        with pytest.raises(ConfigError, match=f"render.sensor.{key}"):
            config.load(None, {f"render.sensor.{key}": value})
