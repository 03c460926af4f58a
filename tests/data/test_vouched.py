"""A file that decodes as well as the right one is not taken for it; records count as they were."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from focusgen.base.checksums import FileEntry
from focusgen.base.errors import CorruptInputError, MissingUpstreamError, StaleError
from focusgen.data import FocusDataset, vouched


def place_of(data: FocusDataset, kind: str, frame: int) -> Path:
    layout = data.item(0)[0].layout
    if kind in ("sharp", "depth"):
        return {"sharp": layout.sharp, "depth": layout.depth}[kind](frame)
    return {"bokeh": layout.bokeh, "focus": layout.focus}[kind](0, frame)


@pytest.mark.parametrize("kind", ["sharp", "bokeh", "depth", "focus"])
def test_two_frames_that_changed_places_are_refused(finished, kind):
    data = FocusDataset(finished, "train", window=2, modalities=(kind,))
    one, other = (place_of(data, kind, frame) for frame in (0, 1))
    first, second = one.read_bytes(), other.read_bytes()
    assert first != second
    one.write_bytes(second)
    other.write_bytes(first)
    with pytest.raises(CorruptInputError, match=rf"^{one}: not the file that .*\.done vouches for\n"):
        data[0]


def test_flags_that_a_record_names_are_missed_not_taken_for_none(finished, monkeypatch):
    data = FocusDataset(finished, "train", window=2, modalities=("valid",))
    assert data[0]["valid"].max() == 0, "no record names any: no pixel is doubtful"
    monkeypatch.setattr(vouched, "_files", lambda *key: {"depth_maps/valid_0001.png": FileEntry(1, "0" * 32)})
    with pytest.raises(MissingUpstreamError, match=r"valid_0001\.png: no such file"):
        data[0]


def test_a_phase_that_ran_since_the_data_set_was_opened_is_noticed(finished):
    data = FocusDataset(finished, "train", window=2, modalities=("depth",))
    scene = data.item(0)[0]
    shutil.copyfile(data.scenes[1].layout.done("depth"), scene.layout.done("depth"))
    with pytest.raises(StaleError, match=rf"{scene.scene_id}.* has changed since the data set was opened"):
        data[0]


@pytest.mark.parametrize("change", ["another file", "no file"])
def test_a_phase_that_ran_while_the_data_set_was_read_is_no_damage(finished, change):
    data = FocusDataset(finished, "train", window=2, modalities=("depth",))
    data[0]  # whoever has read of a scene knows its record by heart
    scene, path = data.item(0)[0], place_of(data, "depth", 0)
    shutil.copyfile(data.scenes[1].layout.done("depth"), scene.layout.done("depth"))
    path.unlink()
    if change == "another file":
        path.write_bytes(data.scenes[1].layout.depth(0).read_bytes())
    with pytest.raises(StaleError, match=r"has changed since the data set was opened\nA phase ran meanwhile"):
        data[0]
