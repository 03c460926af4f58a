"""What a README says of a data set to machines: YAML between two lines of dashes, before its text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from focusgen.base.errors import ConfigError

LICENCE_KEYS: tuple[str, ...] = ("license", "license_name", "license_link")
_FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?)^---[ \t]*$\n?", re.DOTALL | re.MULTILINE)


def split_readme(path: Path) -> tuple[dict[str, object], str]:
    """Return front matter and text of a README; nothing where there is none.

    Raises:
        ConfigError: it is no text, or its front matter is no YAML; names the file.
    """
    if not path.exists():
        return {}, ""
    advice = "Mend that file, or move it away: focusgen card writes another."
    try:
        text = path.read_text(encoding="utf-8-sig")
        match = _FRONT_MATTER.match(text)
        matter = yaml.safe_load(match[1]) if match else {}
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", advice) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text: {error}", advice) from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: its front matter is no YAML: {error}", advice) from error
    return (dict(matter) if isinstance(matter, dict) else {}), text[match.end() if match else 0 :]


def read_front_matter(path: Path) -> Mapping[str, object]:
    """Return what a README says of itself to machines, nothing where there is none.

    Raises:
        ConfigError: it cannot be read; names the file.
    """
    return split_readme(path)[0]


def licence_in(path: Path) -> str:
    """Return the licence that a README names, "" if it names none.

    Raises:
        ConfigError: it cannot be read; names the file.
    """
    matter = read_front_matter(path)
    return str(matter.get("license_name") or matter.get("license") or "")
