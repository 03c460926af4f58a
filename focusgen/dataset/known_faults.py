"""What records of earlier releases vouch for although it is known by now to be wrong.

A phase's algorithm version makes every scene stale. Where a fault touched few of them, and the record tells
which, a rule here makes just those stale.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from focusgen.config.backends import PROVIDED


def known_fault(record: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the files of a completion record, None if nothing is known to be."""
    details = record.get("details")
    if (record.get("phase"), record.get("backend")) == ("depth", PROVIDED.name) and isinstance(details, dict):
        return _zeros_taken_for_a_surface(details)
    return None


def _zeros_taken_for_a_surface(details: Mapping[str, Any]) -> str | None:
    """Release 0.1.0 raised own depth <= 0, which means "no depth", to a surface at `depth.min_m`."""
    if "unit" in details or "patched_raised_lowered" not in details:  # the unit is kept since then
        return None
    n_raised = sum(raised for _, raised, _ in details["patched_raised_lowered"].values())
    if not n_raised:
        return None
    return f"algorithm: {n_raised} pixels <= 0 became a surface at depth.min_m in 0.1.0 -> they are holes"
