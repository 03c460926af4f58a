"""What a record depends on outside the data set: weight files and provided depth, as far as they lie here."""

from __future__ import annotations

import calendar
import contextlib
import dataclasses
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from focusgen.base.errors import ConfigError, SceneError
from focusgen.config import Config, PhaseName
from focusgen.dataset.file_marks import mark_of_files
from focusgen.dataset.footage import Footage
from focusgen.dataset.index import IndexEntry
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.masked import mask_digest
from focusgen.dataset.records import FOOTAGE, MASKS, PROVIDED_DEPTH, UNUSABLE, Record, read_record
from focusgen.models import registry, weights
from focusgen.models.weight_commands import command_for

_READ: dict[tuple[Path, str], str] = {}
"""Digests of depth read in this process, by scene and mark: a watched status asks every few seconds."""

CLOCK_SLACK_S = 120.0  # between a node and a file server


def weight_digests(cfg: Config, phase: PhaseName) -> dict[str, str]:
    """Return name -> SHA-256 of the weights of a phase, compared with what was recorded at first use.

    Raises:
        ConfigError: a file is missing, or is not the one that was recorded.
    """
    files = registry.weight_files(cfg, phase)
    for name, path in files.items():
        if not path.is_file():
            raise ConfigError(f"{path}: no such weight file", command_for(cfg, phase, name, path))
    digests = {name: weights.verify(path).sha256 for name, path in files.items()}
    return {**digests, **registry.installed_package(cfg, phase)}


def weight_notes(cfg: Config, phase: PhaseName) -> dict[str, Any]:
    """Return where the weights came from and under which licence, as far as it is recorded."""
    known = {name: weights.read_record(path) for name, path in registry.weight_files(cfg, phase).items()}
    return {name: dataclasses.asdict(record) for name, record in known.items() if record is not None}


def inputs_here(cfg: Config, dataset: DatasetLayout, record: Record, entry: IndexEntry) -> dict[str, str]:
    """Return name -> digest of weights and provided depth today; what is gone counts as unchanged.

    Weights are not read again: what counts is the record beside the file, which every load verifies.
    """
    found: dict[str, str] = dict(record.document["weights"])
    for name, path in _weight_files(cfg, record).items():
        known = weights.read_record(path) if name in found and path.is_file() else None
        if known is not None:
            found[name] = known.sha256
    if PROVIDED_DEPTH in found:
        found[PROVIDED_DEPTH] = _provided(cfg, dataset, record, entry) or found[PROVIDED_DEPTH]
    if MASKS in found:
        found |= mask_digest(cfg, str(record.document["scene_id"]), entry)
    if FOOTAGE in found:
        with contextlib.suppress(ConfigError, SceneError):  # gone: counts as unchanged
            found |= Footage(cfg, dataset, {str(record.document["scene_id"]): entry}).digest(
                str(record.document["scene_id"])
            )
    return found


def _weight_files(cfg: Config, record: Record) -> dict[str, Path]:
    try:
        return registry.weight_files(cfg, record.document["phase"])
    except ConfigError:
        return {}  # not on this machine: phases 4 to 6 do not need them


def _provided(cfg: Config, dataset: DatasetLayout, record: Record, entry: IndexEntry) -> str | None:
    """Return the digest of the depth that lies there, None if it is gone or older than the record."""
    scene_id = str(record.document["scene_id"])
    if not _has_changed(cfg, dataset, record, scene_id, entry):
        return None
    mark = depth_mark(cfg, dataset, scene_id, entry)
    key = (dataset.scene(scene_id).root, mark)
    if mark and key in _READ:
        return _READ[key]
    from focusgen.phases.provided_depth import open_provided

    try:
        _READ[key] = open_provided(cfg, dataset, scene_id, entry).digest()
    except SceneError as error:
        return f"{UNUSABLE}{error.message}"
    return _READ[key]


def digest_of_gone_depth(cfg: Config, dataset: DatasetLayout, scene_id: str, entry: IndexEntry) -> str | None:
    """Return the recorded digest of a finished scene's depth that is gone; None if it lies there.

    Raises:
        CorruptInputError: the record is damaged.
    """
    if next(_depth_files(cfg, dataset, scene_id, entry), None) is not None:
        return None
    record = read_record(dataset.scene(scene_id).done("depth"))
    return None if record is None else record.document["weights"].get(PROVIDED_DEPTH)


def depth_mark(cfg: Config, dataset: DatasetLayout, scene_id: str, entry: IndexEntry) -> str:
    """Return what tells without reading them that files of provided depth are others; "" if nothing can."""
    files = sorted(_depth_files(cfg, dataset, scene_id, entry))
    return mark_of_files((), files, base=files[0].parent) if files else ""


def _has_changed(
    cfg: Config, dataset: DatasetLayout, record: Record, scene_id: str, entry: IndexEntry
) -> bool:
    """Say whether provided depth may be another than that of a record; where it is gone, it is not.

    The time of a change is not enough: a folder that is renamed, or a link that names another one, brings
    files that are older than the record. Records of releases before 0.2.0 have only the time.
    """
    if next(_depth_files(cfg, dataset, scene_id, entry), None) is None:
        return False
    mark = record.document["run"].get("depth_mark")
    if mark:
        return depth_mark(cfg, dataset, scene_id, entry) != str(mark)
    return is_newer(_depth_files(cfg, dataset, scene_id, entry), record)


def _depth_files(cfg: Config, dataset: DatasetLayout, scene_id: str, entry: IndexEntry) -> Iterator[Path]:
    from focusgen.media.depth_files import depth_files_there  # readers of a dozen formats
    from focusgen.phases.provided_depth import brought_depth

    brought = brought_depth(cfg, dataset, scene_id, entry)
    if brought is not None and not brought.files:
        yield from depth_files_there(*brought.as_given)
    elif brought is not None:
        yield from (path for name in brought.files if (path := brought.folder / name).exists())
    elif cfg.depth.depth_root is not None:
        yield from depth_files_there(cfg.depth.depth_root, scene_id)


def is_newer(files: Iterator[Path], record: Record) -> bool:
    """Say whether any file came or changed since the record was begun: no time stamp survives a copy here.

    The time is that of the inode's last change, which nobody can set; a folder that was copied to another
    place is read once more in every run, and found to be the same.
    """
    try:
        started = time.strptime(str(record.document["run"].get("started")), "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return True  # nothing promises what `run` holds
    since_s = calendar.timegm(started) - CLOCK_SLACK_S
    if since_s > time.time():
        return True  # a clock was wrong: times tell nothing
    return any(os.stat(path).st_ctime > since_s for path in files)
