"""CITATION.cff as BibTeX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import yaml

from focusgen.base.shipped import shipped


class Work(TypedDict, total=False):
    """One work of the file; only `title`, `authors` and `type` are always there."""

    type: str
    title: str
    authors: Sequence[Mapping[str, str]]
    version: str
    notes: str
    url: str
    year: int


def bibliography(path: Path | None = None) -> str:
    """Return focusgen's own entry, then one for each reference, with what it is for.

    Args:
        path: citation file; None for the one that travels along.
    """
    document = yaml.safe_load((path or shipped("CITATION.cff")).read_text(encoding="utf-8"))
    return "\n\n".join(_entry(work) for work in (document, *document["references"]))


def _entry(work: Work) -> str:
    kind = "article" if work["type"] == "article" else "misc"
    fields = {
        "title": f"{{{work['title']}}}",
        "author": " and ".join(_person(person) for person in work["authors"]),
        "year": str(work.get("year", "")),
        "version": str(work.get("version", "")),
        "url": work.get("url", ""),
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    comment = f"% {work['notes']}\n" if "notes" in work else ""
    return comment + "\n".join([f"@{kind}{{{_key(work)},", *lines, "}"])


def _person(person: Mapping[str, str]) -> str:
    if "name" in person:  # a group: braces keep BibTeX from taking it apart
        return f"{{{person['name']}}}"
    return f"{person['family-names']}, {person['given-names']}"


def _key(work: Work) -> str:
    first = work["title"].partition(":")[0]
    return "".join(char for char in first.lower() if char.isalnum()) + str(work.get("year", ""))
