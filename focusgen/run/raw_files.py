"""Whether the raw files of a finished scene are still those that phase 1 saw, as far as they lie here.

Their bytes are read where their sizes, times and inodes do not tell, and what was found is kept under these.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import NamedTuple

from focusgen.base.errors import CorruptInputError, StorageError
from focusgen.base.files import make_folder, publish
from focusgen.base.names import display
from focusgen.config import Config
from focusgen.dataset.file_marks import mark_of_files
from focusgen.dataset.index import IndexEntry, recorded_raw_root
from focusgen.dataset.ingest import changed_files, read_manifest
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import Record
from focusgen.dataset.sealed_lines import open_line, seal_line
from focusgen.media.scenes import RawScene
from focusgen.run.inputs import is_newer

_keeps_looks: ContextVar[bool] = ContextVar("keeps_looks", default=True)


@contextlib.contextmanager
def keeping_looks(keeps: bool) -> Iterator[None]:
    """Keep what looks find, or not: a dry run writes nothing."""
    token = _keeps_looks.set(keeps)
    try:
        yield
    finally:
        _keeps_looks.reset(token)


class RawLook(NamedTuple):
    """What a look at a scene's raw files found.

    Attributes:
        mark: of the files then, "" if nothing could tell that they are others.
        ingest_digest: of the line of the index that their bytes were compared with.
        changed: what is wrong with the first file that is not as phase 1 saw it, "" if there is none.
    """

    mark: str
    ingest_digest: str
    changed: str = ""


def changed_raw_file(
    cfg: Config, dataset: DatasetLayout, scene_id: str, entry: IndexEntry, record: Record
) -> str:
    """Say what is wrong with the first raw file that is not as phase 1 saw it; "" if none is or all are gone.

    Args:
        cfg: settings of phase 2, which say where the raw files lie.
        record: of its phase 2.
    """
    raw, files = _raw_files(cfg, dataset, scene_id, entry)
    if not any(path.exists() for path in files):
        return ""
    now = RawLook(mark_of_files((), files, base=raw.path.parent), entry.ingest_digest)
    path = dataset.raw_look(scene_id)
    known = _read(path)
    if known is not None and now.mark and known[:2] == now[:2]:
        return known.changed
    are_there = [path.exists() for path in files]
    if known is None and all(are_there) and not is_newer(iter(files), record):
        return ""  # of a release that kept no marks
    try:
        changed = changed_files(raw, read_manifest(dataset, scene_id, entry))
    except CorruptInputError:
        return ""  # nothing to compare with: phase 1 says so
    if changed:
        is_there = dict(zip(raw.files, are_there, strict=True)).get(changed[0], False)
        what = "not the bytes that phase 1 saw" if is_there else "missing, while others are there"
        now = now._replace(changed=f"{display(changed[0])}: {what}")
    keep_look(path, now)
    return now.changed


def look_before(cfg: Config, dataset: DatasetLayout, scene_id: str, entry: IndexEntry) -> RawLook:
    """Return what to keep of raw files whose bytes are about to be compared, once they are found the same."""
    raw, files = _raw_files(cfg, dataset, scene_id, entry)
    return RawLook(mark_of_files((), files, base=raw.path.parent), entry.ingest_digest)


def keep_look(path: Path, look: RawLook) -> None:
    """Keep what was found, if a mark tells for how long it holds; where nobody may write it costs time."""
    if look.mark and _keeps_looks.get():
        with contextlib.suppress(StorageError):
            make_folder(path.parent)
            publish(path, seal_line(look._asdict()))


def _raw_files(
    cfg: Config, dataset: DatasetLayout, scene_id: str, entry: IndexEntry
) -> tuple[RawScene, list[Path]]:
    raw = entry.raw_scene(scene_id, recorded_raw_root(dataset, cfg.data.raw_root))
    return raw, [raw.file_path(number) for number in range(len(raw.files))]


def _read(path: Path) -> RawLook | None:
    try:
        line = open_line(path.read_bytes())
    except OSError:
        return None
    return None if line is None else RawLook(**line)
