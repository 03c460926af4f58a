"""Settings on a command line by their dotted key: `--section.key VALUE`."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from typing import Any

from focusgen import config
from focusgen.base.errors import ConfigError
from focusgen.config.retired import RETIRED_KEYS


def split_dotted(argv: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """Take `--section.key VALUE` and `--section.key=VALUE` out of an argument list.

    Raises:
        ConfigError: an unknown key (with the nearest one), or no value.
    """
    rest: list[str] = []
    dotted: dict[str, Any] = {}
    words = iter(argv)
    for word in words:
        key, has_value, value = word[2:].partition("=")
        key = key.replace("-", "_")
        if not word.startswith("--") or "." not in key:
            rest.append(word)
            continue
        known = [*config.known_keys(), *config.keys_of_groups()]
        if key not in known and key not in RETIRED_KEYS:
            near = difflib.get_close_matches(key, known, n=1)
            raise ConfigError(f"unknown setting --{key}", f"Did you mean --{near[0]}?" if near else "")
        if not has_value:
            value = next(words, "")
        if not value.strip():  # YAML would read it as nothing said
            raise ConfigError(f"--{key} needs a value")
        dotted[key] = config.parse_value(key, value)
    return rest, dotted


def refuse_dotted(own: Collection[str], words: Sequence[str], prog: str) -> None:
    """Refuse `--section.key` where it would do nothing."""
    for word in words:
        flag = word.partition("=")[0]
        if flag.startswith("--") and "." in flag:
            way_out = (
                f"Say --override {flag[2:]}=VALUE." if "override" in own else f"{prog} --help has the flags."
            )
            raise ConfigError(f"{flag} has no meaning here", way_out)


def refuse_without_section(own: Collection[str], words: Sequence[str], prog: str) -> None:
    """Refuse a key without its section, and say which it may be; scripts of one phase have short names."""
    from focusgen.config.problems import settings_called

    for word in words:
        name = word[2:].partition("=")[0].replace("-", "_")
        if not word.startswith("--") or name in own:
            continue
        meant = [f"--{key}" for key in settings_called(name) if "." in key]
        if meant:
            raise ConfigError(f"{prog} has no flag --{name}", f"Did you mean {' or '.join(meant)}?")
