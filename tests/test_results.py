"""The file of results: one section is replaced, everything else stays."""

from __future__ import annotations

import time

from benchmarks.results import measured_on, write_section


def test_a_section_is_replaced_in_its_place_and_a_new_one_goes_to_the_end(tmp_path):
    path = tmp_path / "RESULTS.md"
    write_section("io", "## Input\nold", path)
    write_section("scale", "## Many\nkept", path)
    before = path.read_text()
    write_section("io", "## Input\nnew", path)
    after = path.read_text()
    assert after == before.replace("old", "new")
    assert after.index("## Input") < after.index("## Many")
    assert after.startswith("# Measured\n")
    assert [p.name for p in tmp_path.iterdir()] == ["RESULTS.md"]


def test_a_section_says_when_and_on_what_it_was_measured(tmp_path):
    path = tmp_path / "RESULTS.md"
    write_section("io", "## Input", path, packages=("deflate", "no-such-package"))
    text = path.read_text()
    assert measured_on(("deflate", "no-such-package")) in text
    assert time.strftime("%Y-") in text and "numpy " in text and "deflate " in text
    assert "no no-such-package" in text and "cores" in text
