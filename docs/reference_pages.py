"""Pages that are written from the code: every command with its --help, every setting with what it affects."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HELP_COLUMNS = "96"


def write_pages(folder: Path) -> None:
    """Write commands.md and settings.md; a page that is up to date is left alone: builds stay quick."""
    folder.mkdir(exist_ok=True)
    for name, text in (("commands.md", commands_page()), ("settings.md", settings_page())):
        page = folder / name
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def commands_page() -> str:
    """Return every command and action of `focusgen`, with the text of its --help."""
    from focusgen.cli import COMMANDS
    from focusgen.commands.focal import ACTIONS

    parts = ["# Commands", "", "Written from the code; `focusgen COMMAND --help` says the same.", ""]
    for name, (_, what) in COMMANDS.items():
        parts += [f"## focusgen {name}", "", f"{_sentence(what)}", "", *_fenced(help_of(name))]
        if name == "focal":
            for action, (_, meaning) in ACTIONS.items():
                text = help_of("focal", action)
                parts += [f"### focusgen focal {action}", "", f"{_sentence(meaning)}", "", *_fenced(text)]
    return "\n".join(parts)


def help_of(*words: str) -> str:
    """Return what `focusgen WORDS --help` prints."""
    from focusgen.cli import main

    said = io.StringIO()
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = HELP_COLUMNS
    try:
        with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
            main([*words, "--help"])
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
    if not said.getvalue().strip():
        raise RuntimeError(f"focusgen {' '.join(words)} --help said nothing")
    return said.getvalue().rstrip()


def settings_page() -> str:
    """Return every key of a configuration: default, meaning, and the phases whose bytes it changes."""
    from focusgen.config import Config

    parts = [
        "# Settings",
        "",
        "Keys of a configuration file, and flags of the commands that make data (`--section.key VALUE`).",
        "*Affects*: the phases whose published bytes a key changes; none for paths, speed and Slurm.",
        "",
    ]
    for section_name, section in Config().sections():
        parts += [f"## {section_name}", "", "| key | default | affects | meaning |", "|---|---|---|---|"]
        parts += list(_rows(section))
        parts.append("")
    return "\n".join(parts)


def _rows(section: Any) -> Iterator[str]:
    for name, info in type(section).model_fields.items():
        extra = info.json_schema_extra or {}
        phases = ", ".join(extra.get("affects", [])) or "-"
        default = _cell(str(getattr(section, name)))
        shown = default if len(default) <= 60 else f"{default[:57]}..."
        yield f"| `{name}` | `{shown}` | {phases} | {_cell(info.description or '')} |"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def _fenced(text: str) -> list[str]:
    return ["```text", text, "```", ""]
