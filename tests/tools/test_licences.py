"""A data set is passed on under the strictest licence of what it was made from; unknown is the strictest."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from focusgen.base.errors import ConfigError
from focusgen.dataset.layout import SceneLayout
from focusgen.tools.licences import Part, check_licence, hub_licence, parts_of, stricter_part, strictest
from tests.small import identity, put_record

# From what asks for nothing to what nobody knows; each is stricter than all before it.
LADDER = (
    "cc0-1.0",
    "mit",
    "cc-by-4.0",
    "cc-by-sa-4.0",
    "cc-by-nc-4.0",
    "cc-by-nc-sa-4.0",
    "cc-by-nd-4.0",
    "cc-by-nc-nd-4.0",
    "FLUX.1 [dev] Non-Commercial License",
    "ask the owner",
)


def test_the_ladder_is_strict():
    for low, high in itertools.pairwise(LADDER):
        assert Part("a", low).strictness < Part("b", high).strictness, (low, high)


@pytest.mark.parametrize(
    ("licence", "hub_id"),
    [
        ("MIT", "mit"),
        ("CC-BY-NC-4.0", "cc-by-nc-4.0"),
        ("Apache-2.0", "apache-2.0"),
        ("public-domain", None),  # no licence there
        ("CC BY 4.0", "cc-by-4.0"),
        (" cc_by-nc  sa 4.0\n", "cc-by-nc-sa-4.0"),
        ("CC BY", None),
        ("", None),
    ],
)
def test_an_id_is_known_in_any_case_and_words_have_none(licence, hub_id):
    assert Part("footage", licence).hub_id == hub_id


@pytest.mark.parametrize(
    ("licence", "keys"),
    [
        ("cc-by-4.0", {"license": "cc-by-4.0"}),
        (
            "FLUX.1 [dev] Non-Commercial License",
            {"license": "other", "license_name": "flux.1-dev-non-commercial-license"},
        ),
        ("public-domain", {"license": "other", "license_name": "public-domain"}),
        ("版权所有", {"license": "other", "license_name": "see-below"}),
        ("© Ödön", {"license": "other", "license_name": "odon"}),
    ],
)
def test_a_card_says_an_id_or_words_that_the_hub_takes(licence, keys):
    assert hub_licence(Part("footage", licence)) == keys


@pytest.mark.parametrize("licence", ["", " ", "--", "..."])
def test_no_word_is_no_licence(licence):
    with pytest.raises(ConfigError, match="--source_license is empty"):
        check_licence(licence)


@pytest.mark.parametrize("licence", ["mit", "版权所有", "0"])
def test_a_word_is_one(licence):
    check_licence(licence)


def scene(root: Path, name: str, weights: dict[str, str], notes: dict[str, dict[str, str]]) -> SceneLayout:
    layout = SceneLayout(root, name)
    put_record(layout, identity("depth", name, weights=weights), run={"weights": notes})
    return layout


def test_footage_alone_is_one_part(tmp_path):
    inputs = {"provided_depth": "1", "masks": "2", "footage_focal_px": "Camera(...)"}
    scenes = {"a": scene(tmp_path, "a", inputs, {})}
    assert parts_of(scenes, "mit") == [Part("footage", "mit")]
    assert parts_of({}, "mit") == [Part("footage", "mit")]


def test_weights_of_all_scenes_are_parts_once_strictest_first(tmp_path):
    note = {"vda": {"source": "https://hub/vda", "licence": "apache-2.0"}}
    flux = {"flux": {"file": "flux.safetensors", "licence": "Non-Commercial"}}
    scenes = {
        "a": scene(tmp_path, "a", {"vda": "1"}, note),
        "b": scene(tmp_path, "b", {"vda": "1", "flux": "2"}, {**note, **flux}),
        "nothing": SceneLayout(tmp_path, "nothing"),
    }
    assert parts_of(scenes, "cc-by-4.0") == [
        Part("flux (flux.safetensors)", "Non-Commercial"),
        Part("footage", "cc-by-4.0"),
        Part("vda (https://hub/vda)", "apache-2.0"),
    ]


def test_a_weight_of_which_nothing_is_known_is_the_strictest(tmp_path):
    scenes = {
        "a": scene(tmp_path, "a", {"mystery": "1"}, {}),
        "b": scene(tmp_path, "b", {"vague": "2"}, {"vague": {"source": "mail"}}),
    }
    parts = parts_of(scenes, "cc-by-nc-nd-4.0")
    assert [part.name for part in parts] == ["mystery", "vague (mail)", "footage"]
    assert {part.licence for part in parts[:2]} == {"unknown"}


def test_an_unknown_licence_hides_no_other_that_forbids_trade(tmp_path):
    flux, vda = Part("flux", "FLUX.1 [dev] Non-Commercial License"), Part("vda", "apache-2.0")
    mine = Part("footage", "ask the owner")
    both = strictest([mine, flux, vda])
    assert both == Part("footage and flux", f"{mine.licence} and {flux.licence}")
    assert hub_licence(both)["license_name"] == "ask-the-owner-and-flux.1-dev-non-commercial-license"
    assert strictest([mine, vda]) == mine and strictest([flux, Part("footage", "cc-by-nc-4.0")]) == flux
    assert strictest([mine, Part("net", "ask the owner")]) == mine
    note = {"flux": {"file": "flux.safetensors", "licence": flux.licence}}
    scenes = {"a": scene(tmp_path, "a", {"flux": "1"}, note)}
    said = str(hub_licence(strictest(parts_of(scenes, "ask the owner")))["license_name"])
    assert stricter_part(scenes, said) is None, "what its own card says"


def test_of_two_equally_strict_parts_the_one_that_forbids_trade_stands_first(tmp_path):
    note = {"a net": {"file": "a.pth", "licence": "cc-by-nd-4.0"}}
    scenes = {"a": scene(tmp_path, "a", {"a net": "1"}, note)}
    assert parts_of(scenes, "cc-by-nc-nd-4.0")[0] == Part("footage", "cc-by-nc-nd-4.0")


def test_a_weight_that_asks_for_more_than_a_card_says_is_named(tmp_path):
    note = {"flux": {"file": "flux.safetensors", "licence": "FLUX.1 [dev] Non-Commercial License"}}
    scenes = {"a": scene(tmp_path, "a", {"flux": "1"}, note)}
    found = stricter_part(scenes, "cc-by-4.0")
    assert found is not None and found.name == "flux (flux.safetensors)"
    assert stricter_part(scenes, str(hub_licence(found)["license_name"])) is None, "what its own card says"
    assert stricter_part(scenes, "ask the owner") is None and stricter_part({}, "cc0-1.0") is None
