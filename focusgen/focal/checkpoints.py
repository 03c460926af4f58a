"""Checkpoints of torch on disk: whole, or the one before."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from focusgen.base.errors import StorageError
from focusgen.base.files import remove_drafts, replacing

if TYPE_CHECKING:
    import torch

SHIPPED_FOLDER = Path(__file__).resolve().parent / "weights"
"""Where the weights lie that come with focusgen."""


def write_checkpoint(path: Path, document: Mapping[str, Any]) -> None:
    """Put a document of tensors, numbers and words at `path`; the one before stays until it is whole.

    What a kill left half written beside it goes first: it may be as large.

    Raises:
        StorageError: the disk refused.
    """
    import torch

    remove_drafts(path.parent)
    try:
        with replacing(path) as temporary, temporary.open("wb") as file:
            torch.save(dict(document), file)
    except RuntimeError as error:  # torch's writer says so on a full disk
        raise StorageError(
            f"{path}: cannot be written: {str(error).splitlines()[0]}",
            "Free space on that file system; the same command goes on from the checkpoint before.",
        ) from error


def restore_optimizer(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Give an optimiser the moments of a checkpoint; rates and decay stay those of the settings of now."""
    own = [{key: group[key] for key in group if key != "params"} for group in optimizer.param_groups]
    optimizer.load_state_dict(dict(state))
    for group, now in zip(optimizer.param_groups, own, strict=True):
        group.update(now)
