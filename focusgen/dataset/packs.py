"""A finished scene in one tar: its frames, maps, renders and labels, read in place.

`frames.tar` is uncompressed WebDataset (SCENE/FRAME.sharp.png ...), the samples of an export byte for byte;
`frames.tar.json` says where in it each published file lies. Whoever reads a published file through here
does not see a difference: a file that lies there by itself counts, else the one in the tar.
"""

from __future__ import annotations

import functools
import os
import re
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from focusgen.base.checksums import FileEntry
from focusgen.base.errors import CorruptInputError
from focusgen.base.files import make_folder, publish, remove, sync_file_system
from focusgen.config.graph import SCENE_PHASES
from focusgen.dataset.layout import PACK_INDEX, SceneLayout
from focusgen.dataset.records import parse_json, read_record

PACK_VERSION = 1
PACKED = re.compile(r"(frame|depth|valid|bokeh|clean|focus)_\d+\.(png|npz)$")
"""Names of the files that a tar holds; the others of a scene lie by themselves."""
MAX_FOLDERS_UP = 3  # from focus_maps/set_00/focus_0000.npz to the scene


@dataclass(frozen=True)
class Pack:
    """Where the files of a scene lie in its tar.

    Attributes:
        places: path relative to the scene -> (first byte, size).
    """

    tar: Path
    places: Mapping[str, tuple[int, int]]

    def read(self, relative: str) -> bytes:
        """Return the bytes of a file.

        Raises:
            FileNotFoundError: it is not in the tar, or there is no tar.
        """
        if relative not in self.places:
            raise FileNotFoundError(2, os.strerror(2), str(self.tar.parent / relative))
        start, size = self.places[relative]
        with self.tar.open("rb") as file:
            file.seek(start)
            return file.read(size)


def read_published(path: Path) -> bytes:
    """Return the bytes of a published file, wherever they lie.

    Raises:
        OSError: it is nowhere, or cannot be read.
        CorruptInputError: the scene's pack is damaged.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        pack = _pack_above(path)
        if pack is None:
            raise
        return pack.read(path.relative_to(pack.tar.parent).as_posix())


def packed_bytes(path: Path) -> bytes | None:
    """Return the bytes of a published file that lies in its scene's tar only; None for every other path.

    Raises:
        OSError: the tar cannot be read.
        CorruptInputError: the scene's pack is damaged.
    """
    return read_published(path) if not path.exists() and is_published(path) else None


def is_published(path: Path) -> bool:
    """Say whether a published file is there, wherever it lies."""
    if path.is_file():
        return True
    pack = _pack_above(path)
    return pack is not None and path.relative_to(pack.tar.parent).as_posix() in pack.places


def is_packed(scene: SceneLayout) -> bool:
    """Say whether a scene's files lie in a tar."""
    return scene.pack_index.exists()


def pack_document(scene: SceneLayout, places: Mapping[str, tuple[int, int]]) -> dict[str, object]:
    """Return what the index of a pack says."""
    return {"pack_version": PACK_VERSION, "scene": scene.scene_id, "files": dict(places)}


def vouched_files(scene: SceneLayout) -> dict[str, FileEntry]:
    """Return path relative to the scene -> what its records say of the file."""
    found: dict[str, FileEntry] = {}
    for phase in SCENE_PHASES:
        record = read_record(scene.done(phase))
        for name, entry in record.files.items() if record else ():
            found[os.path.normpath(os.path.join(scene.phase_folder(phase).name, name))] = entry
    return found


def unpack_scene(scene: SceneLayout, *, leave_out_damaged: bool = False) -> int:
    """Put the files of a packed scene where they were, byte for byte, and remove the tar; return how many.

    Killed anywhere, the next call goes on.

    Args:
        leave_out_damaged: of a file that is not as its record says nothing is written: a repair makes it
            again.

    Raises:
        CorruptInputError: a file in the tar is damaged, or is not found in it; nothing is removed.
    """
    if not is_packed(scene) and not scene.pack_tar.exists():
        return 0
    vouched = vouched_files(scene)
    try:
        pack = _read_pack(scene.pack_index)
    except (CorruptInputError, FileNotFoundError):
        pack = Pack(scene.pack_tar, _places_in_tar(scene, vouched))
    if not leave_out_damaged:
        _refuse_lost(scene, pack, vouched)
    for relative in pack.places:
        _unpack_file(scene, pack, relative, vouched.get(relative), leave_out_damaged=leave_out_damaged)
    sync_file_system(scene.root)
    remove(scene.pack_index)
    remove(scene.pack_tar)
    return len(pack.places)


def _refuse_lost(scene: SceneLayout, pack: Pack, vouched: Mapping[str, FileEntry]) -> None:
    """Refuse to remove a tar whose index and names do not lead to all that is to be in it.

    Raises:
        CorruptInputError: names the first that is missing.
    """
    known = (name for name in vouched if name not in pack.places and PACKED.search(name))
    lost = sorted(name for name in known if not (scene.root / name).is_file())
    if lost:
        raise CorruptInputError(
            f"{pack.tar}: {lost[0]} is not found in it" + (f", nor {len(lost) - 1} more" if lost[1:] else ""),
            "focusgen repair makes them again.",
        )


def _places_in_tar(scene: SceneLayout, vouched: Mapping[str, FileEntry]) -> dict[str, tuple[int, int]]:
    """Return what the lost index of a pack said, from the names in the tar."""
    places: dict[str, tuple[int, int]] = {}
    try:
        with tarfile.open(scene.pack_tar, "r:") as tar:
            for member in tar:
                relative = _published_as(member.name.rpartition("/")[2])
                if relative in vouched:
                    places[relative] = (member.offset_data, member.size)
    except (tarfile.TarError, OSError):
        pass  # what stands before the damage is found; a repair makes the rest again
    return places


def _published_as(name: str) -> str:
    """Return the published path of a sample's member: 0000.bokeh_01.png is a render of set 1."""
    frame, _, member = name.partition(".")
    kind, _, lens_set = member.partition(".")[0].partition("_")
    folder, ending = {
        "sharp": ("frames_sharp/frame", "png"),
        "depth": ("depth_maps/depth", "npz"),
        "valid": ("depth_maps/valid", "png"),
        "bokeh": (f"bokeh_renders/set_{lens_set}/bokeh", "png"),
        "clean": (f"clean_renders/set_{lens_set}/clean", "png"),
        "focus": (f"focus_maps/set_{lens_set}/focus", "npz"),
    }.get(kind, ("", ""))
    return f"{folder}_{frame}.{ending}"


def _unpack_file(
    scene: SceneLayout, pack: Pack, relative: str, entry: FileEntry | None, *, leave_out_damaged: bool
) -> None:
    path = scene.root / relative
    if path.is_file():
        if entry is None or FileEntry.of(path.read_bytes()) == entry:
            return  # it counts, and a later phase may have made it anew
        if not leave_out_damaged:
            raise CorruptInputError(
                f"{path}: lies beside {pack.tar.name} and is not the file that its record vouches for",
                "Move it away and start again, or let focusgen repair put the right one there.",
            )
    try:
        data = pack.read(relative)
    except OSError:
        data = b""
    if entry is not None and FileEntry.of(data) != entry:
        if leave_out_damaged:
            return
        raise CorruptInputError(
            f"{pack.tar}: {relative} in it is not the file that its record vouches for",
            "focusgen repair makes it again.",
        )
    make_folder(path.parent)
    publish(path, data)


def _pack_above(path: Path) -> Pack | None:
    for folder in list(path.parents)[:MAX_FOLDERS_UP]:
        index = folder / PACK_INDEX
        if index.exists():
            return _read_pack(index)
    return None


def _read_pack(index: Path) -> Pack:
    facts = index.stat()
    return _parsed(index, facts.st_mtime_ns, facts.st_ino, facts.st_size)


@functools.lru_cache(maxsize=64)
def _parsed(index: Path, mtime_ns: int, inode: int, size: int) -> Pack:
    """Read the index of a pack; kept as long as the file is the same."""
    try:
        document = parse_json(index.read_bytes())
        if document["pack_version"] != PACK_VERSION:
            raise CorruptInputError(f"{index}: pack version {document['pack_version']} is not {PACK_VERSION}")
        places = {str(name): (int(start), int(n)) for name, (start, n) in document["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptInputError(f"{index}: damaged: {error!r}", "focusgen repair makes it anew.") from error
    return Pack(index.with_suffix(""), places)
