"""A scene of another pipeline proves itself file by file; what is wrong is named, not mended."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from focusgen.base.checksums import checksum
from focusgen.config import SCENE_PHASES
from focusgen.dataset.layout import DatasetLayout, SceneLayout
from focusgen.dataset.lens_metadata import set_lenses
from focusgen.media.codecs import decode_npz, encode_npz, encode_png
from focusgen.optics.coc import Lens
from focusgen.tools.adopt_checks import AdoptionCheck
from tests.small import LENS, MAX_COC_M, finish_scene


@pytest.fixture
def scene(tmp_path: Path) -> SceneLayout:
    """A right scene as a stranger leaves it: no records, and metadata of lens sets alone."""
    dataset = DatasetLayout(tmp_path, tmp_path / "scene_index.json")
    finish_scene(dataset, "a", lenses=(LENS, Lens(0.035, 4.0, 2.5)))
    scene = dataset.scene("a")
    sets = json.loads(scene.metadata_json.read_bytes())["sets"]
    keys = ("f", "N", "S_focus", "max_coc")
    scene.metadata_json.write_text(json.dumps({"sets": [{k: s[k] for k in keys} for s in sets]}))
    return scene


def check(scene: SceneLayout, n_frames: int = 2, tolerance: float = 0.0, phases: Any = SCENE_PHASES) -> Any:
    found = AdoptionCheck(scene, n_frames, max_label_difference=tolerance)
    found.run(phases)
    return found


def test_a_right_scene_has_no_problem_and_every_file_is_counted(scene):
    found = check(scene)
    assert found.problems == []
    assert [len(found.found[phase].files) for phase in SCENE_PHASES] == [2, 3, 1 + 2 * 2 * 2]
    for files in (found.found[phase].files for phase in SCENE_PHASES):
        assert all(entry.xxh3_128 == checksum(path.read_bytes()) for path, entry in files.items())
    assert found.found["deblur"].details == {"width": 32, "height": 16, "psnr_db": {}}
    assert found.found["depth"].details["stats_tolerance"] == 0.0
    render = found.found["render"]
    assert render.settings == {
        "render.backend": "adopted",
        "render.max_coc": MAX_COC_M,
        "render.n_sets": 2,
        "optics.formula": "paper",
    }
    assert render.details["labels_differing"] == 0 and render.details["label_tolerance"] == 0.0


def test_a_problem_of_one_phase_ends_the_check(scene):
    scene.sharp(1).unlink()
    found = check(scene)
    assert "depth" not in found.found
    assert "frames_sharp/frame_0001.png: No such file or directory" in found.problems


Spoil = Callable[[SceneLayout], object]
SPOILED: dict[str, tuple[Spoil, str]] = {
    "a frame too many": (
        lambda s: s.sharp(2).write_bytes(s.sharp(0).read_bytes()),
        "frames_sharp: 3 files *.png, the index says 2",
    ),
    "a frame of another size": (
        lambda s: s.sharp(1).write_bytes(encode_png(np.zeros((16, 48, 3), np.uint8))),
        "frames_sharp/frame_0001.png: 48x16",
    ),
    "no picture": (lambda s: s.sharp(0).write_bytes(b"GIF89a"), "frames_sharp/frame_0000.png: "),
    "float32 depth": (
        lambda s: s.depth(0).write_bytes(encode_npz("depth", np.ones((16, 32), np.float32))),
        "depth is float32 (16, 32), not float16 (16, 32)",
    ),
    "depth without a value": (
        lambda s: s.depth(1).write_bytes(encode_npz("depth", np.full((16, 32), np.nan, np.float16))),
        "depth_maps/depth_0001.npz: 512 of 512",
    ),
    "depth by another name": (
        lambda s: s.depth(1).write_bytes(encode_npz("focus_map", np.ones((16, 32), np.float16))),
        "depth_maps/depth_0001.npz: ",
    ),
    "no statistics": (lambda s: s.stats_json.unlink(), "depth_maps/stats.json: No such file"),
    "statistics of null": (lambda s: s.stats_json.write_text("null"), "not the statistics of the depth maps"),
    "statistics that are none": (lambda s: s.stats_json.write_text("{"), "depth_maps/stats.json: "),
    "other statistics": (
        lambda s: s.stats_json.write_text(s.stats_json.read_text().replace("1.5", "1.25")),
        "not the statistics of the depth maps",
    ),
    "no metadata": (lambda s: s.metadata_json.unlink(), "metadata.json: No such file"),
    "metadata of a list": (lambda s: s.metadata_json.write_text("[]"), "metadata.json: TypeError"),
    "metadata without sets": (lambda s: s.metadata_json.write_text("{}"), "metadata.json: KeyError('sets')"),
    "no set": (lambda s: s.metadata_json.write_text('{"sets": []}'), "one max_coc per data set, not []"),
    "a render less": (lambda s: s.bokeh(1, 1).unlink(), "bokeh_renders/set_01: 1 files *.png"),
    "a label of another shape": (
        lambda s: s.focus(0, 0).write_bytes(encode_npz("focus_map", np.ones((32, 16), np.float16))),
        "focus_map is float16 (32, 16), not float16 (16, 32)",
    ),
}


@pytest.mark.parametrize("how", SPOILED)
def test_what_is_wrong_is_named_in_its_place(scene, how):
    spoil, message = SPOILED[how]
    spoil(scene)
    problems = check(scene).problems
    assert [text for text in problems if message in text], problems


@pytest.mark.parametrize(
    "values",
    [{"f": 0}, {"N": -2.0}, {"S_focus": float("nan")}, {"max_coc": float("inf")}, {"f": "wide"}, {"N": None}],
)
def test_a_lens_that_is_none_is_named(scene, values):
    document = json.loads(scene.metadata_json.read_bytes())
    document["sets"][1] |= values
    scene.metadata_json.write_text(json.dumps(document))
    (problem,) = check(scene).problems
    assert problem.startswith("metadata.json: ")


def test_two_values_of_max_coc_are_refused(scene):
    document = json.loads(scene.metadata_json.read_bytes())
    document["sets"][1]["max_coc"] *= 2
    scene.metadata_json.write_text(json.dumps(document))
    (problem,) = check(scene).problems
    assert "one max_coc per data set" in problem


def spoil_labels(scene: SceneLayout, by: float) -> None:
    label = decode_npz(scene.focus(0, 0).read_bytes(), "focus_map").astype(np.float32)
    changed = np.clip(label + by, 0, 1).astype(np.float16)
    scene.focus(0, 0).write_bytes(encode_npz("focus_map", changed))


@pytest.mark.parametrize(
    ("by", "tolerance", "is_taken"), [(0.01, 0.0, False), (0.01, 0.02, True), (0.1, 0.02, False)]
)
def test_labels_that_differ_are_taken_within_what_was_asked(scene, by, tolerance, is_taken):
    spoil_labels(scene, by)
    found = check(scene, tolerance=tolerance)
    assert (found.problems == []) is is_taken
    details = found.found["render"].details
    assert details["labels_differing"] > 0 and 0 < details["largest_label_difference"] <= by + 1e-3
    if is_taken:
        assert details["label_tolerance"] == tolerance
        assert "are not those of depth and metadata bit for bit" in found.found["render"].warnings[0]
    else:
        assert "--max_label_difference accepts more" in found.problems[0]


def test_a_label_that_is_no_number_is_never_taken(scene):
    label = np.array(decode_npz(scene.focus(1, 1).read_bytes(), "focus_map"))
    label[3, 3] = np.nan
    scene.focus(1, 1).write_bytes(encode_npz("focus_map", label))
    assert check(scene, tolerance=1.0).problems


def test_the_formula_is_the_one_that_fits_the_labels_better(tmp_path):
    dataset = DatasetLayout(tmp_path, tmp_path / "i.json")
    finish_scene(dataset, "a", lenses=(Lens(0.05, 2.0, 2.0, "exact"),))
    scene = dataset.scene("a")
    document = json.loads(scene.metadata_json.read_bytes())
    exact = {**document, "formula": "exact"}
    for frame in range(2):
        depth = decode_npz(scene.depth(frame).read_bytes(), "depth")
        label = set_lenses(exact)[0].label(depth, frame)
        scene.focus(0, frame).write_bytes(encode_npz("focus_map", label))
    keys = ("f", "N", "S_focus", "max_coc")
    sets = [{k: s[k] for k in keys} for s in document["sets"]]
    scene.metadata_json.write_text(json.dumps({"sets": sets}))
    found = check(scene)
    assert found.problems == [] and found.found["render"].settings["optics.formula"] == "exact"


def test_statistics_within_rounding_are_taken_and_told(scene):
    stats = json.loads(scene.stats_json.read_bytes())
    scene.stats_json.write_text(json.dumps({k: v * 1.0005 for k, v in stats.items()}))
    found = check(scene)
    assert found.problems == []
    assert found.found["depth"].warnings == ["stats.json: right within rounding, not to the last bit"]
    assert found.found["depth"].details["stats_tolerance"] > 0


def test_of_very_many_problems_a_page_is_told(scene):
    for frame in range(2, 60):
        scene.sharp(frame).write_bytes(b"no picture")
    assert len(check(scene, n_frames=60).problems) == 20


def test_sides_that_are_no_multiples_of_16_are_a_warning(tmp_path):
    scene = SceneLayout(tmp_path, "a")
    scene.sharp(0).parent.mkdir(parents=True)
    scene.sharp(0).write_bytes(encode_png(np.zeros((10, 20, 3), np.uint8)))
    found = check(scene, n_frames=1, phases=("deblur",))
    assert found.problems == []
    assert found.found["deblur"].warnings == ["20x10: the sides are no multiples of 16"]


def test_an_empty_scene_has_no_frame(tmp_path):
    assert "frames_sharp: no frame" in check(SceneLayout(tmp_path, "a"), n_frames=0).problems
