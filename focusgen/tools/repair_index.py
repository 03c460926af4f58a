"""Puts a damaged or lost scene index back from its copy."""

from __future__ import annotations

from focusgen.base.checksums import checksum
from focusgen.base.errors import ConfigError, CorruptInputError
from focusgen.base.files import publish, remove
from focusgen.base.locks import exclusive
from focusgen.dataset.index import IndexEntry, index_checksum, read_index
from focusgen.dataset.ingest import read_manifest
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import parse_json


def restore_index(dataset: DatasetLayout) -> str | None:
    """Put a damaged or lost scene index back from its copy; return what was done, None if it is whole.

    Raises:
        ConfigError: the copy is damaged too.
    """
    damage, copy = _damage(dataset), dataset.index_copy_json
    if damage is None:
        return None
    if not copy.exists():
        raise damage
    with exclusive(dataset.index_lock):
        if _damage(dataset) is None:  # phase 1 published one meanwhile
            return None
        data = copy.read_bytes()
        if not _fits(dataset, data):
            raise ConfigError(
                f"{damage.message}; its copy {copy} does not fit either",
                "Put a backup of scene_index.json back. Without one: move the damaged index away and run "
                "phase 1 with the same --split_seed; finished scenes keep the split that split.txt says.",
            )
        publish(dataset.index_json, data)
        if _damage(dataset) is not None:  # the index is whole, the file with its checksum is not
            remove(dataset.index_checksum_json)
    return f"{dataset.index_json}: restored from its copy"


def _damage(dataset: DatasetLayout) -> ConfigError | None:
    try:
        read_index(dataset)
        return None
    except ConfigError as error:
        return error


def _fits(dataset: DatasetLayout, data: bytes) -> bool:
    """Say whether a copy of the index is the right one: by its checksum, else by all raw checksums."""
    try:
        if index_checksum(dataset) == checksum(data):
            return True
    except ConfigError:
        pass
    try:
        for scene_id, entry in parse_json(data).items():
            read_manifest(dataset, scene_id, IndexEntry.of(entry))
    except (CorruptInputError, ValueError, KeyError, TypeError, AttributeError):
        return False
    return True
