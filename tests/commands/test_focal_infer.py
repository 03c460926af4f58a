"""`focusgen focal infer` on ray-traced stacks: its files, its refusals, and what it must not look at."""

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from focusgen.cli import main
from focusgen.commands.focal_results import notes_on
from focusgen.focal.infer import WORK_PIXELS
from focusgen.focal.light import linear_of, pixels_of
from tests.clips import swapped_profile
from tests.focal.stacks import Truth, abs_rel, part_of, truth

FILES = ("depth.npy", "depth.png", "all_in_focus.png", "confidence.npy", "slice.png", "metadata.json")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A folder of three small slices, without anything beside them."""
    folder = tmp_path / "small"
    folder.mkdir()
    traced = truth("tabletop")
    for n, index in enumerate((0, 2, 4)):
        cv2.imwrite(str(folder / f"img_{8 + n}.png"), traced.slices[index][40:104, 60:156, ::-1])
    return folder


LENS = ["--focal-length", "50", "--aperture", "2", "--sensor-size", "10.8"]
DISTANCES = "0.5172,0.8977,3.3981"


def infer(source: object, out: Path, *more: str) -> int:
    return main(["focal", "infer", "--input", str(source), "--output", str(out), *more])


def with_profile(folder: Path, profile: bytes) -> None:
    for path in folder.iterdir():
        Image.fromarray(cv2.imread(str(path))[..., ::-1]).save(path, icc_profile=profile)


def test_a_scene_has_the_colours_of_the_slices_profile_and_says_that_depth_is_measured(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    profile = swapped_profile()
    with_profile(small, profile)
    words = ["--focus-distances", DISTANCES, *LENS, "--backend", "classical", "--as-scene"]
    for note in ("", "1 of 1 stacks kept"):
        assert infer(small, tmp_path / "o", *words) == 0
        said = capsys.readouterr().err
        assert note in said and "no confidence: NAME_confidence.npy beside it" in said
        with Image.open(tmp_path / "o" / "small_all_in_focus.png") as shown:
            assert shown.info["icc_profile"] == profile
            stored = np.asarray(shown).astype(int)
        frame = cv2.imread(str(tmp_path / "o" / "small" / "frames_sharp" / "frame_0000.png"))[..., ::-1]
        record = json.loads((tmp_path / "o" / "small" / "depth_maps" / ".done").read_text())
        assert record["details"]["is_exact"] is False, "its edges are those of focus"
        is_red = stored[..., 0] > stored[..., 1] + 40
        assert is_red.sum() > 50 and (frame[is_red, 1] > frame[is_red, 0]).mean() > 0.9


def test_slices_of_several_colour_profiles_are_no_stack(small: Path, tmp_path: Path, capsys):
    last = small / "img_10.png"
    Image.fromarray(cv2.imread(str(last))[..., ::-1]).save(last, icc_profile=swapped_profile())
    assert infer(small, tmp_path / "o", "--focus-distances", DISTANCES, *LENS) == 3
    assert "img_10.png: has another colour profile than the first slice" in capsys.readouterr().err


@pytest.fixture(scope="module")
def tabletop(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return part_of("tabletop", tmp_path_factory.mktemp("traced") / "tabletop")


@pytest.mark.slow
def test_a_folder_becomes_depth_in_metres_with_all_its_files(tmp_path: Path):
    tabletop, out = truth("tabletop"), tmp_path / "out"
    assert infer(tabletop.folder, out, "--focus-distances", tabletop.distance_text, *tabletop.lens_flags) == 0
    assert {f"tabletop_{name}" for name in FILES} | {"summary.json"} == {p.name for p in out.iterdir()}
    depth_m = np.load(out / "tabletop_depth.npy")
    assert depth_m.dtype == np.float32
    assert abs_rel(depth_m, tabletop.depth_m) <= 0.03
    meta = json.loads((out / "tabletop_metadata.json").read_text())
    assert meta["unit"] == "metre"
    assert meta["device"] == "cpu"
    assert meta["identifiable"]["to_m"] == pytest.approx(2.22, abs=0.01)
    assert 0.7 < meta["identifiable"]["share"] < 0.9
    assert [s["focus_distance_m"] for s in meta["slices"]] == tabletop.distances_m
    index = cv2.imread(str(out / "tabletop_slice.png"), cv2.IMREAD_UNCHANGED)
    near, far = tabletop.depth_m < 0.6, tabletop.depth_m > 3.2
    assert np.median(index[near]) == 0
    assert np.median(index[far]) == 4


@pytest.mark.slow
def test_distances_in_another_order_do_not_fit_and_are_said(
    tabletop: Truth, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    metres = tabletop.distances_m
    shares, sure = {}, {}
    for name, order in (("right", [0, 1, 2, 3, 4]), ("wrong", [0, 3, 2, 1, 4])):
        text = ",".join(f"{metres[n]:g}" for n in order)
        assert infer(tabletop.folder, tmp_path / name, "--focus-distances", text, *tabletop.lens_flags) == 0
        notes = capsys.readouterr().err
        assert ("the slices do not fit" in notes) == (name == "wrong")
        in_order = ", ".join(f"slice_{n}.png" for n in range(5))
        assert (f"as {in_order}. Are" in notes) == (name == "wrong")
        meta = json.loads((tmp_path / name / "tabletop_metadata.json").read_text())
        assert meta["fits"] == (name == "right")
        shares[name], sure[name] = meta["unexplained_share"], meta["confidence_mean"]
    assert shares["right"] < 0.5 < 0.8 < shares["wrong"]
    assert sure["wrong"] < 0.7 * sure["right"]


MISFIT = {
    "fits": False,
    "unexplained_share": 1.2,
    "blur_factor": 1.0,
    "changed_light": None,
    "better_orders": [],
    "distances_fit_as_diopters": False,
}


QUIET: dict[str, Any] = {
    "empty_borders": {},
    "exposure": {"corrected": False},
    "light_change": {"corrected": False},
    "ignored_files": [],
    "sensor_width_assumed": False,
    "sensor_width_from": "given",
    "lens": {"sensor_width_mm": 36.0},
    "focus_distances_known": True,
    "has_display_curve": True,
    "looks_linear": False,
    "transfer": "srgb",
    "share_clipped": 0.05,
}


def test_a_sensor_told_by_its_resolution_is_said_for_it_outlives_a_resize():
    fits = {"fits": True, "share_in_focus_in_no_slice": 0.0, "unit": "metre", "quality": "default"}
    lens = {"sensor_width_mm": 22.3333, "focal_length_mm": 50.0}
    told = {"sensor_width_from": "exif_resolution", "lens": lens}
    (note,) = notes_on({**QUIET, **fits, **told})
    assert "shows 22.3 mm of sensor" in note and "--sensor-width" in note
    assert not list(notes_on({**QUIET, **fits}))
    (note,) = notes_on({**QUIET, **fits, **told, "sensor_width_from": "measured"})
    assert "22.3 mm of sensor along its width, a view of 25 degrees, by the blur" in note
    assert "--sensor-width" in note and "--focus-distances are not metres" in note
    for told in ({"has_display_curve": False}, {"looks_linear": True}):
        (note,) = notes_on({**QUIET, **fits, **told})
        assert "linear light" in note and "--transfer linear" in note
    (note,) = notes_on({**QUIET, **fits, "transfer": "linear"})
    assert "5% of the pixels are white and clipped" in note and "floats above 1 are cut off" in note
    assert not list(notes_on({**QUIET, **fits, "transfer": "linear", "share_clipped": 0.001}))


@pytest.mark.parametrize(
    ("found", "said", "unsaid"),
    [
        ({}, "120% of what differs between them is left", "explain each other"),
        ({}, "--sensor-width those of the lens", "explain each other"),
        ({"lens": None}, "order of the names, and are slices", "--sensor-width"),
        ({"lens": None, "focus_distances_known": False}, "the other way from name to name", "in the order"),
        ({"blur_factor": 2.0}, "about 2 times the blur of this lens", "120%"),
        (
            {"better_orders": [["b", "a"], ["a", "b"]]},
            "much better as b, a or as a, b. Are --focus-dist",
            "120%",
        ),
        ({"changed_light": "vignetting", "blur_factor": 2.0}, "towards the corners", "of this lens"),
        ({"distances_fit_as_diopters": True}, "as diopters, disparities or even steps", "120%"),
        ({"changed_light": "tone"}, "as tone curves change it", "--focus-distances"),
        ({"changed_light": "clipped"}, "pixels are clipped", "--focus-distances"),
    ],
)
def test_the_note_on_slices_that_do_not_fit_says_what_was_measured(found, said, unsaid):
    stack = {**QUIET, "unit": "metre", "share_in_focus_in_no_slice": 0.0, **MISFIT, **found}
    (note,) = notes_on(stack)
    assert said in note and unsaid not in note and "confidence is lowered" in note


@pytest.mark.slow
@pytest.mark.parametrize("wrong", ["twice the f-number", "feet as metres"])
def test_a_lens_or_distances_wrong_by_a_factor_are_said(
    tabletop: Truth, tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: str
):
    lens, text, told = list(tabletop.lens_flags), tabletop.distance_text, "2"
    if wrong == "feet as metres":
        text, told = ",".join(f"{metres / 0.3048:g}" for metres in tabletop.distances_m), "2.8"
    else:
        lens[lens.index("--aperture") + 1] = f"{2 * float(lens[lens.index('--aperture') + 1]):g}"
    assert infer(tabletop.folder, tmp_path, "--focus-distances", text, *lens) == 0
    assert f"they show about {told} times the blur of this lens" in capsys.readouterr().err
    meta = json.loads((tmp_path / "tabletop_metadata.json").read_text())
    assert not meta["fits"] and meta["confidence_mean"] < 0.2


@pytest.mark.slow
def test_what_is_in_focus_in_no_slice_is_said(
    tabletop: Truth, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    slices = [str(tabletop.folder / f"slice_{n}.png") for n in (0, 2, 4)]
    text = ",".join(f"{tabletop.distances_m[n]:g}" for n in (0, 2, 4))
    assert infer(",".join(slices), tmp_path, "--focus-distances", text, *tabletop.lens_flags) == 0
    said = capsys.readouterr().err
    (stack,) = json.loads((tmp_path / "summary.json").read_text())["stacks"]
    share = stack["share_in_focus_in_no_slice"]
    assert share > 0.25 and f"{share:.0%} of the picture is in focus in no slice" in said


@pytest.mark.slow
def test_handheld_slices_are_aligned_by_themselves(tmp_path: Path):
    traced, out = truth("handheld"), tmp_path / "out"
    assert infer(traced.folder, out, "--focus_distances", traced.distance_text, *traced.lens_flags) == 0
    assert abs_rel(np.load(out / "handheld_depth.npy"), traced.depth_m) <= 0.045
    meta = json.loads((out / "handheld_metadata.json").read_text())
    assert meta["alignment"]["applied"]
    assert meta["lens"]["formula"] == "exact"
    assert meta["lens"]["blur_radius_px_per_diopter"] == pytest.approx(traced.radius_px_m, rel=1e-4)


def test_no_truth_beside_the_stack_is_ever_read(small: Path, tmp_path: Path):
    clean, poisoned = tmp_path / "clean", tmp_path / "poisoned"
    assert infer(small, clean, "--focus-distances", DISTANCES, *LENS) == 0
    np.save(small / "depth.npy", np.full((64, 96), np.nan, np.float32))
    np.savez(small / "depth.npz", depth=np.full((64, 96), np.nan, np.float32))
    for name in ("aif.png", "all_in_focus.png", "depth.png", "img_depth_8.png", "mask_1.png"):
        cv2.imwrite(str(small / name), np.zeros((64, 96, 3), np.uint8))
    (small / "meta.json").write_text("{broken")
    assert infer(small, poisoned, "--focus-distances", DISTANCES, *LENS) == 0
    for name in FILES[:-1]:
        assert (clean / f"small_{name}").read_bytes() == (poisoned / f"small_{name}").read_bytes(), name


@pytest.mark.slow
def test_order_does_not_matter(small: Path, tmp_path: Path):
    given = [small / f"img_{n}.png" for n in (8, 9, 10)]
    distances = DISTANCES.split(",")
    results = []
    for k, order in enumerate(((0, 1, 2), (2, 1, 0), (1, 2, 0))):
        paths = ",".join(str(given[n]) for n in order)
        words = ["--focus-distances", ",".join(distances[n] for n in order)]
        assert infer(paths, tmp_path / str(k), *words, *LENS) == 0
        results.append(np.load(tmp_path / str(k) / "small_depth.npy"))
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


def test_without_a_lens_depth_is_relative_and_says_so(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert infer(small, tmp_path / "out", "--focus-distances", DISTANCES) == 0
    depth = np.load(tmp_path / "out" / "small_depth.npy")
    meta = json.loads((tmp_path / "out" / "small_metadata.json").read_text())
    assert meta["unit"] == "relative"
    assert "no metres" in meta["depth"]
    assert 0.0 <= depth.min() and depth.max() <= 1.0
    assert "much it blurs was measured from the slices. Give --focal-length" in capsys.readouterr().err


def test_where_only_the_order_is_known_depth_is_relative_and_no_distance_is_written(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    depths = []
    reversed_names = ",".join(str(small / f"img_{n}.png") for n in (10, 9, 8))
    for source, order in ((small, "near-to-far"), (small, "Far-to-near"), (reversed_names, "far-to-near")):
        out = tmp_path / str(len(depths))
        assert infer(source, out, "--focus-distances", order, *LENS) == 0
        (depth,) = out.glob("*_depth.npy")
        depths.append(np.load(depth))
        (document,) = (json.loads(path.read_text()) for path in out.glob("*_metadata.json"))
        assert document["unit"] == "relative" and document["lens"] is None
        assert {one["focus_distance_m"] for one in document["slices"]} == {None}
    assert "focus distances are not known" in capsys.readouterr().err
    assert np.array_equal(depths[0], depths[2])
    assert np.corrcoef(depths[0].ravel(), depths[1].ravel())[0, 1] < -0.5  # what was near is far


def test_distances_that_names_bear_are_taken_where_that_is_said(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    said = ["--focus-distances", DISTANCES, *LENS]
    assert infer(small, tmp_path / "plain", *said) == 0
    for n, name in zip((8, 9, 10), ("51.72cm", "0.8977m", "3398.1mm"), strict=True):
        (small / f"img_{n}.png").rename(small / f"{name}.png")
    assert infer(small, tmp_path / "none", *LENS) == 2
    assert "0.5172, 0.8977, 3.3981 m: --focus-distances names takes them" in capsys.readouterr().err
    assert infer(small, tmp_path / "named", "--focus-distances", "names", *LENS) == 0
    for name in FILES[:-1]:
        plain, named = (tmp_path / folder / f"small_{name}" for folder in ("plain", "named"))
        assert plain.read_bytes() == named.read_bytes(), name
    capsys.readouterr()
    assert infer(small, tmp_path / "turned", "--focus-distances", "3.3981,0.8977,0.5172", *LENS) == 2
    assert "51.72cm.png and 0.8977m.png are called 0.5172 and 0.8977 m" in capsys.readouterr().err


def test_names_without_distances_are_not_taken_for_such(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert infer(small, tmp_path / "out", "--focus-distances", "names", *LENS) == 2
    assert "(img_8.png, img_9.png, img_10.png) tell no distances" in capsys.readouterr().err


@pytest.mark.parametrize("more", [["--as-scene"], ["--distances-from", "sensor"]])
def test_what_needs_distances_refuses_an_order_alone(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str]
):
    assert infer(small, tmp_path / "out", "--focus-distances", "near-to-far", *LENS, *more) == 2
    assert f"{' '.join(more)} needs focus distances" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_two_slices_without_a_lens_say_what_was_in_vain(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    two = ",".join(str(small / f"img_{n}.png") for n in (8, 10))
    assert infer(two, tmp_path / "out", "--focus-distances", "0.5,3", "--quality", "best") == 0
    said = capsys.readouterr().err
    assert "depth is from their sharpness alone. --quality best had no effect. Give --focal-length" in said


@pytest.mark.slow
def test_of_several_stacks_those_without_a_lens_are_named_and_an_earlier_longer_video_is_gone(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    lens = {"focal_length_mm": 50, "f_number": 2, "sensor_width_mm": 10.8}
    records = [
        {"name": name, "focal_stack": str(small), "focus_distances": DISTANCES.split(",")}
        for name in ("one", "blind")
    ]
    listed, out = tmp_path / "shots.jsonl", tmp_path / "out"
    whole = [{**record, "camera": lens} for record in records]
    for lines, status in ((whole, 0), ([whole[0], records[1]], 3)):
        listed.write_text("".join(json.dumps(line) + "\n" for line in lines))
        assert main(["focal", "infer", "--input", str(listed), "--output", str(out), "--as-scene"]) == status
    assert "blind: --as-scene needs metres" in capsys.readouterr().err
    summary = json.loads((out / "summary.json").read_text())
    assert [len(summary[key]) for key in ("stacks", "failed")] == [1, 1]
    assert [path.name for path in (out / "shots/frames_sharp").glob("*.png")] == ["frame_0000.png"]


def test_an_output_that_is_a_file_is_refused_before_the_work(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("focusgen.tools.focal_infer.infer_stack", lambda *args: pytest.fail("worked"))
    (tmp_path / "file").touch()
    assert infer(small, tmp_path / "file", "--focus-distances", DISTANCES, *LENS) == 2
    assert "Choose another --output," in capsys.readouterr().err


def test_a_note_of_the_same_words_is_not_spelled_out_for_every_stack(small, tmp_path: Path, capsys):
    for name in ("a", "b"):
        shutil.copytree(small, tmp_path / "shots" / name)
    shots, out = str(tmp_path / "shots"), str(tmp_path / "out")
    assert main(["focal", "infer", "--input", shots, "--output", out, "--focus-distances", DISTANCES]) == 0
    notes = [line.removeprefix("note: ") for line in capsys.readouterr().err.splitlines()]
    whole, named = ([note[3:] for note in notes if note.startswith(name)] for name in ("a: ", "b: "))
    assert any("Give --focal-length" in note for note in whole)
    assert named == [f"{note.partition(':')[0]}, as of a" for note in whole]


def test_exposure_that_differs_is_said_and_taken_back_at_full_size_too(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(WORK_PIXELS, "default", 32 * 48)
    assert infer(small, tmp_path / "even", "--focus-distances", DISTANCES, *LENS) == 0
    assert "exposure" not in capsys.readouterr().err
    path = small / "img_8.png"
    cv2.imwrite(str(path), pixels_of(0.75 * linear_of(cv2.imread(str(path))), np.dtype(np.uint8)))
    assert infer(small, tmp_path / "out", "--focus-distances", DISTANCES, *LENS) == 0
    assert "exposure or white balance differ between the slices, by up to 1.3" in capsys.readouterr().err
    meta = json.loads((tmp_path / "out" / "small_metadata.json").read_text())["exposure"]
    assert meta["gains_rgb"][0] == pytest.approx([0.75] * 3, rel=0.02)
    assert meta["gains_rgb"][1:] == [[1, 1, 1]] * 2
    even, out = (
        cv2.imread(str(tmp_path / k / "small_all_in_focus.png")).astype(int) for k in ("even", "out")
    )
    assert np.abs(even - out).mean() <= 2.0


def test_infinity_and_sixteen_bits(small: Path, tmp_path: Path):
    for path in small.iterdir():
        cv2.imwrite(str(path), cv2.imread(str(path)).astype(np.uint16) * 257)
    assert infer(small, tmp_path / "out", "--focus-distances", "0.5,1,inf", *LENS) == 0
    shown = cv2.imread(str(tmp_path / "out" / "small_all_in_focus.png"), cv2.IMREAD_UNCHANGED)
    assert shown.dtype == np.uint16
    assert np.isfinite(np.load(tmp_path / "out" / "small_depth.npy")).all()
    meta = json.loads((tmp_path / "out" / "small_metadata.json").read_text())
    assert meta["slices"][-1]["focus_distance_m"] == "inf"


def test_distances_and_lens_come_from_exif(small: Path, tmp_path: Path):
    for n, distance in zip((8, 9, 10), (0.5172, 0.8977, 3.3981), strict=True):
        image = Image.open(small / f"img_{n}.png")
        exif = Image.Exif()
        ifd = exif.get_ifd(0x8769)
        ifd[0x9206], ifd[0x920A], ifd[0x829D], ifd[0xA405] = distance, 50.0, 2.0, 167
        image.save(small / f"img_{n}.jpg", exif=exif, quality=95)
        (small / f"img_{n}.png").unlink()
    assert infer(small, tmp_path / "out") == 0
    meta = json.loads((tmp_path / "out" / "small_metadata.json").read_text())
    assert meta["unit"] == "metre"
    assert meta["slices"][1]["focus_distance_m"] == pytest.approx(0.8977, rel=1e-3)


def test_a_folder_of_stacks_is_a_batch_and_one_bad_stack_is_named(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    batch = tmp_path / "batch"
    for name in ("a", "b"):
        shutil.copytree(small, batch / name)
    (batch / "b" / "img_9.png").write_bytes(b"no picture")
    assert infer(batch, tmp_path / "out", "--focus-distances", DISTANCES, *LENS) == 3
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert [stack["name"] for stack in summary["stacks"]] == ["a"]
    assert "img_9.png" in summary["failed"][0]["error"]
    assert "img_9.png" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("distances", "more", "complaint"),
    [
        ("0.5,1", LENS, "more slices than distances"),
        ("0.5,1,2,3", LENS, "more distances than slices"),
        ("0.5,1,1", LENS, "duplicate focus distance 1 m"),
        ("0.04,1,2", LENS, "img_8.png: focus distance 0.04 m is not beyond the focal length, 50 mm"),
        ("0.5,x,2", LENS, "'x' is no distance"),
        ("0.5,-1,2", LENS, "must be > 0 m"),
        ("exif", LENS, "missing focus distances: EXIF has none in img_8.png"),
        ("nowhere.json", LENS, "nowhere.json: no such file"),
    ],
)
def test_what_is_no_stack_is_refused_by_name(
    small: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    distances: str,
    more: list[str],
    complaint: str,
):
    assert infer(small, tmp_path / "out", "--focus-distances", distances, *more) == 2
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--focal-length", "0.05", "--f-number", "2"], "50 mm, if 0.05 was in metres"),
        (["--focal-length", "50", "--f-number", "inf"], "f-number must be from"),
        (["--focal-length", "50", "--f-number", "2", "--sensor-width", "0"], "sensor width must be from"),
        ([*LENS, "--device", "gpu"], "--device gpu: there is no such device"),
    ],
)
def test_a_lens_or_device_that_cannot_be_is_refused_before_any_work(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], complaint: str
):
    assert infer(small, tmp_path / "out", "--focus-distances", DISTANCES, *words) == 2
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_slices_that_a_shell_listed_are_refused_since_it_sorts_otherwise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    words = ["focal", "infer", "--output", str(tmp_path / "o"), "--input", "img_10.png", "img_2.png"]
    assert main([*words, "--focus-distances", "0.5,1"]) == 2
    said = capsys.readouterr().err
    assert "--input takes one word, not 2" in said and "--input a.png,b.png" in said


def test_a_device_that_nothing_uses_and_a_video_as_input_are_said(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    words = ("--focus-distances", DISTANCES, *LENS, "--device", "cuda", "--stack-size", "3")
    assert infer(small, tmp_path / "out", *words) == 0
    said = capsys.readouterr().err
    assert "--device has no effect with backend auto" in said and "--stack_size has no effect" in said
    assert infer(small, tmp_path / "out", "--focus-from", "focus.csv") == 2
    assert "--focus-from is of a --sweep-video" in capsys.readouterr().err
    (tmp_path / "rack.mp4").write_bytes(b"0" * 100)
    assert infer(tmp_path / "rack.mp4", tmp_path / "out", "--focus-distances", DISTANCES, *LENS) == 2
    assert "--sweep-video" in capsys.readouterr().err


def test_one_slice_and_an_unreadable_slice_are_refused(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert infer(small / "img_8.png", tmp_path / "out", "--focus-distances", "1", *LENS) == 2
    assert "img_8.png: a focal stack has at least 2 slices" in capsys.readouterr().err
    (small / "img_10.png").write_bytes((small / "img_10.png").read_bytes()[:500])
    assert infer(small, tmp_path / "out", "--focus-distances", DISTANCES, *LENS) == 3
    assert "unreadable slice" in (said := capsys.readouterr().err)
    assert "img_10.png" in said


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("d.json", '{"focus_distances_m": [0.5172, 0.8977, "inf"]}'),
        ("d.csv", "file,distance\nimg_10.png,inf\nimg_8.png,0.5172\nimg_9.png,0.8977\n"),
        ("d.txt", "# metres\n0.5172\n0.8977\ninf\n"),
    ],
)
def test_distances_are_read_from_files(small: Path, tmp_path: Path, name: str, text: str):
    (small / name).write_text(text)
    assert infer(small, tmp_path / "out", "--focus-distances", str(small / name), *LENS) == 0
    meta = json.loads((tmp_path / "out" / "small_metadata.json").read_text())
    assert [s["focus_distance_m"] for s in meta["slices"]] == [0.5172, 0.8977, "inf"]


@pytest.mark.slow
def test_the_small_network_is_asked_by_name_and_the_metadata_says_so(small: Path, tmp_path: Path):
    words = ("--focus-distances", DISTANCES, *LENS, "--backend", "learned")
    assert infer(small, tmp_path / "out", *words) == 0
    meta = json.loads((tmp_path / "out" / "small_metadata.json").read_text())
    assert meta["backend"] == "learned" and meta["method"] == "learned"
    assert set(meta["rerender_error"]) == {"relative_blur", "focus_measure", "learned"}
    classical = tmp_path / "classical"
    assert infer(small, classical, "--focus-distances", DISTANCES, *LENS, "--backend", "classical") == 0
    depths = [np.load(folder / "small_depth.npy") for folder in (tmp_path / "out", classical)]
    assert not np.array_equal(*depths)


def test_weights_that_are_none_are_refused_by_name(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "w.safetensors").write_bytes(b"nothing of the kind")
    words = ("--focus-distances", DISTANCES, *LENS, "--checkpoint", str(tmp_path / "w.safetensors"))
    assert infer(small, tmp_path / "out", *words, "--backend", "learned") != 0
    assert "w.safetensors" in capsys.readouterr().err
    assert infer(small, tmp_path / "out", *words) != 0
    assert "w.safetensors" in capsys.readouterr().err
    assert infer(small, tmp_path / "out", *words, "--backend", "classical") == 0
    assert "--checkpoint has no effect" in capsys.readouterr().err


def test_weights_that_are_not_there_are_refused_where_all_results_are_kept(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    words = [small, tmp_path / "out", "--focus-distances", DISTANCES]  # no lens: no weights are asked
    assert infer(*words) == 0
    assert infer(*words, "--checkpoint", str(tmp_path / "w.safetensors")) == 2
    assert "w.safetensors: no such weights" in capsys.readouterr().err


def test_lists_and_weights_go_by_the_names_that_other_tools_gave_them(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    words = ["focal", "infer", "--output", str(tmp_path / "out"), "--focus-distances", DISTANCES, *LENS]
    assert main([*words, "--input-list", str(small), "--model_path", str(tmp_path / "w.safetensors")]) == 2
    assert "w.safetensors" in capsys.readouterr().err
    assert main([*words, "--input_list", str(tmp_path / "stacks.jsonl")]) == 2
    assert "stacks.jsonl" in capsys.readouterr().err


def test_what_only_stable_diffusion_listens_to_is_said_elsewhere(capsys):
    from focusgen.commands.focal import note_what_has_no_effect

    note_what_has_no_effect("learned", "sd35", "cuda")
    said = capsys.readouterr().err
    assert "--base_model has no effect with backend learned" in said and "--device has no effect" in said
    note_what_has_no_effect("sd3", "sd35", "cuda")
    note_what_has_no_effect("learned", None, "cpu")
    assert capsys.readouterr().err == ""


def test_stacks_of_pages_of_two_sizes_are_refused_as_a_scene_before_the_work(tmp_path, capsys):
    rng = np.random.default_rng(0)
    for name, shape in (("a", (60, 80, 3)), ("b", (48, 80, 3))):
        cv2.imwritemulti(
            str(tmp_path / f"{name}.tif"), [rng.integers(0, 255, shape, np.uint8) for _ in range(3)]
        )
    out = tmp_path / "out"
    assert infer(tmp_path, out, "--focus-distances", "1,2,3", *LENS, "--as-scene") == 2
    assert "a.tif is 80x60, " in capsys.readouterr().err and not out.exists()
