"""The graph of phases, once: their names, numbers, titles, scripts, and what each is made from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from focusgen.base.errors import ConfigError
from focusgen.base.names import display

PhaseName = Literal["index", "deblur", "depth", "calibrate", "render", "validate"]


@dataclass(frozen=True)
class Phase:
    """One phase of the pipeline.

    Attributes:
        number: what people call it, and what its script's name begins with.
        title: how it is announced.
        script: file name in scripts/.
        upstream: phases whose records its own depends on; "index" stands for the raw checksums. Empty for the
            phases that look at the whole data set and keep no record per scene.
    """

    name: PhaseName
    number: int
    title: str
    script: str
    upstream: tuple[PhaseName, ...] = ()

    @property
    def is_per_scene(self) -> bool:
        """True if it works on one scene at a time and leaves a record of each."""
        return bool(self.upstream)


GRAPH: dict[PhaseName, Phase] = {
    phase.name: phase
    for phase in (
        Phase("index", 1, "1 validate", "01_validate_dataset.py"),
        Phase("deblur", 2, "2 deblur", "02_deblur.py", ("index",)),
        Phase("depth", 3, "3 depth", "03_depth.py", ("deblur",)),
        Phase("calibrate", 4, "4 calibrate", "04_calibrate_coc.py"),
        Phase("render", 5, "5 render", "05_render_and_labels.py", ("deblur", "depth")),
        Phase("validate", 6, "6 validate outputs", "06_validate_outputs.py"),
    )
}
SCENE_PHASES: tuple[PhaseName, ...] = tuple(name for name, phase in GRAPH.items() if phase.is_per_scene)


def parse_phases(text: str) -> tuple[PhaseName, ...]:
    """Return the phases of `1-4`, `5-6`, `3`, `2,3,5` or names, in running order.

    Raises:
        ConfigError: no such phase.
    """
    chosen: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        start = _number_of(first)
        stop = _number_of(last) if dash else start
        chosen |= set(range(start, stop + 1))
    if not chosen:
        raise ConfigError(f"--phases {display(text)}: nothing to do")
    return tuple(name for name, phase in GRAPH.items() if phase.number in chosen)


def _number_of(word: str) -> int:
    if word in GRAPH:
        return GRAPH[word].number
    if word.isdecimal() and any(phase.number == int(word) for phase in GRAPH.values()):
        return int(word)
    raise ConfigError(
        f"--phases: {display(word) or repr(word)} is no phase", "Phases: 1-6, or " + ", ".join(GRAPH)
    )


def scene_phases(phases: Iterable[PhaseName]) -> list[PhaseName]:
    """Return those of `phases` that work on one scene at a time, in their order."""
    return [phase for phase in phases if phase in SCENE_PHASES]
