"""What focusgen made below a raw root is never taken for footage, and never stands among what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from focusgen.media.layouts.find import find_scenes
from tests.layouts import write_pictures
from tests.media.layouts.asking import data_of

NAMES = [f"{n}.png" for n in range(3)]
REMARK = ("passed over in the raw root, since focusgen made it: my out",)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A raw root that holds a data set made of it."""
    (tmp_path / "my out" / ".focusgen").mkdir(parents=True)
    write_pictures(tmp_path / "my out" / "bear" / "frames_sharp", NAMES)
    return tmp_path


def test_a_data_set_among_scenes_is_said_once_and_not_refused(root: Path):
    write_pictures(root / "bear", NAMES)
    found = find_scenes(data_of(root))
    assert [scene.scene_id for scene in found.scenes] == ["bear"]
    assert (found.rejected, found.remarks) == ({}, REMARK)


def test_a_root_of_loose_images_stays_one_scene_beside_what_was_made_of_it(root: Path):
    write_pictures(root, NAMES)
    found = find_scenes(data_of(root))
    assert [(scene.scene_id, len(scene.files)) for scene in found.scenes] == [(root.name, 3)]
    assert (found.rejected, found.remarks) == ({}, REMARK)


@pytest.mark.parametrize("glob", ["*/*", "**/*", "*/*/*"])
def test_a_pattern_reaches_into_no_data_set(root: Path, glob: str):
    write_pictures(root / "bear" / "clip" / "a", NAMES)
    found = find_scenes(data_of(root, glob=glob))
    assert [item.file for item in found.rejected.values() if "my out" in item.file] == []
    assert [scene.scene_id for scene in found.scenes if "bear_clip" not in scene.scene_id] == []


def test_a_raw_folder_inside_a_data_set_is_read(root: Path):
    write_pictures(root / "my out" / "raw" / "bear", NAMES)
    assert [scene.scene_id for scene in find_scenes(data_of(root / "my out" / "raw")).scenes] == ["bear"]
