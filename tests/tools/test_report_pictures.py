"""Small pictures of what was published; what cannot be read or would weigh too much is left out."""

from __future__ import annotations

import base64
import io
import json

import cv2
import numpy as np
import pytest
from PIL import Image

from focusgen.dataset.layout import DatasetLayout
from focusgen.optics.coverage import LabelCoverage
from focusgen.tools import report_pictures
from focusgen.tools.report_page import write_report
from focusgen.tools.report_pictures import coverage_of, coverage_svg, pictures_of

CAPTIONS = ["sharp", "render 0", "label 0", "render 1", "label 1"]


@pytest.fixture
def dataset(finished):
    return DatasetLayout(finished, finished / "scene_index.json")


@pytest.fixture
def names(dataset):
    return list(json.loads(dataset.index_json.read_text()))


@pytest.fixture
def scene(dataset, names):
    return dataset.scene(names[0])


def pixels(picture) -> np.ndarray:
    data = base64.b64decode(picture.uri.removeprefix("data:image/jpeg;base64,"))
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(float)


def same(one: LabelCoverage, other: LabelCoverage) -> bool:
    return np.array_equal(one.counts, other.counts) and one.deciles == other.deciles


def test_the_middle_frame_and_its_first_sets_are_shown_as_they_are(scene):
    found = pictures_of(scene, 10)
    assert [picture.caption for picture in found] == CAPTIONS
    for picture, path in ((found[0], scene.sharp(5)), (found[3], scene.bokeh(1, 5))):
        published = cv2.imread(str(path))[..., ::-1].astype(float)
        assert (picture.width, picture.height) == (96, 64), "smaller than the page's own size: as it is"
        assert np.abs(pixels(picture) - published).mean() < 6
    label = np.load(scene.focus(0, 5))["focus_map"]
    bright = pixels(found[2]).mean(axis=-1)
    assert bright[label > 0.95].mean() > 1.3 * bright[label < np.percentile(label, 5)].mean()


@pytest.mark.parametrize("size", [(480, 270), (270, 480)])
def test_a_large_frame_is_made_small_and_keeps_its_shape(size):
    picture = report_pictures._small("x", np.zeros((size[1], size[0], 3), np.uint8))
    assert picture.width == 160 and picture.width / picture.height == pytest.approx(
        size[0] / size[1], rel=0.01
    )


def test_what_is_missing_or_damaged_is_left_out(scene):
    scene.bokeh(0, 5).unlink()
    scene.focus(1, 5).write_bytes(b"no map")
    assert [picture.caption for picture in pictures_of(scene, 10)] == ["sharp", "label 0", "render 1"]


def test_a_scene_never_weighs_more_than_its_share_of_the_page(scene, monkeypatch):
    sizes = [len(picture.uri) for picture in pictures_of(scene, 10)]
    monkeypatch.setattr(report_pictures, "MAX_BYTES_PER_SCENE", sum(sizes[:3]))
    assert [picture.caption for picture in pictures_of(scene, 10)] == CAPTIONS[:3]


def test_counts_that_are_lost_or_of_another_scene_are_made_anew(dataset, names):
    whole = coverage_of(dataset, names)
    first, second = (dataset.scene(name).depth_counts_npz for name in names[:2])
    first.write_bytes(second.read_bytes())
    second.unlink()
    assert same(coverage_of(dataset, names), whole)


def test_where_very_many_are_lost_it_is_said_of_how_many_scenes_the_figures_are(dataset, names, monkeypatch):
    for name in names[1:]:
        dataset.scene(name).depth_counts_npz.unlink()
    monkeypatch.setattr(report_pictures, "MAX_SCENES_COUNTED_ANEW", 1)
    some = coverage_of(dataset, names)
    assert same(some, coverage_of(dataset, names[:2])) and len(some.deciles) == 2
    page = write_report(dataset, dataset.report_html).read_text()
    assert "Of 2 of 4 scenes, the others&#39; depth or lenses being unknown: " in page
    for name in names[:2]:
        dataset.scene(name).metadata_json.unlink()
    assert coverage_of(dataset, names[:2]) is None


@pytest.mark.slow
def test_the_plot_is_that_of_its_counts_and_always_the_same(dataset, names):
    whole, one = coverage_of(dataset, names), coverage_of(dataset, names[:1])
    text = coverage_svg(whole)
    assert coverage_svg(whole) == text != coverage_svg(one)
    assert text.startswith("<svg") and "<dc:date>" not in text
