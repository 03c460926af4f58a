"""All phases on this machine, from raw video to a validated data set.

Stops after phase 4 with exit status 4 until a person approves the calibration (`focusgen approve`), unless
--max_coc or --auto_approve is given. Start it again at any time: finished scenes are kept, killed ones go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from focusgen import config
from focusgen.base.errors import ConfigError
from focusgen.commands.groups import DataSetFlags, RunSettings, SceneSettings
from focusgen.config.backends import BUILT_IN
from focusgen.config.flags import option, parse, report_without_effect

BACKEND_SECTION = {backend.name: section for section, rows in BUILT_IN.items() for backend in rows}


@dataclass(frozen=True)
class RunFlags(SceneSettings, RunSettings, DataSetFlags):
    """Which scenes, by which backends."""

    scenes: str | None = option(None, "only these scenes, comma-separated")
    split: str | None = option(None, "only scenes of this split: train, val or test")
    backend: str | None = option(None, "backends by name, comma-separated, e.g. classical,dryrun")


def main(argv: Sequence[str]) -> int:
    """Run `focusgen run`."""
    parsed = parse(RunFlags, argv, prog="focusgen run", doc=__doc__)
    given = parsed.flags
    cfg = config.load(given.config, {**backend_overrides(given.backend), **parsed.overrides})
    report_without_effect(cfg, given)
    from focusgen.run.here import run_everything
    from focusgen.run.pipeline import Selection

    scenes = given.scenes.split(",") if given.scenes else None
    return run_everything(cfg, Selection(scenes=scenes, split=given.split))


def backend_overrides(names: str | None) -> dict[str, Any]:
    """Return the settings that backend names stand for: every name belongs to one phase.

    Raises:
        ConfigError: an unknown name, or two for one phase.
    """
    overrides: dict[str, Any] = {}
    for name in names.split(",") if names else ():
        section = BACKEND_SECTION.get(name.strip())
        if section is None:
            raise ConfigError(f"--backend {name}: unknown; choose from {', '.join(BACKEND_SECTION)}")
        if f"{section}.backend" in overrides:
            raise ConfigError(f"--backend {names}: two backends for phase {section}")
        overrides[f"{section}.backend"] = name.strip()
    return overrides
