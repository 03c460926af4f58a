"""What the papers of a data set are written from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from focusgen.base.names import display
from focusgen.tools.card_labels import MadeBy
from focusgen.tools.export_plan import ExportPlan
from focusgen.tools.front_matter import read_front_matter
from focusgen.tools.licences import Part

NO_NAME = "focusgen"
"""What cards of older releases called every data set."""


@dataclass(frozen=True)
class Source:
    """Where the footage comes from, in its owner's words; `name` is that of the data set."""

    licence: str
    url: str = ""
    note: str = ""
    name: str = ""


def name_of(root: Path, *readmes: Path) -> str:
    """Return what to call a data set: as the first README does that calls it something, else as its folder.

    Raises:
        ConfigError: a README cannot be read; names the file.
    """
    said = (str(read_front_matter(path).get("pretty_name") or "").strip() for path in readmes)
    folder = display(os.path.basename(os.path.abspath(root)))
    return next((name for name in said if name not in ("", NO_NAME)), folder) or NO_NAME


@dataclass(frozen=True)
class Card:
    """What a card was written from.

    Attributes:
        parts: with their licences, strictest first.
        report: phase 6's.
        is_packed: each scene is one tar; its pictures are no files of their own.
        name: of the data set, for its page.
        made_by: the backends.
    """

    plan: ExportPlan
    parts: tuple[Part, ...]
    report: Mapping[str, object]
    is_packed: bool
    name: str = NO_NAME
    made_by: MadeBy = MadeBy({}, 0)
