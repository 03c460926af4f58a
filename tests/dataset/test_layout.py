"""The paths of the published contract, and that no two things share one."""

from __future__ import annotations

from pathlib import Path

import pytest

from focusgen.base.names import RESERVED_NAMES
from focusgen.config import SCENE_PHASES, load
from focusgen.dataset.layout import DatasetLayout, SceneLayout

ROOT = Path("/data/set")
SCENE = SceneLayout(ROOT, "bear")


@pytest.mark.parametrize(
    ("path", "published"),
    [
        (SCENE.sharp(7), "bear/frames_sharp/frame_0007.png"),
        (SCENE.sharp(12345), "bear/frames_sharp/frame_12345.png"),
        (SCENE.depth(7), "bear/depth_maps/depth_0007.npz"),
        (SCENE.valid(7), "bear/depth_maps/valid_0007.png"),
        (SCENE.bokeh(2, 7), "bear/bokeh_renders/set_02/bokeh_0007.png"),
        (SCENE.focus(2, 7), "bear/focus_maps/set_02/focus_0007.npz"),
        (SCENE.focus(100, 0), "bear/focus_maps/set_100/focus_0000.npz"),
        (SCENE.split_txt, "bear/split.txt"),
        (SCENE.metadata_json, "bear/metadata.json"),
        (SCENE.stats_json, "bear/depth_maps/stats.json"),
        (SCENE.done("deblur"), "bear/frames_sharp/.done"),
        (SCENE.done("depth"), "bear/depth_maps/.done"),
        (SCENE.done("render"), "bear/bokeh_renders/.done"),
        (SCENE.failed("depth"), "bear/depth_maps/.failed"),
    ],
)
def test_published_paths_are_those_of_the_contract(path, published):
    assert path.relative_to(ROOT).as_posix() == published


def layout(root: Path = ROOT) -> DatasetLayout:
    return DatasetLayout.of(load(overrides={"data.out_root": str(root)}))


def test_no_two_things_of_a_scene_share_a_path_and_all_lie_in_the_data_set():
    paths = [
        SCENE.split_txt,
        SCENE.metadata_json,
        SCENE.stats_json,
        SCENE.ingest_json,
        SCENE.depth_counts_npz,
    ]
    for frame in (0, 1):
        paths += [SCENE.sharp(frame), SCENE.depth(frame), SCENE.valid(frame), SCENE.held_back_depth(frame)]
        paths += [p for k in (0, 1) for p in (SCENE.bokeh(k, frame), SCENE.focus(k, frame))]
    for phase in SCENE_PHASES:
        paths += [SCENE.done(phase), SCENE.partial(phase), SCENE.failed(phase)]
        paths += [SCENE.lock(phase), SCENE.journal(phase), SCENE.record_copy(phase)]
    assert len(set(paths)) == len(paths)
    assert all(path.is_relative_to(ROOT) for path in paths)


def test_two_scenes_share_nothing():
    other = SceneLayout(ROOT, "bear.2")
    for phase in SCENE_PHASES:
        assert SCENE.lock(phase) != other.lock(phase) and SCENE.journal(phase) != other.journal(phase)
    assert SCENE.depth_counts_npz != other.depth_counts_npz


def test_what_lies_at_the_root_beside_scenes_may_not_be_a_scene_s_name():
    dataset = layout()
    ours = [dataset.logs, dataset.previews, dataset.index_json]
    assert {path.name for path in ours} <= RESERVED_NAMES
    assert dataset.internal.name.startswith("."), "no scene id begins with a dot"


def test_an_index_elsewhere_moves_only_the_index():
    cfg = load(overrides={"data.out_root": "/data/set", "data.scene_index": "/other/index.json"})
    dataset = DatasetLayout.of(cfg)
    assert dataset.index_json == Path("/other/index.json")
    assert dataset.index_copy_json.is_relative_to(ROOT) and dataset.logs.is_relative_to(ROOT)
