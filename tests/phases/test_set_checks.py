"""Lens sets as metadata.json tells them: what does not fit the clip, or itself, is named."""

from __future__ import annotations

import pytest

from focusgen.phases.set_checks import check_sets

GOOD = {
    "sets": [
        {
            **{"f": 0.05, "N": 2.0, "S_focus": 2.0, "max_coc": 1e-3, "S_focus_per_frame": [2.0, 2.1, 1.0]},
            "focus_motion": {"kind": "rack", "jumps": [2]},
        }
    ],
    "shot_cuts": [2],
}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"S_focus_per_frame": [2.0, 2.1]}, "2 numbers for 3 frames"),
        ({"S_focus_per_frame": [2.0, 2.1, -1.0]}, "not positive"),
        ({"S_focus": 1.9}, "not the first"),
        ({"focus_motion": {"kind": "rack", "jumps": []}}, r"jumps at \[2\], metadata.json says \[\]"),
    ],
)
def test_a_path_that_does_not_fit_its_clip_is_named(change: dict, what: str):
    check_sets(GOOD, 3)
    with pytest.raises(ValueError, match=what):
        check_sets({**GOOD, "sets": [{**GOOD["sets"][0], **change}]}, 3)


def test_a_magnification_that_does_not_follow_from_focus_is_named():
    one = {"f": 0.05, "N": 2.0, "S_focus": 2.0, "max_coc": 1e-3, "magnification": 2.0 / (2.0 - 0.05)}
    check_sets({"sets": [one], "breathing": True}, 3)
    with pytest.raises(ValueError, match="magnification is not S / "):
        check_sets({"sets": [{**one, "magnification": 1.02}], "breathing": True}, 3)
    with pytest.raises(KeyError, match="magnification"):
        check_sets({"sets": [{k: v for k, v in one.items() if k != "magnification"}], "breathing": True}, 3)
