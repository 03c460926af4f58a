import os
import unicodedata

import pytest

from focusgen.base.errors import ConfigError
from focusgen.media.scenes import discover


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def ids(found):
    return [scene.scene_id for scene in found.scenes]


def test_folders_of_images_and_video_files_are_scenes_in_natural_order(tmp_path):
    for name in ("clip10", "clip2", "clip1"):
        for image in ("10.png", "9.JPG", "1.jpeg"):
            touch(tmp_path / name / image)
    for name in ("clip3.MP4", "clip20.webm"):
        touch(tmp_path / name)
    found = discover(tmp_path)
    assert ids(found) == ["clip1", "clip2", "clip3", "clip10", "clip20"]
    assert found.scenes[0].files == ("1.jpeg", "9.JPG", "10.png")
    assert found.scenes[0].file_path(1) == tmp_path / "clip1" / "9.JPG"
    assert found.scenes[2].kind == "video"
    assert found.scenes[2].file_path() == tmp_path / "clip3.MP4"
    assert found.rejected == {}


def test_hidden_files_and_files_of_other_kinds_are_passed_over(tmp_path):
    touch(tmp_path / "bear" / "1.png")
    for junk in (".DS_Store", "Thumbs.db", "notes.txt", "._1.png"):
        touch(tmp_path / junk)
        touch(tmp_path / "bear" / junk)
    touch(tmp_path / "__MACOSX" / "bear" / "1.png")
    touch(tmp_path / ".git" / "1.png")
    found = discover(tmp_path)
    assert ids(found) == ["bear"]
    assert found.scenes[0].files == ("1.png",)
    assert found.rejected == {}


def test_a_davis_root_and_its_folder_of_frames_give_the_same_scenes(tmp_path):
    for scene in ("bear", "camel"):
        touch(tmp_path / "JPEGImages" / "480p" / scene / "00000.jpg")
        touch(tmp_path / "Annotations" / "480p" / scene / "00000.png")
    from_root = discover(tmp_path)
    assert ids(from_root) == ["bear", "camel"]
    assert from_root.rejected == {}
    assert discover(tmp_path / "JPEGImages" / "480p").scenes == from_root.scenes


def test_a_pattern_joins_class_and_clip(tmp_path):
    touch(tmp_path / "dog" / "run" / "1.png")
    touch(tmp_path / "dog" / "jump.mp4")
    touch(tmp_path / "dog" / "notes.txt")
    touch(tmp_path / "cat" / "run" / "1.png")
    assert ids(discover(tmp_path, "*/*")) == ["cat_run", "dog_jump", "dog_run"]
    assert ids(discover(tmp_path, "dog/*")) == ["jump", "run"]
    assert "data.glob" in discover(tmp_path).rejected["cat"].reason


def test_joined_names_that_collide_are_all_refused_by_name(tmp_path):
    touch(tmp_path / "a_b" / "c" / "1.png")
    touch(tmp_path / "a" / "b_c" / "1.png")
    found = discover(tmp_path, "*/*")
    assert found.scenes == ()
    assert "a/b_c/" in found.rejected["a_b_c"].reason and "a_b/c/" in found.rejected["a_b_c"].reason


@pytest.mark.parametrize("pattern", ["/etc/*", "../*", "a/../../*"])
def test_a_pattern_that_leaves_the_root_is_refused(tmp_path, pattern):
    with pytest.raises(ConfigError, match="below the raw root"):
        discover(tmp_path, pattern)


def test_a_root_that_is_one_scene_or_one_video_works(tmp_path):
    touch(tmp_path / "beach" / "1.png")
    video = touch(tmp_path / "walk.mov")
    assert ids(discover(tmp_path / "beach")) == ["beach"]
    assert ids(discover(video)) == ["walk"]
    assert discover(video).scenes[0].path == video


def test_images_beside_scenes_are_reported_and_not_lost_in_silence(tmp_path):
    root = tmp_path / "root"
    touch(root / "poster.jpg")
    touch(root / "bear" / "1.png")
    found = discover(root)
    assert ids(found) == ["bear"]
    assert "loose images" in found.rejected["root"].reason


@pytest.mark.parametrize("others", [["a.mov"], ["a/1.png"], ["A.mp4"], ["a.mov", "a/1.png"]])
def test_scenes_of_one_name_are_all_refused(tmp_path, others):
    for name in ["a.mp4", "b.mp4", *others]:
        touch(tmp_path / name)
    found = discover(tmp_path)
    assert ids(found) == ["b"]
    for name in ["a.mp4", *others]:
        assert name.split("/")[0] in found.rejected["a"].reason


def test_names_that_differ_only_by_unicode_form_are_refused(tmp_path):
    for form in ("NFC", "NFD"):
        touch(tmp_path / unicodedata.normalize(form, "café") / "1.png")
    found = discover(tmp_path)
    assert found.scenes == ()
    assert len(found.rejected) == 2
    assert all(item.reason.count("caf") == 2 for item in found.rejected.values())


def test_hostile_folder_names_are_refused_one_by_one(tmp_path):
    names = ["-rf", "a\\b", "line\nbreak", "\x1b[2J", "logs", "x" * 201]
    for name in names:
        touch(tmp_path / name / "1.png")
    touch(tmp_path / "bear" / "1.png")
    os.makedirs(os.fsencode(tmp_path) + b"/latin\xe9")
    found = discover(tmp_path)
    assert ids(found) == ["bear"]
    assert len(found.rejected) == len(names) + 1
    assert all(item.reason.endswith("; rename it") for item in found.rejected.values())
    assert all(
        text.isprintable() for key, item in found.rejected.items() for text in (key, item.file, item.reason)
    )


def test_a_folder_without_images_and_an_image_of_a_hostile_name_are_refused(tmp_path):
    touch(tmp_path / "empty" / "notes.txt")
    (tmp_path / "bare").mkdir()
    touch(tmp_path / "bad" / "1\n.png")
    touch(tmp_path / "twice" / "1.png")
    touch(tmp_path / "twice" / "1.jpg")
    found = discover(tmp_path)
    assert found.scenes == ()
    assert "no images" in found.rejected["empty"].reason
    assert "no images" in found.rejected["bare"].reason
    assert found.rejected["bad"].file == r"bad/1\n.png"
    assert "the same frame as" in found.rejected["twice"].reason


def test_media_of_kinds_that_are_not_read_are_named(tmp_path):
    touch(tmp_path / "old.mts")
    touch(tmp_path / "old.dng")
    touch(tmp_path / "phone" / "1.heic")
    touch(tmp_path / "bear" / "1.png")
    found = discover(tmp_path)
    assert ids(found) == ["bear"]
    assert "ffmpeg -i INPUT -c copy -an OUTPUT.mkv" in found.rejected["old.mts"].reason
    assert found.rejected["old.dng"].reason == "a kind of file that is not read: convert it"
    assert "'1.heic'" in found.rejected["phone"].reason


def test_downloads_that_were_not_finished_are_named_and_other_parts_are_not(tmp_path):
    for name in ("film.mp4.part", "film.f137.webm.crdownload", "phone/1.heic.partial", "bear/1.png"):
        touch(tmp_path / name)
    for name in ("notes.part", "chapters.txt.part", ".hidden.mp4.part"):
        touch(tmp_path / name)
    found = discover(tmp_path)
    assert ids(found) == ["bear"]
    assert set(found.rejected) == {"film.mp4.part", "film.f137.webm.crdownload", "phone"}
    assert all("not finished: get it whole" in refused.reason for refused in found.rejected.values())


def test_links_that_leave_the_root_and_things_that_are_no_files_are_refused(tmp_path):
    outside, root = tmp_path / "outside", tmp_path / "root"
    touch(outside / "1.png")
    touch(outside / "clip.mp4")
    touch(root / "good" / "1.png")
    (root / "folder").symlink_to(outside)
    (root / "video.mp4").symlink_to(outside / "clip.mp4")
    (root / "loop").symlink_to(root / "loop")
    touch(root / "image" / "1.png")
    (root / "image" / "2.png").symlink_to(outside / "1.png")
    (root / "pipe").mkdir()
    os.mkfifo(root / "pipe" / "1.png")
    os.mkfifo(root / "stream.mp4")
    (root / "inside").symlink_to(root / "good")
    found = discover(root)
    assert ids(found) == ["good", "inside"]
    for name in ("folder", "video.mp4", "image"):
        assert "leaves the raw root" in found.rejected[name].reason
    assert "loop" in found.rejected
    assert "regular" in found.rejected["pipe"].reason
    assert "regular" in found.rejected["stream.mp4"].reason
    assert ids(discover(root, "*/")) == ["good", "inside"]


def test_a_missing_root_is_a_configuration_error(tmp_path):
    with pytest.raises(ConfigError, match="no such folder"):
        discover(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="neither a folder nor a video"):
        discover(touch(tmp_path / "notes.txt"))


def test_a_video_among_images_is_told_and_kinds_that_are_not_read_are_named(tmp_path):
    for name in ("1.png", "2.png", "clip.mp4", "other.mov"):
        touch(tmp_path / "bear" / name)
    touch(tmp_path / "raw.h264")
    found = discover(tmp_path)
    assert found.scenes[0].notes == ("a video beside the images is not read: clip.mp4 and 1 more",)
    assert "not read" in found.rejected["raw.h264"].reason
