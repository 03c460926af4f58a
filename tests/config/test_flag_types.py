"""What a flag's value looks like is said in one way, and several values are read as they are shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from focusgen.config.flags import parse
from tests.config.test_flags import flag_classes


def test_what_a_value_looks_like_is_said_in_the_same_words_by_every_command(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    for kind in flag_classes():
        with pytest.raises(SystemExit):
            parse(kind, ["--help"], prog="x", doc="Does it.")
    shown = capsys.readouterr().out
    assert "--split_file PATH [PATH ...]" in shown and "[SCENE ...]" in shown
    assert not [line for line in shown.splitlines() if re.search(r"None}|\bSTR\b|\[\[", line)]


@pytest.mark.parametrize("words", [["--depth_root", ""], ["--split_file", "a", " "], ["--raw_root="]])
def test_an_empty_path_is_refused_where_a_script_s_variable_is_not_set(words, capsys):
    """It would be the folder where the command was started."""
    from focusgen.commands import run

    with pytest.raises(SystemExit):
        parse(run.FLAGS, words, prog="x", doc="")
    assert f"{words[0].rstrip('=')}: is empty: give a path" in " ".join(capsys.readouterr().err.split())


def test_an_empty_path_is_refused_by_flags_that_have_a_default(capsys):
    from focusgen.commands import demo

    with pytest.raises(SystemExit):
        parse(demo.FLAGS, ["--out_root", ""], prog="x", doc="")
    assert "--out_root: is empty" in capsys.readouterr().err


def test_a_flag_of_several_values_needs_one_and_words_without_a_flag_need_none(capsys):
    from focusgen.commands import preview, run

    assert parse(run.FLAGS, ["--split_file", "a", "b"], prog="x", doc="").flags.split_file == (
        Path("a"),
        Path("b"),
    )
    assert parse(preview.FLAGS, ["a", "b"], prog="x", doc="").flags.scene == ("a", "b")
    assert parse(preview.FLAGS, [], prog="x", doc="").flags.scene == ()
    with pytest.raises(SystemExit):
        parse(run.FLAGS, ["--split_file"], prog="x", doc="")
    assert "needs a value" in capsys.readouterr().err
