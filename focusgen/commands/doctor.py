"""Check this machine: architecture, driver against torch build, weights, output folder, space, locks."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from focusgen import config
from focusgen.config import flags
from focusgen.doctor import render, run_checks

SETTINGS = flags.DATA_SET_FLAGS


def main(argv: Sequence[str]) -> int:
    """Run `focusgen doctor`; non-zero only if something would fail."""
    flag_set = flags.flags_class("DoctorFlags", SETTINGS, [flags.CONFIG_FLAG])
    parsed, dotted = flags.parse(flag_set, argv, prog="focusgen doctor", doc=__doc__ or "")
    cfg = config.load(parsed.config, {**flags.overrides_of(parsed, SETTINGS), **dotted})
    checks = run_checks(cfg.data.out_root, cfg)
    Console(highlight=False, soft_wrap=True).print(render(checks))
    return 2 if any(check.status.value == "fail" for check in checks) else 0
