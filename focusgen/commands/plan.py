"""What a run will take, before anything is started: frames, bytes, files, CPU and GPU hours, cluster tasks.

Looks at the index, or before phase 1 at file headers below the raw root; starts nothing and writes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from focusgen import config
from focusgen.config import flags
from focusgen.config.graph import parse_phases, scene_phases

SETTINGS = flags.DATA_SET_FLAGS | flags.RUN_FLAGS
EXTRAS: list[flags.Extra] = [
    flags.CONFIG_FLAG,
    ("phases", str, "1-6", "phases to look at"),
    ("backend", str | None, None, "backends by name, comma-separated, e.g. classical,dryrun"),
    ("json", bool, False, "print machine-readable JSON"),
]


def main(argv: Sequence[str]) -> int:
    """Run `focusgen plan`; 3 if it does not fit on the output file system."""
    flag_set = flags.flags_class("PlanFlags", SETTINGS, EXTRAS)
    parsed, dotted = flags.parse(flag_set, argv, prog="focusgen plan", doc=__doc__ or "")
    from focusgen.cluster.report import forecast_lines
    from focusgen.cluster.submit import workers_for
    from focusgen.commands.run import backend_overrides
    from focusgen.run.forecast import forecast, survey

    overrides = {**flags.overrides_of(parsed, SETTINGS), **backend_overrides(parsed.backend), **dotted}
    cfg = config.load(parsed.config, overrides)
    phases = parse_phases(parsed.phases)
    works = survey(cfg)
    expected = forecast(cfg, works, phases)
    if parsed.json:
        print(json.dumps(asdict(expected) | {"fits": expected.fits}, indent=1))
    else:
        chosen = scene_phases(phases)
        n_workers = len(workers_for(cfg, chosen, works).members) if chosen and works else 1
        print("\n".join(forecast_lines(cfg, expected, phases, n_workers)))
    return 0 if expected.fits else 3
