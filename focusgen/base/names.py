"""Names from other people's disks: which of them may become part of a path, and how they are shown.

`display` is the one way in which such a name reaches a terminal, a log or a message.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shlex
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePath
from typing import Any

from focusgen.base.errors import CorruptInputError

MAX_SCENE_ID_BYTES = 200  # leaves room for our own prefixes and suffixes below the usual 255 of a file system

INTERNAL = ".focusgen"
"""How all names in a data set begin that are of no use to a reader; its folder of that name is in each."""

# Entries of the data set's root, so no scene may have their names.
RESERVED_NAMES = frozenset(
    {
        "logs",
        "previews",
        "scene_index.json",
        "readme.md",
        "train.jsonl",
        "val.jsonl",
        "validation.jsonl",
        "test.jsonl",
        "index.parquet",
        "croissant.json",
        "manifest.sha256",
    }
)
# They reorder the text around them on a screen, so a name with one is not the name that is read.
BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class MediaError(CorruptInputError):
    """A media file or folder is refused.

    Attributes:
        file: its name, relative to the scene, ready to be shown.
        reason: why, without the name.
    """

    def __init__(self, file: str, reason: str, advice: str = "", *, is_displayed: bool = False) -> None:
        self.file = file if is_displayed else display(file)
        self.reason = reason
        super().__init__(f"{self.file}: {reason}", advice)


def natural_key(name: str) -> tuple[Any, str]:
    """Return a key that sorts `2` before `10`; `1` and `01`, which count alike, are ordered by their text."""
    return _natural()(name), name


@functools.cache
def _natural() -> Callable[[str], Any]:
    from natsort import natsort_keygen  # few commands sort, and all import this module

    return natsort_keygen()


def same_form(name: str) -> str:
    """Return a name as it compares: macOS writes accents apart (NFD), others join them (NFC)."""
    return unicodedata.normalize("NFC", name)


def alike(name: str) -> str:
    """Return a name in which neither the case of letters nor how accents are written matters."""
    return same_form(name).casefold()


def existing_form(path: Path) -> Path:
    """Return a path, or where nothing is there, the one whose name differs only by Unicode form."""
    if str(path).isascii() or os.path.lexists(path):
        return path
    parent, wanted = existing_form(path.parent), same_form(path.name)
    with contextlib.suppress(OSError):
        for name in os.listdir(parent):
            if same_form(name) == wanted:
                return parent / name
    return path


def known_as(name: str, known: Iterable[str]) -> str:
    """Return the name among the known that differs from `name` only by Unicode form; else `name` itself."""
    if name.isascii():
        return name
    wanted = same_form(name)
    return next((other for other in known if same_form(other) == wanted), name)


def near_name(name: str, known: Iterable[str]) -> str:
    """Return the known name that a path, a file, other case or the part before a comma means, or ""."""
    last = PurePath(name).name.casefold()
    forms = (last, PurePath(last).stem)
    return next((o for o in known if o.casefold() in forms or o.casefold().startswith(f"{last},")), "")


def name_problem(name: str) -> str | None:
    """Say what makes a file or folder name unusable anywhere, or None."""
    if not name or not name.strip():
        return "the name is empty"
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return "the name is not UTF-8"
    if any(unicodedata.category(c) in ("Cc", "Zl", "Zp") or c in BIDI_CONTROLS for c in name):
        return "the name holds control characters"
    return None


def scene_id_problem(name: str) -> str | None:
    """Say what keeps a name from being a folder of the data set, or None."""
    problem = name_problem(name)
    if problem:
        return problem
    if "/" in name or "\\" in name:
        return "the name holds a path separator"
    if name.startswith((".", "-", "=", "+", "@")):  # hidden, an option, or a formula to a spreadsheet
        return f"the name starts with {name[0]!r}"
    if len(name.encode("utf-8")) > MAX_SCENE_ID_BYTES:
        return f"the name is longer than {MAX_SCENE_ID_BYTES} bytes"
    if name.casefold() in RESERVED_NAMES:
        return "the name is reserved for the data set's own files"
    return None


def display(name: str) -> str:
    r"""Return a name as one line of visible, encodable text.

    Control and format characters, lone surrogates (bytes that were not UTF-8) and backslashes are escaped, so
    two different names never look the same, and no escape sequence reaches the terminal.
    """
    return "".join(_visible(character) for character in name)


def listed(names: Iterable[str], most: int = 5) -> str:
    """Return the first names, displayed, and how many there are more."""
    return shortened(map(display, names), most)


def shortened(texts: Iterable[str], most: int = 5) -> str:
    """Return the first of texts that need no escaping, and how many there are more."""
    shown = list(texts)
    return ", ".join(shown[:most]) + (f" and {len(shown) - most} more" if len(shown) > most else "")


def first_lines(texts: Sequence[str], most: int) -> list[str]:
    """Return the first of lines that need no escaping, and one that says how many there are more."""
    n_more = len(texts) - most
    return [*texts[:most], *([f"... and {n_more} more"] if n_more > 0 else [])]


def shell_word(text: object) -> str:
    """Return a name or path as one word of a command that a person may paste into a shell."""
    return shlex.quote(display(str(text)))


def _visible(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        return character.encode("unicode_escape").decode("ascii")
    return character


def rich_text(text: str) -> str:
    """Return a text with names in it, or a name, in which rich sees no markup, and a terminal no commands.

    Backslashes stay: in a message they are those of names that were displayed as it was put together.
    """
    from rich.markup import escape

    return escape("".join(c if c == "\\" else _visible(c) for c in text))
