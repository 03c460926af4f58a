"""Of what release 0.1.0 vouched for, just the scenes that its fault touched are made anew."""

from __future__ import annotations

from typing import Any

import pytest

from focusgen.dataset.known_faults import known_fault

PIXELS = {"0": [3, 2, 0], "7": [0, 5, 1]}  # patched, raised, lowered


def record(**changes: Any) -> dict[str, Any]:
    old = {"phase": "depth", "backend": "provided", "details": {"patched_raised_lowered": PIXELS}}
    return {**old, **changes}


def test_pixels_that_meant_no_depth_became_a_surface():
    text = known_fault(record())
    assert text is not None and text.startswith("algorithm: 7 pixels <= 0 became a surface")


@pytest.mark.parametrize(
    "changes",
    [
        {"phase": "deblur"},
        {"phase": "render"},
        {"backend": "vda"},  # a network's zero is no hole
        {"details": {"patched_raised_lowered": {"0": [3, 0, 9]}}},
        {"details": {"patched_raised_lowered": {}}},
        {"details": {"patched_raised_lowered": PIXELS, "unit": "m"}},  # records of 0.2.0 and later
        {"details": {}},
        {"details": None},
        {"details": []},
    ],
)
def test_all_others_stay_complete(changes):
    assert known_fault(record(**changes)) is None


def test_a_record_without_anything_has_no_known_fault():
    assert known_fault({}) is None
