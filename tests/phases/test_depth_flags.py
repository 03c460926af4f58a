"""Masks of doubtful depth through phases 3 and 6: what is flagged, when none is written, kills, repair."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from focusgen import cli
from focusgen.dataset.journals import reopen
from focusgen.dataset.layout import SceneLayout
from focusgen.dataset.records import read_record
from focusgen.optics.validity import edge_flags
from tests.fingerprint import published_digests

ROOTS = ("raw_root", "out_root", "depth_root")


def rewrite(rgbd, change) -> None:
    for frame, path in enumerate(sorted((rgbd.depth_root / "a").iterdir())):
        np.save(path, change(frame, np.load(path)))


def scene(rgbd) -> SceneLayout:
    return SceneLayout(rgbd.out_root, "a")


def masks(rgbd) -> list[np.ndarray]:
    paths = sorted((rgbd.out_root / "a/depth_maps").glob("valid_*.png"))
    return [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in paths]


def with_holes_and_sky_in_frame_1(frame: int, depth_m: np.ndarray) -> np.ndarray:
    if frame == 1:
        depth_m[0, :5], depth_m[1, :3], depth_m[2, :4] = np.nan, 0.001, np.inf
        depth_m[3, :2] = 30.0
    return depth_m


@pytest.mark.slow
def test_every_kind_of_change_has_its_flag_and_a_scene_has_a_mask_of_every_frame_or_none(rgbd, capsys):
    rgbd.add_scene("a")
    assert rgbd.run() == 0
    assert masks(rgbd) == [], "exact depth without a hole: its edges are the picture's"
    rewrite(rgbd, with_holes_and_sky_in_frame_1)
    assert rgbd.run("--on_stale", "redo", "--depth.max_m", "20") == 0
    found = masks(rgbd)
    assert len(found) == 4 and all(mask.dtype == np.uint8 and mask.shape == (32, 48) for mask in found)
    noticed = found[1] & 31
    assert [noticed[y, :6].tolist() for y in range(4)] == [
        [1, 1, 1, 1, 1, 0],
        [2, 2, 2, 0, 0, 0],
        [4, 4, 4, 4, 0, 0],
        [4, 4, 0, 0, 0, 0],
    ]
    assert int((noticed != 0).sum()) == 14 and not any((found[f] & 31).any() for f in (0, 2, 3))
    for frame, mask in enumerate(found):
        with np.load(scene(rgbd).depth(frame)) as saved:
            assert np.array_equal(mask & 32, edge_flags(saved["depth"])) and (mask & 32).any()
    record = read_record(scene(rgbd).done("depth"))
    counted = record.details["flagged_pixels"]
    assert (counted["patched"], counted["raised"], counted["far"]) == (5, 3, 6)
    assert "valid_0003.png" in record.files
    report = rgbd.report()
    assert report["verdict"] == "pass"


@pytest.mark.slow
def test_numbers_at_the_limit_of_sixteen_bits_are_flagged_where_the_published_pixel_is(rgbd):
    rgbd.add_scene("a", width=40, height=32)  # published at 48 x 32
    for path in list((rgbd.depth_root / "a").iterdir()):
        units = (np.load(path) * 1000).astype(np.uint16)
        units[:, :10] = 65535
        cv2.imwrite(str(path.with_suffix(".png")), units)
        path.unlink()
    assert rgbd.run("--depth_scale", "1000") == 0
    for mask in masks(rgbd):
        assert (mask[:, :12] & 8 == 8).all() and not (mask[:, 12:] & 8).any()


@pytest.mark.slow
def test_depth_that_is_not_exact_has_masks_for_its_edges_alone(rgbd):
    rgbd.add_scene("a")
    assert rgbd.run("--depth.is_exact", "false") == 0
    assert len(masks(rgbd)) == 4 and set(np.unique(masks(rgbd))) == {0, 32}
    metadata = json.loads(scene(rgbd).metadata_json.read_text())
    assert metadata["depth_is_exact"] is False
    assert rgbd.run("--depth.is_exact", "true", "--on_stale", "redo") == 0
    assert masks(rgbd) == []
    assert json.loads(scene(rgbd).metadata_json.read_text())["depth_is_exact"] is True
    assert rgbd.run() == 0, "auto and true are the same for depth that came with the data"


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["depth_0001.npz", "valid_0001.png", "valid_0003.png"])
def test_a_repaired_scene_has_its_old_masks(rgbd, lost):
    rgbd.add_scene("a")
    rewrite(rgbd, with_holes_and_sky_in_frame_1)
    assert rgbd.run() == 0
    before = published_digests(rgbd.out_root)
    (rgbd.out_root / "a/depth_maps" / lost).unlink()
    assert cli.main(["repair", *rgbd.flags(*ROOTS[:2])]) == 0
    assert published_digests(rgbd.out_root) == before


def with_much_sky_and_a_hole(frame: int, depth_m: np.ndarray) -> np.ndarray:
    depth_m = np.tile(np.linspace(1.0, 3.0, depth_m.shape[1], dtype=np.float32), (len(depth_m), 1))
    depth_m[:12], depth_m[20, frame : frame + 5], depth_m[25, :3] = np.inf, np.nan, 40.0
    return depth_m


@pytest.mark.slow
@pytest.mark.parametrize("flags", [(), ("--depth.far_m", "100"), ("--depth.max_m", "20")])
def test_a_repaired_map_is_filled_as_before_though_the_sky_of_the_others_stands_filled(rgbd, flags):
    rgbd.add_scene("a")
    rewrite(rgbd, with_much_sky_and_a_hole)
    assert rgbd.run(*flags) == 0
    before = published_digests(rgbd.out_root)
    scene(rgbd).depth(2).unlink()
    assert cli.main(["repair", *rgbd.flags(*ROOTS[:2])]) == 0
    assert published_digests(rgbd.out_root) == before


@pytest.mark.slow
def test_a_scene_that_an_older_release_began_gets_no_masks(rgbd):
    rgbd.add_scene("a")
    rewrite(rgbd, with_holes_and_sky_in_frame_1)
    assert rgbd.run() == 0
    paths, record = scene(rgbd), read_record(scene(rgbd).done("depth"))
    reopen(paths, record, [paths.depth(2), *(paths.valid(frame) for frame in range(4))])
    kept = paths.journal("depth").with_name("depth_notes.jsonl")
    lines = kept.read_text().splitlines(keepends=True)
    kept.write_text("".join(line for line in lines if '"masks"' not in line and '"noticed' not in line))
    assert cli.phase_main("depth", "doc", rgbd.flags("out_root", "depth_root")) == 0
    assert masks(rgbd) == []
