"""Where a published file is read from, and what unpacking never does."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from focusgen.base.files import publish_json
from focusgen.dataset.layout import SceneLayout
from focusgen.dataset.packs import (
    _published_as,
    is_packed,
    is_published,
    pack_document,
    read_published,
    unpack_scene,
)

FILES = {"frames_sharp/frame_0000.png": b"picture", "focus_maps/set_01/focus_0000.npz": b"label"}


@pytest.fixture
def scene(tmp_path: Path) -> SceneLayout:
    """A packed scene of two files."""
    scene = SceneLayout(tmp_path, "a")
    scene.root.mkdir()
    places = {}
    with tarfile.open(scene.pack_tar, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in FILES.items():
            info = tarfile.TarInfo(f"a/{name}")
            info.size = len(data)
            places[name] = (tar.offset + 512, len(data))
            tar.addfile(info, io.BytesIO(data))
    publish_json(scene.pack_index, pack_document(scene, places))
    return scene


def test_a_file_by_itself_counts_else_the_one_in_the_tar(scene):
    sharp = scene.sharp(0)
    assert is_packed(scene) and not sharp.exists()
    assert read_published(sharp) == b"picture" and read_published(scene.focus(1, 0)) == b"label"
    assert is_published(sharp) and not is_published(scene.sharp(1))
    sharp.parent.mkdir()
    sharp.write_bytes(b"newer")
    assert read_published(sharp) == b"newer"
    with pytest.raises(FileNotFoundError, match=r"frame_0001\.png"):
        read_published(scene.sharp(1))
    with pytest.raises(FileNotFoundError):
        read_published(SceneLayout(scene.dataset_root, "b").sharp(0))


def test_unpacking_never_overwrites_a_file_that_lies_by_itself(scene):
    scene.sharp(0).parent.mkdir()
    scene.sharp(0).write_bytes(b"newer")
    assert unpack_scene(scene) == 2
    assert scene.sharp(0).read_bytes() == b"newer" and scene.focus(1, 0).read_bytes() == b"label"
    assert not is_packed(scene) and not scene.pack_tar.exists()
    assert unpack_scene(scene) == 0


@pytest.mark.parametrize("lens_set", [0, 11])
def test_the_names_of_samples_lead_back_to_the_published_files(lens_set):
    scene = SceneLayout(Path("root"), "a")
    members = {
        "0012.sharp.png": scene.sharp(12),
        "0012.depth.npz": scene.depth(12),
        "0012.valid.png": scene.valid(12),
        f"0012.bokeh_{lens_set:02d}.png": scene.bokeh(lens_set, 12),
        f"0012.focus_{lens_set:02d}.npz": scene.focus(lens_set, 12),
    }
    for name, path in members.items():
        assert _published_as(name) == path.relative_to(scene.root).as_posix()
