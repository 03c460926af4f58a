"""Unfinished work: facts that a kill cannot take, and a finished phase that begins anew for some files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from focusgen.base.files import append
from focusgen.dataset.journals import note_line, open_notes, read_journal, reopen
from focusgen.dataset.layout import SceneLayout
from focusgen.dataset.records import read_record
from focusgen.dataset.scene_store import PhaseStore
from focusgen.media.codecs import encode_npz
from tests.small import identity

PLAN = identity("depth", settings={"depth.min_m": 0.01})


def depth_bytes() -> bytes:
    return encode_npz("depth", np.ones((4, 4), np.float16))


def test_a_torn_or_damaged_line_of_notes_costs_one_fact_and_not_the_next(tmp_path: Path):
    notes = tmp_path / "deblur_notes.jsonl"
    whole = note_line("psnr/0", 1.0)
    for lost in (1, 6, len(note_line("psnr/1", 2.0)) - 1):
        notes.write_bytes(whole + note_line("psnr/1", 2.0)[:-lost])
        assert open_notes(notes)["psnr/0"] == 1.0
        append(notes, note_line("psnr/2", 3.0))
        assert open_notes(notes)["psnr/2"] == 3.0
    notes.write_bytes(notes.read_bytes().replace(b"3.0", b"8.0"))
    assert "psnr/2" not in open_notes(notes)


@pytest.mark.parametrize("text", [None, b"", b"{", b"[]", b"null", b"\xff"])
def test_a_journal_that_nobody_can_read_says_nothing(tmp_path: Path, text: bytes | None):
    path = tmp_path / "depth.json"
    if text is not None:
        path.write_bytes(text)
    assert read_journal(path) is None


def test_reopening_keeps_facts_and_the_other_files_and_ends_in_the_same_digest(tmp_path: Path):
    scene = SceneLayout(tmp_path, "a")

    def finish() -> list[int]:
        with PhaseStore(scene, PLAN) as store:
            made = store.missing(lambda frame: [scene.depth(frame)])
            for frame in made:
                store.remember(f"median/{frame}", 1.0)
                store.put((scene.depth(frame), depth_bytes))
            store.finish({"medians": len(store.recall_frames("median"))})
        return made

    assert finish() == [0, 1, 2]
    before, inode = read_record(scene.done("depth")), scene.depth(0).stat().st_ino
    reopen(scene, before, [scene.depth(1)])
    assert not scene.done("depth").exists() and not scene.depth(1).exists()
    assert json.loads(scene.journal("depth").read_bytes())["png_filter"] == "up"
    assert set(open_notes(scene.notes("depth"))) == {"median/0", "median/1", "median/2"}
    assert finish() == [1]
    assert read_record(scene.done("depth")).digest == before.digest
    assert scene.depth(0).stat().st_ino == inode
