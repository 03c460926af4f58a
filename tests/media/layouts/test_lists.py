from pathlib import Path

import pytest

from focusgen.base.errors import ConfigError
from focusgen.media.layouts.lists import read_names, read_table


def test_names_are_read_as_people_write_them(tmp_path: Path):
    path = tmp_path / "train.txt"
    path.write_bytes(b"\xef\xbb\xbfbear\r\n\r\n# a remark\r\n camel \r\n")
    assert read_names(path) == ["bear", "camel"]


def test_what_is_no_text_is_named(tmp_path: Path):
    path = tmp_path / "list.txt"
    path.write_bytes(b"\xff\xfe\x00b\x00")
    for read in (read_names, read_table):
        with pytest.raises(ConfigError, match=r"list\.txt"):
            read(path)
    with pytest.raises(ConfigError, match=r"gone\.csv"):
        read_table(tmp_path / "gone.csv")
