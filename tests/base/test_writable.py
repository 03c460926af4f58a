"""A folder for results is refused before the work, by the flag that named it."""

from pathlib import Path

import pytest

from focusgen.base.errors import ConfigError
from focusgen.base.writable import check_may_write, check_writable


def test_a_folder_that_cannot_be_written_to_is_named_with_its_flag(tmp_path: Path):
    file = tmp_path / "file"
    file.touch()
    for check in (check_writable, check_may_write):
        for place in (file, file / "out"):
            with pytest.raises(ConfigError, match=f"--output-dir {file}") as caught:
                check(place, "--output-dir")
            assert "--output-dir" in caught.value.advice


def test_asking_leaves_nothing_but_the_folder(tmp_path: Path):
    check_may_write(tmp_path / "a/b", "--output")
    assert not (tmp_path / "a").exists()
    check_writable(tmp_path / "a/b", "--output")
    assert list((tmp_path / "a/b").iterdir()) == []
