"""The index that phase 1 is making: what was there, read when it is asked for, and packed what is new."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import replace
from typing import NamedTuple

from focusgen.dataset.index import IndexEntry, Outline
from focusgen.dataset.records import parse_json
from focusgen.dataset.scene_table import SceneTable
from focusgen.dataset.sealed_lines import compact


class PackedEntry(NamedTuple):
    """A line of the index in a tenth of its memory: all new ones are made before the first is written.

    Attributes:
        outline: with the split that holds, whatever `packed` says.
    """

    outline: Outline
    packed: bytes

    @classmethod
    def of(cls, entry: IndexEntry) -> PackedEntry:
        """Pack an entry."""
        return cls(entry.outline, zlib.compress(compact(entry.document()), 1))

    def entry(self) -> IndexEntry:
        """Unpack it."""
        entry = IndexEntry.of(parse_json(zlib.decompress(self.packed)))
        return replace(entry, split=self.outline.split)

    def with_split(self, split: str) -> PackedEntry:
        """Return the entry in a split."""
        return self._replace(outline=self.outline._replace(split=split))


class IndexDraft(MutableMapping[str, IndexEntry]):
    """Old scenes in their order, then new ones in the order in which they were put in; nothing leaves it.

    Args:
        before: the index as it was published.
    """

    def __init__(self, before: Mapping[str, IndexEntry]) -> None:
        self.before = before
        self._changed: dict[str, PackedEntry] = {}

    def put(self, scene_id: str, packed: PackedEntry) -> None:
        """Set a scene's line."""
        self._changed[scene_id] = packed

    def outline(self, scene_id: str) -> Outline:
        """Return a scene's outline."""
        changed = self._changed.get(scene_id)
        return changed.outline if changed else outline_of(self.before, scene_id)

    def __getitem__(self, scene_id: str) -> IndexEntry:
        changed = self._changed.get(scene_id)
        return changed.entry() if changed else self.before[scene_id]

    def __setitem__(self, scene_id: str, entry: IndexEntry) -> None:
        self.put(scene_id, PackedEntry.of(entry))

    def __delitem__(self, scene_id: str) -> None:
        raise TypeError(f"the index is append-only: {scene_id!r} stays")

    def __iter__(self) -> Iterator[str]:
        yield from self.before
        yield from (scene_id for scene_id in self._changed if scene_id not in self.before)

    def __len__(self) -> int:
        return len(self.before) + sum(scene_id not in self.before for scene_id in self._changed)

    def __contains__(self, scene_id: object) -> bool:
        return scene_id in self._changed or scene_id in self.before


def outline_of(index: Mapping[str, IndexEntry], scene_id: str) -> Outline:
    """Return a scene's outline, without reading its line where that can be spared."""
    if isinstance(index, IndexDraft):
        return index.outline(scene_id)
    if isinstance(index, SceneTable):
        return Outline(*(index.column(name, scene_id) for name in Outline._fields))
    return index[scene_id].outline
