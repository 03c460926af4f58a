"""Which folders of a batch hold a stack, and what lies beside them that makes this unsure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from focusgen.base.errors import ConfigError
from focusgen.base.names import display, listed, natural_key
from focusgen.focal.name_order import slice_names
from focusgen.focal.slice_kinds import no_pictures, of_kinds, pictures_in
from focusgen.media.picture_files import PICTURE_SUFFIXES
from focusgen.media.tiff_pages import has_pages

SUMMARY = "summary.json"
"""Lies beside the results of `focal infer`."""


def stack_folders(folder: Path) -> list[Path]:
    """Return the folder itself if it holds slices, or those of its folders, or its TIFFs of pages, that do.

    Raises:
        ConfigError: none does, each of several holds one, or pictures lie beside folders that do: a single
            one, or such as are named after these, as programs name what they made of each.
    """
    inside = sorted((p for p in folder.iterdir() if p.is_dir()), key=lambda path: natural_key(path.name))
    here, found = of_kinds(folder, PICTURE_SUFFIXES), [p for p in inside if of_kinds(p, PICTURE_SUFFIXES)]
    if not here and not found:
        here, found = pictures_in(folder), [path for path in inside if pictures_in(path)]
    pairs = [(path, below) for below in found for path in here if _is_named_after(path, below)]
    if found and (len(here) == 1 or len({below for _, below in pairs}) > 1):
        picture, below = (pairs or [(here[0], found[0])])[0]
        what = "one picture" if len(here) == 1 else f"{len(here)} pictures"
        raise ConfigError(
            f"{display(str(folder))}: {what} ({display(picture.name)}) beside folders of pictures "
            f"({display(below.name)} ...): one stack or several?",
            f"Take the picture{'s' * (len(here) > 1)} out of the folder, or name the folder of one stack.",
        )
    if here:
        return here if all(map(has_pages, here)) else [folder]
    if not found:
        raise no_pictures(folder, "no pictures in it or in its folders")
    _refuse_singles(folder, found)
    return found


def _refuse_singles(folder: Path, found: Sequence[Path]) -> None:
    """Refuse folders that may be the slices of one stack, each with its picture."""
    if len(found) < 2 or any(len(pictures_in(path)) != 1 for path in found):
        return
    pictures = [pictures_in(path)[0] for path in found]
    if not any(map(has_pages, pictures)):
        raise ConfigError(
            f"{display(str(folder))}: one picture in each of its {len(found)} folders "
            f"({listed(slice_names(pictures), 2)}): a stack is a folder of slices",
            "If they are the slices of one stack, name them one by one, in the order of the distances: "
            f"--input {','.join(display(str(path)) for path in pictures[:2])},...",
        )


def _is_named_after(picture: Path, folder: Path) -> bool:
    """Say whether a picture is called as a folder is, with or without more words behind that."""
    rest = picture.stem.casefold().removeprefix(folder.name.casefold())
    return rest != picture.stem.casefold() and not rest[:1].isalnum()


def folders_without_slices(folder: Path, stacks: Sequence[Path]) -> list[str]:
    """Return the folders of a batch that hold no picture that could be a slice, but those of results.

    Args:
        folder: of the batch.
        stacks: what `stack_folders` found in it.
    """
    if list(stacks) == [folder]:
        return []
    used = set(stacks)
    others = (path for path in folder.iterdir() if path.is_dir() and path not in used)
    names = (path.name for path in others if not (path / SUMMARY).is_file())
    return sorted((name for name in names if not name.startswith(".")), key=natural_key)
