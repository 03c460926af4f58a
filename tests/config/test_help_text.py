"""The text of --help: every command's fits a terminal of eighty columns, and keeps its words and colours."""

from __future__ import annotations

import contextlib
import io
import sys

import pytest

from focusgen import cli
from focusgen.commands.focal import ACTIONS
from focusgen.commands.table import COMMANDS
from focusgen.config.help_text import wrapped, wrapped_output

WORDS = [[], *([name] for name in COMMANDS), *(["focal", action] for action in ACTIONS)]


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_the_help_of_every_command_fits_eighty_columns(words: list[str], capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with contextlib.suppress(SystemExit):
        cli.main([*words, "--help"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(" ".join(["usage: focusgen", *words]))
    assert not [line for line in lines if len(line) > 80]


def test_words_stay_whole_and_what_goes_on_stands_further_in() -> None:
    text = "one two three four\n    focusgen run four five\nusage: focusgen run [-h]\n\n│ a wide box │\n"
    assert wrapped(text, 13).splitlines() == [
        *("one two three", "four"),
        *("    focusgen", "        run", "        four", "        five"),
        *("usage:", "    focusgen", "    run [-h]"),
        *("", "│ a wide box │"),
    ]
    assert wrapped(text, 40) == text
    assert wrapped("  run   what it does", 15).splitlines() == ["  run   what it", "        does"]


def test_a_line_is_as_wide_as_it_looks() -> None:
    bold = "\x1b[1musage:\x1b[0m\x1b[m focusgen"
    assert wrapped(bold, 15) == f"{bold}\n" and wrapped(bold, 12) == "usage:\n    focusgen\n"


def test_output_is_wrapped_though_what_printed_it_ends_the_process(capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "12")
    with pytest.raises(SystemExit), wrapped_output():
        print("one two three")
        raise SystemExit(0)
    assert capsys.readouterr().out == "one two\nthree\n"


@pytest.mark.parametrize(("encoding", "has_boxes"), [("utf-8", True), ("ascii", False)])
def test_boxes_are_of_letters_that_the_terminal_has(monkeypatch, encoding: str, has_boxes: bool) -> None:
    printed = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, encoding, write_through=True))
    with pytest.raises(SystemExit):
        cli.main(["cancel", "--help"])
    text = printed.getvalue().decode(encoding)
    assert ("╭" in text) == has_boxes and "--plan TEXT" in text
