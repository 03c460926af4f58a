"""The index in the making: old scenes stay where they are, new ones follow, nothing leaves."""

from __future__ import annotations

import pytest

from focusgen.dataset.index import IndexEntry
from focusgen.dataset.index_draft import IndexDraft, PackedEntry, outline_of


def entry(split: str, n_frames: int = 2) -> IndexEntry:
    source = {"path": "z", "kind": "video", "fps": 30.0, "notes": ["b", "a"], "frame_times_s": [0.0, 0.1]}
    return IndexEntry(("a", "b", "c")[:n_frames], 64, 48, split, source, (1,), "00")


def test_a_packed_entry_is_the_same_entry_in_the_split_that_was_given_last():
    packed = PackedEntry.of(entry(""))
    assert packed.entry() == entry("")
    assert packed.with_split("val").entry() == entry("val")
    assert list(packed.entry().source) == list(entry("").source), "it is published in this order"


def test_a_draft_keeps_the_order_of_the_index_and_changes_in_place():
    before = {"b": entry("train"), "a": entry("val")}
    draft = IndexDraft(before)
    draft["c"] = entry("test")
    draft.put("a", PackedEntry.of(entry("val", n_frames=3)))
    assert list(draft) == ["b", "a", "c"] and len(draft) == 3
    assert draft["a"].n_frames == outline_of(draft, "a").n_frames == 3
    assert before["a"].n_frames == 2
    assert [outline_of(draft, name).split for name in draft] == ["train", "val", "test"]
    assert "c" in draft and "d" not in draft and draft.get("d") is None
    with pytest.raises(TypeError, match="append-only"):
        del draft["b"]
