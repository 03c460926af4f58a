"""What a layout is: a name, how its folders are recognised, and which scenes they hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from focusgen.base.names import display
from focusgen.media.brought import Brought
from focusgen.media.listing import Rejection
from focusgen.media.scenes import Place

SPLIT_OF_FOLDER = {"train": "train", "training": "train", "val": "val", "valid": "val", "test": "test"}
"""The split that a folder of a data set stands for."""


@dataclass(frozen=True)
class Contents:
    """What a layout finds below a root.

    Attributes:
        places: where scenes lie, with what comes with each.
        rejected: id -> why something that belongs to the data set is no scene.
        remarks: what a person should know of all of it.
    """

    places: tuple[Place, ...]
    rejected: dict[str, Rejection] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layout:
    """One kind of data set.

    Attributes:
        name: value of --layout.
        expects: how its files lie, in words.
        recognise: returns by what a root is this kind without doubt; "" if it is not.
        contents: returns its scenes.
        has_depth: whether depth belongs to it.
        is_measured: whether cameras measured that depth, so that its edges are not the picture's.
    """

    name: str
    expects: str
    recognise: Callable[[Path], str]
    contents: Callable[[Path], Contents]
    has_depth: bool = False
    is_measured: bool = False


def place(
    root: Path,
    path: Path,
    scene_id: str,
    brought: Brought,
    files: tuple[str, ...] | None = None,
    kind: Literal["images", "video"] = "images",
) -> Place:
    """Return a place, named in messages as it is seen from the root."""
    label = display(path.relative_to(root).as_posix() if path != root else root.resolve().name)
    return Place(scene_id, path, label + ("/" if kind == "images" else ""), kind, files, brought)
