"""Approve the calibration: after looking at logs/coc_histogram.png, allow phase 5 to start.

The approval is bound to the present statistics; a new calibration makes it void.
"""

from __future__ import annotations

from collections.abc import Sequence

from focusgen import config
from focusgen.config import flags
from focusgen.dataset.layout import DatasetLayout

SETTINGS = flags.DATA_SET_FLAGS | {"max_coc": "render.max_coc", "output_stats": "calibrate.output_stats"}


def main(argv: Sequence[str]) -> int:
    """Run `focusgen approve`."""
    flag_set = flags.flags_class("ApproveFlags", SETTINGS, [flags.CONFIG_FLAG])
    parsed, dotted = flags.parse(flag_set, argv, prog="focusgen approve", doc=__doc__ or "")
    cfg = config.load(parsed.config, {**flags.overrides_of(parsed, SETTINGS), **dotted})
    from focusgen.phases.calibrate import approve, warning_about

    value_m = approve(cfg, parsed.max_coc)
    warning = warning_about(value_m, cfg)
    if warning:
        print(f"warning: {warning.replace('p95', 'max_coc')}")
    print(f"approved max_coc = {value_m:.6g} m; {DatasetLayout.of(cfg).coc_approval_json}")
    return 0
