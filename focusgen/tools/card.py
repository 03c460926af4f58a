"""The papers of a data set: README.md (see `card_page`), an index per split, and croissant.json.

Nothing of the data set is moved: `load_dataset(out_root)` finds the right three splits by these files alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from focusgen.base.errors import CorruptInputError, RefusedDataError
from focusgen.base.files import publish, remove
from focusgen.config.data import SPLITS
from focusgen.dataset.layout import PACK_TAR
from focusgen.dataset.packs import is_packed, is_published
from focusgen.dataset.records import parse_json
from focusgen.tools.card_facts import Card, Source, name_of
from focusgen.tools.card_labels import made_by
from focusgen.tools.card_page import body_of, card_text, front_matter
from focusgen.tools.croissant import require_mlcroissant, write_croissant
from focusgen.tools.export_plan import SPLIT_NAMES, ExportPlan, Member, Wanted, plan_samples
from focusgen.tools.export_samples import ExportScene, lenses_at
from focusgen.tools.front_matter import licence_in
from focusgen.tools.licences import check_licence, hub_licence, parts_of, stricter_part, strictest

_VARIABLE = re.compile(r"\$(\w+|\{[^}]*\})", re.ASCII)  # as os.path.expandvars


def write_card(root: Path, source: Source, leave_out: Sequence[str] = ()) -> list[Path]:
    """Write README.md, the index of each split, and croissant.json, and return what was written.

    Args:
        source: of the footage.

    Raises:
        FocusgenError: the data set is not complete, or phase 6 has not passed it.
    """
    check_licence(source.licence)
    require_mlcroissant()
    plan = plan_samples(root, Wanted(leave_out=leave_out))
    _refuse_variables(plan.scenes)
    layouts = {scene_id: scene.vetted.layout for scene_id, scene in plan.scenes.items()}
    report = parse_json((root / "logs" / "validation_report.json").read_bytes())
    name = source.name or name_of(root, root / "README.md")
    card = Card(
        plan,
        tuple(parts_of(layouts, source.licence)),
        report,
        _all_packed(plan),
        name,
        made_by(layouts.values()),
    )
    text = card_text(root / "README.md", _front_matter(card), body_of(card, source))
    indices = _write_indices(root, card)
    write_croissant(root, card, source, indices)
    publish(root / "README.md", text.encode())
    return [root / "README.md", *indices, root / "croissant.json"]


def _write_indices(root: Path, card: Card) -> list[Path]:
    """Write the index of each split that has a scene, and return them."""
    written = []
    for split in SPLITS:
        path, data = root / f"{split}.jsonl", _index_of(card, split)
        if data:
            publish(path, data)
            written.append(path)
        else:
            remove(path)
    return written


def _index_of(card: Card, split: str) -> bytes:
    scenes = [scene for scene in card.plan.scenes.values() if scene.vetted.split == split]
    lines = [json.dumps(row, allow_nan=False) + "\n" for scene in scenes for row in _rows(card, scene)]
    return "".join(lines).encode()


def refuse_old_card(root: Path, plan: ExportPlan) -> None:
    """Refuse a card that says something else than one of the data set as it lies there now.

    Raises:
        RefusedDataError: names the file.
    """
    advice = "Run focusgen card again: the data set has changed since."
    card = Card(plan, (), {}, _all_packed(plan))
    for split in SPLITS:
        path = root / f"{split}.jsonl"
        if (path.read_bytes() if path.exists() else b"") != _index_of(card, split):
            raise RefusedDataError(f"{path}: not the index of the data set as it is", advice)
    layouts = {scene_id: scene.vetted.layout for scene_id, scene in plan.scenes.items()}
    stricter = stricter_part(layouts, licence_in(root / "README.md"))
    if stricter is not None:
        raise RefusedDataError(
            f"{root / 'README.md'}: {stricter.name} is under {stricter.licence}, which asks for more", advice
        )


def _refuse_variables(names: Iterable[str]) -> None:
    """Refuse a name in which load_dataset would put in what the reader's environment says."""
    name = next((name for name in names if _VARIABLE.search(name)), None)
    if name is not None:
        raise RefusedDataError(
            f"scene {name!r}: load_dataset takes a name behind a $ for a variable of the environment",
            "Pass shards on, which it reads: focusgen export webdataset; or leave it out: --leave_out SCENE.",
        )


def _all_packed(plan: ExportPlan) -> bool:
    """Say whether scenes are tars; loaders read either tars or files as one data set.

    Raises:
        RefusedDataError: some are, some are not, or a name cannot stand in the address of a tar's member.
    """
    is_tar = {is_packed(scene.vetted.layout): name for name, scene in plan.scenes.items()}
    if len(is_tar) > 1:
        raise RefusedDataError(
            f"scene {is_tar[True]!r} is packed, {is_tar[False]!r} is not, and loaders read one or the other",
            "focusgen pack packs the rest, focusgen unpack gives the files back.",
        )
    chained = [name for name in plan.scenes if "::" in name]
    if True in is_tar and chained:
        raise RefusedDataError(
            f"scene {chained[0]!r} is packed, and fsspec, by which loaders read tars, takes '::' for a "
            "separator",
            "focusgen unpack gives the files back.",
        )
    return True in is_tar


def _rows(card: Card, scene: ExportScene) -> list[dict[str, object]]:
    """Return one line per frame: every path relative to the data set, and all that a label follows from.

    What a frame has not is an empty text: loaders refuse splits whose columns differ, null against text too.
    """
    rows = []
    for frame in range(scene.vetted.n_frames):
        row: dict[str, object] = {}
        for member in card.plan.members(scene.vetted.scene_id, frame):
            row[_column(member.name)] = _place(card, scene.vetted.scene_id, frame, member)
        row |= {
            "scene": scene.vetted.scene_id,
            "frame": frame,
            "lenses": lenses_at(scene, frame),
            "source": scene.entry.source.get("path") or "",
            "ingest_digest": scene.entry.ingest_digest,
        }
        rows.append(row)
    return rows


def _place(card: Card, scene_id: str, frame: int, member: Member) -> str:
    """Return where a file lies, seen from the data set; in a tar, as fsspec writes it; "" for none."""
    if member.source is None:
        return ""
    _check_there(card.plan.scenes[scene_id], member.source)
    if card.is_packed:
        return f"tar://{scene_id}/{frame:04d}.{member.name}::{scene_id}/{PACK_TAR}"
    return f"{scene_id}/{member.source}"


def _check_there(scene: ExportScene, source: str) -> None:
    """Refuse to name a file that is gone or cut, or of which two lie there: loaders would take the other."""
    path, packed = scene.vetted.layout.root / source, is_packed(scene.vetted.layout)
    size = scene.files[source].size
    if packed and path.exists():
        raise RefusedDataError(
            f"{path}: lies beside {PACK_TAR}, which loaders would read instead",
            "focusgen pack finishes that.",
        )
    if not is_published(path) or (not packed and path.stat().st_size != size):
        raise CorruptInputError(
            f"{path}: gone, or not of the {size} bytes that its record says", "focusgen repair redoes it."
        )


def _column(member: str) -> str:
    stem = member.partition(".")[0]
    if stem == "sharp":
        return "file_name"
    return f"{stem}_file_name" if stem.startswith(("bokeh", "clean")) else f"{stem}_path"


def _data_files(card: Card) -> list[dict[str, object]]:
    """Return the files of each split for Hugging Face's loaders: its index and its pictures."""
    found: list[dict[str, object]] = []
    for split in SPLITS:
        scenes = [name for name, scene in card.plan.scenes.items() if scene.vetted.split == split]
        if scenes:
            globs = [f"{_escaped(name)}/{kind}" for name in scenes for kind in _kinds(card, name)]
            index = [] if card.is_packed else [f"{split}.jsonl"]
            found.append({"split": SPLIT_NAMES[split], "path": [*index, *globs]})
    return found


def _kinds(card: Card, scene_id: str) -> tuple[str, ...]:
    """Return where the pictures of a scene lie in it, as globs: one that finds nothing is refused."""
    if card.is_packed:
        return (PACK_TAR,)
    clean = ("clean_renders/*/*.png",) if card.plan.scenes[scene_id].vetted.has_clean else ()
    return ("frames_sharp/*.png", "bokeh_renders/*/*.png", *clean)


def _escaped(name: str) -> str:
    """Return a folder's name that a glob takes by its letters; `a: b` would be an address with a protocol."""
    return re.sub(r"([*?\[:])", r"[\1]", name)


def _front_matter(card: Card) -> dict[str, object]:
    n_frames = sum(scene.vetted.n_frames for scene in card.plan.scenes.values())
    files = {**_of_pictures(card), "data_files": _data_files(card)}
    return front_matter(hub_licence(strictest(card.parts)), card.name, n_frames, files)


def _of_pictures(card: Card) -> dict[str, object]:
    """Return what the loader of pictures must be told; that of tars needs nothing."""
    if card.is_packed:
        return {}
    splits = {scene.vetted.split for scene in card.plan.scenes.values()}
    return {
        "drop_labels": True,
        "metadata_filenames": [f"{split}.jsonl" for split in SPLITS if split in splits],
    }
