"""What completion is told of flags."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from focusgen.config.described import Described, described
from focusgen.config.flags import Flags, option, positional, sets


@dataclass(frozen=True)
class ProbeFlags(Flags):
    """One flag of each kind."""

    scene: tuple[str, ...] = positional((), "scenes")
    how: Literal["slow", "fast"] | None = option(None, "how")
    to: Path | None = option(None, "where to")
    strict: bool = sets("run.strict")
    on_stale: str | None = sets("run.on_stale")
    backend: str | None = sets("render.backend")
    seed: int | None = sets("seed")


def test_each_kind_of_flag_says_what_it_takes():
    found = {flag.name: flag for flag in described(ProbeFlags)}
    assert found["scene"] == Described("scene", "scenes", "text", (), is_positional=True)
    assert (found["how"].takes, found["how"].choices) == ("choice", ("slow", "fast"))
    assert found["on_stale"].choices == ("fail", "redo", "keep")
    assert {"thin_lens", "bokehnet"} <= set(found["backend"].choices)
    assert (found["to"].takes, found["strict"].takes, found["seed"].takes) == ("path", "nothing", "text")
