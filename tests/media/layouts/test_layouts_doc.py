"""docs/layouts.md names every layout, and no other."""

import re
from pathlib import Path

from focusgen.media.layouts.find import LAYOUTS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "layouts.md"


def test_the_page_has_a_row_for_every_layout():
    rows = re.findall(r"^\| `(\w+)` \|.*\| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted(LAYOUTS)
    assert {name for name, depth in rows if depth != "-"} == {
        n for n, known in LAYOUTS.items() if known.has_depth
    }
