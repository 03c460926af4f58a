"""What a run will take, before anything is started: frames, bytes, files, CPU and GPU hours, cluster tasks.

Looks at the index, or before phase 1 at file headers below the raw root; starts nothing and writes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from focusgen import config
from focusgen.commands.groups import DataSetFlags, RunSettings
from focusgen.config.flags import option, parse
from focusgen.config.graph import parse_phases, scene_phases


@dataclass(frozen=True)
class PlanFlags(RunSettings, DataSetFlags):
    """Which run to look at."""

    phases: str = option("1-6", "phases to look at")
    backend: str | None = option(None, "backends by name, comma-separated, e.g. classical,dryrun")
    json: bool = option(False, "print machine-readable JSON")


FLAGS = PlanFlags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen plan`; 3 if it does not fit on the output file system."""
    parsed = parse(FLAGS, argv, prog="focusgen plan", doc=__doc__)
    given = parsed.flags
    from focusgen.cluster.report import forecast_lines
    from focusgen.cluster.submit import workers_for
    from focusgen.commands.run import backend_overrides
    from focusgen.run.forecast import forecast, survey_of_some

    cfg = config.load(given.config, parsed.on_top_of(backend_overrides(given.backend)))
    phases = parse_phases(given.phases)
    works = survey_of_some(cfg)
    expected = forecast(cfg, works, phases)
    if given.json:
        print(json.dumps(asdict(expected) | {"fits": expected.fits}, indent=1))
    else:
        chosen = scene_phases(phases)
        n_workers = len(workers_for(cfg, chosen, works).members) if chosen and works else 1
        print("\n".join(forecast_lines(cfg, expected, phases, n_workers)))
    return 0 if expected.fits else 3
