"""All phases on this machine, from raw video to a validated data set.

Stops after phase 4 with exit status 4 until a person approves the calibration (`focusgen approve`), unless
--max_coc or --auto_approve is given. Start it again at any time: finished scenes are kept, killed ones go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from focusgen import config
from focusgen.base.errors import ConfigError
from focusgen.config import Config, flags
from focusgen.config.backends import BUILT_IN

BACKEND_SECTION = {backend.name: section for section, rows in BUILT_IN.items() for backend in rows}
SETTINGS = flags.DATA_SET_FLAGS | flags.RUN_FLAGS | flags.SCENE_FLAGS
EXTRAS: list[flags.Extra] = [
    flags.CONFIG_FLAG,
    ("scenes", str | None, None, "only these scenes, comma-separated"),
    ("split", str | None, None, "only scenes of this split: train, val or test"),
    ("backend", str | None, None, "backends by name, comma-separated, e.g. classical,dryrun"),
]


def main(argv: Sequence[str]) -> int:
    """Run `focusgen run`."""
    flag_set = flags.flags_class("RunFlags", SETTINGS, EXTRAS)
    parsed, dotted = flags.parse(flag_set, argv, prog="focusgen run", doc=__doc__ or "")
    overrides = {**flags.overrides_of(parsed, SETTINGS), **backend_overrides(parsed.backend), **dotted}
    cfg = config.load(parsed.config, overrides)
    flags.report_without_effect(cfg, parsed, SETTINGS)
    scenes = parsed.scenes.split(",") if parsed.scenes else None
    return run_here(cfg, scenes=scenes, split=parsed.split)


def run_here(cfg: Config, **selection: Any) -> int:
    """Run all phases with progress on stderr; `selection` as in `runner.select_scenes`."""
    from focusgen.base.signals import stop_on_signals
    from focusgen.run.console import ConsoleObserver, make_console
    from focusgen.run.pipeline import Selection, run_all

    with stop_on_signals() as stop, ConsoleObserver(make_console()) as observer:
        return run_all(cfg, Selection(selection), observer, stop)


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
