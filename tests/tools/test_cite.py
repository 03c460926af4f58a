"""The citation as BibTeX."""

from __future__ import annotations

import re

from focusgen import cli
from focusgen.tools.cite import bibliography


def test_every_work_is_an_entry_with_a_key_of_its_own(capsys):
    assert cli.main(["cite"]) == 0
    text = capsys.readouterr().out
    keys = re.findall(r"^@(?:misc|article)\{([a-z0-9]+),$", text, re.MULTILINE)
    assert keys[0] == "focusgen" and len(keys) == len(set(keys)) == 5
    assert text.count("{") == text.count("}")
    assert "year = {2025}" in text and "Mu, Chun-Wei" in text


def test_a_group_is_one_author(tmp_path):
    path = tmp_path / "c.cff"
    path.write_text("{title: A, type: software, authors: [{name: The B and C}], references: []}")
    assert "author = {{The B and C}}," in bibliography(path)
