"""Whether results can be written, asked before the work and not after it."""

from __future__ import annotations

import os
from pathlib import Path

from focusgen.base.errors import ConfigError, StorageError
from focusgen.base.files import make_folder, publish, remove


def check_writable(folder: Path, flag: str) -> None:
    """Make a folder, and refuse one that nothing can be written to.

    Args:
        folder: where results will go.
        flag: that named it, such as `--output-dir`.

    Raises:
        ConfigError: names flag and folder.
    """
    try:
        make_folder(folder)
        probe = folder / f".{os.getpid()}.probe"
        publish(probe, b"")
        remove(probe)
    except StorageError as error:
        raise ConfigError(f"{flag} {error.message}", _advice(flag)) from error


def check_may_write(folder: Path, flag: str) -> None:
    """Refuse a folder that could not be made or written to; nothing is made.

    Args:
        folder: where results would go.
        flag: that named it.

    Raises:
        ConfigError: names flag and folder.
    """
    nearest = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
    if not (nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)):
        raise ConfigError(f"{flag} {folder}: {nearest} cannot be written to", _advice(flag))


def _advice(flag: str) -> str:
    return f"Choose another {flag}, or check its owner and mode."
