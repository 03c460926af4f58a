"""One set of facts: README.md and croissant.json give the data set one name and one licence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from focusgen import cli
from focusgen.tools.card_facts import Source, name_of


@pytest.mark.slow
def test_both_papers_say_the_same_of_the_whole(finished):
    words = [
        "card",
        "--out_root",
        str(finished),
        "--source_license",
        "CC-BY-SA-4.0",
        "--name",
        "Bonn: 4 walks",
    ]
    assert cli.main([*words, "--source_note", "Filmed in Bonn."]) == 0
    readme = (finished / "README.md").read_text()
    matter = yaml.safe_load(readme.split("---")[1])
    croissant = json.loads((finished / "croissant.json").read_text())
    assert matter["pretty_name"] == croissant["name"] == "Bonn: 4 walks" and "# Bonn: 4 walks: " in readme
    assert name_of(finished, finished / "README.md") == "Bonn: 4 walks", "an export, or the next card"
    assert matter["license"] == croissant["license"].lower() == "cc-by-sa-4.0"
    assert "Filmed in Bonn." in readme and croissant["rai:dataCollection"] == "Filmed in Bonn."


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("pretty_name: Walks in Bonn", "Walks in Bonn"),
        ("pretty_name: focusgen", "büro"),
        ("tags: [a]", "büro"),
    ],
)
def test_a_data_set_that_nobody_named_is_called_as_its_folder(tmp_path, monkeypatch, said, name):
    readme = tmp_path / "büro" / "README.md"
    readme.parent.mkdir()
    readme.write_text(f"---\n{said}\n---\n# ours\n")
    assert name_of(readme.parent, tmp_path / "none", readme) == name
    monkeypatch.chdir(readme.parent)
    assert name_of(Path("."), readme) == name


def test_who_says_nothing_of_the_source_says_nothing():
    assert Source("MIT") == Source("MIT", "", "", "")
