"""Phase 6: what it must not let pass, and that nothing in one scene keeps it from reporting the others."""

from __future__ import annotations

import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from focusgen import cli
from focusgen.base.checksums import checksum
from focusgen.base.finite import finite_only, non_finite_keys
from focusgen.dataset.index import IndexEntry
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import seal
from focusgen.media.codecs import encode_npz
from focusgen.models.passthrough import Passthrough
from focusgen.phases import validate as validate_module
from focusgen.phases.scene_report import SceneReport
from focusgen.run.table import PHASES
from tests.conftest import Rgbd


def report_of(rgbd: Rgbd) -> dict[str, Any]:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} in the report")

    text = (rgbd.out_root / "logs" / "validation_report.json").read_text()
    return json.loads(text, parse_constant=refuse)


def validate(rgbd: Rgbd, *more: str) -> int:
    return cli.phase_main("validate", "doc", [*rgbd.flags("out_root"), "--run.workers", "1", *more])


def use_model(monkeypatch: pytest.MonkeyPatch, phase: str, model: Any) -> None:
    spec = dataclasses.replace(PHASES[phase], load_model=lambda cfg, device=None: model)
    monkeypatch.setitem(PHASES, phase, spec)


class BlackAt(Passthrough):
    """Returns black frames, as a network does whose NaN becomes uint8."""

    def __init__(self, *frames: int) -> None:
        self.frames = frames

    def deblur(self, frames, keys):
        black = [key.frame_index in self.frames for key in keys]
        return np.where(np.array(black)[:, None, None, None], 0, frames).astype(np.uint8)


class Renderer:
    """Returns what a function makes of the sharp frames."""

    approximations: tuple[str, ...] = ()
    n_parallel = 1

    def __init__(self, draw) -> None:
        self.draw = draw

    def start(self, context):
        return self

    def frames_per_call(self):
        return 1

    def render(self, frames, signed_radius_px, focus_maps, frame_indices):
        return self.draw(frames)


def test_numbers_that_are_none_are_found_and_named_wherever_they_stand():
    document = {"sets": [{"f": 1.0, "N": float("nan")}], "fps": float("inf"), "n": 3, "text": "nan"}
    assert list(non_finite_keys(document)) == ["sets[0].N", "fps"]
    assert finite_only(document) == {"sets": [{"f": 1.0, "N": None}], "fps": None, "n": 3, "text": "nan"}


def test_a_measure_that_is_no_number_becomes_none_and_is_told():
    report = SceneReport("a", "train", measures={"blur_spearman": [float("nan"), 0.5]})
    report.settle()
    assert report.measures == {"blur_spearman": [None, 0.5]}
    assert "blur_spearman[0]" in report.warnings[0]


def test_blur_too_small_to_be_ranked_ends_in_a_report_without_nan(rgbd: Rgbd):
    rgbd.add_scene("a", width=96, height=64)
    for path in (rgbd.depth_root / "a").iterdir():
        np.save(path, np.load(path) * 50 + 150)  # 200 to 450 m: no lens blurs anything
    rgbd.max_coc = 1e-6
    assert rgbd.run() == 0
    report = report_of(rgbd)
    assert report["measures"]["a"]["blur_spearman"] == [None, None]
    assert any("not measured" in text and "blur_spearman[1]" in text for text in report["warnings"])


def test_an_exception_in_one_scene_is_that_scenes_error(rgbd: Rgbd, monkeypatch):
    for name in ("a", "b"):
        rgbd.add_scene(name)
    assert rgbd.run() == 0
    for target in ("scene_checks.blur_agreement", "validate.measure_temporal"):
        calls = iter(range(9))

        def fail_first(*arguments, calls=calls):
            if next(calls) == 0:
                raise ZeroDivisionError("no blocks")
            return ({}, []) if len(arguments) > 1 else None

        with monkeypatch.context() as patch:
            patch.setattr(f"focusgen.phases.{target}", fail_first)
            assert validate(rgbd) == 3
        report = report_of(rgbd)
        assert report["failed_scenes"] == ["a"] and report["passing_scenes"] == 1
        (reason,) = report["failure_reasons"]["a"]
        assert "ZeroDivisionError('no blocks')" in reason and "test_validate.py" in reason


@pytest.mark.parametrize("frames", [(1,), (0, 1, 2, 3)])
def test_black_frames_that_the_video_does_not_have_make_the_scene_fail(rgbd: Rgbd, monkeypatch, frames):
    rgbd.add_scene("a")
    use_model(monkeypatch, "deblur", BlackAt(*frames))
    assert rgbd.run() == 3
    (reason,) = report_of(rgbd)["failure_reasons"]["a"]
    if len(frames) == 1:
        assert reason == "sharp frames are a single colour where the raw ones are not: 1"
    else:
        assert reason == "every sharp frame is a single colour (4 of 4)"


def test_strangers_beside_the_scenes_are_named_and_sources_and_results_of_stacks_are_not(rgbd: Rgbd):
    rgbd.add_scene("a")
    assert rgbd.run() == 0
    for stranger in ("b/frames_sharp", "raw_depth/a", "masks"):
        (rgbd.out_root / stranger).mkdir(parents=True)
    for name in ("masks/a.png", "a_depth.npy", "a_metadata.json", "summary.json", "c_depth.npy"):
        (rgbd.out_root / name).touch()
    nested = rgbd.out_root / "inputs" / "today"
    nested.mkdir(parents=True)
    assert validate(rgbd, "--depth.depth_root", str(nested)) == 0
    named = [text for text in report_of(rgbd)["warnings"] if "no scene of the index" in text]
    assert named == ["b: unknown, no scene of the index", "c_depth.npy: unknown, no scene of the index"]


def test_a_black_frame_of_a_fade_passes_with_a_warning(rgbd: Rgbd):
    rgbd.add_scene("a")
    cv2.imwrite(str(rgbd.raw_root / "a" / "frame_0003.png"), np.zeros((32, 48, 3), np.uint8))
    assert rgbd.run() == 0
    warnings = report_of(rgbd)["warnings"]
    assert "a: frames of a single colour, like their raw frames: 3" in warnings


def test_a_video_of_one_colour_fails(rgbd: Rgbd):
    rgbd.add_scene("a")
    for path in (rgbd.raw_root / "a").iterdir():
        cv2.imwrite(str(path), np.full((32, 48, 3), 70, np.uint8))
    assert rgbd.run() == 3
    assert "every sharp frame is a single colour" in report_of(rgbd)["failure_reasons"]["a"][0]


def test_black_frames_are_told_even_if_the_raw_frames_are_gone(rgbd: Rgbd, monkeypatch):
    rgbd.add_scene("a")
    use_model(monkeypatch, "deblur", BlackAt(1))
    rgbd.run()
    (rgbd.raw_root / "a").rename(rgbd.root / "elsewhere")
    assert validate(rgbd) == 0
    assert any("single colour, not compared: 1:" in text for text in report_of(rgbd)["warnings"])


def test_a_render_of_one_colour_makes_the_scene_fail(rgbd: Rgbd, monkeypatch):
    rgbd.add_scene("a")
    use_model(monkeypatch, "render", Renderer(np.zeros_like))
    assert rgbd.run() == 3
    reasons = report_of(rgbd)["failure_reasons"]["a"]
    assert len(reasons) == 8  # 4 frames x 2 sets
    assert reasons[0] == "bokeh_renders/set_00/bokeh_0000.png: a single colour, its sharp frame is not"


def test_a_render_without_blur_is_warned_about(rgbd: Rgbd, monkeypatch):
    rgbd.add_scene("a", width=160, height=96)
    assert rgbd.run() == 0
    assert not any("Spearman" in text for text in report_of(rgbd)["warnings"])
    backwards = np.random.default_rng(0)
    use_model(
        monkeypatch,
        "render",
        Renderer(lambda frames: np.clip(frames + backwards.normal(0, 9, frames.shape), 0, 255).astype("u1")),
    )
    assert rgbd.run("--seed", "43", "--on_stale", "redo") == 0
    (text,) = [text for text in report_of(rgbd)["warnings"] if "Spearman" in text]
    assert "expected >= 0.5" in text


def vouch(folder: Path, relative: str, data: bytes) -> None:
    """Put other bytes in a file's place, and a record that vouches for them."""
    (folder / relative).write_bytes(data)
    document = json.loads((folder / ".done").read_text())
    document["files"][relative] = {"size": len(data), "xxh3_128": checksum(data)}
    run = {key: value for key, value in document.pop("run").items() if key != "checksum"}
    document.pop("digest")
    (folder / ".done").write_bytes(seal(document, run))


@pytest.mark.parametrize("value", [5.9, float("nan"), None])
def test_statistics_that_a_record_vouches_for_are_recomputed_all_the_same(rgbd: Rgbd, value):
    rgbd.add_scene("a")
    assert rgbd.run() == 0
    folder = rgbd.out_root / "a" / "depth_maps"
    stats = json.loads((folder / "stats.json").read_text())
    vouch(folder, "stats.json", json.dumps({**stats, "d_p95": value}).encode())
    assert validate(rgbd) == 3
    reasons = report_of(rgbd)["failure_reasons"]["a"]
    assert "depth_maps/stats.json: not the statistics of the saved depth" in reasons


def test_labels_and_metadata_without_finite_numbers_are_named(rgbd: Rgbd):
    rgbd.add_scene("a")
    assert rgbd.run() == 0
    folder, path = rgbd.out_root / "a" / "bokeh_renders", "../focus_maps/set_00/focus_0002.npz"
    label = np.load(folder / path)["focus_map"].copy()
    label[3, 4] = np.nan
    vouch(folder, path, encode_npz("focus_map", label))
    assert validate(rgbd) == 3
    reasons = report_of(rgbd)["failure_reasons"]["a"]
    assert "focus_maps/set_00/focus_0002.npz: 1 labels are not finite" in reasons
    metadata = json.loads((rgbd.out_root / "a" / "metadata.json").read_text())
    metadata["sets"][1]["max_coc"] = float("inf")
    vouch(folder, "../metadata.json", json.dumps(metadata).encode())
    assert validate(rgbd) == 3
    assert any("sets[1].max_coc" in text for text in report_of(rgbd)["failure_reasons"]["a"])


def test_measures_lie_beside_the_report_and_very_many_only_there(rgbd: Rgbd, monkeypatch):
    for seed, name in enumerate("ab"):
        rgbd.add_scene(name, seed=seed)
    assert rgbd.run() == 0
    report = report_of(rgbd)
    lines = (rgbd.out_root / "logs" / report["measures_file"]).read_text().splitlines()
    measures = {line.pop("scene"): line for line in map(json.loads, lines)}
    assert measures == report["measures"] and list(measures) == ["a", "b"]
    monkeypatch.setattr(validate_module, "MEASURES_IN_REPORT", 1)
    assert validate(rgbd) == 0
    assert report_of(rgbd) == {**report, "measures": {}}
    assert (rgbd.out_root / "logs" / report["measures_file"]).read_text().splitlines() == lines


def test_a_pool_is_given_few_scenes_ahead_and_all_in_the_end(rgbd: Rgbd, monkeypatch):
    held: list[int] = []

    class OneByOne(ThreadPoolExecutor):
        def __init__(self, n_workers, **more):
            super().__init__(n_workers)

        def submit(self, work, cfg, dataset, scene_id, entry):
            held.append(self._work_queue.qsize())
            return super().submit(lambda: SceneReport(scene_id, entry.split))

    monkeypatch.setattr(validate_module, "ChildPool", OneByOne)
    cfg = rgbd.config(run__workers=2)
    entry = IndexEntry(("f",), 64, 48, "train", {}, (), "")
    index = {f"s{number}": entry for number in range(60)}
    found = {
        report.scene_id
        for report in validate_module._examine_all(cfg, DatasetLayout.of(cfg), index, list(index))
    }
    assert found == set(index)
    assert max(held) <= 2 * validate_module.QUEUED_PER_WORKER
