"""A mapping of very many scenes that stays on the disk: names in memory, each value read when asked for.

`head.json` says of which file (by its checksum) the table is a form, and names the other two: `names-*.jsonl`
(ids and a checksum of every block; in a line of its own what is asked of all scenes at once, but not by a
task) and `lines-*.jsonl` (one line a scene). They are written once and never changed, so that a reader is not
disturbed by a newer table.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import secrets
import time
import weakref
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from focusgen.base.checksums import checksum, file_checksum
from focusgen.base.errors import ConfigError, StorageError
from focusgen.base.files import append, make_folder, publish, publish_json, remove
from focusgen.dataset.file_marks import facts_of_change, has_settled
from focusgen.dataset.records import canonical, parse_json, parse_object
from focusgen.dataset.sealed_lines import open_line, seal_line

TABLE_VERSION = 2
READABLE = (1, 2)  # the first had all in one line of names-*.json
BLOCK_SCENES = 1000
"""Scenes that share one checksum: what is kept about them holds as long as that stays."""

Value = TypeVar("Value")


class SceneTable(Mapping[str, Value], Generic[Value]):
    """The scenes of one table, in order.

    Args:
        folder: where the table lies.
        names: what its names file says in its first line.
        columns: the rest of it.
        make: turns the document of a line into a value.

    Attributes:
        blocks: the checksum of each `BLOCK_SCENES` lines.
    """

    def __init__(
        self,
        folder: Path,
        names: Mapping[str, Any],
        columns: bytes,
        make: Callable[[dict[str, Any]], Value],
    ) -> None:
        self._ids: list[str] = names["scenes"]
        self._places = {scene_id: place for place, scene_id in enumerate(self._ids)}
        self._starts = array("q", itertools.accumulate(names["line_bytes"], initial=0))
        self._make = make
        self._lines = folder / names["lines"]
        self._descriptor = os.open(self._lines, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._descriptor)
        self._columns_json = columns or canonical(names["columns"])
        self.blocks: Sequence[str] = names["blocks"]

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, scene_id: object) -> bool:
        return scene_id in self._places

    def __getitem__(self, scene_id: str) -> Value:
        place = self._places[scene_id]
        start = self._starts[place]
        line = open_line(os.pread(self._descriptor, self._starts[place + 1] - start, start))
        if line is None or line["scene"] != scene_id:
            raise ConfigError(
                f"{self._lines}: damaged at scene {scene_id!r}",
                f"It is made anew from the index: delete the folder {self._lines.parent} and start again.",
            )
        return self._make(line["entry"])

    @functools.cached_property
    def columns(self) -> Mapping[str, Sequence[Any]]:
        """What the writer kept of every scene, by name."""
        return parse_object(self._columns_json)

    def column(self, name: str, scene_id: str) -> Any:
        """Return what was kept of a scene under a name, without reading its line."""
        return self.columns[name][self._places[scene_id]]

    def block_of(self, number: int) -> list[str]:
        """Return the scenes of a block."""
        return self._ids[number * BLOCK_SCENES : (number + 1) * BLOCK_SCENES]


@dataclass(frozen=True)
class Original:
    """The file that a table is another form of.

    Attributes:
        name: of the file, as the table's owner calls it.
        digest: xxh3_128 of its bytes.
    """

    path: Path
    name: str
    digest: str


class TableWriter:
    """Writes a table scene by scene; a context manager that leaves nothing behind unless it is published."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        token = f"{time.time_ns()}-{secrets.token_hex(4)}"  # others may be at it, and read older ones
        self._lines, self._names = folder / f"lines-{token}.jsonl", folder / f"names-{token}.jsonl"
        self._ids: list[str] = []
        self._sizes: list[int] = []
        self._columns: dict[str, list[Any]] = {}
        self._block: list[bytes] = []
        self._blocks: list[str] = []
        self._is_published = False

    def __enter__(self) -> TableWriter:
        make_folder(self._folder)
        append(self._lines, b"")
        return self

    def __exit__(self, *exc_info: object) -> None:
        if not self._is_published:
            remove(self._lines)

    def add(self, scene_id: str, document: Mapping[str, Any], columns: Mapping[str, Any]) -> None:
        """Add a scene: its value as JSON data, and what is to be known of it without reading that."""
        line = seal_line({"scene": scene_id, "entry": document})
        self._ids.append(scene_id)
        self._sizes.append(len(line))
        for name, value in columns.items():
            self._columns.setdefault(name, []).append(value)
        self._block.append(line)
        if len(self._block) == BLOCK_SCENES:
            self._end_block()

    def _end_block(self) -> None:
        if self._block:
            data = b"".join(self._block)
            self._block.clear()
            self._blocks.append(checksum(data))
            append(self._lines, data)

    def publish(self, original: Original) -> None:
        """Put the table in place, and remove older ones.

        Raises:
            StorageError: it cannot be written.
        """
        self._end_block()
        if self._lines.stat().st_size != sum(self._sizes):
            raise StorageError(f"{self._lines}: not as long as what was written", "Start the command again.")
        document = {
            "lines": self._lines.name,
            "scenes": self._ids,
            "line_bytes": self._sizes,
            "blocks": self._blocks,
        }
        data = canonical(document) + b"\n" + canonical(self._columns)
        publish(self._names, data)
        publish_json(self._folder / "head.json", _head(original, self._names.name, checksum(data)))
        self._is_published = True
        for other in self._folder.glob("*-*.json*"):
            if other not in (self._lines, self._names):
                remove(other)


def open_table(
    folder: Path, original: Path, name: str, make: Callable[[dict[str, Any]], Value]
) -> tuple[SceneTable[Value], str] | None:
    """Return (table, checksum of the original), or None if there is none that is whole and of today's file.

    A file that was edited or published since is never taken for the one that the table was made from: same
    size, times and inode (the time of its last change is nobody's to set) as when its bytes were compared
    last, else the bytes are compared now.

    Args:
        folder: where a table may lie.
        original: the file that it must be a form of.
        name: what the file is called in the table.
        make: turns the document of a line into a value.
    """
    try:
        head = parse_json((folder / "head.json").read_bytes())
        if head["table_version"] not in READABLE or head["original"] != name:
            return None
        digest = str(head["digest"])
        facts = _facts(original)
        if facts is None or facts != head["facts"]:
            if file_checksum(original) != digest:
                return None
            with contextlib.suppress(StorageError):  # the next reader need not compare; where one may write
                publish_json(folder / "head.json", {**head, "facts": facts})
        data = (folder / head["names"]).read_bytes()
        if checksum(data) != head["names_xxh3_128"]:
            return None
        names, _, columns = data.partition(b"\n")
        return SceneTable(folder, parse_json(names), columns, make), digest
    except (OSError, ValueError, KeyError, TypeError):
        return None  # none, or a damaged one: whoever asks makes it anew from the original


def drop_table(folder: Path) -> None:
    """Remove a table, if there is one."""
    for path in (folder / "head.json", *folder.glob("*-*.json*")):
        remove(path)


def _head(original: Original, names: str, names_digest: str) -> dict[str, Any]:
    return {
        "table_version": TABLE_VERSION,
        "original": original.name,
        "digest": original.digest,
        "facts": None,  # it was written just now
        "names": names,
        "names_xxh3_128": names_digest,
    }


def _facts(path: Path) -> list[int] | None:
    """Return what tells a changed file without reading it, None if it changed just now."""
    found = path.stat()
    return list(facts_of_change(found)) if has_settled(found.st_ctime_ns) else None
