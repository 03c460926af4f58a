"""Phase 1 as a person meets it: notes, refusals, links, forms of names, splits, older releases."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from focusgen import cli
from focusgen.base.checksums import checksum
from focusgen.base.files import json_bytes
from focusgen.config import PhaseName
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import canonical
from focusgen.media.codecs import decode_png
from tests.clips import Frames, encoded, moving_texture, swapped_profile, with_clap, write_images, write_video
from tests.conftest import Rgbd
from tests.layouts import planar_m, tartanair, tum


def index_of(rgbd: Rgbd) -> dict:
    """Return scene_index.json."""
    return json.loads((rgbd.out_root / "scene_index.json").read_text())


def phase(rgbd: Rgbd, *more: str, name: PhaseName = "index") -> int:
    """Run phase 1, or another one, over the data set in this process."""
    flags = rgbd.flags("raw_root", "out_root")
    if name == "index":
        flags += ["--min_frames", "2", "--workers", "1"]
    return cli.phase_main(name, None, [*flags, *more])


def write_profiled(folder: Path, n_frames: int = 4) -> Frames:
    """Write images whose colour profile is not sRGB; return them as stored."""
    folder.mkdir(parents=True)
    frames = moving_texture(n_frames, 48, 32)
    for index, pixels in enumerate(frames):
        data = encoded(Image.fromarray(pixels), "PNG", icc_profile=swapped_profile())
        (folder / f"frame_{index:04d}.png").write_bytes(data)
    return frames


def sharp_of(rgbd: Rgbd, scene: str) -> Frames:
    """Return the frames that phase 2 published."""
    paths = sorted((rgbd.out_root / scene / "frames_sharp").glob("*.png"))
    return np.stack([decode_png(path.read_bytes()) for path in paths])


@pytest.mark.slow
def test_every_note_reaches_the_screen_the_index_and_the_report(rgbd, capsys):
    write_video(rgbd.root / "a.mp4", moving_texture(4, 48, 32), **{"x264-params": "sar=4/3"})
    (rgbd.raw_root / "clap.mp4").parent.mkdir()
    (rgbd.raw_root / "clap.mp4").write_bytes(with_clap((rgbd.root / "a.mp4").read_bytes(), (32, 16)))
    write_profiled(rgbd.raw_root / "profiled")
    write_images(rgbd.raw_root / "gap", moving_texture(3, 48, 32))
    write_images(rgbd.raw_root / "gap", moving_texture(3, 48, 32), first=700)
    Image.new("RGB", (300, 20)).save(rgbd.raw_root / "gap" / "poster.jpg")
    assert rgbd.run("--depth.backend", "dryrun") == 0
    shown = " ".join(capsys.readouterr().err.split())
    index = index_of(rgbd)
    report = rgbd.report()
    expected = {
        "clap": ["cropped from 48x32 to 32x16", "pixels are not square (4:3)"],
        "profiled": ["ICC colour profile"],
        "gap": ["left out, being named otherwise", "numbers jump from frame_0002.png to frame_0700.png"],
    }
    for scene, starts in expected.items():
        notes = index[scene]["source"]["notes"]
        assert len(notes) == len(starts)
        for note, start in zip(notes, starts, strict=True):
            assert note.startswith(start)
            assert f"note {scene}: {note}" in shown
            assert f"{scene}: {note}" in report["warnings"]
    assert index["gap"]["n_frames"] == 6


def test_a_scene_without_anything_unusual_has_no_new_key(rgbd):
    rgbd.add_scene("a")
    assert phase(rgbd) == 0
    assert index_of(rgbd)["a"]["source"].keys() == {"path", "kind", "fps"}


def test_a_refusal_names_each_file_once_and_keeps_its_advice(rgbd, capsys):
    rgbd.add_scene("good")
    rgbd.add_scene("bear")
    (rgbd.raw_root / "bear" / "frame_0002.png").write_bytes(b"\x89PNG\r\n\x1a\nxxxx")
    write_video(rgbd.raw_root / "old.avi", moving_texture(4), "wmv2", "yuv420p")
    (rgbd.raw_root / "film.wmv").write_bytes(b"x")
    (rgbd.raw_root / "empty").mkdir()
    assert phase(rgbd, "--strict") == 3
    lines = capsys.readouterr().err.replace("\n        ", " ").splitlines()
    refused = {line.split(":")[0].split()[-1]: line for line in lines if " refused " in line}
    assert refused.keys() == {"bear", "old.avi", "film.wmv", "empty/"}
    for name in ("frame_0002.png", "old.avi", "film.wmv", "empty/"):
        assert sum(line.count(name) for line in refused.values()) == 1
    rejected = json.loads((rgbd.out_root / "logs" / "rejected_scenes.json").read_text())
    assert rejected["bear"]["file"] == "frame_0002.png"
    assert "frame_0002" not in rejected["bear"]["reason"]
    assert "Accepted: av1" in rejected["old"]["reason"]


def test_links_out_of_the_root_are_read_where_the_setting_says_so(rgbd, capsys):
    rgbd.add_scene("a")
    (rgbd.raw_root / "a").rename(rgbd.root / "elsewhere")
    (rgbd.raw_root / "a").symlink_to(rgbd.root / "elsewhere")
    (rgbd.raw_root / "lost").symlink_to(rgbd.root / "nothing")
    assert phase(rgbd) == 3
    shown = " ".join(capsys.readouterr().err.split())
    assert "leaves the raw root; --follow_links" in shown
    assert "a link to" in shown and "which is not there" in shown
    assert phase(rgbd, "--follow_links") == 0
    assert phase(rgbd, "--backend", "passthrough", name="deblur") == 0
    assert list(index_of(rgbd)) == ["a"]


@pytest.mark.parametrize("root", ["raw_root", "out_root"])
def test_a_root_that_is_a_link_to_nothing_is_named_as_such(rgbd, root, capsys):
    if root == "out_root":
        rgbd.add_scene("a")
    (rgbd.root / {"raw_root": "raw", "out_root": "out"}[root]).symlink_to(rgbd.root / "unmounted")
    assert phase(rgbd) != 0
    shown = " ".join(capsys.readouterr().err.split())
    assert f"a link to {rgbd.root}/unmounted, which is not there" in shown
    if root == "out_root":
        assert phase(rgbd, name="deblur") == 2
        assert "which is not there" in " ".join(capsys.readouterr().err.split())


def test_a_name_is_the_same_in_both_unicode_forms(rgbd, capsys):
    composed, apart = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    rgbd.add_scene(composed)
    assert phase(rgbd) == 0
    before = index_of(rgbd)
    (rgbd.raw_root / composed).rename(rgbd.raw_root / apart)
    # Later phases find the folder under its other name; phase 1 knows the scene again.
    assert phase(rgbd, "--backend", "passthrough", name="deblur") == 0
    assert phase(rgbd) == 0
    assert [(s, e["ingest_digest"]) for s, e in index_of(rgbd).items()] == [
        (composed, before[composed]["ingest_digest"])
    ]
    assert cli.main(["explain", apart, "--out_root", str(rgbd.out_root)]) == 0
    assert capsys.readouterr().err.count("0 refused") == 2
    assert cli.main(["explain", "cafe", "--out_root", str(rgbd.out_root)]) == 2


def test_clips_of_one_folder_stay_together_when_asked(rgbd, capsys):
    for group in "abcd":
        for clip in range(3):
            rgbd.add_scene(f"{group}/{clip}", n_frames=2, width=24, height=16)
    assert phase(rgbd, "--glob", "*/*", "--split_by", "group") == 0
    splits = {scene: entry["split"] for scene, entry in index_of(rgbd).items()}
    assert sorted(splits.values()).count("train") == 6
    assert {splits[f"{g}_{c}"] for g in "abcd" for c in range(3)} == {"train", "val", "test"}
    assert all(len({splits[f"{g}_{c}"] for c in range(3)}) == 1 for g in "abcd")
    rgbd.add_scene("a/9", n_frames=2, width=24, height=16)
    assert phase(rgbd, "--glob", "*/*", "--split_by", "group") == 0
    after = {scene: entry["split"] for scene, entry in index_of(rgbd).items()}
    assert after == {**splits, "a_9": splits["a_0"]}


def test_an_empty_split_is_said_and_a_list_of_groups_is_read(rgbd, capsys):
    for name in "abcd":
        rgbd.add_scene(name, n_frames=2, width=24, height=16)
    (rgbd.root / "groups.csv").write_text("scene,group\na,x\nb,x\nc,x\n")
    flags = ["--split_by", "group", "--groups_csv", str(rgbd.root / "groups.csv")]
    assert phase(rgbd, *flags) == 0
    shown = " ".join(capsys.readouterr().err.split())
    assert "1 scenes are not in" in shown and "2 groups cannot be split in three" in shown
    assert {entry["split"] for entry in index_of(rgbd).values()} == {"train"}


def as_release_0_1_0(rgbd: Rgbd, scene_id: str) -> None:
    """Rewrite index and raw checksums as the first release wrote them, which knew no rule of decoding."""
    dataset = DatasetLayout.of(rgbd.config())
    index = index_of(rgbd)
    path = dataset.scene(scene_id).ingest_json
    manifest = json.loads(path.read_text())
    for key in ("decoding", "checksum"):
        del manifest[key]
    del manifest["settings"]["decoder"]
    for key in ("decoding", "notes"):
        del index[scene_id]["source"][key]
    body = {key: manifest[key] for key in ("files", "shot_cuts")}
    index[scene_id]["ingest_digest"] = checksum(canonical(body))
    path.write_bytes(json_bytes(manifest | {"checksum": checksum(canonical(manifest))}))
    dataset.index_json.write_bytes(json_bytes(index))
    dataset.index_checksum_json.unlink()


@pytest.mark.slow
def test_a_scene_of_an_older_release_is_never_mixed_from_two_ways_of_decoding(rgbd, capsys):
    stored = write_profiled(rgbd.raw_root / "a")
    assert phase(rgbd) == 0
    as_release_0_1_0(rgbd, "a")
    old_index = (rgbd.out_root / "scene_index.json").read_bytes()
    assert phase(rgbd, "--backend", "passthrough", name="deblur") == 0
    assert np.array_equal(sharp_of(rgbd, "a"), stored)  # it goes on as it was begun
    assert phase(rgbd) == 0
    assert "how its pixels are decoded: ICC colour profile" in " ".join(capsys.readouterr().err.split())
    assert (rgbd.out_root / "scene_index.json").read_bytes() == old_index
    assert phase(rgbd, "--backend", "passthrough", name="deblur") == 0
    assert phase(rgbd, "--on_stale", "redo") == 0
    assert index_of(rgbd)["a"]["source"]["decoding"] == ["profile"]
    assert phase(rgbd, "--backend", "passthrough", name="deblur") == 3
    assert phase(rgbd, "--backend", "passthrough", "--on_stale", "redo", name="deblur") == 0
    assert not np.array_equal(sharp_of(rgbd, "a"), stored)


@pytest.mark.parametrize("on_stale", ["fail", "redo"])
def test_a_rehearsal_beside_a_finished_scene_is_sent_elsewhere(rgbd, capsys, on_stale):
    rgbd.add_scene("a", n_frames=4)
    assert phase(rgbd) == 0
    assert phase(rgbd, "--backend", "passthrough", name="deblur") == 0
    before = (rgbd.out_root / "scene_index.json").read_bytes()
    phase(rgbd, "--max_frames", "2", "--on_stale", on_stale)
    said = " ".join(capsys.readouterr().err.split())
    assert "4 frames -> 2" in said and "--max_frames shortens it: give another --out_root" in said
    assert (rgbd.out_root / "scene_index.json").read_bytes() == before


def test_a_layout_brings_depth_and_its_unit_to_phase_3_without_a_flag(tmp_path):
    rgbd = Rgbd(tmp_path)
    tum(rgbd.raw_root)
    assert phase(rgbd) == 0
    (scene,) = index_of(rgbd)
    source = index_of(rgbd)[scene]["source"]
    assert (source["layout"], source["depth"]["units_per_metre"], len(source["depth"]["files"])) == (
        "tum",
        5000,
        16,
    )
    assert phase(rgbd, name="deblur") == 0
    assert cli.phase_main("depth", None, rgbd.flags("out_root")) == 0
    depth = np.load(rgbd.out_root / scene / "depth_maps" / "depth_0003.npz")["depth"]
    np.testing.assert_allclose(depth.astype(float), planar_m(3), atol=3e-3)


def test_depth_that_is_downloaded_later_is_found_by_phase_1_and_changes_no_frame(tmp_path):
    rgbd = Rgbd(tmp_path)
    tartanair(rgbd.raw_root)
    maps = rgbd.raw_root / "abandonedfactory/Easy/P000/depth_left"
    maps.rename(tmp_path / "later")
    assert phase(rgbd) == 0
    (before,) = index_of(rgbd).values()
    (tmp_path / "later").rename(maps)
    assert phase(rgbd) == 0
    (after,) = index_of(rgbd).values()
    assert len(after["source"].pop("depth")["files"]) == 16
    assert after == before


def test_a_data_set_that_is_older_than_layouts_keeps_its_scenes(tmp_path, capsys):
    rgbd = Rgbd(tmp_path)
    tum(rgbd.raw_root)
    root = ["--raw_root", str(rgbd.raw_root / "rgbd_dataset_freiburg1_xyz")]
    assert phase(rgbd, *root, "--layout", "plain") == 0
    older = (rgbd.out_root / "scene_index.json").read_bytes()
    assert phase(rgbd, *root) == 0
    assert (rgbd.out_root / "scene_index.json").read_bytes() == older


def write_ramp(path: Path, n_frames: int = 50) -> Frames:
    """Write a video whose frames can be told apart by their brightness, losslessly, 25 per second."""
    frames = np.stack([np.full((32, 48, 3), 4 * frame, np.uint8) for frame in range(n_frames)])
    write_video(path, frames, "ffv1", "bgr0")
    return frames


def test_clips_are_the_frames_between_their_times_and_no_other(tmp_path):
    """Of 25 frames per second from 0.4 s to before 1.0 s: 10 to 24."""
    rgbd = Rgbd(tmp_path)
    rgbd.raw_root.mkdir()
    frames = write_ramp(rgbd.raw_root / "long.mkv")
    clips = tmp_path / "clips.csv"
    clips.write_text(
        "path,start_s,end_s,scene_id,split,group\nlong.mkv,0.4,1,a,train,\nlong.mkv,1,,b,val,\nlong.mkv,1.9,3,c,,\n"
    )
    assert phase(rgbd, "--clips", str(clips), "--deblur.temporal", "none") == 0
    index = index_of(rgbd)
    assert {n: (e["split"], e["n_frames"], e["source"]["part"]["first_frame"]) for n, e in index.items()} == {
        "a": ("train", 15, 10),
        "b": ("val", 25, 25),
    }
    refused = json.loads((rgbd.out_root / "logs" / "rejected_scenes.json").read_text())
    assert refused["c"]["reason"].startswith("equal frames as b (val)")
    assert phase(rgbd, "--deblur.temporal", "none", name="deblur") == 0
    for name, first, last in (("a", 10, 24), ("b", 25, 49)):
        sharp = sharp_of(rgbd, name)
        assert (sharp[0, 0, 0, 0], sharp[-1, 0, 0, 0]) == (frames[first, 0, 0, 0], frames[last, 0, 0, 0])


@pytest.mark.slow
def test_a_second_run_of_clips_decodes_nothing_and_another_span_is_another_scene(tmp_path, capsys):
    rgbd = Rgbd(tmp_path)
    rgbd.raw_root.mkdir()
    write_ramp(rgbd.raw_root / "long.mkv")
    clips = tmp_path / "clips.csv"
    clips.write_text("path,start_s,end_s,scene_id\nlong.mkv,0,1,a\n")
    assert phase(rgbd, "--clips", str(clips)) == 0
    before = (rgbd.out_root / "scene_index.json").read_bytes()
    assert phase(rgbd, "--clips", str(clips)) == 0
    assert (rgbd.out_root / "scene_index.json").read_bytes() == before
    assert phase(rgbd) == 2
    assert "indexed by a list of clips, and none is given" in capsys.readouterr().err
    clips.write_text("path,start_s,end_s,scene_id\nlong.mkv,0,1.2,a\n")
    assert phase(rgbd, "--clips", str(clips)) == 0
    assert index_of(rgbd)["a"]["n_frames"] == 30
    assert phase(rgbd, "--backend", "passthrough", name="deblur") == 0
    clips.write_text("path,start_s,end_s,scene_id\nlong.mkv,1,,a\n")
    capsys.readouterr()
    assert phase(rgbd, "--clips", str(clips)) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "changed since it was indexed (its times: 0 to 1.2 -> 1 to its end)" in said
    assert index_of(rgbd)["a"]["n_frames"] == 30, "a finished scene stays what it is"
    assert phase(rgbd, "--clips", str(clips), "--on_stale", "redo") == 0
    assert index_of(rgbd)["a"]["source"]["part"]["span_s"] == [1.0, None]


def test_a_clip_that_ends_early_is_said(tmp_path, capsys):
    rgbd = Rgbd(tmp_path)
    rgbd.raw_root.mkdir()
    write_ramp(rgbd.raw_root / "long.mkv")
    clips = tmp_path / "clips.csv"
    clips.write_text("path,start_s,end_s,scene_id\nlong.mkv,1,2,whole\nlong.mkv,1,9,short\n")
    assert phase(rgbd, "--clips", str(clips)) == 0
    shown = " ".join(capsys.readouterr().err.split())
    assert "short: the video ends 1.96 s after its first frame, before end_s 9" in shown
    assert "whole:" not in shown


def test_official_splits_hold_and_equal_frames_are_refused_across_them(tmp_path):
    rgbd = Rgbd(tmp_path)
    for name, seed in (("a", 0), ("b", 1), ("copy", 0), ("stranger", 2)):
        rgbd.add_scene(name, seed=seed)
    for path in sorted((rgbd.raw_root / "copy").iterdir()):  # other names, the same bytes
        path.rename(path.with_name(path.name.replace("frame", "f")))
    lists = tmp_path / "2017"
    lists.mkdir()
    (lists / "train.txt").write_text("a\nb\n")
    (lists / "val.txt").write_text("copy\n")
    assert phase(rgbd, "--split_file", str(lists / "train.txt"), str(lists / "val.txt")) == 0
    assert {name: entry["split"] for name, entry in index_of(rgbd).items()} == {"a": "train", "b": "train"}
    refused = json.loads((rgbd.out_root / "logs" / "rejected_scenes.json").read_text())
    assert refused["copy"]["reason"] == "equal frames as a (train), but here in val"
    assert "no split file" in refused["stranger"]["reason"]
    assert phase(rgbd, "--split_file", str(lists)) == 0  # the same again, now against the index
    assert set(index_of(rgbd)) == {"a", "b"}


def test_a_renamed_scene_in_another_split_than_its_old_name_is_said(tmp_path, capsys):
    rgbd = Rgbd(tmp_path)
    for seed, name in enumerate("abc"):
        rgbd.add_scene(name, seed=seed)
    assert phase(rgbd) == 0
    assert "equal frames" not in capsys.readouterr().err
    (old,) = (name for name, entry in index_of(rgbd).items() if entry["split"] == "test")
    (rgbd.raw_root / old).rename(rgbd.raw_root / "renamed")
    assert phase(rgbd) == 0
    split = index_of(rgbd)["renamed"]["split"]
    shown = " ".join(capsys.readouterr().err.split())
    assert split != "test" and f"equal frames in two splits: renamed ({split}) and {old} (test)" in shown


def test_equal_frames_that_a_draw_puts_into_two_splits_are_said(tmp_path, capsys):
    rgbd = Rgbd(tmp_path)
    for name in "abc":
        rgbd.add_scene(name)
    assert phase(rgbd) == 0
    assert {entry["split"] for entry in index_of(rgbd).values()} == {"train", "val", "test"}
    shown = " ".join(capsys.readouterr().err.split())
    assert "equal frames in two splits: a (val) and b (test), ..." in shown


def test_a_line_that_was_lost_or_edited_comes_back_as_it_was(tmp_path, capsys):
    rgbd = Rgbd(tmp_path)
    for seed, name in enumerate("abcdefgh"):
        rgbd.add_scene(name, seed=seed, n_frames=2)
    assert phase(rgbd) == 0
    before = index_of(rgbd)
    moved = {**before, "a": {**before["a"], "source": {**before["a"]["source"], "path": "b"}}}
    rare = [name for name, line in before.items() if line["split"] != "train"]
    for name in rare:
        del moved[name]
        done = rgbd.out_root / name / "frames_sharp" / ".done"
        done.parent.mkdir()
        done.touch()
    (rgbd.out_root / "scene_index.json").write_text(json.dumps(moved))
    (rgbd.out_root / ".focusgen" / "index_checksum.json").unlink()
    assert phase(rgbd) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert (
        f"edited by hand, and no checksum says that it was meant: gone: {', '.join(rare)}; other: a (source)"
        in said
    )
    assert f"put back with the split that their split.txt says: {', '.join(rare)}" in said
    assert index_of(rgbd) == before


def test_shot_cuts_that_were_edited_by_hand_are_not_those_of_the_frames(tmp_path, capsys):
    rgbd = Rgbd(tmp_path)
    rgbd.add_scene("a")
    assert phase(rgbd) == 0
    before = index_of(rgbd)
    (rgbd.out_root / "scene_index.json").write_text(json.dumps({"a": {**before["a"], "shot_cuts": [1]}}))
    (rgbd.out_root / ".focusgen" / "index_checksum.json").unlink()
    assert cli.phase_main("deblur", "doc", rgbd.flags("raw_root", "out_root")) == 3
    assert "not the manifest that the index vouches for" in capsys.readouterr().err
    assert phase(rgbd) == 0
    assert index_of(rgbd) == before, "phase 1, which is advised, mends it"
