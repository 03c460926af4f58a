"""Procedural scenes: exact depth, exact flow, the same bytes everywhere."""

from __future__ import annotations

import hashlib
import itertools
import subprocess
import sys
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest

from focusgen.base.errors import ConfigError
from focusgen.synth.families import FAMILIES
from focusgen.synth.shapes import CameraPath, Shape
from focusgen.synth.texture import Material
from focusgen.synth.view import SynthScene, decode_display_u8
from focusgen.synth.write import make_scene, synth_dataset, write_rgbd
from tests.small import DEAD_PID

GREY = Material("checker", (0.2, 0.2, 0.2), (0.6, 0.6, 0.6), 0.1)
STILL = CameraPath(sway_m=(0.0, 0.0, 0.0), sway_deg=(0.0, 0.0))


def scene_of(*shapes: Shape, camera: CameraPath = STILL, fx_px: float = 80.0) -> SynthScene:
    return SynthScene("hand", 0, 2, 96, 64, fx_px, shapes, camera)


def small(family: str, seed: int = 0) -> SynthScene:
    return make_scene(family, seed, n_frames=2, width=160, height=96)


def slopes(scene: SynthScene) -> tuple[np.ndarray, np.ndarray]:
    x = (np.arange(scene.width) + 0.5 - scene.width / 2) / scene.fx_px
    y = (np.arange(scene.height) + 0.5 - scene.height / 2) / scene.fx_px
    return x[None, :], y[:, None]


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_depth_of_a_slanted_plane_is_its_equation():
    # Plane through (0, 0, 2), turned by 30 degrees about y: z = 2 / (1 + x tan 30), x the slope of the ray.
    scene = scene_of(Shape("rectangle", (0.0, 0.0, 2.0), (50.0, 50.0, 1.0), GREY, (30.0, 0.0, 0.0)))
    x, y = slopes(scene)
    expected = 2.0 / (1.0 + x * np.tan(np.deg2rad(30.0))) + 0.0 * y
    np.testing.assert_allclose(scene.depth_m(0), expected, rtol=1e-7)


def test_depth_is_along_the_axis_and_not_along_the_ray():
    scene = scene_of(Shape("box", (0.0, 0.0, 3.5), (9.0, 9.0, 0.5), GREY))
    assert np.all(scene.depth_m(0) == np.float32(3.0))


@pytest.mark.parametrize(
    ("kind", "half", "expected"),
    [
        ("ellipsoid", (0.3, 0.3, 0.4), 1.6),
        ("cylinder", (0.25, 0.5, 0.25), 1.75),
        ("box", (0.2, 0.2, 0.1), 1.9),
        ("disc", (0.2, 0.2, 1.0), 2.0),
    ],
)
def test_the_front_of_every_body_is_where_it_was_put(kind, half, expected):
    wall = Shape("rectangle", (0.0, 0.0, 5.0), (50.0, 50.0, 1.0), GREY)
    depth_m = scene_of(wall, Shape(kind, (0.0, 0.0, 2.0), half, GREY), fx_px=4000.0).depth_m(0)
    assert depth_m.min() == pytest.approx(expected, rel=1e-4)


def test_a_camera_that_steps_forward_sees_everything_nearer_by_the_step():
    wall = Shape("rectangle", (0.0, 0.0, 3.0), (50.0, 50.0, 1.0), GREY)
    ahead = CameraPath((0.0, 0.0, 0.5), 0.0, 0.0, (0.0, 0.0, 0.0), (0.0, 0.0))
    assert np.all(scene_of(wall, camera=ahead).depth_m(0) == np.float32(2.5))


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_flow_leads_every_seen_point_to_its_own_colour(family):
    scene = make_scene(family, 0, width=240, height=144)
    flow_px, is_occluded = scene.flow(0)
    now, following = (scene.frame(t).rgb.astype(np.float32) for t in (0, 1))
    x, y = np.meshgrid(np.arange(240, dtype=np.float32), np.arange(144, dtype=np.float32))
    warped = cv2.remap(
        following, x + flow_px[..., 0], y + flow_px[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    error = np.square(warped - now).mean(axis=-1)
    # Away from edges of bodies, where a pixel mixes two of them, only resampling is left.
    is_edge = cv2.dilate(np.abs(np.gradient(np.log(scene.depth_m(0)))).max(axis=0), np.ones((5, 5))) > 0.05
    seen = ~is_occluded & ~is_edge
    assert seen.mean() > 0.3
    assert np.sqrt(error[seen].mean()) < 0.45 * np.sqrt(np.square(following - now).mean(axis=-1)[seen].mean())
    assert np.sqrt(error[is_occluded].mean()) > 1.5 * np.sqrt(error[seen].mean())
    assert 0.2 < np.median(np.linalg.norm(flow_px, axis=-1)) < 5.0


def test_flow_of_a_sideways_step_is_the_disparity():
    wall = Shape("rectangle", (0.0, 0.0, 4.0), (50.0, 50.0, 1.0), GREY)
    ball = Shape("ellipsoid", (0.0, 0.0, 2.0), (0.2, 0.2, 0.2), GREY)
    # sin(pi / 2) - sin(0): the camera is 0.1 m further right in the next frame.
    camera = CameraPath((0.0, 0.0, 0.0), 0.0, 0.0, (0.1, 0.0, 0.0), (0.0, 0.0), period_frames=4.0)
    scene = scene_of(wall, ball, camera=camera)
    flow_px, is_occluded = scene.flow(0)
    np.testing.assert_allclose(flow_px[..., 0], -80.0 * 0.1 / scene.depth_m(0), atol=1e-5)
    np.testing.assert_allclose(flow_px[..., 1], 0.0, atol=1e-5)
    hidden = is_occluded[32]
    left_edge = 48 - 80 * 0.2 / np.sqrt(2.0**2 - 0.2**2)  # outline of the ball, 8 px left of the middle
    # The ball moves 4 px to the left and the wall 2: it hides a strip of the wall to the left of itself.
    assert hidden[int(left_edge) - 1] and not hidden[int(left_edge) - 4] and not hidden[70]
    assert hidden[:2].all(), "what leaves the picture is not seen next"


def test_moving_bodies_carry_their_flow():
    wall = Shape("rectangle", (0.0, 0.0, 4.0), (50.0, 50.0, 1.0), GREY)
    ball = Shape("ellipsoid", (0.0, 0.0, 2.0), (0.3, 0.3, 0.3), GREY, (0, 0, 0), (0.0, 0.05, 0.0), 4.0)
    scene = scene_of(wall, ball)
    flow_px, _ = scene.flow(0)
    is_ball = scene.depth_m(0) < 3.0
    np.testing.assert_allclose(flow_px[is_ball][:, 1], 80.0 * 0.05 / scene.depth_m(0)[is_ball], rtol=1e-5)
    assert np.abs(flow_px[~is_ball]).max() < 1e-6


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", [0, 7])
def test_scenes_are_closed_textured_and_within_range(family, seed):
    scene = small(family, seed)
    rgb, depth_m = scene.frame(0)
    assert rgb.shape == (96, 160, 3) and rgb.dtype == np.uint8
    assert depth_m.shape == (96, 160) and depth_m.dtype == np.float32
    assert depth_m.min() > 0.3 and depth_m.max() < 10.0
    assert depth_m.max() > 2.5 * depth_m.min(), "near and far things"
    blocks = rgb.astype(np.float32).mean(axis=-1).reshape(12, 8, 20, 8).swapaxes(1, 2).reshape(240, 64)
    assert np.mean(blocks.std(axis=1) > 2.0) > 0.9, "blur must be measurable nearly everywhere"
    assert (rgb == 255).mean() < 0.02 and (rgb == 0).mean() < 0.02


def test_no_ray_escapes_a_wide_camera_on_a_long_walk():
    for family in FAMILIES:
        scene = make_scene(family, 3, width=48, height=48, fx_px=48 * 24.0 / 36.0)
        for t in (0, 17, 44, 400):
            assert np.isfinite(scene.depth_m(t)).all()
            assert 0.3 < scene.depth_m(t).min() and scene.depth_m(t).max() < 10.0


@pytest.mark.slow
def test_families_and_seeds_all_differ():
    scenes = [make_scene(*which, width=80, height=48) for which in itertools.product(FAMILIES, (0, 1))]
    pictures = [scene.frame(0).rgb for scene in scenes]
    for a, b in itertools.combinations(pictures, 2):
        assert np.mean(a != b) > 0.5
    assert len(FAMILIES) >= 5


def test_a_longer_clip_begins_with_the_same_frames():
    short, long = (make_scene("bars", 2, n_frames=n, width=64, height=48) for n in (2, 40))
    assert np.array_equal(short.frame(1).rgb, long.frame(1).rgb)


def test_supersampling_is_a_box_filter_in_linear_light():
    # A white half plane whose edge cuts a column of pixels at a quarter: light 0.25 there, whatever gamma is.
    black = Material("checker", (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 1.0, grain=0.0, glow=1.0)
    white = Material("checker", (1.0, 1.0, 1.0), (1.0, 1.0, 1.0), 1.0, grain=0.0, glow=1.0)
    wall = Shape("rectangle", (0.0, 0.0, 2.0), (50.0, 50.0, 1.0), black)
    edge_m = 1.0 * 10.25 / 80.0  # column 58.25 at 1 m
    sheet = Shape("rectangle", (edge_m - 10.0, 0.0, 1.0), (10.0, 50.0, 1.0), white)
    light = decode_display_u8(scene_of(wall, sheet).frame(0).rgb)[10, :, 0]
    assert light[57] == 1.0 and light[59] == 0.0
    assert light[58] == pytest.approx(0.25, abs=0.01)


@pytest.mark.slow
def test_bytes_do_not_depend_on_the_process_or_the_number_of_workers(tmp_path):
    arguments = dict(families=["portrait"], n_scenes=1, n_frames=3, width=64, height=48, faults="all")
    synth_dataset(tmp_path / "a", tmp_path / "ad", **arguments)
    synth_dataset(tmp_path / "b", tmp_path / "bd", **arguments, workers=2)
    code = (
        "import sys; from pathlib import Path; from focusgen.synth.write import synth_dataset; "
        f"synth_dataset(Path(sys.argv[1]), Path(sys.argv[2]), **{arguments!r})"
    )
    environment = {"PYTHONHASHSEED": "12345", "PATH": ""}
    subprocess.run([sys.executable, "-c", code, tmp_path / "c", tmp_path / "cd"], check=True, env=environment)
    for first, other in (("a", "b"), ("a", "c"), ("ad", "bd"), ("ad", "cd")):
        names = sorted(p.name for p in (tmp_path / first / "portrait_000").iterdir())
        assert len(names) == 3
        assert names == sorted(p.name for p in (tmp_path / other / "portrait_000").iterdir())
        for name in names:
            assert sha(tmp_path / first / "portrait_000" / name) == sha(
                tmp_path / other / "portrait_000" / name
            )


def test_a_written_scene_reads_back_as_it_was_made(tmp_path):
    scene, seen = make_scene("tabletop", 4, n_frames=2, width=64, height=48), []
    for place in ("raw/mine/.frame_0001.png", "depth/mine/.depth_0001.npy"):  # of a call that was killed
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / f"{place}.{DEAD_PID}.tmp").touch()
    write_rgbd(scene, tmp_path / "raw", tmp_path / "depth", name="mine", progress=lambda *n: seen.append(n))
    rgb = cv2.imread(str(tmp_path / "raw/mine/frame_0001.png"))[..., ::-1]
    assert np.array_equal(rgb, scene.frame(1).rgb)
    depth_m = np.load(tmp_path / "depth/mine/depth_0001.npy")
    assert depth_m.dtype == np.float32 and np.array_equal(depth_m, scene.frame(1).depth_m)
    assert seen == [(1, 2), (2, 2)] and len([*tmp_path.rglob("*.*")]) == 4


def test_a_shorter_clip_is_not_mixed_into_a_longer_one(tmp_path):
    def write(n_frames: int) -> None:
        write_rgbd(
            make_scene("bars", 0, n_frames=n_frames, width=32, height=32), tmp_path / "r", tmp_path / "d"
        )

    write(3)
    write(3)
    with pytest.raises(ConfigError, match=r"bars_000 holds 1 other files \(frame_0002.png\)"):
        write(2)
    write(4)


def test_a_data_set_takes_the_families_in_turn_and_then_new_seeds(tmp_path):
    arguments = dict(seed=5, n_scenes=3, n_frames=1, width=32, height=32)
    families = ["bars", "foliage", "bars"]  # named twice, drawn once per round
    names = synth_dataset(tmp_path / "r", tmp_path / "d", families=families, **arguments)
    assert names == ["bars_005", "foliage_005", "bars_006"]
    assert sorted(p.name for p in (tmp_path / "r").iterdir()) == sorted(names)


def test_wrong_requests_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ConfigError, match="'beach'.*\n.*tabletop"):
        synth_dataset(tmp_path / "r", tmp_path / "d", families=["tabletop", "beach"])
    with pytest.raises(ConfigError, match="faults"):
        synth_dataset(tmp_path / "r", tmp_path / "d", faults="rain")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="0 x 64"):
        make_scene("bars", 0, width=0, height=64)
    with pytest.raises(ConfigError, match="negative"):
        make_scene("bars", -1)
    assert not (tmp_path / "r").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("usual_garbage")
def test_memory_of_a_frame_grows_with_the_picture_and_not_with_its_rays():
    def peak_bytes(width: int, height: int) -> int:
        scene = make_scene("village", 0, width=width, height=height)
        tracemalloc.start()
        scene.frame(0)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    # 16 rays per pixel with 20 numbers each would be 1280 B; light, codes and exact depth stay far below.
    growth = (peak_bytes(512, 256) - peak_bytes(256, 128)) / (512 * 256 - 256 * 128)
    assert growth < 160
