"""Commands of the documents as tests run them: the same, over smaller pictures."""

from __future__ import annotations

import re

SIZE = "--width 96 --height 64"


def smaller(command: str) -> str:
    """Return a command whose made-up clips have few pixels; every other one as it stands."""
    if not command.startswith("focusgen synth "):
        return command
    return re.sub(r" --(width|height) \d+", "", command).replace("synth", f"synth {SIZE}", 1)
