"""Phase 6 believes nothing of a scene that its files do not show; each doubt is named once, in its place."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from focusgen.base.checksums import checksum
from focusgen.base.files import publish, publish_json
from focusgen.dataset.index import IndexEntry
from focusgen.dataset.layout import DatasetLayout, SceneLayout
from focusgen.dataset.records import read_record, seal
from focusgen.media.codecs import encode_npz, encode_png
from focusgen.optics.coc import Lens
from focusgen.optics.stats import depth_counts, depth_stats
from focusgen.phases.scene_checks import SceneChecker, label_difference, stats_agree
from focusgen.phases.scene_report import SceneReport
from tests.small import LENS, MAX_COC_M, entry, finish_scene

NAN = float("nan")


def halves(*values: float) -> np.ndarray:
    return np.array(values, np.float16)


@pytest.mark.parametrize(
    ("label", "expected", "n_differing", "largest"),
    [
        ((0.5, 1.0), (0.5, 1.0), 0, 0.0),
        ((0.5, 1.0), (0.5, 0.75), 1, 0.25),
        ((0.0, 0.25), (1.0, 0.5), 2, 1.0),
        ((0.0,), (-0.0,), 1, 0.0),  # equal numbers, other bits: not what we published
        ((), (), 0, 0.0),
    ],
)
def test_labels_are_compared_bit_for_bit_and_measured_in_numbers(label, expected, n_differing, largest):
    assert label_difference(halves(*label), halves(*expected)) == (n_differing, largest)


@pytest.mark.parametrize("label", [1.5, -0.25, NAN, float("inf")])
def test_a_label_that_is_none_differs_by_no_number(label):
    n_differing, largest = label_difference(halves(0.5, label), halves(0.5, 0.5))
    assert n_differing == 1 and np.isnan(largest)
    assert not largest <= 1.0  # whatever tolerance is asked


STATS = {"d_min": 1.0, "d_max": 8.0}


@pytest.mark.parametrize(
    ("recorded", "tolerance", "agrees"),
    [
        ({"d_min": 1.0, "d_max": 8.0}, 0.0, True),
        ({"d_min": 1, "d_max": 8}, 0.0, True),
        ({"d_min": 1.0, "d_max": 8.001}, 0.0, False),
        ({"d_min": 1.0, "d_max": 8.0, "more": 1}, 0.0, False),
        ({"d_min": 1.0, "d_max": 8.0159}, 2e-3, True),  # 8 * 2e-3 = 0.016
        ({"d_min": 1.0, "d_max": 8.017}, 2e-3, False),
        ({"d_min": 0.998, "d_max": 8.0, "more": 1}, 2.1e-3, True),
        ({"d_min": 1.0}, 2e-3, False),
        ({"d_min": 1.0, "d_max": None}, 2e-3, False),
        ({"d_min": 1.0, "d_max": "8 m"}, 2e-3, False),
        ({"d_min": 1.0, "d_max": NAN}, 2e-3, False),
        (None, 0.0, False),
        ([], 2e-3, False),
    ],
)
def test_statistics_agree_exactly_or_within_what_rounding_did(recorded, tolerance, agrees):
    assert stats_agree(recorded, STATS, tolerance) is agrees


class Made:
    """A finished scene of two frames, and what phase 6 says of it."""

    def __init__(self, root: Path, lenses: tuple[Lens, ...] = (LENS,)) -> None:
        self.dataset = DatasetLayout(root, root / "scene_index.json")
        self.entry: IndexEntry = finish_scene(self.dataset, "ein Bär", lenses=lenses)
        self.scene: SceneLayout = self.dataset.scene("ein Bär")

    def check(self, **changes: Any) -> SceneReport:
        one = dataclasses.replace(self.entry, **changes)
        return SceneChecker(self.dataset, "ein Bär", one, min_spearman=-1.0).run()

    def vouch(self, phase: str, path: Path, data: bytes) -> None:
        """Put other bytes in place, and let the record and its copy vouch for them."""
        publish(path, data)
        record = read_record(self.scene.done(phase))
        document = {k: v for k, v in record.document.items() if k not in ("digest", "run")}
        folder = self.scene.phase_folder(phase)
        files = dict(document["files"])
        name = next(name for name in files if (folder / name).resolve() == path.resolve())
        files[name] = {"size": len(data), "xxh3_128": checksum(data)}
        sealed = seal({**document, "files": files}, {})
        for place in (self.scene.done(phase), self.scene.record_copy(phase)):
            publish(place, sealed)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


def test_a_whole_scene_has_no_error_and_is_measured(made):
    report = made.check()
    assert report.errors == [] and report.n_frames == 2
    assert report.max_coc_m == MAX_COC_M and not report.is_rehearsal
    assert report.records == {
        phase: read_record(made.scene.done(phase)).digest for phase in ("deblur", "depth", "render")
    }
    published = [
        p for p in made.scene.root.rglob("*") if p.is_file() and p.name not in (".done", "split.txt")
    ]
    assert report.n_bytes == sum(path.stat().st_size for path in published)
    assert len(report.measures["blur_spearman"]) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"val\n", "split.txt says 'val', the index says 'train'"),
        (b"train", "split.txt says 'train'"),
        (b"train\r\n", "split.txt says"),
        (b"train\r", "split.txt says"),  # one flipped byte that reads as the end of a line, too
        (b"", "split.txt says ''"),
        (b"\xff\n", "split.txt: "),
    ],
)
def test_the_word_of_the_split_is_that_of_the_index(made, text, message):
    made.scene.split_txt.write_bytes(text)
    (error,) = made.check().errors
    assert error.startswith(message)


def test_a_missing_word_is_named(made):
    made.scene.split_txt.unlink()
    assert any("split.txt" in error for error in made.check().errors)


def test_raw_checksums_that_are_not_those_of_the_index_are_named(made):
    errors = made.check(ingest_digest="0" * 32).errors
    assert any(error.startswith("raw checksums: ") for error in errors)
    assert any("was made from another index" in error for error in errors)


def test_an_index_that_says_more_frames_is_noticed(made):
    assert "2 frames, the index says 3" in made.check(frames=entry(3).frames).errors


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sets": []}, "no lens set"),
        ({"sets": None}, "metadata.json: TypeError"),
        ({"sets": [{"f": 0.05, "N": 2, "max_coc": MAX_COC_M}]}, "metadata.json: KeyError('S_focus')"),
        ({"formula": "guess"}, "metadata.json: "),
        ({"sensor_width_mm": NAN}, "no finite number: sensor_width_mm"),
    ],
)
def test_metadata_that_gives_no_lens_is_named_and_no_label_is_believed(made, change, message):
    document = json.loads(made.scene.metadata_json.read_bytes())
    made.vouch("render", made.scene.metadata_json, json.dumps({**document, **change}).encode())
    errors = made.check().errors
    assert [error for error in errors if message in error], errors


@pytest.mark.parametrize("text", [b"[]", b"null", b"{", b"7", b""])
def test_metadata_of_another_shape_is_an_error_and_no_crash(made, text):
    made.vouch("render", made.scene.metadata_json, text)
    assert [error for error in made.check().errors if error.startswith("metadata.json: ")]


def test_labels_of_another_lens_than_metadata_says_are_counted(made):
    document = json.loads(made.scene.metadata_json.read_bytes())
    document["sets"][0]["S_focus"] *= 2
    made.vouch("render", made.scene.metadata_json, json.dumps(document).encode())
    errors = made.check().errors
    assert len(errors) == 2 and all("labels differ from depth and metadata" in error for error in errors)
    assert errors[0].startswith("focus_maps/set_00/focus_0000.npz: ")


def test_a_lens_set_less_than_the_record_says_is_noticed(tmp_path):
    two = Made(tmp_path, (LENS, dataclasses.replace(LENS, f_number=4.0)))
    document = json.loads(two.scene.metadata_json.read_bytes())
    del document["sets"][1]
    two.vouch("render", two.scene.metadata_json, json.dumps(document).encode())
    assert "metadata.json: 1 lens sets, the record says 2" in two.check().errors


PICTURE = np.random.default_rng(0).integers(0, 256, (16, 48, 3), dtype=np.uint8)
Spoil = tuple[str, Callable[[SceneLayout], Path], bytes, str]

SPOILED: dict[str, Spoil] = {
    "sharp of another size": (
        "deblur",
        lambda s: s.sharp(1),
        encode_png(PICTURE),
        "frames_sharp/frame_0001.png: 48x16, the scene is 32x16",
    ),
    "render of another size": ("render", lambda s: s.bokeh(0, 1), encode_png(PICTURE), "48x16, the scene is"),
    "render of one colour": (
        "render",
        lambda s: s.bokeh(0, 1),
        encode_png(np.zeros((16, 32, 3), np.uint8)),
        "a single colour, its sharp frame is not",
    ),
    "float32 depth": (
        "depth",
        lambda s: s.depth(0),
        encode_npz("depth", np.ones((16, 32), np.float32)),
        "depth is float32 (16, 32)",
    ),
    "turned depth": (
        "depth",
        lambda s: s.depth(0),
        encode_npz("depth", np.ones((32, 16), np.float16)),
        "depth is float16 (32, 16)",
    ),
    "depth of zero": (
        "depth",
        lambda s: s.depth(0),
        encode_npz("depth", np.zeros((16, 32), np.float16)),
        "depth_maps/depth_0000.npz: 512 of 512 depths",
    ),
    "label that is none": (
        "render",
        lambda s: s.focus(0, 0),
        encode_npz("focus_map", np.full((16, 32), np.nan, np.float16)),
        "512 labels are not finite",
    ),
    "label by another name": (
        "render",
        lambda s: s.focus(0, 0),
        encode_npz("label", np.ones((16, 32), np.float16)),
        "focus_maps/set_00/focus_0000.npz: ",
    ),
    "no picture": ("deblur", lambda s: s.sharp(0), b"not a picture", "frames_sharp/frame_0000.png: "),
}


@pytest.mark.parametrize("how", SPOILED)
def test_what_a_record_vouches_for_is_looked_at_all_the_same(made, how):
    phase, path_of, data, message = SPOILED[how]
    made.vouch(phase, path_of(made.scene), data)
    errors = made.check().errors
    assert [error for error in errors if message in error], errors


@pytest.mark.parametrize("value", [{"d_min": 1.0}, [], None, "text"])
def test_statistics_that_a_record_vouches_for_are_recomputed(made, value):
    made.vouch("depth", made.scene.stats_json, json.dumps(value).encode())
    assert "depth_maps/stats.json: not the statistics of the saved depth" in made.check().errors


def test_every_frame_of_one_colour_is_told_to_whoever_knows_the_footage(made):
    made.vouch("deblur", made.scene.sharp(1), encode_png(np.full((16, 32, 3), 7, np.uint8)))
    assert made.check().flat_frames == [1]


@pytest.mark.parametrize(
    ("name", "is_error"),
    [
        ("frames_sharp/frame_0002.png", True),
        ("frames_sharp/extra.png", True),
        ("depth_maps/depth_0000.npy", True),
        ("bokeh_renders/set_07/bokeh_0000.png", True),
        ("focus_maps/set_00/focus_0009.npz", True),
        ("frames_sharp/.frame_0000.png.7.tmp", False),
        ("frames_sharp/notes.txt", False),
        ("my notes/ü.png", False),
        ("readme", False),
    ],
)
def test_a_file_that_nobody_vouches_for_is_an_error_where_a_loader_would_read_it(made, name, is_error):
    path = made.scene.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    report = made.check()
    told = [text for text in (report.errors if is_error else report.warnings) if text.startswith(name)]
    assert len(told) == 1 and bool(report.errors) is is_error


def test_a_phase_that_is_not_done_is_said_once_and_the_rest_is_still_compared(made):
    made.scene.done("render").unlink()
    made.scene.depth(0).write_bytes(b"damaged")
    errors = made.check().errors
    assert "bokeh_renders/.done: no such record: phase render: not done" in errors
    assert any(error.startswith("depth_maps/depth_0000.npz: ") for error in errors)
    assert len(errors) == 2


def test_the_blur_of_damaged_samples_is_not_measured(made):
    made.scene.bokeh(0, 0).write_bytes(b"damaged")
    assert made.check().measures["blur_spearman"] == [None]


def test_what_the_index_and_the_records_noted_is_in_the_report(tmp_path):
    dataset = DatasetLayout(tmp_path, tmp_path / "i.json")
    one = finish_scene(dataset, "a", entry(2, width=32, height=16, source={"notes": ["10 bits to 8"]}))
    assert "10 bits to 8" in SceneChecker(dataset, "a", one, min_spearman=0.5).run().warnings


def test_statistics_that_are_gone_are_named(made):
    made.scene.stats_json.unlink()
    assert [error for error in made.check().errors if error.startswith("depth_maps/stats.json: ")]


def test_other_depth_with_its_own_statistics_still_betrays_its_labels(made):
    depth = np.full((16, 32), 5.0, np.float16)
    for frame in range(2):
        made.vouch("depth", made.scene.depth(frame), encode_npz("depth", depth))
    publish_json(made.scene.stats_json, depth_stats(2 * depth_counts(depth)))
    made.vouch("depth", made.scene.stats_json, made.scene.stats_json.read_bytes())
    errors = made.check().errors
    assert any("was made from another depth" in error for error in errors)
    assert sum("labels differ" in error for error in errors) == 2
