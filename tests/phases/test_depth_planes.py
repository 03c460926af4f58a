"""Numbers that are no depth along the axis are told by the scene's planes; depth is not."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen import cli
from focusgen.dataset.records import read_record
from focusgen.phases.depth_planes import plane_texts

FOCAL_PX = 190.0


@pytest.fixture
def room(tmp_path):
    """Return the exact depth of a procedural corridor, a tabletop and a village."""
    roots = ("--raw_root", str(tmp_path / "raw"), "--depth_root", str(tmp_path / "depth"))
    size = ("--n_scenes", "3", "--n_frames", "1", "--width", "256", "--height", "160")
    assert cli.main(["synth", *roots, "--families", "corridor,tabletop,village", *size]) == 0
    return [np.load(path) for path in sorted((tmp_path / "depth").glob("*/*.npy"))]


def along_rays(depth_m):
    height, width = depth_m.shape
    y, x = np.mgrid[:height, :width]
    x, y = x - (width - 1) / 2, y - (height - 1) / 2
    return depth_m * np.sqrt(x * x + y * y + FOCAL_PX**2) / FOCAL_PX


def spheres(seed: int):
    """Return the depth of bodies that bend everywhere, before a wall straight across the view."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:160, :256]
    ray = np.stack([(x - 127.5) / FOCAL_PX, (y - 79.5) / FOCAL_PX, np.ones(x.shape)], -1)
    depth_m = np.full(x.shape, 9.3)
    for centre in rng.uniform((-1.5, -1.0, 2.0), (1.5, 1.0, 7.0), (25, 3)):
        a, b = (ray * ray).sum(-1), ray @ centre
        inside = b * b - a * (centre @ centre - rng.uniform(0.2, 0.9) ** 2)
        hit_m = np.where(inside > 0, (b - np.sqrt(np.maximum(inside, 0))) / a, np.inf)
        depth_m = np.where(hit_m > 0, np.minimum(depth_m, hit_m), depth_m)
    return depth_m


def test_depth_along_the_axis_is_not_told(room):
    noise = np.random.default_rng(0).normal(1.0, 0.003, room[0].shape)
    for depth_m in room:
        for given in (depth_m, np.round(depth_m, 3), depth_m * noise, depth_m.astype(np.float16)):
            assert list(plane_texts([given])) == []


@pytest.mark.parametrize("seed", range(5))
def test_curved_bodies_are_no_bent_planes(seed):
    assert list(plane_texts([spheres(seed)])) == []


@pytest.mark.parametrize("inverse", [lambda d: 8 / d, lambda d: (8 / d - 0.5).astype(np.float16)])
def test_inverse_depth_is_told(room, inverse):
    for depth_m in room:
        [text] = plane_texts([inverse(depth_m)])
        assert text.startswith("these numbers look like inverse depth or disparity: ")


def test_distances_along_rays_are_told_with_their_camera(room):
    for depth_m in room:
        [text] = plane_texts([np.round(along_rays(depth_m), 3)])
        told_px = float(text.split("a camera of about ")[1].split(" px")[0])
        assert told_px == pytest.approx(FOCAL_PX, rel=0.03)


def test_one_ramp_over_the_picture_is_made_up_and_tells_nothing():
    ramp = np.linspace(2.0, 6.0, 256)[None].repeat(160, 0)
    ramp[40:120, 80:160] = 1.0
    ramp[:60, 180:240] = 2.5
    assert list(plane_texts([ramp, ramp + 0.01])) == []


def test_holes_and_small_maps_have_no_votes(room):
    holes = room[0].copy()
    holes[::8, ::8] = np.nan
    assert list(plane_texts([8 / holes, 8 / room[0][:12, :12]])) == []


def test_phase_3_tells_it_and_the_flag_that_is_advised_mends_it(rgbd):
    roots = ("--raw_root", str(rgbd.raw_root), "--depth_root", str(rgbd.depth_root))
    size = ("--n_scenes", "1", "--n_frames", "2", "--width", "256", "--height", "160")
    assert cli.main(["synth", *roots, "--families", "village", *size]) == 0
    for path in (rgbd.depth_root / "village_000").iterdir():
        np.save(path, along_rays(np.load(path)))
    told = []
    for flags in ((), ("--depth.ray_distance_focal_px", str(FOCAL_PX), "--on_stale", "redo")):
        assert rgbd.depth_phase(*flags) == 0
        warnings = read_record(rgbd.out_root / "village_000/depth_maps/.done").warnings
        told.append([text for text in warnings if "along the rays" in text])
    assert len(told[0]) == 1 and told[1] == []
