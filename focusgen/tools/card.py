"""The papers of a data set: README.md with its front matter, an index per split, and croissant.json.

Nothing of the data set is moved: `load_dataset(out_root)` finds the right three splits by these files alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import yaml

from focusgen import __version__
from focusgen.base.errors import CorruptInputError, RefusedDataError
from focusgen.base.files import publish, remove
from focusgen.base.names import display, shortened
from focusgen.config.data import SPLITS
from focusgen.dataset.layout import PACK_TAR
from focusgen.dataset.packs import is_packed, is_published
from focusgen.dataset.records import parse_json
from focusgen.dataset.vetting import verdict_for
from focusgen.tools.card_facts import Card, Source, name_of
from focusgen.tools.croissant import require_mlcroissant, write_croissant
from focusgen.tools.export_plan import (
    SPLIT_NAMES,
    ExportPlan,
    ExportScene,
    Member,
    Wanted,
    lenses_at,
    plan_samples,
)
from focusgen.tools.front_matter import LICENCE_KEYS, licence_in, split_readme
from focusgen.tools.licences import check_licence, hub_licence, parts_of, stricter_part, strictest

BEGIN, END = "<!-- focusgen:begin -->", "<!-- focusgen:end -->"
_VARIABLE = re.compile(r"\$(\w+|\{[^}]*\})", re.ASCII)  # as os.path.expandvars
MAX_LEFT_OUT_NAMED = 20
MANY_SCENES = 1000  # the hub takes 10,000 entries in a folder and asks for shards long before


def write_card(root: Path, source: Source, leave_out: Sequence[str] = ()) -> list[Path]:
    """Write README.md, the index of each split, and croissant.json, and return what was written.

    Args:
        root: the data set's folder.
        source: of the footage.
        leave_out: scenes to do without.

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
    card = Card(plan, tuple(parts_of(layouts, source.licence)), report, _all_packed(plan), name)
    text = card_text(root / "README.md", _front_matter(card, _data_files(card)), _body(card, source))
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


def _front_matter(card: Card, data_files: list[dict[str, object]]) -> dict[str, object]:
    n_frames = sum(scene.vetted.n_frames for scene in card.plan.scenes.values())
    return {
        **hub_licence(strictest(card.parts)),
        "pretty_name": card.name,
        "task_categories": ["depth-estimation"],
        "tags": ["focus", "defocus", "bokeh", "depth", "video", "focusgen"],
        "size_categories": [size_category(n_frames)],
        "configs": [{"config_name": "default", **_of_files(card), "data_files": data_files}],
    }


def _of_files(card: Card) -> dict[str, object]:
    """Return what the loader of pictures must be told; that of tars needs nothing."""
    if card.is_packed:
        return {}
    splits = {scene.vetted.split for scene in card.plan.scenes.values()}
    return {
        "drop_labels": True,
        "metadata_filenames": [f"{split}.jsonl" for split in SPLITS if split in splits],
    }


def size_category(n: int) -> str:
    """Return the hub's word for so many rows."""
    for limit, text in ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M")):
        if n < limit:
            return text
    return "n>1M"


def _body(card: Card, source: Source) -> str:
    scenes = card.plan.scenes.values()
    counts = {s: sum(scene.vetted.split == s for scene in scenes) for s in SPLITS}
    frames = {s: sum(scene.vetted.n_frames for scene in scenes if scene.vetted.split == s) for s in SPLITS}
    n_sets = max((scene.n_sets for scene in scenes), default=0)
    whole, verdict = strictest(card.parts), verdict_for(card.report, card.plan.left_out)
    lines = [
        title(card.name),
        "",
        f"Made by focusgen {__version__}; verdict of its last phase: **{verdict}**."
        + left_out_text(card.plan),
        "",
        "| split | scenes | frames | lens sets of each |",
        "|---|---|---|---|",
        *(f"| {split} | {counts[split]} | {frames[split]} | {n_sets} |" for split in SPLITS),
        "",
        "## Licence",
        "",
        f"The strictest of all that it was made from: **{_cell(whole.licence)}** ({_cell(whole.name)}).",
        "",
        "| part | licence |",
        "|---|---|",
        *(f"| {_cell(part.name)} | {_cell(part.licence)} |" for part in card.parts),
        "",
    ]
    said = [text.replace(BEGIN, "").replace(END, "") for text in (source.url, source.note) if text]
    if said:
        lines += ["## Source", "", *said, ""]
    lenses = [lens for scene in card.plan.scenes.values() for lens in scene.vetted.lenses]
    of_limits = [_OF_LIMITS] if any(lens.coc_limit_m for lens in lenses) else []
    lines += [*rehearsal_lines(verdict), _HOW_TO_READ, *of_limits, *([_OF_TARS] if card.is_packed else [])]
    if len(card.plan.scenes) > MANY_SCENES:
        lines += [
            "",
            f"{len(card.plan.scenes)} scenes: publish shards (`focusgen export webdataset`).",
        ]
    return "\n".join(lines)


_HOW_TO_READ = """## How to read it

Sharp frames and renders are 8-bit RGB PNG; `depth_maps/*.npz` hold `depth`, float16 metres;
`focus_maps/*/*.npz` hold `focus_map`, float16, 1 = in focus. Where there are
`depth_maps/valid_*.png`, a loss should ignore pixels that are not 0 (1 patched, 2 raised, 4 far,
8 saturated, 16 extrapolated, 32 depth edge). A label is recomputed bit for bit from
depth and lens:

    coc = (f * f / (N * S)) * np.abs(d - S) / d          # d: float32 of the saved depth; "paper" formula
    focus_map = (1.0 - np.clip(coc / max_coc, 0.0, 1.0)).astype(np.float16)

`focusgen.data.FocusDataset` gives windows for torch; `datasets.load_dataset` the frames of each split."""


_OF_LIMITS = """
The renderer drew no larger blur than `max_radius_px` of some sets in `metadata.json`, and their labels
stop with it:
`np.minimum(coc, 2 * max_radius_px * (sensor_width_mm / 1000) / width)` stands in the place of `coc`."""


def left_out_text(plan: ExportPlan) -> str:
    """Return what a card has to say of scenes that somebody did without."""
    if not plan.left_out:
        return ""
    names = shortened((_cell(display(name)) for name in plan.left_out), MAX_LEFT_OUT_NAMED)
    return f" Scenes that were left out: {names}."


def rehearsal_lines(verdict: str) -> list[str]:
    """Return what a card has to say of a data set whose verdict is of a rehearsal."""
    if verdict != "rehearsal":
        return []
    return ["**A rehearsal: its depth is invented, and so are its labels. Train nothing on it.**", ""]


_OF_TARS = """
Each scene is one tar (WebDataset): `SCENE/frames.tar` holds `SCENE/0000.sharp.png`, `.depth.npz`,
`.bokeh_00.png`, `.focus_00.npz`, ... The indices name its members as `fsspec.open` reads them from this
folder: `tar://SCENE/0000.depth.npz::SCENE/frames.tar`. `focusgen unpack` makes files of them."""


def title(name: str) -> str:
    """Return the first line of a card."""
    return f"# {_cell(name)}: sharp frames, metric depth, focus labels and lens blur"


def _cell(text: str) -> str:
    """Return text that cannot end a table's cell or begin markup."""
    return re.sub(r"([|<>*_`\[\]\\])", r"\\\1", " ".join(text.split()))


def card_text(path: Path, front_matter: Mapping[str, object], body: str) -> str:
    """Return README.md: our front matter and our part; what a person wrote outside of it is kept.

    Args:
        path: of the README that lies there already, if any.
        front_matter: ours; keys of a person's own beside them are kept.
        body: what stands between our marks.
    """
    old_matter, old_text = split_readme(path)
    # Half of an older licence beside a new one would be a third.
    ours_only = {*front_matter, *(LICENCE_KEYS if "license" in front_matter else ())}
    matter = {**front_matter, **{key: value for key, value in old_matter.items() if key not in ours_only}}
    ours = f"{BEGIN}\n{body}\n{END}"
    if BEGIN in old_text and END in old_text:
        before, _, rest = old_text.partition(BEGIN)
        text = before + ours + rest.partition(END)[2]
    else:
        text = ours + ("\n\n" + old_text.strip() if old_text.strip() else "") + "\n"
    return f"---\n{yaml.safe_dump(matter, sort_keys=False, allow_unicode=True)}---\n\n{text.lstrip()}"
