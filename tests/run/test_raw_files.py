"""Raw files of a finished scene are read again only where nothing else tells that phase 1 saw the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from focusgen import config
from focusgen.base.checksums import checksum
from focusgen.base.files import json_bytes
from focusgen.dataset import file_marks
from focusgen.dataset.index import IndexEntry
from focusgen.dataset.ingest import new_manifest
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import Record
from focusgen.run import raw_files
from focusgen.run.raw_files import changed_raw_file, keep_look, keeping_looks, look_before

YOUNG, OLD = ({"run": {"started": f"{year}-01-01T00:00:00Z"}} for year in (2000, 2001))


class Footage:
    """Two raw frames below one root, as phase 1 indexed them; counts how often their bytes are read."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = root / "raw" / "a"
        self.folder.mkdir(parents=True)
        self.cfg = config.load(None, {"data.raw_root": root / "raw", "data.out_root": root / "out"})
        self.dataset = DatasetLayout.of(self.cfg)
        names = ("0.png", "1.png")
        for name in names:
            (self.folder / name).write_bytes(name.encode())
        manifest, digest = new_manifest(self.cfg, {name: checksum(name.encode()) for name in names}, ())
        source = {"path": "a", "kind": "images", "fps": None}
        self.entry = IndexEntry(names, 4, 4, "train", source, (), digest)
        path = self.dataset.scene("a").ingest_json
        path.parent.mkdir(parents=True)
        path.write_bytes(json_bytes(manifest))
        self.n_read = 0
        compare = raw_files.changed_files

        def counted(*given: Any) -> list[str]:
            self.n_read += 1
            return compare(*given)

        monkeypatch.setattr(raw_files, "changed_files", counted)
        monkeypatch.setattr(file_marks, "SETTLED_S", -60.0)  # no waiting

    def changed(self, run: dict[str, Any]) -> str:
        return changed_raw_file(self.cfg, self.dataset, "a", self.entry, Record(run))


@pytest.fixture
def footage(tmp_path, monkeypatch) -> Footage:
    return Footage(tmp_path, monkeypatch)


def test_what_phase_2_compared_is_not_read_again_until_it_changes(footage):
    keep_look(footage.dataset.raw_look("a"), look_before(footage.cfg, footage.dataset, "a", footage.entry))
    assert footage.changed(YOUNG) == "" and footage.n_read == 0
    (footage.folder / "1.png").write_bytes(b"0.png")
    assert [footage.changed(YOUNG) for _ in range(3)] == ["1.png: not the bytes that phase 1 saw"] * 3
    assert footage.n_read == 1, "what was found is kept too"
    (footage.folder / "1.png").write_bytes(b"1.png")
    assert [footage.changed(YOUNG) for _ in range(3)] == [""] * 3
    assert footage.n_read == 2


def test_a_look_at_other_bytes_than_those_indexed_now_is_none(footage):
    look = look_before(footage.cfg, footage.dataset, "a", footage.entry)
    keep_look(footage.dataset.raw_look("a"), look._replace(ingest_digest="before", changed="1.png"))
    assert footage.changed(YOUNG) == "" and footage.n_read == 1


def test_an_older_data_set_is_told_by_times_and_read_once_where_they_do_not_tell(footage, monkeypatch):
    monkeypatch.setattr(raw_files, "is_newer", lambda files, record: record.document is YOUNG)
    assert footage.changed(OLD) == "" and footage.n_read == 0
    assert [footage.changed(YOUNG) for _ in range(3)] == [""] * 3
    assert footage.n_read == 1


def test_a_missing_frame_is_another_input_and_missing_footage_is_none(footage):
    (footage.folder / "0.png").unlink()
    assert footage.changed(YOUNG) == "0.png: missing, while others are there"
    (footage.folder / "1.png").unlink()
    assert footage.changed(YOUNG) == ""


def test_where_nothing_can_be_compared_nothing_is_said(footage):
    footage.entry = replace(footage.entry, ingest_digest="of a data set that was adopted")
    assert footage.changed(YOUNG) == ""


def test_a_dry_run_keeps_nothing_of_what_it_looked_at(footage):
    path = footage.dataset.raw_look("a")
    look = look_before(footage.cfg, footage.dataset, "a", footage.entry)
    assert look.mark
    with keeping_looks(False):
        keep_look(path, look)
        assert not path.exists()
    keep_look(path, look)
    assert path.is_file()


def test_a_torn_look_is_made_anew(footage):
    footage.changed(YOUNG)
    path = footage.dataset.raw_look("a")
    path.write_bytes(path.read_bytes()[:-9])
    assert footage.changed(YOUNG) == "" and footage.n_read == 2
