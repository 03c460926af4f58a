"""Approve the calibration: after looking at logs/coc_histogram.png, allow phase 5 to start.

The approval is bound to the present statistics; a new calibration makes it void.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from focusgen.commands.groups import INTO_ITSELF, DataSetFlags, advising_where_read_only, settings_to_write
from focusgen.config.flags import parse, sets
from focusgen.dataset.layout import DatasetLayout


@dataclass(frozen=True)
class ApproveFlags(DataSetFlags):
    """Which calibration, and another value than the recommended one."""

    max_coc: float | None = sets("render.max_coc")
    output_stats: Path | None = sets("calibrate.output_stats")


FLAGS = ApproveFlags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen approve`."""
    parsed = parse(FLAGS, argv, prog="focusgen approve", doc=__doc__)
    given = parsed.flags
    cfg = settings_to_write(given.config, parsed.overrides)
    from focusgen.run.max_coc import approve_calibration

    with advising_where_read_only(INTO_ITSELF):
        value_m, warning = approve_calibration(cfg)
    if warning:
        print(f"warning: {warning}")
    print(f"approved max_coc = {value_m:.6g} m; {DatasetLayout.of(cfg).coc_approval_json}")
    return 0
