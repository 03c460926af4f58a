"""An index that was edited by hand is named even where the checksum that would have told was deleted too."""

from __future__ import annotations

import json
from typing import Any

import pytest

from focusgen import cli, config
from focusgen.base.errors import ConfigError
from focusgen.base.files import json_bytes
from focusgen.dataset.index import IndexResult, read_index
from focusgen.dataset.index_edits import edits_text
from focusgen.dataset.index_writing import publish_index
from focusgen.dataset.ingest import new_manifest
from focusgen.dataset.layout import DatasetLayout
from tests.small import DIGEST, entry, write_index


@pytest.fixture
def dataset(tmp_path) -> DatasetLayout:
    dataset = write_index(tmp_path, {})
    dataset.scene("a").ingest_json.parent.mkdir(parents=True)
    manifest, digest = new_manifest(config.load(None, {}), dict.fromkeys(entry().frames, DIGEST), ())
    scenes = {}
    for name, split in (("a", "train"), ("b", "val")):
        dataset.scene(name).ingest_json.write_bytes(json_bytes(manifest))
        scenes[name] = entry(split=split, ingest_digest=digest)
    publish_index(dataset, IndexResult(index=scenes), raw_root=tmp_path / "raw")
    return dataset


def edit(dataset: DatasetLayout, **changes: Any) -> None:
    """Change lines of the index, take out those that become None, and delete the checksum."""
    scenes = {**json.loads(dataset.index_json.read_bytes()), **changes}
    dataset.index_json.write_text(json.dumps({k: v for k, v in scenes.items() if v is not None}))
    dataset.index_checksum_json.unlink()


def test_each_kind_of_edit_is_named_with_its_scene_and_key(dataset):
    line = json.loads(dataset.index_json.read_bytes())["b"]
    assert edits_text(dataset) == ""
    edit(dataset, a=None, c=line, b={**line, "split": "test"})
    said = edits_text(dataset)
    assert "gone: a; new: c; other: b (split)" in said
    dataset.index_json.unlink()
    assert cli.main(["repair", "--out_root", str(dataset.root)]) != 2, "the way out that is named is one"
    assert list(read_index(dataset)) == ["a", "b"] and edits_text(dataset) == ""


def test_status_and_repair_say_it(dataset, capsys):
    edit(dataset, a=None)
    for command in ("status", "repair"):
        cli.main([command, "--out_root", str(dataset.root)])
        said = " ".join("".join(capsys.readouterr()).split())
        assert "edited by hand, and no checksum says that it was meant: gone: a;" in said, command


def test_a_scene_that_stands_in_it_twice_is_refused(dataset):
    line = dataset.index_json.read_text().partition('"a": ')[2].partition(',\n "b"')[0]
    dataset.index_json.write_text(dataset.index_json.read_text().rstrip()[:-1] + f', "a": {line}}}')
    dataset.index_checksum_json.unlink()
    with pytest.raises(ConfigError, match="'a' stands there twice") as refused:
        read_index(dataset)
    assert "focusgen repair" in refused.value.advice
    cli.main(["repair", "--out_root", str(dataset.root)])
    assert list(read_index(dataset)) == ["a", "b"]


def test_nothing_is_said_of_an_index_that_nobody_kept_a_copy_of(dataset):
    edit(dataset, a=None)
    dataset.index_copy_json.unlink()
    assert edits_text(dataset) == ""
