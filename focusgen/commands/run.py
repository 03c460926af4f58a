"""All phases on this machine, from raw video to a validated data set.

Stops after phase 4 with exit status 4 until a person approves the calibration (`focusgen approve`), unless
given --max_coc or --auto_approve. Start it again at any time: finished scenes are kept, killed ones go on.
Ends with previews of up to six scenes, the report, and the line that opens what is worth a look.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from focusgen import config
from focusgen.base.errors import ConfigError
from focusgen.commands.groups import (
    SCENES_HELP,
    DataSetFlags,
    RunSettings,
    SceneSettings,
    names_given,
    scenes_named,
)
from focusgen.config import Config
from focusgen.config.backends import BUILT_IN, names_of
from focusgen.config.flags import option, parse, positional, report_without_effect
from focusgen.config.origins import GivenKey


@dataclass(frozen=True)
class RunFlags(SceneSettings, RunSettings, DataSetFlags):
    """Which scenes, by which backends."""

    scene: tuple[str, ...] = positional((), "only these scenes; default: all")
    scenes: str | None = option(None, SCENES_HELP)
    split: str | None = option(None, "only scenes of this split: train, val or test")
    scene_idx: int | None = option(None, "only the i-th scene of the index")
    backend: str | None = option(None, "backends by name, comma-separated, e.g. classical,dryrun")
    recheck: bool = option(False, "read every file again, though by size, times and inode it is as it was")
    no_pictures: bool = option(False, "draw no previews and no report at the end")


FLAGS = RunFlags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen run`."""
    parsed = parse(FLAGS, argv, prog="focusgen run", doc=__doc__)
    given = parsed.flags
    cfg = config.load(given.config, parsed.on_top_of(backend_overrides(given.backend)))
    report_without_effect(cfg, given)
    from focusgen.run.here import run_everything
    from focusgen.run.selection import Selection

    selection = Selection(given.scene_idx, scenes_named(given.scenes, given.scene), given.split)

    def work() -> int:
        return run_everything(cfg, selection, recheck=given.recheck)

    if given.no_pictures:
        return _packed(cfg, work())
    from focusgen.tools.run_pictures import end_with_pictures, opening_line

    code, to_open = end_with_pictures(cfg, selection, work)
    code = _packed(cfg, code)
    if to_open is not None:
        print(opening_line(to_open))
    return code


def _packed(cfg: Config, code: int) -> int:
    """Pack the scenes where the settings ask for it, and return the exit status."""
    if cfg.store.pack == "none":
        return code
    from focusgen.tools.pack import pack_if_passed

    return pack_if_passed(cfg, code)


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return (f"; did you mean {near[0]}?" if near else "") + f" Choose from {', '.join(known)}"


def backend_overrides(names: str | None) -> dict[str, Any]:
    """Return the settings that backend names stand for: every name belongs to one phase.

    Raises:
        ConfigError: an unknown name, two for one phase, or none at all.
    """
    chosen = names_given("backend", "backend", names, "take those of the configuration")
    if chosen is None:
        return {}
    overrides: dict[str, Any] = {}
    section_of = {name: section for section in BUILT_IN for name in names_of(section)}
    for name in chosen:
        section = section_of.get(name)
        if section is None:
            raise ConfigError(f"--backend {name}: unknown{_nearest(name, section_of)}")
        if f"{section}.backend" in overrides:
            raise ConfigError(f"--backend {names}: two backends for phase {section}")
        overrides[GivenKey(f"{section}.backend", "--backend")] = name
    return overrides
