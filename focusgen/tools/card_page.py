"""The page of a data set, README.md: our part of it, and what a person wrote outside of our marks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from focusgen import __version__
from focusgen.base.names import display, shortened
from focusgen.config.data import SPLITS
from focusgen.dataset.vetting import verdict_for
from focusgen.tools.card_facts import Card, Source
from focusgen.tools.card_labels import FLAGS, label_lines
from focusgen.tools.export_plan import ExportPlan
from focusgen.tools.front_matter import LICENCE_KEYS, split_readme
from focusgen.tools.licences import strictest

BEGIN, END = "<!-- focusgen:begin -->", "<!-- focusgen:end -->"
MAX_LEFT_OUT_NAMED = 20
MANY_SCENES = 1000  # the hub takes 10,000 entries in a folder and asks for shards long before


def front_matter(
    licence: Mapping[str, object], name: str, n_frames: int, files: Mapping[str, object]
) -> dict[str, object]:
    """Return what the hub reads of a card: `files` is what its loader must be told of the splits."""
    return {
        **licence,
        "pretty_name": name,
        "task_categories": ["depth-estimation"],
        "tags": ["focus", "defocus", "bokeh", "depth", "video", "focusgen"],
        "size_categories": [_size_category(n_frames)],
        "configs": [{"config_name": "default", **files}],
    }


def _size_category(n: int) -> str:
    """Return the hub's word for so many rows."""
    for limit, text in ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M")):
        if n < limit:
            return text
    return "n>1M"


def body_of(card: Card, source: Source) -> str:
    """Return our part of the page."""
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
    lines += [*rehearsal_lines(verdict), "## What it was made by", "", *card.made_by.lines()]
    lines += [_HOW_TO_READ, *label_lines(lenses), "", _READERS, *([_OF_TARS] if card.is_packed else [])]
    if len(card.plan.scenes) > MANY_SCENES:
        lines += [
            "",
            f"{len(card.plan.scenes)} scenes: publish shards (`focusgen export webdataset`).",
        ]
    return "\n".join(lines)


_HOW_TO_READ = f"""## How to read it

Sharp frames and renders are 8-bit RGB PNG; `depth_maps/*.npz` hold `depth`, float16 metres;
`focus_maps/*/*.npz` hold `focus_map`, float16, 1 = in focus. Where there are
`depth_maps/valid_*.png`, a loss should ignore pixels that are not 0 ({FLAGS}).
A label is recomputed bit for bit from depth and lens:"""

_READERS = (
    "`focusgen.data.FocusDataset` gives windows for torch; `datasets.load_dataset` the frames of each split."
)


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
