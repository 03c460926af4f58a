"""The card of an export: which shards are which split, under a licence that is never laxer than its parts."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tarfile

import pytest
import yaml

from focusgen import cli
from focusgen.tools import export_card
from focusgen.tools.export import Exported
from focusgen.tools.export_card import finish_with_card
from focusgen.tools.export_plan import into_shards, plan_samples
from focusgen.tools.front_matter import licence_in
from focusgen.tools.licences import Part

NON_COMMERCIAL = Part("flux", "FLUX.1 [dev] Non-Commercial License")


@pytest.fixture
def exported(finished) -> Exported:
    return Exported(into_shards(plan_samples(finished), 1 << 62, "tar"), 0, 0)


@pytest.fixture
def dest(tmp_path):
    (tmp_path / "dest").mkdir()
    (tmp_path / "dest" / "train-00000.tar").write_bytes(b"shard")
    return tmp_path / "dest"


def written(dest) -> tuple[dict, str]:
    _, matter, text = (dest / "README.md").read_text().split("---\n", 2)
    return yaml.safe_load(matter), text


def test_the_card_of_an_export_names_what_its_samples_hold_and_the_formula(finished, tmp_path):
    for without, is_there in (("", True), ("focus", False)):
        dest = tmp_path / f"shards{without}"
        words = ["--without", without] if without else []
        assert (
            cli.main(["export", "webdataset", "--out_root", str(finished), "--dest", str(dest), *words]) == 0
        )
        text = written(dest)[1]
        assert ("`focus_KK.npz`" in text) is is_there
        assert "coc = (f * f / (N * S)) * np.abs(d - S) / d" in text
        assert "depth provided, renders thin_lens" in text


def test_each_split_that_has_shards_is_named_as_loaders_call_it(finished, dest, exported):
    finish_with_card(finished, dest, exported, "CC-BY-4.0")
    matter, text = written(dest)
    assert matter["configs"][0]["data_files"] == [
        {"split": "train", "path": "train-*.tar"},
        {"split": "validation", "path": "val-*.tar"},
        {"split": "test", "path": "test-*.tar"},
    ]
    assert "40 frames of 4 scenes" in text and matter["license"] == "cc-by-4.0"
    assert matter["pretty_name"] == finished.name and text.lstrip().startswith(
        f"<!-- focusgen:begin -->\n# {finished.name}: "
    )
    shards = tuple(shard for shard in exported.plan.shards if shard.name.startswith("test"))
    finish_with_card(
        finished,
        dest,
        dataclasses.replace(exported, plan=dataclasses.replace(exported.plan, shards=shards)),
        None,
    )
    assert written(dest)[0]["configs"][0]["data_files"] == [{"split": "test", "path": "test-*.tar"}]


def test_the_manifest_comes_last_and_holds_the_card(finished, dest, exported):
    (dest / "notes.txt").write_text("mine")
    finish_with_card(finished, dest, exported, "MIT")
    sums = {
        name: hashlib.sha256((dest / name).read_bytes()).hexdigest()
        for name in ("README.md", "train-00000.tar")
    }
    lines = (dest / "MANIFEST.sha256").read_text().splitlines()
    assert lines == [f"{digest}  {name}" for name, digest in sums.items()]


def test_words_of_its_owner_stay_and_without_any_licence_it_says_whom_to_ask(finished, dest, exported):
    finish_with_card(finished, dest, exported, None)
    assert "license" not in written(dest)[0] and "No licence is given here" in written(dest)[1]
    path = dest / "README.md"
    path.write_text(path.read_text() + "\nAsk Ada.\n")
    finish_with_card(finished, dest, exported, "CC0-1.0")
    assert "Ask Ada." in written(dest)[1] and "No licence" not in written(dest)[1]


def test_the_licence_is_what_is_said_then_the_data_set_s_then_the_one_of_before(finished, dest, exported):
    finish_with_card(finished, dest, exported, "CC0-1.0")
    finish_with_card(finished, dest, exported, None)
    matter, text = written(dest)
    assert matter["license"] == "cc0-1.0" and "No licence" not in text
    (finished / "README.md").write_text(
        "---\nlicense: other\nlicense_name: of-my-lab\nlicense_link: https://lab.example\n---\n"
    )
    finish_with_card(finished, dest, exported, None)
    assert [written(dest)[0][key] for key in ("license", "license_name", "license_link")] == [
        *("other", "of-my-lab", "https://lab.example"),
    ]
    finish_with_card(finished, dest, exported, "MIT")
    assert written(dest)[0]["license"] == "mit" and "license_link" not in written(dest)[0]


@pytest.mark.parametrize("where", ["said", "data set", "before"])
def test_a_stricter_weight_overrules_every_licence(finished, dest, exported, monkeypatch, where):
    if where != "said":
        place = finished if where == "data set" else dest
        (place / "README.md").write_text("---\nlicense: cc0-1.0\n---\n")
    monkeypatch.setattr(export_card, "stricter_part", lambda scenes, said: NON_COMMERCIAL if said else None)
    finish_with_card(finished, dest, exported, "CC0-1.0" if where == "said" else None)
    assert licence_in(dest / "README.md") == "flux.1-dev-non-commercial-license"


def test_scenes_that_were_left_out_are_named_and_in_no_shard(finished, dest, capsys):
    name = next(iter(json.loads((finished / "scene_index.json").read_text())))
    (finished / name / "bokeh_renders" / ".done").unlink()
    words = ["export", "webdataset", "--out_root", str(finished), "--dest", str(dest / "shards")]
    assert cli.main([*words, "--source_license", "MIT"]) == 3
    assert "focusgen export --leave_out" in capsys.readouterr().err
    assert cli.main([*words, "--source_license", "MIT", "--leave_out", name]) == 0
    assert "30 frames of 3 scenes" in written(dest / "shards")[1]
    assert f"left out: {name}." in written(dest / "shards")[1].replace("\\", "")
    found = {member for path in (dest / "shards").glob("*.tar") for member in tarfile.open(path).getnames()}
    assert len(found) > 30 and not [member for member in found if member.startswith(f"{name}/")]


def test_a_rehearsal_is_called_one(finished, dest, exported):
    path = finished / "logs" / "validation_report.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "verdict": "rehearsal"}))
    finish_with_card(finished, dest, exported, "MIT")
    assert "Train nothing on it" in written(dest)[1]


@pytest.mark.parametrize("folder", ["out", "dest"])
def test_a_card_that_cannot_be_read_is_named_before_the_work(finished, dest, capsys, folder):
    card = finished.parent / folder / "README.md"
    card.write_text("---\nlicense: [\n---\n")
    words = ["export", "webdataset", "--out_root", str(finished), "--dest", str(dest)]
    assert cli.main(words) == 2
    assert f"{card}: its front matter is no YAML" in capsys.readouterr().err
    assert (dest / "train-00000.tar").read_bytes() == b"shard"
