"""Phase 5 hands the renderer what its label says, publishes pairs, and goes on where a kill left it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from focusgen import config
from focusgen.base.errors import DepthRangeError, MissingUpstreamError
from focusgen.config import Config, settings_for
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.lens_metadata import set_lenses
from focusgen.dataset.published import read_bokeh, read_depth, read_focus, read_sharp
from focusgen.dataset.records import Record, read_record
from focusgen.dataset.scene_store import PhaseStore
from focusgen.media.codecs import decode_png, encode_npz
from focusgen.models.protocols import RenderContext
from focusgen.phases.job import SceneJob
from focusgen.phases.render import SNAP_HAS_NO_EFFECT, render_scene, upstream_records
from tests.small import MAX_COC_M, entry, finish_scene, identity


class Painter:
    """A renderer that paints each frame with its number and lens set, and keeps what it was handed."""

    approximations: tuple[str, ...] = ("painted",)

    def __init__(self, *, n_parallel: int = 1, together: int = 1) -> None:
        self.n_parallel, self.together = n_parallel, together
        self.contexts: list[RenderContext] = []
        self.calls: list[tuple[int, list[int]]] = []
        self.handed: dict[tuple[int, int], np.ndarray] = {}

    def start(self, context: RenderContext) -> Painting:
        self.contexts.append(context)
        return Painting(self, len(self.contexts) - 1)


class Painting:
    def __init__(self, painter: Painter, number: int) -> None:
        self.painter, self.number = painter, number

    def frames_per_call(self) -> int:
        return self.painter.together

    def render(self, frames: np.ndarray, radius: Any, focus_maps: np.ndarray, indices: Any) -> np.ndarray:
        self.painter.calls.append((self.number, list(indices)))
        for place, frame in enumerate(indices):
            self.painter.handed[self.number, int(frame)] = np.array(focus_maps[place])
        painted = frames.copy()
        painted[..., 0] = self.number
        painted[..., 1] = np.asarray(indices, np.uint8)[:, None, None]
        return painted


class Scene:
    """A scene after phase 3 whose renders are to be made."""

    def __init__(self, root: Path, n_frames: int = 3) -> None:
        self.dataset = DatasetLayout(root, root / "scene_index.json")
        self.entry = finish_scene(self.dataset, "a", entry(n_frames, width=32, height=16, shot_cuts=(1,)))
        self.layout = self.dataset.scene("a")
        self.frames: list[int] = []

    def cfg(self, **values: Any) -> Config:
        given = {"max_coc": MAX_COC_M, "n_sets": 2, **values}
        paths = {"data.out_root": self.dataset.root}
        return config.load(None, {**paths, **{f"render.{k}": v for k, v in given.items() if "." not in k}})

    def render(
        self,
        painter: Painter,
        cfg: Config | None = None,
        n_frames: int | None = None,
        on_frame: Callable[[int], None] | None = None,
        *,
        redo: bool = False,
    ) -> Record | None:
        cfg, n = cfg or self.cfg(), n_frames or self.entry.n_frames
        upstream = {p: read_record(self.layout.done(p)).digest for p in ("deblur", "depth")}
        made = identity("render", n_frames=n, settings=settings_for(cfg, "render"), upstream=upstream)
        with PhaseStore(self.layout, made, redo=redo) as store:
            job = SceneJob(cfg, self.dataset, "a", self.entry, store, n, on_frame or self.frames.append)
            render_scene(job, painter)
        return read_record(self.layout.done("render"))

    @property
    def metadata(self) -> dict[str, Any]:
        return json.loads(self.layout.metadata_json.read_bytes())


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_each_pair_is_the_label_of_its_depth_and_the_picture_made_with_it(scene):
    painter = Painter()
    scene.render(painter, redo=True)
    lenses = set_lenses(scene.metadata)
    assert len(lenses) == len(painter.contexts) == 2
    for number, lens in enumerate(lenses):
        for frame in range(3):
            label = lens.label(read_depth(scene.layout, frame), frame)
            assert np.array_equal(read_focus(scene.layout, number, frame), label)
            assert np.array_equal(painter.handed[number, frame], label)
            picture = read_bokeh(scene.layout, number, frame)
            assert picture[0, 0, :2].tolist() == [number, frame]
            assert np.array_equal(picture[..., 2], read_sharp(scene.layout, frame)[..., 2])
    assert scene.frames == [0, 1, 2]


def test_metadata_is_enough_for_a_stranger_and_says_nothing_of_the_day(scene):
    scene.render(Painter(), redo=True)
    first = scene.layout.metadata_json.read_bytes()
    document = json.loads(first)
    assert document["n_frames"] == 3 and document["shot_cuts"] == [1]
    assert document["width"] == 32 and document["height"] == 16 and document["sensor_width_mm"] == 36.0
    assert {s["max_coc"] for s in document["sets"]} == {MAX_COC_M}
    assert document["lens_law"]["seed"] == 42 and document["lens_law"]["law"] == "random"
    assert document["backends"] == {
        "deblur": "passthrough",
        "depth": "provided",
        "render": "thin_lens",
    }
    assert document["guidance"] is None and document["is_rehearsal"] is False
    scene.render(Painter(), redo=True)
    assert scene.layout.metadata_json.read_bytes() == first


def test_the_record_says_the_mean_label_and_what_was_approximated(scene):
    record = scene.render(Painter(), redo=True)
    means = [
        round(np.mean([read_focus(scene.layout, k, f).astype(float).mean() for f in range(3)]), 6)
        for k in range(2)
    ]
    assert record.details == {"focus_mean": pytest.approx(means), "approximations": ["painted"]}
    assert len(record.files) == 1 + 2 * 2 * 3


def test_an_unusual_mean_is_warned_of(scene):
    record = scene.render(Painter(), scene.cfg(warn_focus_mean=(0.99, 1.0)), redo=True)
    assert sum("is outside 0.99..1.0" in text for text in record.warnings) == 2
    log = scene.dataset.internal / "scene_logs" / "focus_map_warnings.txt" / "a"
    assert log.read_text().count("a: set_0") == 2


def test_a_setting_without_effect_is_answered(scene):
    assert SNAP_HAS_NO_EFFECT in scene.render(Painter(), scene.cfg(depth_edge_snap="on"), redo=True).warnings
    assert SNAP_HAS_NO_EFFECT not in scene.render(Painter(), redo=True).warnings


@pytest.mark.parametrize(("together", "n_parallel"), [(1, 1), (2, 1), (8, 1), (1, 3)])
def test_frames_together_and_sets_side_by_side_give_the_same_files(tmp_path, together, n_parallel):
    plain, other = Scene(tmp_path / "1"), Scene(tmp_path / "2")
    first = plain.render(Painter(), redo=True)
    painter = Painter(together=together, n_parallel=n_parallel)
    assert other.render(painter, redo=True).files == first.files
    of_first_set = [indices for number, indices in painter.calls if number == 0]
    assert of_first_set == [list(range(3))[i : i + together] for i in range(0, 3, together)]
    assert other.frames == [0, 1, 2]


def test_a_killed_run_goes_on_with_the_frames_that_it_lacks(scene):
    def stop(frame: int) -> None:
        if frame == 1:
            raise KeyboardInterrupt

    whole = scene.render(Painter(), redo=True)
    with pytest.raises(KeyboardInterrupt):
        scene.render(Painter(), on_frame=stop, redo=True)
    painter = Painter()
    again = scene.render(painter)
    assert {frame for _, frames in painter.calls for frame in frames} == {2}
    assert (again.files, again.digest) == (whole.files, whole.digest)


def test_where_nothing_is_missing_no_renderer_is_started(scene):
    painter = Painter()
    cfg = scene.cfg()
    with pytest.raises(ZeroDivisionError):
        scene.render(painter, cfg, on_frame=lambda frame: 1 // (2 - frame), redo=True)
    idle = Painter()
    scene.render(idle, cfg)
    assert idle.calls == [] and idle.contexts == []


def test_a_rehearsal_makes_its_own_frames_and_no_completion(scene):
    scene.layout.done("render").unlink()
    painter = Painter()
    assert scene.render(painter, n_frames=2, redo=True) is None
    assert read_record(scene.layout.partial("render")).n_frames == 2
    assert not scene.layout.focus(0, 2).exists() and scene.metadata["n_frames"] == 2


def test_clean_renders_are_kept_beside_noisy_ones(scene):
    cfg = scene.cfg(sensor={"noise_iso": 6400}, keep_clean=True)
    scene.render(Painter(), cfg, redo=True)
    clean = decode_png(scene.layout.clean(1, 2).read_bytes())
    noisy = read_bokeh(scene.layout, 1, 2)
    assert clean[0, 0, :2].tolist() == [1, 2]
    difference = np.abs(clean.astype(int) - noisy)
    assert 0.5 < difference.mean() < 60
    assert scene.metadata["sensor"] == {"noise_iso": 6400.0}


@pytest.mark.parametrize("phase", ["deblur", "depth"])
def test_what_it_is_made_from_has_to_be_there(scene, phase):
    scene.layout.done(phase).unlink()
    with pytest.raises(MissingUpstreamError, match=f"'a': phase {phase} has no record"):
        upstream_records(scene.layout)


def test_a_depth_map_of_which_no_label_can_be_made_is_named(scene):
    depth_m = read_depth(scene.layout, 1).copy()
    depth_m[0, 0] = np.nan
    scene.layout.depth(1).write_bytes(encode_npz("depth", depth_m))
    with pytest.raises(DepthRangeError, match=r"depth_0001\.npz: 1 of 512 depths are not finite"):
        scene.render(Painter(), redo=True)


def test_a_rehearsal_of_what_it_is_made_from_is_enough_for_one(scene):
    scene.layout.partial("depth").write_bytes(scene.layout.done("depth").read_bytes())
    scene.layout.done("depth").unlink()
    assert upstream_records(scene.layout)["depth"].n_frames == 3


def test_each_set_has_a_lens_of_its_own_and_other_scenes_others(tmp_path):
    scene = Scene(tmp_path)
    scene.render(Painter(), scene.cfg(n_sets=4), redo=True)
    lenses = [dataclasses.astuple(one.lens) for one in set_lenses(scene.metadata)]
    assert len(set(lenses)) == 4
