"""Own depth through phase 3: unit, holes, sky, saturation, pairs, and what is refused with a way out."""

from __future__ import annotations

import json

import cv2
import h5py
import numpy as np
import pytest

from focusgen import cli
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import read_record
from focusgen.phases.scene_depth import SceneDepth
from tests.layouts import N_FRAMES, planar_m, write_depth_png, write_pictures

REDO = ("--on_stale", "redo")


def rewrite(rgbd, change, scene: str = "a") -> None:
    """Change every depth map of a scene."""
    for path in (rgbd.depth_root / scene).iterdir():
        np.save(path, change(np.load(path)))


def as_png(rgbd, units_per_metre: float, change=lambda units: units) -> None:
    for path in list((rgbd.depth_root / "a").iterdir()):
        units = change((np.load(path) * units_per_metre).round().astype(np.uint16))
        cv2.imwrite(str(path.with_suffix(".png")), units)
        path.unlink()


def maps(rgbd, scene: str = "a") -> list[np.ndarray]:
    folder = rgbd.out_root / scene / "depth_maps"
    return [np.load(path)["depth"] for path in sorted(folder.glob("*.npz"))]


def record(rgbd, scene: str = "a"):
    return read_record(rgbd.out_root / scene / "depth_maps" / ".done")


def test_sixteen_bits_need_their_unit_said_and_then_it_is_told_and_kept(rgbd, capsys):
    rgbd.add_scene("a")
    as_png(rgbd, 500.0)
    assert rgbd.depth_phase() == 2, "asked before anything is begun"
    said = capsys.readouterr().err
    assert "depth_0000.png: whole numbers (uint16)" in said and "--depth_scale 1000" in said
    assert rgbd.depth_phase("--depth_scale", "500") == 0, "no further flag, since nothing was made"
    assert "500 per metre, median 3.99 m" in capsys.readouterr().err
    assert maps(rgbd)[0][0, 0] == 2.0
    assert record(rgbd).details["unit"] == "500 per metre, median 3.99 m (uint16)"


@pytest.mark.slow
def test_a_finished_scene_of_sixteen_bits_stays_complete_without_its_unit_said(rgbd):
    rgbd.add_scene("a")
    as_png(rgbd, 1000.0)
    assert rgbd.depth_phase("--depth_scale", "1000") == 0
    before = record(rgbd).document
    assert rgbd.depth_phase() == 0, "as one of release 0.1.0, which took 1000 for granted"
    assert record(rgbd).document == before


def test_an_implausible_median_fails_the_scene_and_both_ways_out_work(rgbd, capsys):
    rgbd.add_scene("a")
    rewrite(rgbd, lambda depth_m: depth_m * 1000)
    assert rgbd.depth_phase() == 3
    said = capsys.readouterr().err
    assert "median depth of 3990 m is implausible" in said or "median depth of 3988 m is implausible" in said
    assert "--depth_scale" in said and "accept_range" in said
    assert maps(rgbd) == [] and not (rgbd.out_root / "a/depth_maps/stats.json").exists()
    assert rgbd.depth_phase("--depth_scale", "1000") == 0
    assert "1000 per metre, median 3.99 m" in capsys.readouterr().err
    assert maps(rgbd)[0][0, 0] == 2.0
    assert rgbd.depth_phase() == 3, "without the scale, the finished scene is another"
    assert rgbd.depth_phase("--depth.accept_range", "true", "--on_stale", "redo") == 0
    assert maps(rgbd)[0][0, 0] == 2000.0


@pytest.mark.parametrize(("factor", "is_fine"), [(0.0127, True), (0.0124, False), (124, True), (127, False)])
def test_medians_are_plausible_from_five_centimetres_to_five_hundred_metres(rgbd, factor, is_fine):
    rgbd.add_scene("a")
    rewrite(rgbd, lambda depth_m: depth_m * np.float32(factor * 3.99 / np.median(depth_m)))
    assert rgbd.depth_phase() == (0 if is_fine else 3)


@pytest.mark.parametrize("mark", [0.0, -1.0, np.nan, -np.inf])
def test_marks_of_no_depth_are_holes_at_the_median_and_no_surface_at_a_centimetre(rgbd, mark):
    rgbd.add_scene("a")
    rewrite(rgbd, lambda depth_m: np.vstack([np.full((2, 48), mark, np.float32), depth_m[2:]]))
    assert rgbd.depth_phase() == 0
    measured = np.concatenate([depth_m[2:].ravel() for depth_m in maps(rgbd)]).astype(np.float64)
    assert {float(d[0, 0]) for d in maps(rgbd)} == {float(np.float16(np.median(measured)))}
    assert record(rgbd).details["patched_raised_lowered"]["0"] == [96, 0, 0]
    assert json.loads((rgbd.out_root / "a/depth_maps/stats.json").read_text())["d_min"] == 1.0


def test_neither_sky_nor_what_was_lowered_attracts_focus(rgbd):
    rgbd.add_scene("a")
    rewrite(rgbd, lambda depth_m: np.vstack([np.full((8, 48), np.inf, np.float32), depth_m[8:]]))
    assert rgbd.depth_phase("--depth.max_m", "5") == 0
    scene = DatasetLayout(rgbd.out_root, rgbd.out_root / "scene_index.json").scene("a")
    surfaces = SceneDepth(scene, record(rgbd)).surfaces()
    given_m = np.stack([np.load(path) for path in sorted((rgbd.depth_root / "a").iterdir())])
    at_5_m = (given_m <= 5.0) & (given_m.astype(np.float16) == 5.0)
    assert (given_m[np.isfinite(given_m)] > 5.0).any(), "something is lowered"
    assert surfaces.depth_m[-1] == 5.0 and surfaces.share[-1] > 0.25
    assert surfaces.focusable[-1] == at_5_m.mean()
    (shot,) = SceneDepth(scene, record(rgbd)).shot_surfaces([(0, 4)])
    np.testing.assert_array_equal(shot.focusable, surfaces.focusable)
    first, _ = SceneDepth(scene, record(rgbd)).shot_surfaces([(0, 2), (2, 4)])
    assert first.focusable[-1] == at_5_m[:2].mean()


def test_infinite_depth_is_as_far_as_the_farthest_and_counted_and_told(rgbd, capsys):
    rgbd.add_scene("a")
    rewrite(rgbd, lambda depth_m: np.vstack([np.full((8, 48), np.inf, np.float32), depth_m[8:]]))
    assert rgbd.depth_phase() == 0
    largest = max(float(depth_m[8:].max()) for depth_m in maps(rgbd))
    assert {float(d[0, 0]) for d in maps(rgbd)} == {largest} and largest > 6.0
    details = record(rgbd).details
    assert details["far_pixels"] == {str(frame): 8 * 48 for frame in range(4)}
    assert details["far_m"] == largest and details["changed_fraction"] == 0.0
    assert "25 % of the depth pixels are infinite" in capsys.readouterr().err
    assert any("depth.far_m" in text for text in record(rgbd).warnings)
    assert rgbd.depth_phase("--depth.far_m", "40", "--on_stale", "redo") == 0
    assert {float(d[0, 0]) for d in maps(rgbd)} == {40.0}
    assert not any("infinite" in text for text in record(rgbd).warnings)


def test_a_sky_that_is_put_before_surfaces_is_told_and_one_beyond_float16_refused(rgbd, capsys):
    rgbd.add_scene("a")
    rewrite(rgbd, lambda depth_m: np.vstack([np.full((8, 48), np.inf, np.float32), depth_m[8:]]))
    assert rgbd.depth_phase("--depth.far_m", "1e5") != 0
    assert "100000 m does not fit float16" in capsys.readouterr().err
    assert not list((rgbd.out_root / "a/depth_maps").glob("*.npz")), "no infinite depth is published"
    assert rgbd.depth_phase("--depth.far_m", "2", "--on_stale", "redo") == 0
    assert "(2 m) before surfaces up to" in capsys.readouterr().err


def test_saturated_numbers_are_told_with_their_share_until_they_are_named_as_holes(rgbd, capsys):
    rgbd.add_scene("a")

    def saturate(units: np.ndarray) -> np.ndarray:
        units[:4] = 65535
        return units

    as_png(rgbd, 1000.0, saturate)
    assert rgbd.depth_phase("--depth_scale", "1000") == 0
    assert "12 % of the depth numbers are 65535" in capsys.readouterr().err
    assert any("65535" in text for text in record(rgbd).warnings)
    assert maps(rgbd)[0][0, 0] == np.float16(65.535)
    flags = ["--depth_scale", "1000", "--depth.invalid_value", "65535", "--on_stale", "redo"]
    assert rgbd.depth_phase(*flags) == 0
    assert 3.0 < maps(rgbd)[0][0, 0] < 5.0
    assert not any("65535" in text for text in record(rgbd).warnings)


def test_millimetres_whose_bits_were_turned_are_told(rgbd, capsys):
    """SUN RGB-D under other names: a room of 4 m would be a hall of 32 m."""
    rgbd.add_scene("a")
    smooth_m = np.linspace(1.0, 7.0, 32 * 48, dtype=np.float32).reshape(32, 48)
    rewrite(rgbd, lambda depth_m: smooth_m)
    as_png(rgbd, 1000.0, lambda units: (units << 3) | (units >> 13))
    assert rgbd.depth_phase("--depth_scale", "1000") == 0
    assert "all depth numbers divide by 8" in capsys.readouterr().err
    assert any("--depth_scale 8000" in text for text in record(rgbd).warnings)
    assert rgbd.depth_phase("--depth_scale", "8000", "--on_stale", "redo") == 0
    assert "divide by 8" not in capsys.readouterr().err


def test_frames_and_files_that_lost_different_numbers_are_not_paired_by_position(rgbd, capsys):
    rgbd.add_scene("a", n_frames=8)
    (rgbd.raw_root / "a" / "frame_0002.png").unlink()
    (rgbd.depth_root / "a" / "depth_0005.npy").unlink()
    assert rgbd.depth_phase() == 3
    said = capsys.readouterr().err
    assert "frame_0003.png" in said and "depth_0002.npy" in said
    assert maps(rgbd) == []


def test_depth_of_more_frames_is_paired_where_the_names_are_equal(rgbd, capsys):
    rgbd.add_scene("a", n_frames=6)
    for path in list((rgbd.depth_root / "a").iterdir()):
        path.rename(path.with_name(path.name.replace("depth_", "frame_")))
    (rgbd.raw_root / "a" / "frame_0002.png").unlink()
    assert rgbd.depth_phase() == 0
    assert "1 depth files belong to no frame: frame_0002.npy" in capsys.readouterr().err
    truth = np.load(rgbd.depth_root / "a" / "frame_0003.npy").astype(np.float16)
    np.testing.assert_array_equal(maps(rgbd)[2], truth)


def test_hypersims_files_are_told_to_hold_rays_until_their_focal_length_is_said(rgbd, capsys):
    rgbd.add_scene("a")
    for frame, path in enumerate(sorted((rgbd.depth_root / "a").iterdir())):
        with h5py.File(path.with_name(f"frame.{frame:04d}.depth_meters.hdf5"), "w") as file:
            file["dataset"] = np.load(path)
        path.unlink()
    assert rgbd.depth_phase() == 3 and maps(rgbd) == []
    said = capsys.readouterr().err
    assert "depth.ray_distance_focal_px" in said and "--depth.accept_name true" in said
    assert rgbd.depth_phase("--depth.accept_name", "true") == 0
    assert maps(rgbd)[0][0, 0] == 2.0
    capsys.readouterr()
    assert rgbd.depth_phase("--depth.ray_distance_focal_px", "40", "--on_stale", "redo") == 0
    assert "ray_distance" not in capsys.readouterr().err
    share = 40.0 / np.sqrt(40.0**2 + 23.5**2 + 15.5**2)
    assert maps(rgbd)[0][0, 0] == np.float16(2.0 * share)


def test_disparity_by_its_folder_is_no_depth_until_somebody_says_so(rgbd, capsys):
    """700 px x 0.54 m / 4 m are 94 px: plausible metres of a landscape."""
    rgbd.add_scene("a")
    rewrite(rgbd, lambda depth_m: 378.0 / depth_m)
    folder = rgbd.depth_root.with_name("disparity")
    rgbd.depth_root.rename(folder)
    roots = [*rgbd.flags("out_root"), "--depth_root", str(folder)]
    assert rgbd.depth_phase() != 0
    assert cli.phase_main("depth", "doc", roots) == 3
    said = capsys.readouterr().err
    assert "named like disparity hold disparity or inverse depth by their name" in said and maps(rgbd) == []
    assert cli.phase_main("depth", "doc", [*roots, "--depth.accept_name", "true"]) == 0


def test_a_scene_of_nothing_but_the_largest_number_is_refused_and_one_flag_gives_its_rest(rgbd, capsys):
    rgbd.add_scene("a")
    as_png(rgbd, 1000.0, lambda units: np.full_like(units, 65535))
    assert rgbd.depth_phase("--depth_scale", "1000") == 3
    said = capsys.readouterr().err
    assert "every depth number is 65535" in said and "--depth.invalid_value 65535" in said
    assert maps(rgbd) == []
    as_some = np.full((32, 48), 65535, np.uint16)
    as_some[:, :40] = 3000
    for path in (rgbd.depth_root / "a").iterdir():
        cv2.imwrite(str(path), as_some)
    assert rgbd.depth_phase("--depth_scale", "1000", "--depth.invalid_value", "65535") == 0
    assert "one number everywhere" in capsys.readouterr().err, "a flat wall may be true, but is told"


def test_a_frame_whose_depth_is_one_number_is_named(rgbd, capsys):
    rgbd.add_scene("a")
    np.save(rgbd.depth_root / "a" / "depth_0002.npy", np.full((32, 48), 3.0, np.float32))
    assert rgbd.depth_phase() == 0
    text = "the depth of 1 of 4 frames is one number everywhere: frame 2"
    assert text in capsys.readouterr().err and text in record(rgbd).warnings


@pytest.mark.parametrize(
    ("far_m", "rows", "is_told"), [(65.535, 8, True), (40.0, 8, False), (65.535, 0, False), (9.0, 8, False)]
)
def test_a_farthest_number_that_nothing_is_near_is_told(rgbd, far_m, rows, is_told):
    """65535 of a sensor in millimetres, divided by a person; and walls that may be there."""
    rgbd.add_scene("a")
    rewrite(rgbd, lambda depth_m: np.vstack([np.full((rows, 48), far_m, np.float32), depth_m[rows:]]))
    assert rgbd.depth_phase() == 0
    told = [text for text in record(rgbd).warnings if "a number for the sky, or for no depth?" in text]
    assert bool(told) is is_told
    assert not told or "no depth? 25 % of the pixels have it, the next is 6.031 m. It is" in told[0]
    ways_out = ("--depth.invalid_value", "65.535", "--depth.max_patched_fraction", "1")
    assert rgbd.depth_phase(*ways_out, *REDO) == 0
    assert not any("number for the sky" in text for text in record(rgbd).warnings)


def test_a_number_for_the_sky_is_told_and_flagged_where_somebody_says_how_far_is_far(rgbd, capsys):
    """AirSim's sky is 65504 m: it fits half precision, and lenses focused at it."""
    rgbd.add_scene("a")
    rewrite(rgbd, lambda depth_m: np.vstack([np.full((8, 48), 65504, np.float32), depth_m[8:]]))
    assert rgbd.depth_phase() == 0
    assert "the largest depth is 65504 m: a number for the sky, or for no depth?" in capsys.readouterr().err
    assert rgbd.depth_phase("--depth.max_m", "100", "--on_stale", "redo") == 0
    assert maps(rgbd)[0].max() == 100.0 and "number for the sky" not in capsys.readouterr().err
    flags = cv2.imread(str(rgbd.out_root / "a/depth_maps/valid_0000.png"), cv2.IMREAD_UNCHANGED)
    assert (flags[:8] & 4 == 4).all() and not (flags[9:] & 4).any()


def recorded(tmp_path, units_per_metre: float) -> list[str]:
    """Record in TUM's form under nobody's name, and run phases 1 and 2; return the flags."""
    folder = tmp_path / "raw" / "my_desk"
    names = [f"{1700000000 + frame / 30:.6f}.png" for frame in range(N_FRAMES)]
    write_pictures(folder / "rgb", names)
    write_depth_png(folder / "depth", names, units_per_metre)
    pairs = (f"{name[:-4]} rgb/{name} {name[:-4]} depth/{name}\n" for name in names)
    (folder / "associations.txt").write_text("".join(pairs))
    roots = ["--raw_root", str(tmp_path / "raw"), "--out_root", str(tmp_path / "out")]
    assert cli.phase_main("index", "doc", roots) == 0
    assert cli.phase_main("deblur", "doc", roots) == 0
    return roots[2:]


def test_millimetres_in_the_form_of_tum_are_asked_for_and_taken_as_said(tmp_path, capsys):
    """At 5000 per metre a hall of 2 to 6 m would be a desk at 0.4 to 1.2 m, which nothing refutes."""
    out = recorded(tmp_path, 1000.0)
    assert "5000 per metre, as TUM's, unless --depth.depth_scale says otherwise" in capsys.readouterr().err
    assert cli.phase_main("depth", "doc", out) == 2
    assert "--depth_scale 1000 (millimetres)" in capsys.readouterr().err
    assert cli.phase_main("depth", "doc", [*out, "--depth_scale", "1000"]) == 0
    with np.load(tmp_path / "out/my_desk/depth_maps/depth_0003.npz") as saved:
        np.testing.assert_allclose(saved["depth"], planar_m(3), rtol=2e-3)


def test_numbers_that_tell_their_unit_in_the_form_of_tum_are_not_asked_for(tmp_path):
    out = recorded(tmp_path, 5000.0)
    for frame, path in enumerate(sorted((tmp_path / "raw/my_desk/depth").iterdir())):
        cv2.imwrite(str(path), (np.rint(planar_m(frame) * 1000) * 5).astype(np.uint16))
    assert cli.phase_main("depth", "doc", out) == 0
    with np.load(tmp_path / "out/my_desk/depth_maps/depth_0003.npz") as saved:
        np.testing.assert_allclose(saved["depth"], planar_m(3), rtol=2e-3)


@pytest.mark.parametrize(
    ("step", "flags", "is_told"), [(1, (), True), (1, ("--depth.unit", "m"), False), (0.5, (), False)]
)
def test_metres_that_are_all_whole_are_told(rgbd, step, flags, is_told):
    rgbd.add_scene("a")
    rewrite(rgbd, lambda depth_m: np.linspace(90, 190, depth_m.size).reshape(depth_m.shape).round() * step)
    assert rgbd.depth_phase(*flags) == 0
    assert any("all depth numbers are whole" in text for text in record(rgbd).warnings) is is_told


def test_depth_that_was_cut_off_is_told_and_flagged_by_the_flag_that_is_advised(rgbd, capsys):
    """Habitat ends at 10 m, ZED at 20 m: all that lies beyond got one label, and lenses focused at it."""
    rgbd.add_scene("a")
    rewrite(
        rgbd,
        lambda depth_m: np.linspace(2, 14, depth_m.size, dtype=np.float32).reshape(depth_m.shape).clip(0, 10),
    )
    assert rgbd.depth_phase() == 0
    said = capsys.readouterr().err
    assert (
        "the depth seems to be cut off at 10 m: 33 % of the pixels" in said and "--depth.max_m 9.99 " in said
    )
    assert rgbd.depth_phase("--depth.max_m", "9.99", *REDO) == 0
    assert not any("cut off" in text for text in record(rgbd).warnings)
    assert record(rgbd).details["flagged_pixels"]["far"] > 1000
