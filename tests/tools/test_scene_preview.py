"""A preview is made of records that belong together, with raw frames in front as long as they are there."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from focusgen import config
from focusgen.base.errors import StaleError
from focusgen.dataset.index import read_index
from focusgen.dataset.layout import DatasetLayout
from focusgen.tools import scene_preview
from focusgen.tools.scene_preview import preview_paths, preview_scene


@pytest.fixture
def drawn(monkeypatch):
    """Return what is asked to be drawn: (scene folder, png, mp4, lens set, first raw frame or None)."""
    found = []

    def make_preview(scene, png, mp4, *, set_index, raw_reader=None):
        raw = None if raw_reader is None else raw_reader(0, 1)[0]
        found.append((scene, png, mp4, set_index, raw))
        return SimpleNamespace(fps=24.0)

    monkeypatch.setattr(scene_preview, "make_preview", make_preview)
    monkeypatch.setattr(scene_preview, "rate_note", lambda view: "")
    return found


def preview(root, scene_id: str, **how):
    cfg = config.load(None, {"data.out_root": root})
    return preview_scene(cfg, scene_id, read_index(DatasetLayout.of(cfg))[scene_id], **how)


def a_scene(root) -> str:
    return next(iter(json.loads((root / "scene_index.json").read_text())))


def test_raw_frames_stand_in_front_while_they_are_there(_finished, finished, drawn, tmp_path):
    scene = a_scene(finished)
    raw_root = shutil.copytree(_finished / "raw", tmp_path / "raw")  # as it lay beside the data set
    written = preview(finished, scene, lens_set=1, folder=tmp_path / "p")
    assert written == [tmp_path / "p" / f"{scene}_set_01.png", tmp_path / "p" / f"{scene}_set_01.mp4"]
    folder, *files, lens_set, raw = drawn[0]
    assert (folder, files, lens_set) == (finished / scene, written, 1)
    sharp = cv2.imread(str(finished / scene / "frames_sharp/frame_0000.png"))[..., ::-1]
    assert np.array_equal(raw, sharp), "frames of this data set are passed through"
    shutil.rmtree(raw_root)
    preview(finished, scene)
    assert drawn[1][-1] is None and drawn[1][1] == preview_paths(finished / "previews", scene)[0]


def test_without_a_video_none_is_named(finished, drawn):
    scene = a_scene(finished)
    assert preview(finished, scene, with_video=False) == [finished / "previews" / f"{scene}_set_00.png"]
    assert drawn[0][2] is None


def test_panels_that_do_not_belong_together_are_not_drawn(finished, drawn):
    scene = a_scene(finished)
    for phase in ("frames_sharp", "depth_maps"):
        other = next(path for path in finished.glob(f"*/{phase}/.done") if path.parts[-3] != scene)
        (finished / scene / phase / ".done").write_bytes(other.read_bytes())
    with pytest.raises(StaleError, match=f"scene '{scene}'"):
        preview(finished, scene)
    assert drawn == []
