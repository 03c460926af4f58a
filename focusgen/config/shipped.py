"""Which configuration a word of the command line means: a file, or the name of one that travels along."""

from __future__ import annotations

import difflib
from pathlib import Path

from focusgen.base.errors import ConfigError
from focusgen.base.shipped import shipped

CONFIG_DIR = shipped("configs")
SUFFIXES = (".yaml", ".yml")


def shipped_names(folder: Path = CONFIG_DIR) -> list[str]:
    """Return the names of the configurations in a folder of this installation."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def find(word: Path | str, folder: Path = CONFIG_DIR) -> Path:
    """Return the file that a word means: that file itself, or the one of this name that travels along.

    `configs/davis.yaml` means the shipped one, too, where no such file lies in the working folder.

    Raises:
        ConfigError: neither; with the nearest name.
    """
    path = Path(word)
    if path.is_file():
        return path
    name = path.stem if path.suffix in SUFFIXES else path.name
    inside = folder / f"{name}.yaml"
    if path.parent in (Path(), *_known_as(folder)) and inside.is_file():
        return inside
    raise ConfigError(f"{word or repr(word)}: {_lack(path)}", _advice(name, folder))


def _known_as(folder: Path) -> tuple[Path, ...]:
    """Return the relative folders by which documents call the shipped one: configs, configs/focal."""
    return (Path("configs") / folder.relative_to(CONFIG_DIR),) if folder.is_relative_to(CONFIG_DIR) else ()


def _lack(path: Path) -> str:
    if path.is_dir() and path != Path():
        return "a folder, not a YAML file"
    return "no such file" if path.suffix in SUFFIXES or path.parent != Path() else "no such configuration"


def _advice(name: str, folder: Path) -> str:
    known = shipped_names(folder)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]}? " if near else ""
    return f"{hint}Shipped configurations in {folder}: {', '.join(known)}"
