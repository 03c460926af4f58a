"""Check this machine: architecture, driver against torch build, weights, output folder, space, locks."""

from __future__ import annotations

from collections.abc import Sequence

from focusgen import config
from focusgen.commands.groups import DataSetFlags
from focusgen.config.flags import parse
from focusgen.doctor import render, run_checks
from focusgen.run.console import result_console

FLAGS = DataSetFlags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen doctor`; non-zero only if something would fail."""
    parsed = parse(FLAGS, argv, prog="focusgen doctor", doc=__doc__)
    cfg = config.load(parsed.flags.config, parsed.overrides)
    checks = run_checks(cfg.data.out_root, cfg)
    result_console(soft_wrap=True).print(render(checks))
    return 2 if any(check.status.value == "fail" for check in checks) else 0
