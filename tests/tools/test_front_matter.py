"""Front matter is read as people and editors write it, and named where it cannot be."""

from __future__ import annotations

import pytest

from focusgen import cli
from focusgen.base.errors import ConfigError
from focusgen.tools.front_matter import licence_in, split_readme


@pytest.mark.parametrize(
    ("data", "matter", "text"),
    [
        (b"", {}, ""),
        (b"words\n---\n", {}, "words\n---\n"),
        (b"---\nlicense: mit\n---\nwords", {"license": "mit"}, "words"),
        (b"---\r\nlicense: mit\r\n---\r\nwords", {"license": "mit"}, "words"),
        (b"\xef\xbb\xbf---\nlicense: mit\n---", {"license": "mit"}, ""),
        (b"---\n---\nwords", {}, "words"),
        (b"---\n- a list\n---\nwords", {}, "words"),
    ],
)
def test_front_matter_and_text_are_told_apart(tmp_path, data, matter, text):
    path = tmp_path / "README.md"
    path.write_bytes(data)
    assert split_readme(path) == (matter, text)


@pytest.mark.parametrize("data", [b"---\nlicense: [mit\n---\n", b"---\nlicense: \xe9\n---\n"])
def test_what_cannot_be_read_is_named(tmp_path, data):
    (tmp_path / "README.md").write_bytes(data)
    with pytest.raises(ConfigError, match=r"README\.md: .*"):
        licence_in(tmp_path / "README.md")


def test_a_card_and_an_export_are_refused_before_anything_is_written(finished, tmp_path, capsys):
    (finished / "README.md").mkdir()
    said = ["--out_root", str(finished), "--source_license", "mit"]
    assert cli.main(["card", *said]) == 2
    assert cli.main(["export", "webdataset", *said, "--dest", str(tmp_path / "dest")]) == 2
    assert capsys.readouterr().err.count("README.md: Is a directory") == 2
    assert not (tmp_path / "dest").exists() and not list(finished.glob("*.jsonl"))


def test_the_name_of_a_licence_counts_before_its_id(tmp_path):
    path = tmp_path / "README.md"
    assert licence_in(path) == ""
    path.write_text("---\nlicense: other\nlicense_name: my-own\n---\n")
    assert licence_in(path) == "my-own"
