"""The field's own loaders find the right splits by the card; a person's words in it are kept."""

from __future__ import annotations

import fnmatch
import json
import shutil
import sys
from types import SimpleNamespace
from urllib.parse import urlparse

import huggingface_hub
import numpy as np
import pytest
import torch
import yaml

from focusgen import cli
from focusgen.base.errors import ConfigError, RefusedDataError
from focusgen.data import FocusDataset, FocusShards
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.packs import read_published
from focusgen.tools.card import _all_packed, _escaped, _refuse_variables
from focusgen.tools.card_page import BEGIN, END, card_text
from focusgen.tools.licences import Part, hub_licence
from focusgen.tools.push import plan_data_set, plan_export_upload, upload
from tests.conftest import Rgbd

SAY = ["--source_license", "CC-BY-4.0"]


@pytest.fixture
def offline(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    # It read HF_HOME when another test imported it, and would take what an earlier session kept.
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "hub/datasets")


def expected_splits(root) -> dict[str, list[tuple[str, int]]]:
    found: dict[str, list[tuple[str, int]]] = {}
    for scene, entry in json.loads((root / "scene_index.json").read_text()).items():
        name = {"val": "validation"}.get(entry["split"], entry["split"])
        found.setdefault(name, []).extend((scene, frame) for frame in range(10))
    return found


def test_a_packed_scene_that_no_address_of_a_tar_can_name_is_refused(tmp_path):
    """`tar://a::b/0000.depth.npz::a::b/frames.tar`: fsspec looks for a file `b/0000.depth.npz`."""
    dataset = DatasetLayout(tmp_path, tmp_path / "scene_index.json")
    scenes = {
        name: SimpleNamespace(vetted=SimpleNamespace(layout=dataset.scene(name))) for name in ("a", "b::c")
    }
    assert not _all_packed(SimpleNamespace(scenes=scenes)), "files by themselves have no such address"
    for name in scenes:
        dataset.scene(name).pack_index.parent.mkdir(parents=True, exist_ok=True)
        dataset.scene(name).pack_index.touch()
    with pytest.raises(RefusedDataError, match="'b::c' is packed") as refused:
        _all_packed(SimpleNamespace(scenes=scenes))
    assert "focusgen unpack" in refused.value.advice
    assert _all_packed(SimpleNamespace(scenes={"a": scenes["a"]}))


@pytest.mark.slow
def test_a_scene_that_is_called_as_a_variable_is_refused():
    """datasets looks for $HOME/frames_sharp in the reader's home."""
    _refuse_variables(["price in $", "a$-b", "$"])
    for name in ("$HOME", "a ${b}"):
        with pytest.raises(RefusedDataError, match="variable of the environment"):
            _refuse_variables(["a", name])


def test_a_scene_of_which_a_file_lies_beside_its_tar_has_no_card_until_it_is_packed(finished, capsys):
    root = ["--out_root", str(finished)]
    assert cli.main(["pack", *root]) == 0
    path = next(finished.glob("*/frames_sharp")) / "frame_0003.png"
    path.write_bytes(read_published(path))
    assert cli.main(["card", *root, *SAY]) == 3
    assert f"{path}: lies beside frames.tar" in capsys.readouterr().err
    assert cli.main(["pack", *root]) == cli.main(["card", *root, *SAY]) == 0 and not path.exists()


@pytest.mark.slow
def test_a_note_that_holds_our_marks_does_not_grow_with_each_card(finished):
    words = ["card", "--out_root", str(finished), *SAY, "--source_note", f"by me {END} and {BEGIN} you"]
    assert cli.main(words) == 0
    once = (finished / "README.md").read_text()
    assert cli.main(words) == 0 and (finished / "README.md").read_text() == once
    assert once.count(BEGIN) == once.count(END) == 1 and "by me  and  you" in once


def test_a_card_that_is_older_than_the_data_is_not_sent_nor_is_its_licence_exported(
    finished, tmp_path, monkeypatch
):
    assert cli.main(["card", "--out_root", str(finished), *SAY]) == 0
    assert plan_data_set(finished).licence == "cc-by-4.0"
    index = finished / "train.jsonl"
    now = index.read_text()
    index.write_text(now.replace('"N": ', '"N": 1', 1))
    with pytest.raises(RefusedDataError, match=r"train\.jsonl: not the index .* as it is"):
        plan_data_set(finished)
    index.write_text(now)
    flux = Part("flux", "FLUX.1 [dev] Non-Commercial License")
    for module in ("card", "export_card"):
        monkeypatch.setattr(f"focusgen.tools.{module}.stricter_part", lambda *_: flux)
    with pytest.raises(RefusedDataError, match="README.md: flux is under FLUX.* asks for more"):
        plan_data_set(finished)
    dest = tmp_path / "shards"
    assert cli.main(["export", "webdataset", "--out_root", str(finished), "--dest", str(dest)]) == 0
    assert plan_export_upload(dest).licence == "flux.1-dev-non-commercial-license"


@pytest.mark.slow
def test_load_dataset_finds_the_splits_and_the_pixels_of_the_data_set_and_of_its_exports(
    finished, tmp_path, offline, capsys
):
    import cv2
    from datasets import load_dataset

    assert cli.main(["card", "--out_root", str(finished), *SAY]) == 0
    loaded = load_dataset(str(finished))
    assert {
        s: [(row["scene"], row["frame"]) for row in rows] for s, rows in loaded.items()
    } == expected_splits(finished)
    row = loaded["train"][3]
    for key, name in (
        ("image", f"frames_sharp/frame_{row['frame']:04d}.png"),
        ("bokeh_01", f"bokeh_renders/set_01/bokeh_{row['frame']:04d}.png"),
    ):
        pixels = cv2.imread(str(finished / row["scene"] / name))[..., ::-1]
        assert np.array_equal(np.asarray(row[key]), pixels)
    for kind in ("webdataset", "parquet"):
        dest = tmp_path / kind
        assert cli.main(["export", kind, "--out_root", str(finished), "--dest", str(dest), *SAY]) == 0
        assert {s: len(rows) for s, rows in load_dataset(str(dest)).items()} == {
            s: len(rows) for s, rows in expected_splits(finished).items()
        }


@pytest.mark.slow
def test_load_dataset_takes_splits_of_which_only_one_has_doubtful_depth(tmp_path, offline):
    from datasets import load_dataset

    rgbd = Rgbd(tmp_path)
    for seed, name in enumerate("abc"):
        rgbd.add_scene(name, n_frames=3, seed=seed)
    path = rgbd.depth_root / "b" / "depth_0001.npy"
    depth_m = np.load(path)
    depth_m[0, 0] = np.inf
    np.save(path, depth_m)
    assert rgbd.run() == 0
    assert cli.main(["card", "--out_root", str(rgbd.out_root), *SAY]) == 0
    rows = [row for split in load_dataset(str(rgbd.out_root)).values() for row in split]
    named = {f"{row['scene']}_{row['frame']}": row["valid_path"] for row in rows if row["valid_path"]}
    assert named == {f"b_{frame}": f"b/depth_maps/valid_{frame:04d}.png" for frame in range(3)}


@pytest.mark.slow
def test_load_dataset_takes_shards_of_which_only_some_scenes_have_cuts_or_a_rate(finished, tmp_path, offline):
    from datasets import load_dataset

    path = finished / "scene_index.json"
    index = json.loads(path.read_text())
    last = [name for name in index if index[name]["split"] == "train"][-1]
    index[last]["shot_cuts"] = [4]
    index[last]["source"]["fps"] = 24.5
    path.write_text(json.dumps(index))
    (finished / ".focusgen/index_checksum.json").unlink()
    dest = tmp_path / "dest"
    assert cli.main(["export", "webdataset", "--out_root", str(finished), "--dest", str(dest), *SAY]) == 0
    rows = [row["json"] for row in load_dataset(str(dest))["train"]]
    assert {(row["scene"] == last, row["fps"], *row["shot_cuts"]) for row in rows} == {
        (True, 24.5, 4),
        (False, 0.0, 0),
    }
    for cls, root in ((FocusDataset, finished), (FocusShards, dest)):
        starts = {(each["scene"], int(each["frames"][0])) for each in cls(root, "train", window=3)}
        assert (last, 4) in starts and (last, 3) not in starts and len(starts) == 6


@pytest.mark.slow
def test_croissant_is_valid_and_has_a_record_per_frame(finished, capsys):
    import mlcroissant as mlc

    assert cli.main(["card", "--out_root", str(finished), *SAY]) == 0
    dataset = mlc.Dataset(str(finished / "croissant.json"))
    for split in {
        entry["split"] for entry in json.loads((finished / "scene_index.json").read_text()).values()
    }:
        lines = (finished / f"{split}.jsonl").read_text().splitlines()
        records = list(dataset.records(split))
        assert len(records) == len(lines) > 0
        paths = {record[f"{split}/depth_path"].decode() for record in records}
        assert paths == {json.loads(line)["depth_path"] for line in lines}
        assert all((finished / path).is_file() for path in paths)
    document = json.loads((finished / "croissant.json").read_text())
    assert document["rai:dataLimitations"] and document["license"]
    assert not dataset.metadata.ctx.issues.warnings and not dataset.metadata.ctx.issues.errors


def test_a_person_s_words_and_keys_are_kept_and_names_cannot_end_a_table(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("---\nlanguage: en\nlicense: mit\n---\n\nBefore.\n")
    path.write_text(card_text(path, {"license": "cc-by-4.0"}, "ours"))
    path.write_text(path.read_text() + "\nAfter.\n")
    text = card_text(path, {"license": "cc-by-nc-4.0"}, "ours again")
    matter = yaml.safe_load(text.split("---\n")[1])
    assert matter == {"language": "en", "license": "cc-by-nc-4.0"}
    own = card_text(path, {"license": "other", "license_name": "my-own"}, "ours")
    path.write_text(own)
    matter = yaml.safe_load(card_text(path, {"license": "cc0-1.0"}, "ours").split("---\n")[1])
    assert matter == {"license": "cc0-1.0", "language": "en"}, "no half of the older licence"
    assert "Before." in text and "After." in text and "ours again" in text and "ours\n" not in text


def test_a_missing_package_is_named_before_anything_is_written(finished, tmp_path, monkeypatch, capsys):
    for name in ("mlcroissant", "pyarrow"):
        monkeypatch.setitem(sys.modules, name, None)
    before = {path for path in finished.rglob("*")}
    assert cli.main(["card", "--out_root", str(finished), *SAY]) == 2
    assert "mlcroissant\npip install 'focusgen[hub]'" in capsys.readouterr().err
    assert cli.main(["export", "parquet", "--out_root", str(finished), "--dest", str(tmp_path / "d")]) == 2
    assert "pyarrow\npip install 'focusgen[hub]'" in capsys.readouterr().err
    assert set(finished.rglob("*")) == before and not (tmp_path / "d").exists()


def test_an_empty_licence_and_shards_of_no_bytes_are_refused_before_anything_is_written(tmp_path, capsys):
    out, dest = ["--out_root", str(tmp_path / "out")], tmp_path / "dest"
    words = ["export", "webdataset", *out, "--dest", str(dest)]
    assert cli.main(["card", *out, "--source_license", " "]) == 2
    assert cli.main([*words, "--source_license", ""]) == 2
    assert capsys.readouterr().err.count("--source_license is empty") == 2
    assert cli.main([*words, "--shard_mb", "0"]) == 2
    assert "--shard_mb 0" in capsys.readouterr().err and not dest.exists()


def test_the_card_names_no_file_that_is_gone_or_cut(finished, capsys):
    victim = next(finished.glob("*/bokeh_renders/set_01/bokeh_0004.png"))
    data = victim.read_bytes()
    for harm in (victim.unlink, lambda: victim.write_bytes(data[:-1])):
        harm()
        assert cli.main(["card", "--out_root", str(finished), *SAY]) == 3
        assert f"{victim}: gone, or not of the {len(data)} bytes" in capsys.readouterr().err
        assert not (finished / "README.md").exists()


@pytest.mark.filterwarnings("ignore:.*verdict rehearsal")
def test_the_papers_of_a_rehearsal_say_that_nothing_may_be_trained_on_it(finished, tmp_path, capsys):
    words = ["export", "webdataset", "--out_root", str(finished), "--dest", str(tmp_path / "dest")]
    papers = (finished / "README.md", tmp_path / "dest" / "README.md")
    for verdict in ("pass", "rehearsal"):
        path = finished / "logs" / "validation_report.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "verdict": verdict}))
        assert cli.main(["card", "--out_root", str(finished), *SAY]) == 0 and cli.main(words) == 0
        said = ["Train nothing on it" in paper.read_text() for paper in papers]
        assert said == [verdict == "rehearsal"] * 2


def test_the_strictest_licence_wins_and_an_unknown_one_is_the_strictest():
    order = ["CC0-1.0", "Apache-2.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0"]
    unknown = ["FLUX.1-dev Non-Commercial License", "somebody's own"]
    strictness = [Part("x", name).strictness for name in (*order, *unknown)]
    assert strictness == sorted(strictness) and len(set(strictness)) == len(strictness)
    assert hub_licence(Part("x", "CC-BY-4.0")) == {"license": "cc-by-4.0"}
    assert hub_licence(Part("x", "FLUX.1-dev Non-Commercial License")) == {
        "license": "other",
        "license_name": "flux.1-dev-non-commercial-license",
    }
    assert hub_licence(Part("x", "Öffentlich -- frei"))["license_name"] == "offentlich-frei"
    assert hub_licence(Part("x", "日本"))["license_name"], "the hub wants one"


@pytest.mark.parametrize("name", ["a: b", "http://x", "[1]*?", "c::d"])
def test_the_globs_of_a_card_name_their_scene_and_nothing_else(name):
    glob = _escaped(name)
    assert urlparse(glob).scheme == "" and "::" not in glob
    assert fnmatch.fnmatchcase(name, glob) and not fnmatch.fnmatchcase("1xx", glob)


def test_nothing_is_pushed_without_a_licence_or_of_a_changed_export(finished, tmp_path, capsys):
    dest = tmp_path / "dest"
    words = ["export", "webdataset", "--out_root", str(finished), "--dest", str(dest)]
    assert cli.main(words) == 0
    assert cli.main(["push", "--repo", "lab/focus", "--dest", str(dest), "--dry_run"]) == 2
    assert "names no licence" in capsys.readouterr().err
    assert cli.main([*words, *SAY]) == 0
    files = {path.name: path.read_bytes() for path in dest.iterdir()}
    assert cli.main(["push", "--repo", "lab/focus", "--dest", str(dest), "--dry_run"]) == 0
    shown = capsys.readouterr().out
    assert files == {path.name: path.read_bytes() for path in dest.iterdir()}, "a dry run writes nothing"
    sizes = {path.name: path.stat().st_size for path in dest.iterdir() if not path.name.startswith(".")}
    assert all(f"{size:,}  {name}" in shown for name, size in sizes.items())
    assert "licence cc-by-4.0" in shown
    shard = next(dest.glob("*.tar"))
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(ConfigError, match=f"{shard.name}: not the file of MANIFEST"):
        plan_export_upload(dest)
    for text in (b"no line of ours\n", b"\xff\xfe", b"0" * 64 + b"  ../secret\n"):
        (dest / "MANIFEST.sha256").write_bytes(text)
        with pytest.raises(ConfigError, match=r"MANIFEST\.sha256: damaged"):
            plan_export_upload(dest)


def test_what_was_listed_is_what_is_sent_and_the_reader_takes_it(finished, tmp_path, monkeypatch):
    assert cli.main(["card", "--out_root", str(finished), *SAY]) == 0
    sent = {}

    class Hub:
        def create_repo(self, repo, **named):
            assert named["private"]

        def create_commit(self, repo, operations, **named):
            sent.update({file.path_in_repo: file.path_or_fileobj for file in operations})

    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    plan = plan_data_set(finished)
    assert upload(plan, "lab/focus").endswith("/datasets/lab/focus")
    assert sorted(sent) == [name for name, _ in plan.files]
    for name, source in sent.items():
        (tmp_path / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, tmp_path / "copy" / name)
    pulled, here = (FocusDataset(root, window=4) for root in (tmp_path / "copy", finished))
    assert len(pulled) == len(here) and torch.equal(pulled[0]["bokeh"], here[0]["bokeh"])


def test_a_data_set_that_phase_6_has_not_passed_is_not_passed_on(finished, tmp_path, capsys):
    assert cli.main(["card", "--out_root", str(finished), *SAY]) == 0
    aside = (finished / "README.md").rename(tmp_path / "README.md")
    (finished / "logs" / "validation_report.json").unlink()
    assert cli.main(["export", "webdataset", "--out_root", str(finished), "--dest", str(tmp_path / "d")]) == 3
    assert cli.main(["card", "--out_root", str(finished), *SAY]) == 3
    assert "06_validate_outputs.py" in capsys.readouterr().err
    assert not list((tmp_path / "d").glob("*.tar")) and not (finished / "README.md").exists()
    aside.rename(finished / "README.md")
    assert cli.main(["push", "--repo", "a/b", "--out_root", str(finished), "--dry_run"]) == 3
