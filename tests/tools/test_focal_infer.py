"""Stacks one after the other: what is taken for one, names that never collide, a bad one among good ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from focusgen.base.errors import ConfigError, CorruptInputError
from focusgen.commands.focal_results import report
from focusgen.focal.infer import InferOptions, StackResult
from focusgen.focal.light import encode_srgb
from focusgen.focal.notes import IN_SUMMARY
from focusgen.focal.told_lens import LensFlags
from focusgen.tools import focal_infer
from focusgen.tools.focal_asked import InferJob
from focusgen.tools.focal_infer import infer_all

LENS = LensFlags(50.0, 2.0)
Call = tuple[str, list[str], Any, LensFlags]


@pytest.fixture
def calls(monkeypatch) -> list[Call]:
    """Let depth be found at once, and keep what was asked."""
    asked: list[Call] = []

    def infer_stack(
        files: Any, distances_m: Any, lens: LensFlags, options: Any, progress: Any
    ) -> StackResult:
        asked.append((files.name, [path.name for path in files.paths], distances_m, lens))
        if "bad" in files.name:
            raise CorruptInputError("a slice is damaged", "Replace it.")
        curve = {"transfer": "linear" if lens.transfer == "linear" else "srgb"}
        metadata = {**dict.fromkeys((*IN_SUMMARY, "used_bits"), 0), "unit": "metre", **curve}
        depth = np.ones((4, 6), np.float32)
        index = np.zeros((4, 6), np.uint16)
        return StackResult(depth, depth, np.zeros((4, 6, 3), np.uint8), index, True, metadata)

    monkeypatch.setattr(focal_infer, "infer_stack", infer_stack)
    return asked


def stack(folder: Path, n: int = 3) -> Path:
    folder.mkdir(parents=True)
    for k in range(n):
        cv2.imwrite(str(folder / f"{k}.png"), np.zeros((4, 6, 3), np.uint8))
    return folder


def inferred(given: Any, out: Path, **job: Any) -> dict[str, Any]:
    return infer_all(InferJob(str(given), out, **job))


def test_a_folder_a_batch_and_pictures_with_commas_are_stacks(tmp_path, calls):
    one = stack(tmp_path / "a" / "one")
    stack(tmp_path / "a" / "two")
    for n, given in enumerate((one, tmp_path / "a", f"{one}/2.png , {one}/0.png,")):
        inferred(given, tmp_path / f"o{n}")
    assert [(name, files) for name, files, *_ in calls] == [
        ("one", ["0.png", "1.png", "2.png"]),
        ("one", ["0.png", "1.png", "2.png"]),
        ("two", ["0.png", "1.png", "2.png"]),
        ("one", ["2.png", "0.png"]),
    ]


def test_a_folder_of_a_batch_that_lost_its_slices_is_named_and_results_are_not(tmp_path, calls, capsys):
    for name in ("a", "b"):
        stack(tmp_path / "in" / name)
    for name in ("lost", "raw", ".hidden"):
        (tmp_path / "in" / name).mkdir()
    (tmp_path / "in" / "raw" / "1.cr2").write_bytes(b"raw")
    for out in ("earlier", "deep/later"):  # what an earlier call wrote is no stack, and none that is lost
        summary = inferred(tmp_path / "in", tmp_path / "in" / out)
        assert (names_of(calls), summary["without_slices"]) == (["a", "b"], ["lost", "raw"])
        assert json.loads((tmp_path / "in" / out / "summary.json").read_text()) == summary
        calls.clear()
    assert "without_slices" not in inferred(tmp_path / "in" / "a", tmp_path / "o")
    report({"stacks": [], "failed": [], "without_slices": ["lost", "raw"]})
    assert "no pictures that could be slices in lost, raw: left out" in capsys.readouterr().err


def test_stacks_of_two_sizes_are_no_frames_and_that_is_said_before_any_work(tmp_path, calls):
    for name in ("a", "b", "c"):
        stack(tmp_path / "in" / name)
    (tmp_path / "in" / "b" / "0.png").write_bytes(b"junk")  # is said when its stack is opened
    cv2.imwrite(str(tmp_path / "in" / "c" / "0.png"), np.zeros((5, 6, 3), np.uint8))
    with pytest.raises(ConfigError, match=r"a/0\.png is 6x4, .*c/0\.png 6x5") as caught:
        inferred(tmp_path / "in", tmp_path / "o", as_scene=True, lens=LENS)
    assert calls == [] and "each alone" in caught.value.advice


def test_a_frame_without_a_lens_is_refused_before_the_work_and_one_whose_camera_says_it_is_none(
    tmp_path, calls, monkeypatch
):
    monkeypatch.setattr(focal_infer, "make_scenes", lambda *args: None)
    for name in ("blind", "told"):
        stack(tmp_path / "in" / name)
    with pytest.raises(ConfigError, match="blind: --as-scene needs metres") as caught:
        inferred(tmp_path / "in" / "blind", tmp_path / "o", as_scene=True, lens=LensFlags(50.0))
    assert caught.value.advice.startswith("Give --f-number, and --sensor-width") and calls == []
    exif = Image.Exif()
    exif[0x010F] = "maker"  # Pillow writes no EXIF into a PNG that has nothing but a camera's part
    exif.get_ifd(0x8769).update({0x829D: 2.8, 0x920A: 35.0})
    Image.new("RGB", (6, 4)).save(tmp_path / "in" / "told" / "1.png", exif=exif)
    summary = inferred(tmp_path / "in", tmp_path / "o", as_scene=True)
    assert names_of(calls) == ["told"] and [one["name"] for one in summary["failed"]] == ["blind"]


@pytest.mark.slow  # torch has to be there
def test_a_device_that_is_not_there_is_said_before_any_work(tmp_path, calls):
    stack(tmp_path / "a" / "one")
    stack(tmp_path / "a" / "two")
    for options in (InferOptions("best", device="meta"), InferOptions(backend="sd3", device="meta")):
        with pytest.raises(ConfigError, match="--device meta"):
            inferred(tmp_path / "a", tmp_path / "o", options=options)
    assert calls == [] and not (tmp_path / "o").exists()
    inferred(tmp_path / "a", tmp_path / "o", options=InferOptions(device="meta"))  # the CPU does it all


def test_a_list_of_slices_longer_than_a_path_can_be_is_a_stack(tmp_path, calls, monkeypatch):
    stack(tmp_path / "s", 60)
    monkeypatch.chdir(tmp_path / "s")
    names = ",".join(f"{k}.png" for k in range(60))
    distances = ",".join(f"{1.0 + 0.01 * k:.2f}" for k in range(60))
    assert len(names) > 255 < len(distances)
    inferred(names, tmp_path / "o", focus_distances=distances)
    assert len(calls[0][1]) == 60 and calls[0][2][-1] == pytest.approx(1.59)


@pytest.mark.parametrize("given", [None, "exif", " EXIF "])
def test_without_distances_exif_is_asked(tmp_path, calls, given):
    inferred(stack(tmp_path / "s"), tmp_path / "o", focus_distances=given)
    assert calls[0][2] is None


def test_a_file_of_distances_beside_the_slices_goes_before_one_in_the_working_folder(
    tmp_path, calls, monkeypatch
):
    folder = stack(tmp_path / "s")
    (folder / "d.txt").write_text("1 2 3\n")
    (tmp_path / "d.txt").write_text("4 5 6\n")
    monkeypatch.chdir(tmp_path)
    inferred(folder, tmp_path / "o", focus_distances="d.txt")
    (folder / "d.txt").unlink()
    inferred(folder, tmp_path / "o", focus_distances="d.txt")
    assert [call[2] for call in calls] == [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    (tmp_path / "d.txt").unlink()
    for given in ("d.txt", "distances", "/gone/focus.lst"):
        with pytest.raises(ConfigError, match=rf"{given}: no such file, neither here nor in .*/s"):
            inferred(folder, tmp_path / "o", focus_distances=given)


def test_one_file_of_distances_may_lie_beside_all_stacks_of_a_batch(tmp_path, calls):
    for name in ("a", "b"):
        stack(tmp_path / "in" / name)
    rows = "".join(f"in/{s}/{n}.png,{k + n} m\n" for k, s in ((1, "a"), (5, "b")) for n in range(3))
    (tmp_path / "in" / "d.csv").write_text("SourceFile,FocusDistance\n" + rows)
    (tmp_path / "in" / "l.jsonl").write_text('{"focal_stack": "b"}\n')
    for given in (tmp_path / "in", tmp_path / "in" / "l.jsonl"):
        inferred(given, tmp_path / "o", focus_distances="d.csv", keeps=False)
    assert [(name, metres) for name, _, metres, _ in calls] == [
        ("a", [1.0, 2.0, 3.0]),
        ("b", [5.0, 6.0, 7.0]),
        ("b", [5.0, 6.0, 7.0]),
    ]


def test_where_the_counter_of_a_camera_began_anew_distances_name_their_slices(tmp_path, calls):
    folder, names = stack(tmp_path / "s"), ["IMG_9998.png", "IMG_9999.png", "IMG_0001.png"]
    for number, name in enumerate(names):
        (folder / f"{number}.png").rename(folder / name)
    (folder / "d.txt").write_text("1 2 3\n")
    (folder / "d.csv").write_text("".join(f"{name},{n + 1}\n" for n, name in enumerate(names)))
    own = listed(tmp_path, {"focal_stack": "s", "focus_distances": [1, 2, 3]})
    for given, distances in ((folder, "1,2,3"), (folder, "d.txt"), (own, None)):
        with pytest.raises(ConfigError, match="began anew, IMG_9999.png was taken before IMG_0001.png"):
            inferred(given, tmp_path / "o", focus_distances=distances)
    inferred(folder, tmp_path / "o", focus_distances="d.csv")
    inferred(",".join(str(folder / name) for name in names), tmp_path / "o", focus_distances="1,2,3")
    assert [dict(zip(call[1], call[2], strict=True)) for call in calls] == 2 * [
        dict(zip(names, [1.0, 2.0, 3.0], strict=True))
    ]


def test_slices_of_one_name_in_several_folders_are_told_apart_by_these(tmp_path, calls):
    paths = [stack(tmp_path / f"{k}m") / "1.png" for k in (3, 1, 2)]
    rows = "".join(f"{path.parent.name}\\1.CR3,{path.parent.name}\n" for path in reversed(paths))
    (tmp_path / "d.csv").write_text("SourceFile,FocusDistance\n" + rows)
    for given in (",".join(map(str, paths)), listed(tmp_path, {"slices": [str(path) for path in paths]})):
        inferred(given, tmp_path / "o", focus_distances=str(tmp_path / "d.csv"), keeps=False)
    assert [call[2] for call in calls] == [[3.0, 1.0, 2.0]] * 2
    (tmp_path / "d.csv").write_text("SourceFile,FocusDistance\n1.png,1 m\n")
    with pytest.raises(ConfigError, match=r"names no slice of the stack \(3m/1.png, 1m/1.png, 2m/1.png\)"):
        inferred(given, tmp_path / "o", focus_distances=str(tmp_path / "d.csv"))


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("gone", "no such folder or file"),
        ("a.mp4", "neither a folder nor pictures"),
        ("x.png,y.png", "no such picture"),
    ],
)
def test_what_is_no_stack_is_refused_by_name(tmp_path, calls, monkeypatch, given, why):
    (tmp_path / "a.mp4").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=why):
        inferred(given, tmp_path / "o")


def listed(tmp_path: Path, *records: dict[str, Any]) -> Path:
    (tmp_path / "l.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return tmp_path / "l.jsonl"


def test_names_of_a_list_never_collide_nor_leave_the_folder(tmp_path, calls):
    stack(tmp_path / "s")
    names = ["a", "a_2", "a", "../a", "a"]
    summary = inferred(
        listed(tmp_path, *({"focal_stack": "s", "name": name} for name in names)), tmp_path / "o"
    )
    found = [entry["name"] for entry in summary["stacks"]]
    assert found == ["a", "a_2", "a_3", ".._a", "a_4"]
    assert len(list((tmp_path / "o").glob("*_depth.npy"))) == 5 and not list(tmp_path.glob("*_depth.npy"))
    assert all(json.loads((tmp_path / "o" / f"{n}_metadata.json").read_text())["name"] == n for n in found)


def test_a_record_s_camera_and_distances_win_over_the_flags(tmp_path, calls):
    stack(tmp_path / "s", 5)
    camera = {"focal_length_mm": 85, "f_number": 1.4, "sensor_width_mm": 24}
    own = {"focal_stack": "s", "num_images": 3, "focus_distances": [1, 2, 3, 4, 5], "camera": camera}
    flags = LensFlags(50.0, 8.0, 36.0, "exact")
    inferred(
        listed(tmp_path, own, {"focal_stack": "s"}), tmp_path / "o", lens=flags, focus_distances="5,4,3,2,1"
    )
    assert calls[0][1] == ["0.png", "2.png", "4.png"] and calls[0][2] == [1.0, 3.0, 5.0]
    assert calls[0][3] == LensFlags(pytest.approx(85.0), 1.4, pytest.approx(24.0), "exact")
    assert calls[1][2] == [5.0, 4.0, 3.0, 2.0, 1.0] and calls[1][3] == flags


def test_a_record_s_focal_length_in_pixels_comes_with_its_lens(tmp_path, calls):
    stack(tmp_path / "s")
    own = {"focal_stack": "s", "focus_distances": [1, 2, 3], "camera": {"fx_px": 700}}
    inferred(listed(tmp_path, own), tmp_path / "o", lens=LensFlags(5.0, 2.0))
    assert calls[0][3] == LensFlags(5.0, 2.0, fx_px=700.0)


def test_a_record_s_curve_wins_over_the_flag(tmp_path, calls):
    stack(tmp_path / "s")
    given = {"focal_stack": "s", "focus_distances": [1, 2, 3]}
    records = [{**given, "camera": camera} for camera in ({}, {"transfer": "srgb"}, {"transfer": "linear"})]
    inferred(listed(tmp_path, *records), tmp_path / "o", lens=LensFlags(transfer="linear"))
    assert [call[3].transfer for call in calls] == ["linear", "srgb", "linear"]
    with pytest.raises(
        ConfigError, match="camera.transfer is gamma22, the curve of pictures that a stack is"
    ):
        inferred(listed(tmp_path, {**given, "camera": {"transfer": "gamma22"}}), tmp_path / "p")


def test_linear_light_becomes_frames_as_displays_show_them(tmp_path, monkeypatch):
    monkeypatch.setattr(focal_infer, "make_scenes", lambda *args: None)
    for k in range(3):
        light = np.random.default_rng(0).integers(0, 800, (24, 32, 3), dtype=np.uint16)
        (tmp_path / "s").mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / "s" / f"{k}.png"), light + k)
    lens = LensFlags(50.0, 2.0, transfer="linear")
    inferred(tmp_path / "s", tmp_path / "o", as_scene=True, lens=lens, focus_distances="1,2,3")
    stored = cv2.imread(str(tmp_path / "o" / "s_all_in_focus.png"), -1)
    assert stored.dtype == np.uint16 and stored.max() < 1024
    frame = cv2.imread(str(tmp_path / "o" / "raw" / "s" / "frame_0000.png"))
    np.testing.assert_allclose(frame, 255.0 * encode_srgb(stored / np.float32(1023)), atol=1.0)


def test_a_picture_with_depth_is_no_stack(tmp_path, calls):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((4, 6, 3), np.uint8))
    with pytest.raises(ConfigError, match=r"l\.jsonl:1: a picture with depth is no stack"):
        inferred(listed(tmp_path, {"rgb": "a.png"}), tmp_path / "o")


def test_one_bad_stack_is_named_and_the_others_go_on_but_alone_it_is_the_error(tmp_path, calls):
    for name in ("a1", "bad", "z"):
        stack(tmp_path / "in" / name)
    summary = inferred(tmp_path / "in", tmp_path / "o")
    assert [entry["name"] for entry in summary["stacks"]] == ["a1", "z"]
    assert summary["failed"] == [{"name": "bad", "error": "a slice is damaged", "advice": "Replace it."}]
    assert json.loads((tmp_path / "o" / "summary.json").read_text()) == summary
    with pytest.raises(CorruptInputError, match="a slice is damaged"):
        inferred(tmp_path / "in" / "bad", tmp_path / "p")
    assert not (tmp_path / "p").exists()


def test_stacks_that_cannot_be_opened_are_named_and_the_others_go_on(tmp_path, calls):
    for name, distances in (("a", "1,2,3"), ("b", "1,soon,3"), ("d", "1,2,3")):
        (stack(tmp_path / "in" / name) / "d.csv").write_text(distances)
    stack(tmp_path / "in" / "c")
    summary = inferred(tmp_path / "in", tmp_path / "o", focus_distances="d.csv")
    assert [entry["name"] for entry in summary["stacks"]] == ["a", "d"]
    assert [entry["name"] for entry in summary["failed"]] == ["b", "c"]
    assert "b/d.csv:1: 'soon'" in summary["failed"][0]["error"]
    records = listed(tmp_path, {"focal_stack": "in/a"}, {"focal_stack": "gone", "name": "x"})
    assert inferred(records, tmp_path / "p")["failed"][0]["name"] == "x"


def test_what_is_wrong_with_all_stacks_is_the_error_and_nothing_is_written(tmp_path, calls):
    for name in ("a", "b"):
        stack(tmp_path / "in" / name)
    with pytest.raises(ConfigError, match="--focus-distances: 'soon'"):
        inferred(tmp_path / "in", tmp_path / "o", focus_distances="1,soon,3")
    assert not (tmp_path / "o").exists()


def test_an_interrupted_batch_says_what_is_done_and_what_is_not(tmp_path, calls, monkeypatch):
    for name in ("a", "b", "c"):
        stack(tmp_path / "in" / name)
    at_once, seen = focal_infer.infer_stack, []

    def until_b(files: Any, *others: Any) -> StackResult:
        seen.append(json.loads((tmp_path / "o" / "summary.json").read_text())["not_done"])
        if files.name == "b":
            raise KeyboardInterrupt
        return at_once(files, *others)

    monkeypatch.setattr(focal_infer, "infer_stack", until_b)
    with pytest.raises(KeyboardInterrupt):
        inferred(tmp_path / "in", tmp_path / "o")
    summary = json.loads((tmp_path / "o" / "summary.json").read_text())
    assert [entry["name"] for entry in summary["stacks"]] == ["a"] and summary["not_done"] == ["b", "c"]
    assert seen == [["a", "b", "c"], ["b", "c"]]  # never what an earlier call said


def test_results_of_an_earlier_call_are_never_taken_for_those_of_this_one(tmp_path, calls, monkeypatch):
    for name in ("a", "b"):
        stack(tmp_path / "in" / name)
    inferred(tmp_path / "in", tmp_path / "o", saves_pictures=True)
    (tmp_path / "in" / "b").rename(tmp_path / "in" / "bad")
    (tmp_path / "o" / "b_metadata.json").rename(tmp_path / "o" / "bad_metadata.json")
    summary = inferred(tmp_path / "in", tmp_path / "o")
    assert "keeps the results of an earlier call" in summary["failed"][0]["advice"]
    for kind in ("confidence", "slice_colours"):  # this call was not asked for them
        assert not (tmp_path / "o" / f"a_{kind}.png").exists()


def names_of(calls: list[Call]) -> list[str]:
    names = [name for name, *_ in calls]
    calls.clear()
    return names


def test_a_batch_that_was_stopped_goes_on_and_its_summary_is_whole(tmp_path, calls):
    for name in ("a", "b", "bad", "c"):
        stack(tmp_path / "in" / name)
    inferred(tmp_path / "in", tmp_path / "o")
    names_of(calls)
    (tmp_path / "o" / "c_metadata.json").unlink()  # a kill before the last file of a stack
    (tmp_path / "o" / "summary.json").write_text("{}")
    summary = inferred(tmp_path / "in", tmp_path / "o", saves_pictures=True)
    assert names_of(calls) == ["bad", "c"]
    kept = [(entry["name"], entry["kept"], entry["width"]) for entry in summary["stacks"]]
    assert kept == [("a", True, 0), ("b", True, 0), ("c", False, 0)] and "not_done" not in summary
    assert json.loads((tmp_path / "o" / "summary.json").read_text()) == summary
    assert (tmp_path / "o" / "a_confidence.png").exists()
    inferred(tmp_path / "in", tmp_path / "o", keeps=False)
    assert names_of(calls) == ["a", "b", "bad", "c"]


def test_each_stack_is_told_once_its_results_are_there(tmp_path, calls):
    for name in ("a", "bad", "c"):
        stack(tmp_path / "in" / name)
    told: list[tuple[str, list[str]]] = []

    def on_stack(entry: dict[str, Any]) -> None:
        summary = json.loads((tmp_path / "o" / "summary.json").read_text())
        told.append((entry["name"], [one["name"] for one in summary["stacks"]]))

    infer_all(InferJob(str(tmp_path / "in"), tmp_path / "o"), on_stack=on_stack)
    assert told == [("a", ["a"]), ("c", ["a", "c"])]


def test_a_kept_stack_is_a_frame_as_a_new_one_is(tmp_path, calls, monkeypatch):
    made: list[Any] = []
    monkeypatch.setattr(focal_infer, "make_scenes", lambda *args: made.append(args))
    stack(tmp_path / "s")
    inferred(tmp_path / "s", tmp_path / "o", as_scene=True, lens=LENS)
    files = [tmp_path / "o" / "raw" / "s" / "frame_0000.png", tmp_path / "o/raw_depth/s/frame_0000.npy"]
    first = [path.read_bytes() for path in files]
    for path in files:
        path.write_bytes(b"other")
    inferred(tmp_path / "s", tmp_path / "o", as_scene=True, lens=LENS)
    assert names_of(calls) == ["s"] and made[0] == made[1]
    assert [path.read_bytes() for path in files] == first


def test_a_data_set_of_other_scenes_is_refused_before_the_work(tmp_path, calls):
    stack(tmp_path / "s")
    (tmp_path / "o" / "raw" / "bear").mkdir(parents=True)
    with pytest.raises(ConfigError, match="holds bear, which is not of a focal stack"):
        inferred(tmp_path / "s", tmp_path / "o", as_scene=True, lens=LENS)
    assert calls == []


@pytest.mark.parametrize("given", ["1,2,3,4,5", "1,3,5", "all.csv", "taken.csv", "all.txt", "all.json"])
def test_a_record_that_takes_some_slices_takes_their_distances(tmp_path, calls, given):
    stack(tmp_path / "s", 5)
    files = {
        "all.csv": "".join(f"{n}.png,{n + 1}\n" for n in range(5)),
        "taken.csv": "0.png,1\n2.png,3\n4.png,5\n",
        "all.txt": "1 2 3 4 5",
        "all.json": json.dumps({f"{n}.png": n + 1 for n in range(5)}),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "l.jsonl").write_text('{"focal_stack": "s", "num_images": 3}')
    inferred(tmp_path / "l.jsonl", tmp_path / "o", focus_distances=given)
    assert [call[1:3] for call in calls] == [(["0.png", "2.png", "4.png"], [1.0, 3.0, 5.0])]


@pytest.mark.parametrize("backend", ["sd3", "auto"])
def test_weights_that_cannot_be_used_are_said_once_before_any_stack(tmp_path, calls, backend):
    stack(tmp_path / "in" / "a")
    stack(tmp_path / "in" / "b")
    options = InferOptions(backend=backend, checkpoint=tmp_path / "gone.safetensors")
    with pytest.raises(ConfigError, match="gone.safetensors"):
        inferred(tmp_path / "in", tmp_path / "o", options=options, lens=LENS)
    assert not calls and not (tmp_path / "o").exists()
