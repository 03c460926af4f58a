"""croissant.json describes the indices that lie beside it: their columns, their bytes, their day."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from datetime import datetime

import pytest

from focusgen.tools.card import _index_of
from focusgen.tools.card_facts import Card, Source
from focusgen.tools.card_labels import made_by
from focusgen.tools.croissant import _columns, write_croissant
from focusgen.tools.export_plan import plan_samples
from focusgen.tools.licences import Part


@pytest.fixture
def card(finished) -> Card:
    plan = plan_samples(finished)
    parts = Part("footage", "CC-BY-4.0"), Part("net", "MIT")
    made = made_by(scene.vetted.layout for scene in plan.scenes.values())
    return Card(plan, parts, {"verdict": "pass"}, False, made_by=made)


@pytest.mark.parametrize("has_flags", [False, True])
def test_every_column_of_an_index_is_described_once(card, has_flags):
    card = dataclasses.replace(card, plan=dataclasses.replace(card.plan, has_flags=has_flags))
    names = [name for name, _, _ in _columns(card)]
    for line in _index_of(card, "train").splitlines():
        assert sorted([*names, "lenses"]) == sorted(json.loads(line))
    assert ("valid_path" in names) == has_flags


def test_renders_before_the_sensor_have_a_column_a_set(card):
    scenes = {
        name: dataclasses.replace(scene, vetted=dataclasses.replace(scene.vetted, has_clean=True))
        for name, scene in card.plan.scenes.items()
    }
    card = dataclasses.replace(card, plan=dataclasses.replace(card.plan, scenes=scenes))
    members = {member.name for member in card.plan.members(next(iter(scenes)), 0)}
    assert {"clean_00.png", "clean_01.png"} < members
    assert {name for name, _, _ in _columns(card) if "clean" in name} == {
        "clean_00_file_name",
        "clean_01_file_name",
    }


@pytest.mark.slow
def test_what_it_says_is_true_of_the_files_and_of_the_source(finished, card):
    path = finished / "train.jsonl"
    path.write_bytes(_index_of(card, "train"))
    source = Source("CC-BY-4.0", "https://example.com/v", "Filmed by a child.")
    write_croissant(finished, card, source, [path])
    said = json.loads((finished / "croissant.json").read_text())
    assert said["license"] == "CC-BY-4.0" and said["url"] == "https://example.com/v"
    assert said["rai:dataCollection"] == "Filmed by a child."
    (file,) = said["distribution"]
    assert file["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (file["contentUrl"], [one["name"] for one in said["recordSet"]]) == ("train.jsonl", ["train"])
    started = json.loads(next(finished.glob("*/bokeh_renders/.done")).read_text())["run"]["started"]
    assert said["datePublished"][:10] == datetime.fromisoformat(started).date().isoformat()
