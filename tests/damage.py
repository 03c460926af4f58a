"""Kinds of damage to one file or to two, and one file of each published kind, for tests and tables."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

from focusgen.dataset.layout import DatasetLayout
from tests.faults import EVERY


def flip_a_bit(path: Path, rng: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def cut_short(path: Path, rng: random.Random) -> None:
    os.truncate(path, rng.randrange(path.stat().st_size))


def zero_a_block(path: Path, rng: random.Random) -> None:
    data = bytearray(path.read_bytes())
    size = max(1, min(512, len(data) // 2))
    start = rng.randrange(len(data) - size + 1)
    data[start : start + size] = bytes(size)
    path.write_bytes(data)


def delete(path: Path, rng: random.Random) -> None:
    path.unlink()


def put_old_one_back(path: Path, rng: random.Random) -> None:
    """Replace it by the file of the same name from `old`, a data set made with other settings."""
    root = next(parent for parent in path.parents if parent.name == "out")
    path.write_bytes((root.parent / "old" / path.relative_to(root)).read_bytes())


def swap_with_next(path: Path, rng: random.Random) -> None:
    """Exchange two frames, or the same file of two scenes where there is only one per scene."""
    other = path.with_name(path.name.replace("0001", "0002"))
    if other == path:
        other = Path(str(path).replace("/a/", "/b/").replace("/a.json", "/b.json"))
    first, second = path.read_bytes(), other.read_bytes()
    path.write_bytes(second)
    other.write_bytes(first)


ONE_FILE: dict[str, Callable[[Path, random.Random], None]] = {
    "bit flip": flip_a_bit,
    "truncation": cut_short,
    "zeroed block": zero_a_block,
    "deletion": delete,
    "old file put back": put_old_one_back,
    "swap": swap_with_next,
}


def some_kinds(root: Path, damage: str) -> list[str]:
    """Return every other kind of file, so that each damage meets half of them and each kind half of it."""
    kinds = list(victims(root))
    some = kinds if EVERY else kinds[list(ONE_FILE).index(damage) % 2 :: 2]
    return [kind for kind in some if is_possible(damage, kind)]


def victims(root: Path) -> dict[str, Path]:
    """Return one file of each published kind, of scene `a`."""
    dataset = DatasetLayout(root, root / "scene_index.json")
    scene = dataset.scene("a")
    return {
        "sharp png": scene.sharp(1),
        "depth npz": scene.depth(1),
        "stats.json": scene.stats_json,
        "focus npz": scene.focus(1, 1),
        "bokeh png": scene.bokeh(0, 1),
        "metadata.json": scene.metadata_json,
        "split.txt": scene.split_txt,
        "sharp .done": scene.done("deblur"),
        "depth .done": scene.done("depth"),
        "render .done": scene.done("render"),
        "raw checksums": scene.ingest_json,
        "scene_index.json": dataset.index_json,
    }


def is_possible(damage: str, kind: str) -> bool:
    """Say whether a damage makes sense: there is one index, and the splits of two scenes may be equal."""
    return not (damage == "swap" and kind in ("scene_index.json", "split.txt"))
