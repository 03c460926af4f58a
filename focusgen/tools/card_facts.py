"""What the papers of a data set are written from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from focusgen.tools.export_plan import ExportPlan
from focusgen.tools.licences import Part


@dataclass(frozen=True)
class Source:
    """Where the footage comes from, in its owner's words."""

    licence: str
    url: str = ""
    note: str = ""


@dataclass(frozen=True)
class Card:
    """What a card was written from.

    Attributes:
        parts: with their licences, strictest first.
        report: phase 6's.
        is_packed: each scene is one tar; its pictures are no files of their own.
    """

    plan: ExportPlan
    parts: tuple[Part, ...]
    report: Mapping[str, object]
    is_packed: bool

    @property
    def name(self) -> str:
        """A name for the data set's page."""
        return "focusgen"
