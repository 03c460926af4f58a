import os
from pathlib import Path

from focusgen.media.layouts.folders import below, files, first_below, folders, number_of, paired


def test_frames_pair_by_their_first_number_and_those_alone_are_named():
    frames = [f"{number}.jpg" for number in (0, 1, 2, 10)]
    depths = ["frame_0010.depth2.png", "frame_0001.depth2.png", "frame_0007.depth2.png"]
    kept, maps, notes = paired(frames, depths)
    assert list(zip(kept, maps, strict=True)) == [
        ("1.jpg", "frame_0001.depth2.png"),
        ("10.jpg", "frame_0010.depth2.png"),
    ]
    assert notes == ("2 of 4 frames have no depth and are left out: 0.jpg, 2.jpg",)
    assert number_of("cover.png") is None


def test_a_number_that_all_names_have_pairs_nothing():
    """The last of the depth files stood beside each frame."""
    frames = tuple(f"scene0000_00_{number}.jpg" for number in range(3))
    assert paired(frames, [name.replace("jpg", "png") for name in frames]) == (frames, (), ())
    assert paired(frames, ["0.png", "1.png"]) == (frames, (), ()), (
        "all frames, as those of a set without depth"
    )
    twins = paired(["0.jpg", "0.png"], ["0.png"])[0]
    assert twins == ("0.jpg", "0.png"), "one frame twice is refused by name where frames are counted"


def test_children_come_in_natural_order_without_hidden_ones(tmp_path: Path):
    for name in ("10", "9", ".hidden", "a"):
        (tmp_path / name).mkdir()
    for name in ("b2.PNG", "b10.png", "x.txt", "._b2.png"):
        (tmp_path / name).touch()
    assert [folder.name for folder in folders(tmp_path)] == ["9", "10", "a"]
    assert files(tmp_path, ".png") == ["b2.PNG", "b10.png"]
    assert folders(tmp_path / "gone") == files(tmp_path / "gone", ".png") == []


def test_links_to_folders_are_folders_and_files_are_not_asked_for_one_by_one(tmp_path: Path, monkeypatch):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    (tmp_path / "loop").symlink_to("loop")
    for number in range(20):
        (tmp_path / f"{number}.mp4").touch()
    asked: list[str] = []
    is_dir = os.path.isdir
    monkeypatch.setattr(os.path, "isdir", lambda path: asked.append(Path(path).name) or is_dir(path))
    monkeypatch.setattr(Path, "is_dir", lambda path: asked.append(path.name) or is_dir(path))
    assert [folder.name for folder in folders(tmp_path)] == ["folder", "link"]
    assert set(asked) == {tmp_path.name, "link", "loop"}


def test_what_is_found_is_not_entered_and_the_search_ends_at_its_depth(tmp_path: Path):
    for path in ("a/hit/b/hit", "hit", "c/d/hit"):
        (tmp_path / path).mkdir(parents=True)
    wanted = [str(p.relative_to(tmp_path)) for p in below(tmp_path, lambda p: p.name == "hit", 2)]
    assert wanted == ["a/hit", "hit"]
    nearest = first_below(tmp_path, lambda p: p.name == "hit", 3)
    assert nearest == tmp_path / "hit"
