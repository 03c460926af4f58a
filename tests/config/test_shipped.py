"""A configuration is found by its name, by its documented path, and as a file; else the nearest is named."""

from __future__ import annotations

import pytest

from focusgen.base.errors import ConfigError
from focusgen.config.shipped import CONFIG_DIR, find, shipped_names


@pytest.mark.parametrize("word", ["davis", "davis.yaml", "configs/davis.yaml", "davis.yml"])
def test_a_shipped_one_is_found_from_any_folder(tmp_path, monkeypatch, word):
    monkeypatch.chdir(tmp_path)
    assert find(word) == CONFIG_DIR / "davis.yaml"


def test_a_file_of_ones_own_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "davis.yaml").write_text("seed: 1\n")
    assert find("davis.yaml").read_text() == "seed: 1\n"
    assert find("davis") == CONFIG_DIR / "davis.yaml"


def test_a_folder_of_the_same_name_is_no_configuration(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo").mkdir()
    assert find("demo") == CONFIG_DIR / "demo.yaml"


@pytest.mark.parametrize("word", ["my/davis.yaml", "/else/davis.yaml"])
def test_the_name_of_a_shipped_one_in_another_folder_is_not_it(word):
    with pytest.raises(ConfigError, match="no such file"):
        find(word)


def test_presets_of_focal_stacks_are_found_alike(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for word in ("small", "configs/focal/small.yaml"):
        assert find(word, CONFIG_DIR / "focal") == CONFIG_DIR / "focal" / "small.yaml"


def test_an_unknown_name_gets_the_nearest_and_all_there_are():
    with pytest.raises(ConfigError) as caught:
        find("davies")
    assert "davies: no such configuration" in str(caught.value)
    assert "Did you mean davis?" in str(caught.value)
    assert all(name in str(caught.value) for name in shipped_names())


def test_an_empty_name_is_shown_as_such():
    with pytest.raises(ConfigError, match="'': no such configuration"):
        find("")  # as of a script's variable that is not set
