"""Take over a data set that the reference pipeline made: its records are empty `.done` files.

Everything is decoded and every label recomputed; scenes that are right get records and are complete from
then on, of the others it says what is wrong, and writes nothing for them. Give --raw_root to tie the scenes
to their raw frames, so that later phases can be made anew. Ends with 3 if a scene was not adopted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from focusgen.base.errors import ConfigError, ExitCode
from focusgen.commands.groups import INTO_ITSELF, DataSetFlags, advising_where_read_only, settings_to_write
from focusgen.config.flags import option, parse, positional, sets
from focusgen.config.graph import SCENE_PHASES, PhaseName


@dataclass(frozen=True)
class AdoptFlags(DataSetFlags):
    """Which scenes, and what is accepted of them."""

    scene: tuple[str, ...] = positional((), "scenes; default: all")
    phases: str = option(",".join(SCENE_PHASES), "phases to take over, comma-separated, in order")
    max_label_difference: float = option(1e-3, "labels may be off by so much and are accepted with a warning")
    raw_root: Path | None = sets("data.raw_root")


FLAGS = AdoptFlags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen adopt`."""
    parsed = parse(FLAGS, argv, prog="focusgen adopt", doc=__doc__)
    given = parsed.flags
    cfg = settings_to_write(given.config, parsed.overrides)
    phases = _phases(given.phases)
    from focusgen.base.names import display
    from focusgen.tools.adopt import Adoption, adopt

    def show(outcome: Adoption) -> None:
        word = "not adopted" if outcome.problems else f"adopted ({', '.join(outcome.phases)})"
        print(f"{display(outcome.scene_id)}: {word}")
        for text in (*outcome.problems, *outcome.warnings):
            print(f"  {display(text)}")

    with advising_where_read_only(INTO_ITSELF):
        outcomes = adopt(
            cfg,
            given.scene,
            phases=phases,
            with_raw=given.raw_root is not None,
            max_label_difference=given.max_label_difference,
            on_scene=show,
        )
    n_adopted = sum(not outcome.problems for outcome in outcomes)
    print(
        f"{n_adopted} of {len(outcomes)} scenes adopted; phase 6 (06_validate_outputs.py) checks them again"
    )
    return int(ExitCode.COMPLETE if n_adopted == len(outcomes) else ExitCode.INCOMPLETE)


def _phases(text: str) -> list[PhaseName]:
    names = [name.strip() for name in text.split(",")]
    if not names or names != list(SCENE_PHASES[: len(names)]):
        raise ConfigError(f"--phases {text}: a beginning of {','.join(SCENE_PHASES)}, in that order")
    return list(SCENE_PHASES[: len(names)])
