"""The card of an export: which shards are which split, and under which licence; then the manifest."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from focusgen import __version__
from focusgen.base.files import publish
from focusgen.config.data import SPLITS
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import parse_json
from focusgen.dataset.vetting import verdict_for
from focusgen.tools.card_facts import name_of
from focusgen.tools.card_labels import FLAGS, OF_SAMPLES, label_lines, made_by
from focusgen.tools.card_page import card_text, front_matter, left_out_text, rehearsal_lines, title
from focusgen.tools.export import Exported, finish
from focusgen.tools.export_plan import SPLIT_NAMES, ExportPlan
from focusgen.tools.front_matter import LICENCE_KEYS, licence_in, read_front_matter
from focusgen.tools.licences import hub_licence, parts_of, stricter_part, strictest

_MEMBERS = {
    "sharp": "`sharp.png`, 8-bit RGB",
    "depth": "`depth.npz`, key `depth`, float16 metres",
    "bokeh": "`bokeh_KK.png`, the render of lens set KK",
    "clean": "`clean_KK.png`, the same before the sensor",
    "focus": "`focus_KK.npz`, key `focus_map`, float16, its label, 1 = in focus",
    "valid": f"`valid.png`, not 0 where depth is doubtful and a loss should ignore the pixel: {FLAGS}",
}
"""What lies in a sample, by the first word of its name."""

_HOW_TO_READ = """The bytes are those of the data set's own files. `sha256sum -c MANIFEST.sha256` checks them.

    from focusgen.data import FocusShards         # windows, labels and crops for torch
    import webdataset as wds                      # wds.WebDataset("train-00000.tar")
    import datasets                               # datasets.load_dataset("."); with_format("numpy")"""
_NO_LICENCE = "\nNo licence is given here: ask the owner of the footage before you pass it on.\n"


def finish_with_card(root: Path, dest: Path, exported: Exported, source_licence: str | None) -> None:
    """Write README.md, then MANIFEST.sha256, last of all.

    Args:
        dest: where the shards lie.
        source_licence: of the footage; None for what the data set's own card says, or an earlier one here.
    """
    scenes = {scene_id: scene.vetted.layout for scene_id, scene in exported.plan.scenes.items()}
    cards = (root / "README.md", dest / "README.md")
    card = next((path for path in cards if licence_in(path)), None)
    matter = dict(read_front_matter(card)) if card else {}
    said = source_licence or (licence_in(card) if card else "")
    stricter = stricter_part(scenes, said) if said else None
    if stricter is not None or source_licence is not None:
        matter = hub_licence(stricter or strictest(parts_of(scenes, said)))
    licence: dict[str, object] = {key: matter[key] for key in LICENCE_KEYS if key in matter}
    report = parse_json(DatasetLayout(root, root / "scene_index.json").validation_report_json.read_bytes())
    first = rehearsal_lines(verdict_for(report, exported.plan.left_out))
    publish(dest / "README.md", _text(dest, exported, name_of(root, *cards), licence, first).encode())
    finish(dest)


def _what_it_holds(plan: ExportPlan) -> list[str]:
    """Return what lies in a sample, and how its label follows from the rest."""
    scenes = list(plan.scenes.values())
    names = [member.name for scene in plan.scenes for member in plan.members(scene, 0)]
    kinds = dict.fromkeys(re.split("[_.]", name)[0] for name in names)
    lenses = [lens for scene in scenes for lens in scene.vetted.lenses]
    return [
        *made_by(scene.vetted.layout for scene in scenes).lines(),
        "Each sample is a frame:",
        "",
        *(f"- {_MEMBERS[kind]}" for kind in kinds),
        "- `json`, with the lens of each set in metres (`f`, `N`, `S_focus`, `max_coc`)",
        "",
        "A label is recomputed bit for bit from depth and lens:",
        *label_lines(lenses, OF_SAMPLES),
        "",
    ]


def _text(
    dest: Path, exported: Exported, name: str, licence: Mapping[str, object], first: Sequence[str]
) -> str:
    shards = exported.plan.shards
    n_frames = sum(len(shard.samples) for shard in shards)
    ending = shards[0].name.rpartition(".")[2] if shards else "tar"
    present = [split for split in SPLITS if any(shard.name.startswith(f"{split}-") for shard in shards)]
    data_files = [{"split": SPLIT_NAMES[split], "path": f"{split}-*.{ending}"} for split in present]
    matter = front_matter(licence, name, n_frames, {"data_files": data_files})
    lines = [
        title(name),
        "",
        f"{n_frames} frames of {len(exported.plan.scenes)} scenes, made by focusgen {__version__}."
        + left_out_text(exported.plan),
        "" if licence else _NO_LICENCE,
        *first,
        *_what_it_holds(exported.plan),
        _HOW_TO_READ,
    ]
    return card_text(dest / "README.md", matter, "\n".join(lines))
