"""How published weights get here.

The only module that may reach the network, and only when asked to: after `fetch` everything works offline.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from focusgen.base.errors import ConfigError
from focusgen.models.hub_errors import hub_errors
from focusgen.models.weight_sources import (
    WeightSource,
    find_source,
    licence_text,
    vda_licence,
)
from focusgen.models.weights import (
    RECORD_SUFFIX,
    WeightRecord,
    file_sha256,
    require_file,
    verify,
    write_record,
)

Answer = TypeVar("Answer")

Say = Callable[[str], None]


def fetch(name: str, dest: Path, *, revision: str | None = None, say: Say = print) -> list[WeightRecord]:
    """Download published weights, compare them with the hub's digests, and record them.

    Args:
        name: "vda" (the large one), "vda-vits", "vda-vitb", "vda-vitl", "flux", "sd35-medium",
            "sd35-large", "deblurnet", "bokehnet".
        dest: folder that the files go to.
        revision: commit, tag or branch; None for the newest.
        say: gets lines for people.

    Raises:
        ConfigError: offline, gated, not found, or not the file that the hub describes.
    """
    source = find_source(name)
    say(licence_text(source))
    _refuse_offline(source, dest, revision)
    commit, listing = _list_files(source, revision, dest)
    records = []
    for file_name, size, digest in listing:
        path = _download(source, file_name, commit, dest)
        records.append(_checked_record(source, path, commit, size, digest))
        say(f"{path}  {records[-1].size} bytes  sha256 {records[-1].sha256}")
    return records


def download_command(source: WeightSource, dest: Path, revision: str | None = None) -> str:
    """Return the command that does the same on a machine with network."""
    files = " ".join(f"'{file}'" for file in source.files) if not source.is_folder else ""
    include = " ".join(f"--include '{file}'" for file in source.files) if source.is_folder else ""
    at = f"--revision {revision}" if revision else ""
    parts = ["hf download", source.repo_id, files, include, at, f"--local-dir {shlex.quote(str(dest))}"]
    return " ".join(part for part in parts if part)


def _refuse_offline(source: WeightSource, dest: Path, revision: str | None) -> None:
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        raise ConfigError(
            f"{source.repo_id}: HF_HUB_OFFLINE is set, so nothing is downloaded",
            f"On a machine with network: {download_command(source, dest, revision)}",
        )


def _list_files(
    source: WeightSource, revision: str | None, dest: Path
) -> tuple[str, list[tuple[str, int, str | None]]]:
    """Return the commit and (name, size, SHA-256 or None for small files) of the files."""
    import fnmatch

    from huggingface_hub import HfApi

    info = _asked(
        source, dest, lambda: HfApi().model_info(source.repo_id, revision=revision, files_metadata=True)
    )
    listing = [
        (entry.rfilename, int(entry.size or 0), entry.lfs.sha256 if entry.lfs else None)
        for entry in info.siblings or []
        if any(fnmatch.fnmatch(entry.rfilename, pattern) for pattern in source.files)
    ]
    if not listing:
        raise ConfigError(f"{source.repo_id} at {info.sha}: holds none of {', '.join(source.files)}")
    return str(info.sha), listing


def _download(source: WeightSource, file_name: str, commit: str, dest: Path) -> Path:
    from huggingface_hub import hf_hub_download

    return Path(
        _asked(
            source,
            dest,
            lambda: hf_hub_download(source.repo_id, file_name, revision=commit, local_dir=str(dest)),
        )
    )


def _asked(source: WeightSource, dest: Path, question: Callable[[], Answer]) -> Answer:
    """Return the hub's answer.

    Raises:
        ConfigError: it refused, or could not be reached.
    """
    from huggingface_hub import errors

    try:
        return question()
    except errors.GatedRepoError as error:
        raise ConfigError(
            f"{source.repo_id} is gated: its licence ({source.licence}) must be accepted first",
            f"Accept it at {source.url}, then run `hf auth login` (or set HF_TOKEN) and try again.",
        ) from error
    except hub_errors() as error:  # it refuses; no network, no name server, a full disk
        raise _unreachable(source, dest, error) from error


def _unreachable(source: WeightSource, dest: Path, error: Exception) -> ConfigError:
    first_line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return ConfigError(
        f"{source.repo_id}: {first_line}",
        f"On a machine with network: {download_command(source, dest)}",
    )


def _checked_record(
    source: WeightSource, path: Path, commit: str, size: int, digest: str | None
) -> WeightRecord:
    require_file(path)
    found_size, found_digest = path.stat().st_size, file_sha256(path, refresh=True)
    if found_size != size or (digest is not None and found_digest != digest):
        raise ConfigError(
            f"{path}: {found_size} bytes, SHA-256 {found_digest}; the hub has {size} bytes, {digest}",
            "The download was damaged: delete the file and fetch it again.",
        )
    record = WeightRecord(path.name, found_size, found_digest, source.licence, source.repo_id, commit)
    write_record(path, record)
    return record


def check(name: str, path: Path, *, accept: bool = False, say: Say = print) -> list[WeightRecord]:
    """Read weights again and compare them with their records (made now if there are none); offline.

    Args:
        name: as for `fetch`; a checkpoint of Video Depth Anything is also opened: keys, shapes, NaN.
        path: the file, or the folder that `fetch` put it into.
        accept: it was replaced on purpose; record what it is now.
        say: gets lines for people.

    Raises:
        ConfigError: says what is wrong with which file.
    """
    source = find_source(name)
    records = []
    for file in _files_of(source, path):
        licence, note = source.licence, ""
        if name.startswith("vda"):
            encoder = _inspect_vda(name, file)
            licence, note = vda_licence(encoder), f"  {encoder}"
        record = verify(file, licence=licence, refresh=True, accept=accept)
        say(f"{file}  {record.size} bytes  sha256 {record.sha256}  licence {record.licence}{note}")
        records.append(record)
    return records


def _files_of(source: WeightSource, path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = {file for pattern in source.files for file in path.glob(pattern) if file.is_file()}
    weights = sorted(file for file in found if not file.name.endswith(RECORD_SUFFIX))
    if not weights:
        raise ConfigError(
            f"{path}: holds none of {', '.join(source.files)}",
            f"Get them with `focusgen weights fetch`, or: {download_command(source, path)}",
        )
    return weights


def _inspect_vda(name: str, file: Path) -> str:
    from focusgen.models.vda.loading import inspect_checkpoint

    return inspect_checkpoint(file, encoder="auto" if name == "vda" else name.removeprefix("vda-"))
