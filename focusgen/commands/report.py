"""Write logs/report.html: verdict, scenes with pictures, label coverage, calibration, warnings, licence.

One file that loads nothing and runs nothing: mail it, print it, open it on a phone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from focusgen.commands.groups import DataSetFlags, advising_where_read_only, settings_to_write
from focusgen.config.flags import option, parse
from focusgen.dataset.layout import DatasetLayout


@dataclass(frozen=True)
class ReportFlags(DataSetFlags):
    """Where to."""

    output: Path | None = option(None, "the HTML file; default <out_root>/logs/report.html")


FLAGS = ReportFlags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen report`."""
    parsed = parse(FLAGS, argv, prog="focusgen report", doc=__doc__)
    cfg = settings_to_write(parsed.flags.config, parsed.overrides)
    from focusgen.tools.report_page import write_report

    dataset, output = DatasetLayout.of(cfg), parsed.flags.output
    with advising_where_read_only("Say where else to write it: --output FILE" if output is None else ""):
        print(write_report(dataset, output or dataset.report_html))
    return 0
