"""The graph of phases: one number, one script and one place in the chain for each."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from focusgen import cli
from focusgen.base.errors import ConfigError
from focusgen.config.graph import GRAPH, SCENE_PHASES, PhaseName, parse_phases, scene_phases
from focusgen.run.table import PHASES
from tests.small import entry, write_index

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_graph_holds_every_phase_once_in_running_order():
    assert tuple(GRAPH) == get_args(PhaseName)
    assert [phase.number for phase in GRAPH.values()] == [1, 2, 3, 4, 5, 6]
    assert all(name == phase.name for name, phase in GRAPH.items())


def test_titles_and_scripts_begin_with_the_number_and_the_scripts_exist():
    for phase in GRAPH.values():
        assert phase.title.startswith(f"{phase.number} ")
        assert phase.script.startswith(f"{phase.number:02d}_")
    shipped = {path.name for path in (ROOT / "scripts").glob("0[1-9]*.py")}
    assert shipped == {phase.script for phase in GRAPH.values()}


@pytest.mark.parametrize("phase", GRAPH)
def test_a_script_runs_the_phase_that_the_graph_says(phase):
    text = (ROOT / "scripts" / GRAPH[phase].script).read_text(encoding="utf-8")
    assert f'phase_main("{phase}"' in text


@pytest.mark.parametrize("command", ["submit", "resubmit", "task"])
def test_an_empty_choice_of_phases_or_indices_means_not_all(command, tmp_path, capsys):
    """A script's variable that is not set would submit what nobody asked for."""
    write_index(tmp_path, {"a": entry(2)})
    words = [command, "--out_root", str(tmp_path)]
    if command == "resubmit":
        assert cli.main([*words, "--indices", "", "--dry_run"]) == 2
        assert "--indices '': give numbers" in capsys.readouterr().err
        words += ["--indices", "0"]
    assert cli.main([*words, "--phases", ""]) == 2
    assert "--phases: '' is no phase" in capsys.readouterr().err


def test_a_phase_is_made_from_earlier_ones_only():
    for phase in GRAPH.values():
        assert all(GRAPH[name].number < phase.number for name in phase.upstream)


def test_the_phases_that_keep_records_are_those_that_are_run_scene_by_scene():
    assert SCENE_PHASES == ("deblur", "depth", "render") == tuple(PHASES)
    assert scene_phases(("index", "depth", "calibrate", "deblur")) == ["depth", "deblur"]


@pytest.mark.parametrize(
    ("text", "phases"),
    [
        ("1-4", ("index", "deblur", "depth", "calibrate")),
        ("5-6", ("render", "validate")),
        ("3", ("depth",)),
        ("5,2", ("deblur", "render")),
        ("deblur,depth", ("deblur", "depth")),
        ("depth-5", ("depth", "calibrate", "render")),
    ],
)
def test_phases_are_ranges_lists_or_names(text, phases):
    assert parse_phases(text) == phases


@pytest.mark.parametrize("text", ["0", "7", "4-1", "x", "", "1-x", "²"])
def test_what_is_no_phase_is_refused(text):
    with pytest.raises(ConfigError):
        parse_phases(text)


def test_no_other_module_writes_titles_or_script_names_down_again():
    for path in (ROOT / "focusgen").rglob("*.py"):
        if path != ROOT / "focusgen/config/graph.py":
            text = path.read_text(encoding="utf-8")
            again = [p.name for p in GRAPH.values() if f'"{p.title}"' in text or f'"{p.script}"' in text]
            assert not again, path
