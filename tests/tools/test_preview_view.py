"""What there is to see of a scene is told from its files; damage is named, what is missing left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from focusgen.base.errors import ConfigError, CorruptInputError, MissingUpstreamError
from focusgen.dataset.layout import DatasetLayout, SceneLayout
from focusgen.tools.preview_view import SceneView, look_at
from tests.small import entry, finish_scene


@pytest.fixture
def scene(tmp_path: Path) -> SceneLayout:
    dataset = DatasetLayout(tmp_path, tmp_path / "scene_index.json")
    finish_scene(dataset, "ein 'Bär'", entry(3, width=32, height=16, source={"fps": 24.0}))
    return dataset.scene("ein 'Bär'")


def change(scene: SceneLayout, **values: Any) -> None:
    document = json.loads(scene.metadata_json.read_bytes())
    scene.metadata_json.write_text(json.dumps({**document, **values}))


def change_set(scene: SceneLayout, **values: Any) -> None:
    document = json.loads(scene.metadata_json.read_bytes())
    change(scene, sets=[{**document["sets"][0], **values}])


def titles(view: SceneView) -> list[str]:
    return [strip.title for strip in view.strips]


def test_a_finished_scene_shows_all_of_its_kinds(scene):
    view = look_at(scene.root)
    assert titles(view) == ["sharp", "depth", "focus", "bokeh"]
    assert (view.scene_id, view.width, view.height) == ("ein 'Bär'", 32, 16)
    assert (view.n_frames, view.fps, view.is_rehearsal) == (3, 24.0, False)
    assert view.lens_text.startswith("set 00:  f = 50.0 mm,  f/2.00,  focused at S = ")
    assert view.focus_distances_m == ()
    for strip in view.strips:
        picture = strip.read(2)
        assert picture.dtype == np.uint8 and picture.shape == (16, 32, 3)
    assert view.read_label is not None and view.read_label(0).dtype == np.float16


def test_raw_frames_stand_in_front_where_they_are_given(scene):
    asked = []

    def raw(start: int, stop: int) -> np.ndarray:
        asked.append((start, stop))
        return np.zeros((stop - start, 16, 32, 3), np.uint8)

    view = look_at(scene.root, raw_reader=raw)
    assert titles(view)[:2] == ["raw", "sharp"]
    view.strips[0].read(1)
    assert asked == [(1, 2)]


def test_a_scene_without_sharp_frames_has_nothing_to_show(scene):
    scene.sharp(0).unlink()
    with pytest.raises(MissingUpstreamError, match=r"frame_0000\.png: no such file"):
        look_at(scene.root)


@pytest.mark.parametrize(
    ("lose", "left"),
    [
        (lambda s: s.depth(0).unlink(), ["sharp", "focus", "bokeh"]),
        (lambda s: s.stats_json.unlink(), ["sharp", "focus", "bokeh"]),
        (lambda s: s.focus(0, 0).unlink(), ["sharp", "depth"]),
        (lambda s: s.bokeh(0, 0).unlink(), ["sharp", "depth"]),
        (lambda s: s.metadata_json.unlink(), ["sharp", "depth"]),
        (lambda s: change(s, sets=[]), ["sharp", "depth"]),
    ],
)
def test_what_is_not_there_is_left_out(scene, lose, left):
    lose(scene)
    view = look_at(scene.root)
    assert titles(view) == left and (view.read_label is None) is (left[-1] != "bokeh")


def test_only_frames_that_all_kinds_have_are_shown(scene):
    scene.bokeh(0, 2).unlink()
    assert look_at(scene.root).n_frames == 2
    scene.depth(1).unlink()
    assert look_at(scene.root).n_frames == 1


@pytest.mark.parametrize("number", [1, 7, -1])
def test_a_lens_set_that_is_none_is_refused_with_those_that_are(scene, number):
    with pytest.raises(ConfigError, match=rf"lens sets 0 to 0, not {number}"):
        look_at(scene.root, number)


def test_a_scene_without_sets_has_no_negative_one(scene):
    scene.metadata_json.unlink()
    assert look_at(scene.root, 3).lens_text == "not rendered yet"
    with pytest.raises(ConfigError, match="no lens sets yet, not -1"):
        look_at(scene.root, -1)


NO_METADATA = ["", "{", "[]", "null", "7", "[" * 100_000]
NO_SETS = ['{"sets": 5}', '{"sets": {"0": {}}}', '{"sets": [null]}']


@pytest.mark.parametrize("text", [*NO_METADATA, *NO_SETS])
def test_metadata_of_another_shape_is_named_with_the_way_out(scene, text):
    scene.metadata_json.write_text(text)
    with pytest.raises(CorruptInputError, match=r"metadata\.json") as caught:
        look_at(scene.root)
    assert "focusgen repair" in caught.value.advice


@pytest.mark.parametrize("values", [{"S_focus": None}, {"f": "50 mm"}, {"max_coc": [1]}])
def test_a_set_without_a_number_is_named_by_its_key(scene, values):
    change_set(scene, **values)
    with pytest.raises(CorruptInputError, match=f"set 0 has no {next(iter(values))}"):
        look_at(scene.root)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"d_median": 2.0}', '{"d_median": "far"}'])
def test_statistics_of_another_shape_are_named(scene, text):
    scene.stats_json.write_text(text)
    with pytest.raises(CorruptInputError, match=r"stats\.json"):
        look_at(scene.root)


@pytest.mark.parametrize(
    ("path_of", "index"),
    [
        (lambda s: s.sharp(1), 0),
        (lambda s: s.depth(1), 1),
        (lambda s: s.focus(0, 1), 2),
        (lambda s: s.bokeh(0, 1), 3),
    ],
)
def test_a_damaged_frame_is_named_when_it_is_shown(scene, path_of, index):
    path = path_of(scene)
    path.write_bytes(path.read_bytes()[:-9])
    view = look_at(scene.root)
    view.strips[index].read(0)
    with pytest.raises(CorruptInputError) as caught:
        view.strips[index].read(1)
    assert str(path) in caught.value.message and "focusgen repair" in caught.value.advice


def test_moving_focus_is_told_for_each_frame(scene):
    change_set(scene, S_focus_per_frame=[2.0, 2.5, 3, 9.0])
    view = look_at(scene.root)
    assert view.focus_distances_m == (2.0, 2.5, 3.0)
    assert "at first" in view.strips[-1].note


NO_DISTANCES = [[2.0, 2.5], [2.0, 0.0, 3.0], [2.0, None, 3.0], 2.0, ["x"] * 3, [1, 2, 1e999]]


@pytest.mark.parametrize("moving", NO_DISTANCES)
def test_distances_that_are_none_are_damage(scene, moving):
    change_set(scene, S_focus_per_frame=moving)
    with pytest.raises(CorruptInputError, match="S_focus_per_frame"):
        look_at(scene.root)


@pytest.mark.parametrize(
    ("size", "box", "panel"),
    [
        ((32, 16), (320, 320), (320, 160)),
        ((32, 16), (100, 10), (20, 10)),
        ((33, 17), (33, 17), (32, 16)),  # even, for the video
        ((1000, 10), (100, 100), (100, 2)),
        ((10, 1000), (100, 100), (2, 100)),
        ((7, 7), (3, 3), (4, 4)),
    ],
)
def test_a_panel_fits_its_box_with_even_sides(size, box, panel):
    view = SceneView("a", *size, 1, None, "", False, ())
    assert view.panel_size(box) == panel
