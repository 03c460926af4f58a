"""Depth of one picture from the configured backend: whole, finite and of its size, or refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen import config
from focusgen.base.errors import DepthRangeError, SceneError
from focusgen.tools import picture_depth
from focusgen.tools.picture_depth import depth_estimator

PICTURE = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


class Gives:
    """A depth model that answers with given maps, and keeps what it saw."""

    def __init__(self, *maps: np.ndarray) -> None:
        self.maps = maps

    def estimate(self, scene):
        self.seen, self.size = scene.read(0, len(scene)), (scene.height, scene.width)
        yield from enumerate(self.maps)


def estimator_of(model: Gives, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(picture_depth, "load_depth_model", lambda cfg, device: model)
    return depth_estimator(config.load(None, {"depth.backend": "dryrun"}))


def test_a_model_is_handed_the_picture_as_a_scene_of_one_frame(monkeypatch):
    depth_m = np.linspace(1, 5, 24).reshape(4, 6)
    model = Gives(depth_m)
    found = estimator_of(model, monkeypatch)(PICTURE)
    assert found.dtype == np.float32 and np.array_equal(found, depth_m.astype(np.float32))
    assert np.array_equal(model.seen, PICTURE[None]) and model.size == (4, 6)


@pytest.mark.parametrize(
    ("maps", "error", "said"),
    [
        ([np.ones((6, 4))], SceneError, r"depth.backend dryrun.*shape \(6, 4\) for a frame of \(4, 6\)"),
        ([np.full((4, 6), np.nan)], DepthRangeError, "24 of 24 pixels"),
        ([], SceneError, "0 frames, 1 were asked for"),
        ([np.ones((4, 6), np.uint16)], SceneError, "uint16, not an array of floating-point metres"),
    ],
)
def test_depth_that_is_none_of_the_picture_is_refused(maps, error, said, monkeypatch):
    with pytest.raises(error, match=said):
        estimator_of(Gives(*maps), monkeypatch)(PICTURE)


def test_provided_depth_has_no_estimator():
    assert depth_estimator(config.load(None, {"depth.backend": "provided"})) is None
