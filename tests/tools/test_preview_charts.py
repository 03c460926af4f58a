"""Charts of the contact sheet, read back from their pixels: labels of a set, focus over time."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from focusgen.base.errors import CorruptInputError
from focusgen.tools.preview import CHART_PX, VideoPage, contact_sheet
from focusgen.tools.preview_charts import LINE, draw_focus_curve, draw_label_histogram, label_shares
from focusgen.tools.preview_view import look_at
from tests.tools.test_preview import LENS_SET, publish, publish_scene

FONT = __import__("focusgen.tools.preview", fromlist=["_font"])._font(12)
BOX = (20, 30, 320, 130)


def test_bars_are_as_high_as_their_share_of_labels():
    labels = [np.array([[0.05, 0.05], [0.95, 0.45]], np.float16), np.full((2, 2), 0.95, np.float16)]
    shares = label_shares(labels)
    assert shares.tolist() == [0.25, 0, 0, 0, 0.125, 0, 0, 0, 0, 0.625]
    canvas = Image.new("RGB", (360, 160))
    draw_label_histogram(canvas, BOX, shares, FONT)
    pixels = np.asarray(canvas)[BOX[1] : BOX[3]].astype(int)
    heights = [(pixels[:, BOX[0] + 15 + 30 * number].sum(-1) > 0).sum() for number in range(10)]
    assert heights == pytest.approx(100 * shares / shares.max(), abs=2)


def test_the_curve_is_even_in_diopters_near_on_top():
    canvas = Image.new("RGB", (420, 160))
    draw_focus_curve(canvas, BOX, [1.0, 2.0, 4.0], FONT)
    is_line = (np.asarray(canvas) == LINE).all(-1)
    rows = [np.flatnonzero(is_line[:, x]).mean() for x in (BOX[0] + 1, (BOX[0] + BOX[2]) // 2, BOX[2] - 1)]
    assert rows == pytest.approx([30, 130 - 100 / 3, 130], abs=2)


def test_the_sheet_grows_by_the_charts_that_there_are_and_the_video_says_s(tmp_path):
    scene = publish_scene(tmp_path, 5)
    fixed = contact_sheet(look_at(scene.root))
    moving = {**LENS_SET, "S_focus_per_frame": [2.0, 2.5, 3.0, 3.5, 4.0]}
    publish(scene.metadata_json, json.dumps({"sets": [moving], "fps": 25.0}).encode())
    view = look_at(scene.root)
    assert view.focus_distances_m == (2.0, 2.5, 3.0, 3.5, 4.0)
    sheet = contact_sheet(view)
    assert sheet.height == fixed.height + CHART_PX
    assert (np.asarray(sheet)[-CHART_PX:] == LINE).all(-1).any()
    assert not (np.asarray(fixed)[-CHART_PX:] == LINE).all(-1).any()
    assert not np.array_equal(VideoPage(view).paint(0), VideoPage(view).paint(4))
    unrendered = publish_scene(tmp_path / "b", 2, n_rendered=0)
    assert look_at(unrendered.root).read_label is None
    contact_sheet(look_at(unrendered.root))


@pytest.mark.parametrize("distances", [[2.0], [2.0, 0.0, 1, 1, 1], "far", 7])
def test_distances_that_are_none_are_named(tmp_path, distances):
    scene = publish_scene(tmp_path, 5)
    lens_set = {**LENS_SET, "S_focus_per_frame": distances}
    publish(scene.metadata_json, json.dumps({"sets": [lens_set]}).encode())
    with pytest.raises(CorruptInputError, match=r"metadata.json: S_focus_per_frame"):
        look_at(scene.root)
