"""Weight files: which they are. The SHA-256 is recorded at first use and verified ever after.

One flipped bit in a weight file is noticed by nobody: safetensors has no checksum, and torch does not check
the ones of its zip. So the digest is taken once per version of a file (cached by path, inode, size and
modification time), written beside the file at first use, and compared whenever the file is used again.

No torch here (`checkpoints` reads the tensors): the runner needs digests without it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from focusgen.base import checksums
from focusgen.base.errors import ConfigError, StorageError
from focusgen.base.files import publish_json

log = logging.getLogger(__name__)

RECORD_SUFFIX = ".focusgen.json"
CACHE_DIR_VARIABLE = "FOCUSGEN_CACHE_DIR"


@dataclass(frozen=True)
class WeightRecord:
    """What is known of one weight file.

    Attributes:
        file: its name, without folders.
        source: hub repository it came from, "" if a person brought it.
        revision: commit of that repository.
    """

    file: str
    size: int
    sha256: str
    licence: str = ""
    source: str = ""
    revision: str = ""


def cache_dir() -> Path:
    """Return the folder of caches of this user: $FOCUSGEN_CACHE_DIR, else below $XDG_CACHE_HOME."""
    named = os.environ.get(CACHE_DIR_VARIABLE)
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "focusgen"


def file_sha256(path: Path, *, refresh: bool = False) -> str:
    """Return the SHA-256 of a file; a file that did not change is read once per user.

    Args:
        refresh: read it again whatever the cache says.

    Raises:
        ConfigError: it is missing, a folder, or cannot be read.
    """
    require_file(path)
    stat = path.stat()
    key = f"{path.resolve()}|{stat.st_ino}|{stat.st_size}|{stat.st_mtime_ns}"
    cache = cache_dir() / "weight_digests.json"
    known = _read_json(cache)
    if not refresh and isinstance(known.get(key), str):
        return str(known[key])
    digest = _hash_file(path)
    # Read again: another process may have added its own meanwhile. A lost entry costs one more reading.
    _try_write_json(cache, {**_read_json(cache), key: digest})
    return digest


def _hash_file(path: Path) -> str:
    try:
        return checksums.file_sha256(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error


def require_file(path: Path, advice: str = "") -> None:
    """Check that a weight file is there.

    Raises:
        ConfigError: missing, a folder, empty, or the stand-in that git leaves for a large file.
    """
    if not path.exists():
        raise ConfigError(
            f"{path}: no such weight file", advice or "Give its path, or see `focusgen weights fetch`."
        )
    if not path.is_file():
        raise ConfigError(f"{path}: a folder, not a weight file", advice)
    size = path.stat().st_size
    if size == 0:
        raise ConfigError(
            f"{path}: the weight file is empty", "The copy or download broke off: fetch it again."
        )
    if size < 1024 and path.read_bytes().startswith(b"version https://git-lfs"):
        raise ConfigError(
            f"{path}: a git-lfs pointer, not the weights", "Run `git lfs pull`, or download the file."
        )


def record_path(path: Path) -> Path:
    """Return where the record of a weight file stands: beside it."""
    return path.with_name(path.name + RECORD_SUFFIX)


def read_record(path: Path) -> WeightRecord | None:
    """Return what was recorded about a weight file, beside it or (read-only folder) in the user's cache."""
    for place in (record_path(path), _record_in_cache(path)):
        document = _read_json(place)
        names = WeightRecord.__dataclass_fields__
        if {"file", "size", "sha256"} <= document.keys():
            return WeightRecord(**{name: document[name] for name in names if name in document})
    return None


def write_record(path: Path, record: WeightRecord) -> None:
    """Record a weight file beside it, or in the user's cache where its folder is read-only."""
    if not _try_write_json(record_path(path), asdict(record)):
        _try_write_json(_record_in_cache(path), asdict(record))


def verify(path: Path, *, licence: str = "", refresh: bool = False, accept: bool = False) -> WeightRecord:
    """Return the record of a weight file: made at first use, compared with the file ever after.

    Args:
        licence: recorded at first use; an earlier record's wins.
        refresh: read the file again even if it looks untouched.
        accept: the file was replaced on purpose; record what it is now.

    Raises:
        ConfigError: the file is not the one recorded, or is missing.
    """
    require_file(path)
    size = path.stat().st_size
    known = None if accept else read_record(path)
    if known is not None and known.size != size:
        raise _changed(path, f"{size} bytes, recorded were {known.size}")
    digest = file_sha256(path, refresh=refresh)
    if known is not None and known.sha256 != digest:
        raise _changed(path, f"SHA-256 {digest}, recorded was {known.sha256}")
    record = known or WeightRecord(file=path.name, size=size, sha256=digest)
    filled = replace(record, licence=record.licence or licence)
    if filled != known:
        write_record(path, filled)
    return filled


def _changed(path: Path, what: str) -> ConfigError:
    return ConfigError(
        f"{path}: not the file that was recorded at first use: {what}",
        "Damaged: fetch it again. Replaced on purpose: `focusgen weights check vda --path FILE --accept`, "
        f"or delete {record_path(path).name}.",
    )


def _record_in_cache(path: Path) -> Path:
    name = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:24]
    return cache_dir() / "weight_records" / f"{name}.json"


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # no cache, or one cut short by a full disk: it is made again
    return document if isinstance(document, dict) else {}


def _try_write_json(path: Path, document: Mapping[str, Any]) -> bool:
    """Write whole or not at all; False where nothing can be written."""
    try:
        publish_json(path, document)
    except StorageError as error:
        log.debug("not written: %s", error)
        return False
    return True
