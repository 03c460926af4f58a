"""Rows of Parquet hold the bytes that were handed over, in groups, with checksums that see a flipped bit."""

from __future__ import annotations

import builtins
import re
import types
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from focusgen.base.errors import ConfigError
from focusgen.tools.export_parquet import ParquetWriter, require_pyarrow

SCENE: Any = types.SimpleNamespace(vetted=types.SimpleNamespace(scene_id="ein 'Bär'", split="val"))


def members(frame: int) -> dict[str, bytes]:
    return {
        "sharp.png": b"\x89PNG" + bytes([frame, 0, 255]),
        "focus_00.npz": b"" if frame == 1 else b"npz",
        "json": '{"scene": "ein \'Bär\'"}'.encode(),
    }


def write(path: Path, n_frames: int, group: int) -> None:
    with path.open("wb") as file:
        writer = ParquetWriter(file, row_group_frames=group)
        for frame in range(n_frames):
            writer.add(SCENE, frame, members(frame))
        writer.close()


@pytest.mark.parametrize(("n_frames", "group", "groups"), [(1, 4, [1]), (4, 4, [4]), (5, 2, [2, 2, 1])])
def test_every_frame_is_a_row_and_groups_are_as_asked(tmp_path, n_frames, group, groups):
    write(tmp_path / "x.parquet", n_frames, group)
    found = pq.ParquetFile(tmp_path / "x.parquet")
    assert [found.metadata.row_group(i).num_rows for i in range(found.num_row_groups)] == groups
    rows = found.read().to_pylist()
    assert [row["frame"] for row in rows] == list(range(n_frames))
    for frame, row in enumerate(rows):
        assert (row["scene"], row["split"]) == ("ein 'Bär'", "val")
        assert (
            row["sharp"] == members(frame)["sharp.png"] and row["focus_00"] == members(frame)["focus_00.npz"]
        )
        assert row["json"] == members(frame)["json"].decode()


def test_equal_frames_make_equal_files(tmp_path):
    write(tmp_path / "1", 3, 2)
    write(tmp_path / "2", 3, 2)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_a_flipped_bit_of_a_picture_is_noticed(tmp_path):
    path = tmp_path / "x.parquet"
    write(path, 3, 2)
    data = bytearray(path.read_bytes())
    # Before the bytes of a page stand the smallest and largest of them, which no reader of pictures looks at.
    places = [match.start() for match in re.finditer(rb"\x89PNG", bytes(data))]
    data[places[2] + 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(OSError, match=r"(?i)crc|checksum"):
        pq.ParquetFile(path, page_checksum_verification=True).read()


def test_without_pyarrow_it_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def refuse(name: str, *more: Any) -> Any:
        if name == "pyarrow":
            raise ImportError(name)
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ConfigError, match="Parquet needs pyarrow") as caught:
        require_pyarrow()
    assert "focusgen[hub]" in caught.value.advice
