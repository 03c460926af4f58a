"""metadata.json holds all that a label follows from: ten lines of numpy make it anew, bit for bit."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from focusgen import config
from focusgen.dataset.lens_metadata import label_limits_m, lens_document, lenses_of, set_lenses
from focusgen.optics.coc import Lens
from focusgen.optics.focus_motion import FocusPath

SETS = [
    {"f": 0.05, "N": 2.0, "S_focus": 2.0, "max_coc": 0.0015},
    {"f": 0.085, "N": 1.4, "S_focus": 1.25, "max_coc": 0.0015, "S_focus_per_frame": [1.25, 1.5, 3.0]},
]


def recompute(depth, f, N, S, max_coc, formula):
    d = depth.astype(np.float32)
    divisor = N * S if formula == "paper" else N * (S - f)
    coc = (f * f / divisor) * np.abs(d - S) / d
    return (1.0 - np.clip(coc / max_coc, 0.0, 1.0)).astype(np.float16)


@pytest.mark.parametrize("formula", ["paper", "exact"])
def test_labels_are_made_anew_from_the_published_keys_for_every_frame(formula):
    metadata = json.loads(json.dumps({"sets": SETS, "formula": formula}))
    depth = np.geomspace(0.3, 300, 4000).astype(np.float16).reshape(40, 100)
    for published, lens in zip(metadata["sets"], set_lenses(metadata), strict=True):
        moving = published.get("S_focus_per_frame", [published["S_focus"]] * 3)
        for frame, distance_m in enumerate(moving):
            label = lens.label(depth, frame)
            expected = recompute(
                depth, published["f"], published["N"], distance_m, published["max_coc"], formula
            )
            assert label.tobytes() == expected.tobytes()


def test_a_lens_that_moves_keeps_the_number_that_old_readers_know():
    fixed, moving = set_lenses({"sets": SETS})
    assert fixed.focus_distances_m is None and fixed.at(0) is fixed.at(99)
    assert moving.lens.focus_distance_m == moving.at(0).focus_distance_m == 1.25
    assert [moving.at(frame).focus_distance_m for frame in range(3)] == [1.25, 1.5, 3.0]
    assert lenses_of({"sets": SETS})[1] == moving.lens
    with pytest.raises(IndexError):
        moving.at(3)


@pytest.mark.parametrize(
    "broken", [{"f": "wide"}, {"f": None}, {"max_coc": None}, {"S_focus_per_frame": ["near"]}]
)
def test_a_key_that_is_no_number_is_refused(broken):
    with pytest.raises((TypeError, ValueError)):
        set_lenses({"sets": [SETS[0] | broken]})


def test_metadata_without_a_formula_is_that_of_the_paper():
    assert lenses_of({"sets": SETS})[0].formula == "paper"


def written(n_frames: int, size: tuple[int, int] = (48, 32), **settings) -> dict:
    """Return what is written of a lens at rest and of one that jumps, on its way of four frames."""
    cfg = config.load(None, {"render.max_coc": 2e-3, **settings})
    details = {"width": size[0], "height": size[1], "is_exact": True}
    upstream = dict.fromkeys(("deblur", "depth"), SimpleNamespace(details=details))
    path = FocusPath("rack", (2.0, 2.0, 4.0, 1.0), (2, 3))
    return lens_document(cfg, "a", [Lens(0.05, 2.0, 2.0)] * 2, upstream, [None, path], n_frames)


def test_of_a_path_as_much_is_written_as_there_are_frames():
    still, moving = written(3, **{"optics.breathing": True})["sets"]
    assert not {"focus_motion", "S_focus_per_frame", "magnification_per_frame"} & set(still)
    assert (moving["S_focus_per_frame"], moving["focus_motion"]["jumps"]) == ([2.0, 2.0, 4.0], [2])
    expected = [2.0 / 1.95, 2.0 / 1.95, 4.0 / 3.95]
    assert moving["magnification_per_frame"] == pytest.approx(expected)
    assert still["magnification"] == moving["magnification"] == pytest.approx(expected[0])
    plain = written(3)
    assert "breathing" not in plain and not any("magnification" in one for one in plain["sets"])


def test_the_sensor_of_a_portrait_is_written_with_its_long_side():
    wide, tall = written(1), written(1, (32, 48))
    assert wide["sensor_width_mm"] == 36.0 and "sensor_long_side_mm" not in wide
    assert (tall["sensor_width_mm"], tall["sensor_long_side_mm"]) == (24.0, 36.0)
    for document, width in ((wide, 48), (tall, 32)):
        limit_px = 2.0 * width / document["sensor_width_mm"]  # of 2 mm
        assert document["sets"][0]["coc_limit_px"] == pytest.approx(limit_px)


def test_where_the_renderer_limits_blur_the_label_ends_with_it_if_they_go_together():
    limited = {"sets": [SETS[0] | {"max_radius_px": 24.0}, SETS[1]], "width": 480}
    assert label_limits_m(limited) == [None, None]
    together = limited | {"clip_to_max_coc": True}
    assert label_limits_m(together) == [pytest.approx(3.6e-3), None]  # 48 of 480 px, which show 36 mm
    assert label_limits_m(together | {"sensor_width_mm": 18.0})[0] == pytest.approx(1.8e-3)
    assert set_lenses(together)[0].coc_limit_m == label_limits_m(together)[0]
