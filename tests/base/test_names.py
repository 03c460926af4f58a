import io
import shlex

import pytest
from rich.console import Console

from focusgen.base.names import (
    display,
    first_lines,
    listed,
    natural_key,
    near_name,
    rich_text,
    scene_id_problem,
    shell_word,
)

HOSTILE = [
    "",
    " ",
    ".",
    "..",
    ".hidden",
    "-rf",
    "=1+1",
    "+1",
    "@sum(a1)",
    "a/b",
    "../../etc",
    "a\\b",
    "a\0b",
    "line\nbreak",
    "\x1b[2Jclear",
    "tab\there",
    "del\x7f",
    "c1\x9b31m",
    "sep\u2028",
    "exe\u202egpj",
    "surrogate\udcff",
    "x" * 201,
    "é" * 101,
    "logs",
    "Logs",
    "previews",
    ".focusgen",
    "scene_index.json",
    "README.md",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_could_leave_the_output_or_break_a_line_is_refused(name):
    problem = scene_id_problem(name)
    assert problem and problem.isprintable()


@pytest.mark.parametrize(
    "name", ["bear", "a b", "2024.01.02", "scène", "熊", "a..b", "a=1+1", "$(rm)", "x" * 200]
)
def test_an_odd_name_that_is_harmless_as_data_is_accepted(name):
    assert scene_id_problem(name) is None


def test_displayed_names_are_printable_and_differ_when_the_names_differ():
    names = [
        "a\nb",
        "a\\nb",
        "\x1b[31mred",
        "\udcff",
        "\\udcff",
        "exe\u202egpj",
        "zero\u200bwidth",
        "zerowidth",
        "é",
    ]
    shown = [display(name) for name in names]
    assert all(text.isprintable() for text in shown)
    assert len(set(shown)) == len(names)
    for text in shown:
        text.encode("utf-8")
    assert display("bear 01") == "bear 01"


@pytest.mark.parametrize(
    "name", ["scene[/b]", "[red]x[/red]", "trail\\", "\\[b]", "[link=http://x]y[/link]", "a[0]"]
)
def test_rich_prints_a_name_as_it_is_displayed(name):
    console = Console(file=io.StringIO(), width=200, color_system="truecolor", force_terminal=True)
    console.print(rich_text(display(name)), highlight=False)
    assert console.file.getvalue().strip() == display(name)


def test_a_message_is_printed_with_its_names_as_they_stand_in_it_and_without_commands():
    console = Console(file=io.StringIO(), width=200, color_system="truecolor", force_terminal=True)
    names = listed(["a[b]", "esc\x1b[0m", "c\\d"])
    console.print(rich_text(f"left out: {names}; \x1b[2J"), highlight=False)
    assert console.file.getvalue() == "left out: a[b], esc\\x1b[0m, c\\\\d; \\x1b[2J\n"


def test_natural_order_counts_and_is_the_same_for_any_input_order():
    names = ["f10.png", "f2.png", "f1.png", "f01.png"]
    assert sorted(names, key=natural_key) == ["f01.png", "f1.png", "f2.png", "f10.png"]
    assert sorted(reversed(names), key=natural_key) == sorted(names, key=natural_key)


def test_of_many_names_the_first_are_listed_in_one_line():
    assert listed(["a", "b\n"], 2) == "a, b\\n"
    assert listed(iter("abc"), 2) == "a, b and 1 more"


def test_of_many_lines_the_last_one_says_how_many_there_are_more():
    assert first_lines(["a", "b"], 2) == ["a", "b"]
    assert first_lines(["a", "b", "c", "d"], 2) == ["a", "b", "... and 2 more"]


def test_a_name_in_an_advice_is_one_word_of_a_shell():
    assert shell_word("bear") == "bear"
    assert shlex.split(f"focusgen preview {shell_word('q[1]*? o')}")[2:] == ["q[1]*? o"]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("out/bear/", "bear"),
        ("bear.mp4", "bear"),
        ("BEAR", "bear"),
        ("film", "film, part 2"),
        ("bea", ""),
        ("", ""),
    ],
)
def test_a_path_a_file_another_case_and_a_cut_at_a_comma_lead_to_the_name(name, near):
    assert near_name(name, ["ox", "bear", "film, part 2"]) == near
