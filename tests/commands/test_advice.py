"""Every flag that a message of ours names exists for the command or script that it sends people to."""

from __future__ import annotations

import ast
import contextlib
import io
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from focusgen import cli
from focusgen.config import GRAPH, SCENE_PHASES, known_keys

PACKAGE = Path(__file__).parents[2] / "focusgen"
FLAG = re.compile(r"(?<![\w-])--([a-z][a-z0-9_]*(?:\.[a-z0-9_]+)?)")
COMMAND = re.compile(r"focusgen ([a-z]+)((?: [^\s.,;:)]+)*)")
SCRIPT = re.compile(r"scripts/(0[1-6]_\w+\.py)((?: [^\s,;:)]+)*)")
OTHERS = {"help", "version", "section.key", "query", "format", "noheader", "name", "user", "gpus"}
"""Flags of every command, and of programs that are not ours (nvidia-smi, sinfo, scancel, srun)."""
OTHERS |= {"force", "no", "road", "revision", "include", "local"}


@cache
def texts() -> tuple[tuple[str, str], ...]:
    """Return (place, text) of every string of the package that is no docstring; {} stands for a value."""
    return tuple(_texts())


def _texts() -> Iterator[tuple[str, str]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        file = path.relative_to(PACKAGE)
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        inside = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in nodes:
            if isinstance(node, ast.JoinedStr):
                parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
                yield f"{file}:{node.lineno}", "".join(map(str, parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
                yield f"{file}:{node.lineno}", node.value


@cache
def flags_of(name: str) -> frozenset[str]:
    """Return the flags that a command's or script's --help lists."""
    phase = next((phase.name for phase in GRAPH.values() if phase.script == name), None)
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
        cli.phase_main(phase, "doc", ["--help"]) if phase else cli.main([*name.split(), "--help"])
    return frozenset(re.findall(r"--([a-z0-9_]+)", shown.getvalue()))


def exists(flag: str, name: str) -> bool:
    return flag in known_keys() if "." in flag else flag in flags_of(name) or flag in OTHERS


@pytest.mark.slow
def test_a_command_that_a_message_names_takes_the_flags_that_stand_with_it():
    wrong, n_seen = [], 0
    for place, text in texts():
        for name, words in [*COMMAND.findall(text), *SCRIPT.findall(text)]:
            if name != "focal" and (name in cli.COMMANDS or name[0] == "0"):  # focal: of its sub-commands
                for flag in FLAG.findall(words):
                    n_seen += 1
                    if not exists(flag, name):
                        wrong.append(f"{place}: {name} has no --{flag}")
    assert n_seen > 12
    assert wrong == []


def test_every_other_flag_that_a_message_names_is_one_of_ours():
    names = [*cli.COMMANDS, "focal infer", "focal train", *(phase.script for phase in GRAPH.values())]
    ours = frozenset().union(*(flags_of(name) for name in names))
    wrong = [
        f"{place}: --{flag}"
        for place, text in texts()
        if "focal" not in place  # its sub-commands have flags of their own
        for flag in FLAG.findall(text)
        if not (flag in known_keys() if "." in flag else flag in ours | OTHERS) and flag != "section.key"
    ]
    assert wrong == []


@pytest.mark.parametrize("name", ["repair", "ablate", "run", "submit", "resubmit", "task", "plan"])
def test_commands_that_may_need_raw_frames_or_depth_take_both_roots(name):
    assert {"raw_root", "depth_root", "out_root"} <= flags_of(name)


@pytest.mark.parametrize("phase", ["depth", "calibrate", "render", "validate"])
def test_phases_that_look_at_own_depth_take_its_root(phase):
    assert {"raw_root", "depth_root"} <= flags_of(GRAPH[phase].script)


PHASES = {"1": "index", "2": "deblur", "3": "depth", "4": "calibrate", "5": "render", "6": "validate"}
RUNNING = ("run", "submit", "resubmit", "task")
"""Commands that run phases, and print what these complain of."""

OF_THE_CALLER = {"config.dotted", "config.flags", "config.graph", "run.selection", "media.picture_files"}
"""Modules that judge a flag which the caller has parsed: the commands without it never come there."""


@cache
def imports() -> dict[str, frozenset[str]]:
    """Return {module: the modules of the package that it imports, inside functions too}."""
    files = {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in PACKAGE.rglob("*.py")
    }
    found = {}
    for module, path in files.items():
        named = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("focusgen"):
                start = str(node.module).removeprefix("focusgen").lstrip(".")
                named |= {start, *(f"{start}.{alias.name}".lstrip(".") for alias in node.names)}
        found[module] = frozenset(named & files.keys())
    return found


@cache
def reached_from(module: str) -> frozenset[str]:
    """Return a module and all that it imports, directly or not."""
    seen, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += imports()[name]
    return frozenset(seen)


def commands_of(module: str) -> dict[str, str]:
    """Return {command: its module} of those that call a module of tools themselves."""
    entries = {name: row[0].removeprefix("focusgen.") for name, row in cli.COMMANDS.items()}
    return {name: entry for name, entry in entries.items() if module in imports()[entry]}


def lacks_of(module: str, sentence: str, flag: str) -> list[str]:
    """Return the commands and scripts that print a sentence, or that it names, without the flag in it."""
    named = re.findall(r"[Pp]hase (\d)", sentence)
    if re.search(r"[Rr]un phase \{\}", sentence):  # of the scene: its number is computed
        return [GRAPH[p].script for p in SCENE_PHASES if flag not in flags_of(GRAPH[p].script)]
    if named:
        scripts = [GRAPH[PHASES[number]].script for number in named]
        return [] if any(flag in flags_of(script) for script in scripts) else scripts
    if re.search(r"(the|that|those|later) phases?\b", sentence):
        return []
    if module.startswith("tools."):
        return [name for name in commands_of(module) if name != "focal" and flag not in flags_of(name)]
    scripts = [GRAPH[p].script for p in PHASES.values() if module in reached_from(f"phases.{p}")]
    running = [name for name in RUNNING if module in reached_from(f"commands.{name}")]
    lacking = [name for name in running if flag not in flags_of(name)]
    return lacking + ([] if any(flag in flags_of(script) for script in scripts) else scripts)


@pytest.mark.slow
def test_a_bare_flag_exists_where_the_message_is_printed():
    wrong, n_seen = [], 0
    for place, text in texts():
        module = place.partition(":")[0].removesuffix(".py").replace("/", ".")
        if (
            module.startswith(("commands.", "cluster.", "focal."))
            or module in OF_THE_CALLER
            or "\n\n" in text
        ):
            continue  # their flags are parsed beside them, or go to sbatch; a docstring is no message
        for sentence in re.split(r"(?<=[.;]) ", COMMAND.sub("", SCRIPT.sub("", text))):
            for flag in FLAG.findall(sentence):
                if "." not in flag and flag not in OTHERS:
                    n_seen += 1
                    lacking = lacks_of(module, sentence, flag)
                    wrong += [f"{place}: --{flag} is none of {', '.join(lacking)}"] if lacking else []
    assert n_seen > 60
    assert wrong == []
