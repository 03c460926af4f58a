"""Focal stacks out of a data set: which lens sets are one, paths that move along, records to be read."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from focusgen.base.errors import ConfigError, MissingUpstreamError, StaleError
from focusgen.dataset.layout import SceneLayout
from focusgen.focal.records import record_of
from focusgen.tools import focal_stacks
from focusgen.tools.focal_stacks import Sweep, list_stacks

SWEEP = Sweep(4, 0.05, 2.0)
RGB = np.full((8, 12, 3), 128, np.uint8)


def chain(scene: SceneLayout, entry: object, phases: tuple[str, ...]) -> None:
    """Stand for records: a scene is as far as its files are, and a stale one says so."""
    if not scene.root.is_dir() or ("render" in phases and not scene.metadata_json.is_file()):
        raise MissingUpstreamError(f"scene {scene.scene_id!r}: phase {phases[-1]} is not complete")
    if (scene.root / "stale").exists():
        raise StaleError(f"scene {scene.scene_id!r}: stale")


@pytest.fixture
def data(tmp_path: Path, monkeypatch) -> Path:
    """One scene of three frames; what it holds beside is read from memory."""
    root = tmp_path / "data set"
    for folder in ("frames_sharp", "depth_maps", *(f"bokeh_renders/set_{n:02d}" for n in range(5))):
        (root / "bear" / folder).mkdir(parents=True)
    for frame in range(3):
        cv2.imwrite(str(root / "bear" / "frames_sharp" / f"frame_{frame:04d}.png"), RGB)
        (root / "bear" / "depth_maps" / f"depth_{frame:04d}.npz").touch()
        for n in range(5):
            cv2.imwrite(str(root / "bear" / f"bokeh_renders/set_{n:02d}" / f"bokeh_{frame:04d}.png"), RGB)
    (root / "bear" / "depth_maps" / "stats.json").touch()
    entries = {
        "bear": SimpleNamespace(split="val", n_frames=3),
        "lion": SimpleNamespace(split="train", n_frames=3),
    }
    monkeypatch.setattr(focal_stacks, "read_index", lambda dataset: entries)
    monkeypatch.setattr(focal_stacks, "whole_chain", chain)
    monkeypatch.setattr(focal_stacks, "read_stats", lambda scene: {"d_p5": 0.5, "d_p95": 4.0})
    monkeypatch.setattr(focal_stacks, "read_sharp", lambda scene, frame: RGB)
    monkeypatch.setattr(focal_stacks, "read_depth", lambda scene, frame: np.ones((8, 12), np.float16))
    return root


def metadata(data: Path, *sets: tuple[float, float, float], **more: Any) -> None:
    """Write lens sets of (f, N, S_focus)."""
    lenses = [{"f": f, "N": n, "S_focus": s, "max_coc": 1e-3} for f, n, s in sets]
    document = {"sets": lenses, "sensor_width_mm": 24.0, "formula": "exact", **more}
    (data / "bear" / "metadata.json").write_text(json.dumps(document))


def stacks(
    data: Path, source: str = "bokeh", every: int = 1, out: str = "lists/l.jsonl"
) -> list[dict[str, Any]]:
    records = list_stacks(data, data.parent / out, source=source, sweep=SWEEP, every=every)
    lines = (data.parent / out).read_text().splitlines()
    assert len(lines) == len(records)
    return [dict(record_of(json.loads(line), f"l:{n}").values) for n, line in enumerate(lines, 1)]


def test_sets_that_share_focal_length_and_f_number_are_one_stack_per_frame(data):
    metadata(data, (0.05, 2.0, 1.0), (0.05, 2.0, 3.0), (0.05, 4.0, 1.0), (0.085, 2.0, 1.0), (0.05, 2.0, 0.7))
    found = stacks(data)
    assert [record["frame"] for record in found] == [0, 1, 2]
    first = found[0]
    assert (
        first["focus_distances"] == [1.0, 3.0, 0.7]
        and first["name"] == "bear_0000"
        and first["split"] == "val"
    )
    assert [Path(path).parent.name for path in first["slices"]] == ["set_00", "set_01", "set_04"]
    assert first["camera"] == {
        "focal_length_mm": 50.0,
        "f_number": 2.0,
        "sensor_width_mm": 24.0,
        "formula": "exact",
    }
    assert first["weight"] == 1.0  # flat grey pictures are what physics makes of flat grey


def test_paths_are_seen_from_the_list_so_that_both_may_move(data):
    metadata(data, (0.05, 2.0, 1.0), (0.05, 2.0, 3.0))
    (first, *_) = stacks(data, out="a/b/l.jsonl")
    for path in (first["all_in_focus"], first["depth"], *first["slices"]):
        assert path.startswith("../../data set/bear/") and (data.parent / "a" / "b" / path).exists()


def test_flags_of_depth_go_along_where_there_are_any(data):
    metadata(data, (0.05, 2.0, 1.0), (0.05, 2.0, 3.0))
    (data / "bear" / "depth_maps" / "valid_0001.png").touch()
    found = stacks(data, "mix")
    flags = {record["frame"]: record.get("valid") for record in found}
    assert len(found) == 6 and flags == {0: None, 1: "../data set/bear/depth_maps/valid_0001.png", 2: None}


def test_stacks_drawn_beside_renders_are_of_their_formula(data):
    metadata(data, (0.05, 2.0, 1.0), (0.05, 2.0, 3.0))
    assert {record["camera"]["formula"] for record in stacks(data, "mix")} == {"exact"}
    assert {record["camera"]["formula"] for record in stacks(data, "thin_lens")} == {"exact"}


def test_stacks_are_drawn_with_sensor_and_curve_of_the_data_set(data):
    """Of a portrait, the width shows less than the sensor's long side."""
    metadata(data, (0.05, 2.0, 1.0), sensor_width_mm=20.25, transfer="srgb", formula="paper")
    camera = stacks(data, "thin_lens")[0]["camera"]
    assert camera == {
        "focal_length_mm": 50.0,
        "f_number": 2.0,
        "sensor_width_mm": 20.25,
        "formula": "paper",
        "transfer": "srgb",
    }
    (data / "bear" / "metadata.json").unlink()
    (first, *_) = list_stacks(data, data / "l.jsonl", source="thin_lens", sweep=SWEEP)
    lens = record_of({**first, "scene": "bear"}, "l:1").lens_shown(height_px=96, width_px=54)
    assert lens is not None and lens.sensor_width_m == pytest.approx(0.02025)


@pytest.mark.parametrize(("every", "frames"), [(1, [0, 1, 2]), (2, [0, 2]), (5, [0])])
def test_frames_are_taken_at_equal_steps(data, every, frames):
    metadata(data, (0.05, 2.0, 1.0), (0.05, 2.0, 3.0))
    assert [record["frame"] for record in stacks(data, every=every)] == frames


def test_a_frame_that_lacks_a_slice_or_has_a_distance_twice_is_left_out(data):
    metadata(data, (0.05, 2.0, 1.0), (0.05, 2.0, 3.0))
    (data / "bear" / "bokeh_renders" / "set_01" / "bokeh_0001.png").unlink()
    said: list[str] = []
    found = list_stacks(data, data.parent / "l", source="bokeh", sweep=SWEEP, note=said.append)
    assert [record["frame"] for record in found] == [0, 2]
    assert "set_01/bokeh_0001.png: no such file" in said[0] and "focusgen repair" in said[0]
    metadata(data, (0.05, 2.0, 1.0), (0.05, 2.0, 1.0))
    with pytest.raises(ConfigError, match="no scene has a stack"):
        stacks(data)


def test_a_moving_focus_has_the_distance_of_its_frame(data):
    metadata(data, (0.05, 2.0, 1.0), (0.05, 2.0, 3.0))
    document = json.loads((data / "bear" / "metadata.json").read_text())
    document["sets"][1]["S_focus_per_frame"] = [3.0, 2.5, 1.0]
    (data / "bear" / "metadata.json").write_text(json.dumps(document))
    found = stacks(data)
    assert [record["focus_distances"] for record in found] == [
        [1.0, 3.0],
        [1.0, 2.5],
    ]  # at frame 2 both are 1 m


@pytest.mark.parametrize("damage", ["{", "[]", '{"sets": 3}'])
def test_a_damaged_record_of_lenses_is_named(data, damage):
    (data / "bear" / "metadata.json").write_text(damage)
    said: list[str] = []
    with pytest.raises(ConfigError, match="no scene has a stack"):
        list_stacks(data, data.parent / "l", source="mix", sweep=SWEEP, note=said.append)
    assert any("scene bear" in line and "metadata.json: damaged" in line for line in said)


def test_renders_that_are_magnified_one_by_one_are_no_stack(data):
    metadata(data, (0.05, 2.0, 1.0), (0.05, 2.0, 3.0), breathing=True)
    with pytest.raises(ConfigError, match="magnified, each as its focus has it") as caught:
        stacks(data)
    assert "--source thin_lens" in caught.value.advice
    assert not (data.parent / "lists").exists()


def test_without_renders_stacks_are_drawn_over_the_depth_that_there_is(data):
    found = stacks(data, "thin_lens")
    assert len(found) == 3 and "slices" not in found[0] and found[0]["source"] == "thin_lens"
    assert found[0]["num_images"] == 4 and found[0]["generate_focal_stack"] is True
    diopters = 1.0 / np.array(found[0]["focus_distances"])
    assert diopters[[0, -1]] == pytest.approx([2.0, 0.25], rel=1e-3)
    np.testing.assert_allclose(np.diff(diopters), -1.75 / 3, rtol=1e-3)


def test_a_mix_is_both_and_nothing_is_an_error_that_says_the_way(data):
    metadata(data, (0.05, 2.0, 1.0), (0.05, 2.0, 3.0))
    assert {record["source"] for record in stacks(data, "mix")} == {"bokeh", "thin_lens"}
    metadata(data, (0.05, 2.0, 1.0))
    with pytest.raises(ConfigError, match="no scene has a stack") as caught:
        stacks(data, out="new/l.jsonl")
    assert (
        "--lens.law sweep" in caught.value.advice
        and "--on_stale redo" in caught.value.advice
        and not (data.parent / "new").exists()
    )


def test_scenes_that_are_unfinished_or_stale_are_left_out_and_said(data):
    metadata(data, (0.05, 2.0, 1.0), (0.05, 2.0, 3.0))
    lines: list[str] = []
    made = list_stacks(data, data.parent / "l", source="bokeh", sweep=SWEEP, note=lines.append)
    assert {one["scene"] for one in made} == {"bear"}
    assert "left out as unfinished, stale or damaged: 1, first scene 'lion': phase render" in lines[0]
    (data / "bear" / "stale").touch()
    for source in ("bokeh", "thin_lens", "mix"):
        with pytest.raises(ConfigError, match="no scene has a stack"):
            list_stacks(data, data.parent / "m", source=source, sweep=SWEEP)


def test_how_far_it_is_is_told_after_each_frame_and_never_goes_back(data):
    metadata(data, *((0.05, f_number, s) for f_number in (2.0, 4.0) for s in (1.0, 3.0)))
    told: list[tuple[str, float]] = []

    def tell(scene: str, part: float) -> None:
        told.append((scene, part))

    list_stacks(data, data.parent / "l", source="mix", sweep=SWEEP, tell=tell)
    bokeh, drawn = [n / 24 for n in range(1, 7)], [n / 12 for n in range(4, 7)]  # of two lenses, of one
    assert told == [("bear", pytest.approx(part)) for part in (*bokeh, *drawn)]


def test_a_list_never_takes_the_place_of_a_file_of_the_data_set(data):
    metadata(data, (0.05, 2.0, 1.0), (0.05, 2.0, 3.0))
    for out, said in (("data set/Train.jsonl", "has a file of that name"), ("data set", "a folder")):
        with pytest.raises(ConfigError, match=f"--out .*{out}: .*{said}"):
            stacks(data, out=out)
    assert not (data / "Train.jsonl").exists()
    assert stacks(data, out="data set/stacks.jsonl") and stacks(data, out="train.jsonl")
