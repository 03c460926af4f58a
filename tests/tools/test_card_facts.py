"""One set of facts: README.md and croissant.json give the data set one name and one licence."""

from __future__ import annotations

import json

import pytest
import yaml

from focusgen import cli
from focusgen.tools.card_facts import Source


@pytest.mark.slow
def test_both_papers_say_the_same_of_the_whole(finished):
    words = ["card", "--out_root", str(finished), "--source_license", "CC-BY-SA-4.0"]
    assert cli.main([*words, "--source_note", "Filmed in Bonn."]) == 0
    readme = (finished / "README.md").read_text()
    matter = yaml.safe_load(readme.split("---")[1])
    croissant = json.loads((finished / "croissant.json").read_text())
    assert matter["pretty_name"] == croissant["name"] and f"# {croissant['name']}: " in readme
    assert matter["license"] == croissant["license"].lower() == "cc-by-sa-4.0"
    assert "Filmed in Bonn." in readme and croissant["rai:dataCollection"] == "Filmed in Bonn."


def test_who_says_nothing_of_the_source_says_nothing():
    assert Source("MIT") == Source("MIT", "", "")
