"""Imports point one way, heavy packages stay where they belong, and files stay small enough to read."""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "focusgen"

# From the ground up: a module imports from its own room and from rooms in rows above this line's, never from
# a later row or from another room of its own row. Imports inside functions count as well.
ROOMS: tuple[tuple[str, ...], ...] = (
    ("base",),
    ("optics",),
    ("config",),
    ("motion", "synth"),
    ("media",),
    ("models",),
    ("dataset",),
    ("data", "focal"),
    ("phases",),
    ("doctor",),
    ("run",),
    ("tools",),
    ("cluster",),
    ("commands",),
    ("cli",),
    ("__main__",),
)

# These may not be imported although their row would allow it: (importer, imported, why).
FORBIDDEN: tuple[tuple[str, str, str], ...] = (
    ("phases.*", "models.*", "a phase is handed its model; it knows the Protocols only"),
    ("commands.*", "phases.* media.*", "a command parses flags and makes one call; what it does lies below"),
)
ALLOWED = {"models.protocols"}

NUMPY_ONLY = "base.* optics.*"
ALSO_IN_BASE = {"natsort", "xxhash"}

# Package -> the modules that may import it, anywhere in the file.
AT_HOME_ONLY = {
    "torch": "models.* focal.* data.*",
    "submitit": "cluster.*",
    "deflate": "media.*",
    "tyro": "config.flags config.flag_types",
    "h5py": "media.*",
    "xxhash": "base.checksums media.*",
    "scipy": "models.classical focal.samples tools.picture",  # .27 s of import, which `focal infer` saves
}

MAX_MODULES_BESIDE_FOLDERS = 4
MAX_LINES = 400
MAX_FOLDERS_BELOW_PACKAGE = 2


@dataclass(frozen=True)
class Import:
    """One import statement: `module` imports `target` (both without the leading `focusgen.` if ours)."""

    path: Path
    line: int
    module: str
    target: str
    is_ours: bool
    is_at_module_level: bool

    @property
    def place(self) -> str:
        return f"focusgen/{self.path.as_posix()}:{self.line}"


def module_files(package: Path) -> dict[str, Path]:
    """Return {dotted name below the package ("" for itself): path relative to the package}."""
    files = {}
    for path in sorted(package.rglob("*.py")):
        relative = path.relative_to(package)
        parts = relative.with_suffix("").parts
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = relative
    return files


@functools.cache
def imports_of(package: Path) -> list[Import]:
    """Return every import that is executed at run time, with whether it stands at module level."""
    modules = module_files(package)
    found = []
    for module, relative in modules.items():
        tree = ast.parse((package / relative).read_text(encoding="utf-8"), str(relative))
        for node, at_module_level in _import_nodes(tree.body, at_module_level=True):
            for name in _targets(node, module, relative, modules):
                is_ours = name == "focusgen" or name.startswith("focusgen.")
                target = name.removeprefix("focusgen").removeprefix(".") if is_ours else name
                found.append(Import(relative, node.lineno, module, target, is_ours, at_module_level))
    return found


def _import_nodes(
    body: list[ast.stmt], *, at_module_level: bool
) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for node in body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node, at_module_level
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            yield from _import_nodes(node.orelse, at_module_level=at_module_level)
        else:
            inside = at_module_level and not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            for block in ("body", "orelse", "finalbody", "handlers", "cases"):
                statements = getattr(node, block, [])
                if isinstance(statements, list):  # a handler or a case is a block that holds a block
                    yield from _import_nodes(statements, at_module_level=inside)


def _targets(
    node: ast.Import | ast.ImportFrom, module: str, relative: Path, modules: dict[str, Path]
) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module or ""
    if node.level:
        here = module.split(".") if relative.name == "__init__.py" else module.split(".")[:-1]
        up = here[: len(here) - (node.level - 1)]
        base = ".".join(part for part in ("focusgen", *up, base) if part)
    if base != "focusgen" and not base.startswith("focusgen."):
        return [base]
    names = []
    for alias in node.names:  # `from focusgen import flow` imports the module focusgen.motion.flow
        dotted = f"{base}.{alias.name}".removeprefix("focusgen.")
        names.append(f"focusgen.{dotted}" if dotted in modules else base)
    return names


def matches(module: str, patterns: str) -> bool:
    """Say whether a module is one of a list of names and patterns."""
    return any(fnmatchcase(module, pattern) for pattern in patterns.split())


def row_of(module: str) -> int | None:
    """Return the row of a module's room."""
    room = module.partition(".")[0]
    return next((row for row, rooms in enumerate(ROOMS) if room in rooms), None)


def turned_round(package: Path) -> list[str]:
    """Return one line for each import that points the wrong way, wherever in the file it stands."""
    lines = []
    for item in imports_of(package):
        if not item.is_ours or "" in (item.module, item.target):
            continue
        mine, theirs = row_of(item.module), row_of(item.target)
        here, there = item.module.partition(".")[0], item.target.partition(".")[0]
        if mine is not None and theirs is not None and here != there and theirs >= mine:
            lines.append(
                f"{item.place}: {item.module} imports {item.target}, turned round: "
                f"{there} is not below {here}"
            )
        for importer, imported, why in FORBIDDEN:
            if (
                matches(item.module, importer)
                and matches(item.target, imported)
                and item.target not in ALLOWED
                and here != there
            ):
                lines.append(f"{item.place}: {item.module} imports {item.target}: {why}")
    return lines


def strangers(package: Path) -> list[str]:
    """Return one line for each third-party import in a place where it does not belong."""
    lines = []
    for item in imports_of(package):
        top = item.target.partition(".")[0]
        if item.is_ours or top in sys.stdlib_module_names:
            continue
        is_allowed = top == "numpy" or (item.module.startswith("base.") and top in ALSO_IN_BASE)
        if item.is_at_module_level and matches(item.module, NUMPY_ONLY) and not is_allowed:
            lines.append(f"{item.place}: {item.module} imports {top}; only numpy is allowed there")
        home = AT_HOME_ONLY.get(top)
        if home is not None and not matches(item.module, home):
            lines.append(f"{item.place}: {item.module} imports {top}, which belongs in {home}")
    return lines


def cycle(package: Path) -> list[str]:
    """Return the modules of one circle of imports, those inside functions too, or nothing.

    A package stands for its `__init__.py`; importing a module of it runs that file as well, so a face that
    hands names on must not be imported by the modules whose names it hands on.
    """
    edges: dict[str, set[str]] = {}
    for item in imports_of(package):
        if item.is_ours and item.module and item.target not in ("", item.module):
            edges.setdefault(item.module, set()).add(item.target)
    finished: set[str] = set()

    def visit(module: str, trail: list[str]) -> list[str]:
        if module in trail:
            return [*trail[trail.index(module) :], module]
        if module not in finished:
            for target in sorted(edges.get(module, ())):
                found = visit(target, [*trail, module])
                if found:
                    return found
            finished.add(module)
        return []

    return next((found for found in (visit(module, []) for module in sorted(edges)) if found), [])


def test_every_folder_has_its_row_and_little_lies_beside_the_folders():
    homeless = [name for name in module_files(PACKAGE) if name and row_of(name) is None]
    assert not homeless, f"add their room to ROOMS in {Path(__file__).name}: {homeless}"
    beside = [path.name for path in PACKAGE.glob("*.py")]
    assert len(beside) <= MAX_MODULES_BESIDE_FOLDERS, beside


@pytest.mark.slow
def test_imports_point_down_and_never_up():
    assert not turned_round(PACKAGE), "\n" + "\n".join(turned_round(PACKAGE))


@pytest.mark.slow
def test_heavy_packages_stay_where_they_belong():
    assert not strangers(PACKAGE), "\n" + "\n".join(strangers(PACKAGE))


@pytest.mark.slow
def test_no_modules_import_each_other_in_a_circle():
    assert not cycle(PACKAGE), " -> ".join(cycle(PACKAGE))


def test_an_upward_import_is_found_in_every_room(tmp_path: Path):
    rows = [rooms[0] for rooms in ROOMS if rooms[0] != "__main__"]  # nothing lies below a file
    for row, room in enumerate(rows[:-1]):
        above = rows[row + 1]
        file = f"{room}/probe.py"
        _write(tmp_path / room, file, f"def late():\n    from focusgen.{above} import anything")
        assert [line for line in turned_round(tmp_path / room) if f"{above} is not below {room}" in line], (
            room
        )


@pytest.mark.slow
def test_nothing_imports_scripts_jobs_or_tests():
    outside = {"scripts", "jobs", "tests", "benchmarks"}
    wrong = [i for i in imports_of(PACKAGE) if not i.is_ours and i.target.partition(".")[0] in outside]
    assert not wrong, [f"{i.place} imports {i.target}" for i in wrong]


def test_the_tree_is_shallow_and_every_file_has_found_its_subject():
    deep = [str(p) for p in module_files(PACKAGE).values() if len(p.parts) - 1 > MAX_FOLDERS_BELOW_PACKAGE]
    vague = [
        str(p) for p in module_files(PACKAGE).values() if p.name in ("utils.py", "helpers.py", "misc.py")
    ]
    assert not deep, f"more than {MAX_FOLDERS_BELOW_PACKAGE} folders below focusgen/: {deep}"
    assert not vague, f"say what it is about: {vague}"


def test_no_file_is_longer_than_a_reader_can_hold():
    files = [*PACKAGE.rglob("*.py"), *(ROOT / "scripts").glob("*.py")]
    lengths = {p.relative_to(ROOT).as_posix(): len(p.read_text(encoding="utf-8").splitlines()) for p in files}
    too_long = {name: n for name, n in lengths.items() if n > MAX_LINES}
    assert not too_long, f"more than {MAX_LINES} lines; a file that needs chapters is two files: {too_long}"


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("optics/coc.py", "from focusgen.config import load", "config is not below optics"),
        ("optics/coc.py", "from focusgen import run", "run is not below optics"),
        ("optics/coc.py", "from ..run.table import PHASES", "run is not below optics"),
        ("synth/trace.py", "from focusgen.motion import flow", "motion is not below synth"),
        (
            "optics/coc.py",
            "try:\n    import focusgen.cli\nexcept ImportError:\n    pass",
            "cli is not below optics",
        ),
        ("phases/depth.py", "from ..models import vda", "a phase is handed its model"),
        ("commands/repair.py", "from focusgen.phases.calibrate import approve", "a command parses flags"),
        ("commands/render.py", "def late():\n    from focusgen.media import video", "a command parses flags"),
        ("models/vda/net.py", "from focusgen.dataset.store import publish", "dataset is not below models"),
    ],
)
def test_an_import_that_turned_round_is_named(tmp_path: Path, file: str, text: str, complaint: str):
    _write(tmp_path, file, text)
    lines = turned_round(tmp_path)
    assert len(lines) >= 1
    assert complaint in lines[0]
    assert lines[0].startswith(f"focusgen/{file}:")


@pytest.mark.parametrize(
    "text",
    [
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from focusgen.models.vda import Vda",
        "from focusgen.models.protocols import DepthModel",
        "def late():\n    from focusgen.media import video",
    ],
)
def test_annotations_protocols_and_lower_rooms_are_allowed(tmp_path: Path, text: str):
    _write(tmp_path, "phases/depth.py", text)
    assert turned_round(tmp_path) == []


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("optics/stats.py", "import cv2", "only numpy is allowed"),
        ("doctor/gpu.py", "def probe():\n    import torch", "torch, which belongs in models.*"),
        ("run/phase_run.py", "from submitit import AutoExecutor", "submitit, which belongs in cluster"),
    ],
)
def test_a_stranger_is_named(tmp_path: Path, file: str, text: str, complaint: str):
    _write(tmp_path, file, text)
    assert [complaint in line for line in strangers(tmp_path)] == [True]


def test_a_circle_is_found_even_if_half_of_it_lies_in_a_function(tmp_path: Path):
    _write(tmp_path, "optics/coc.py", "from focusgen.optics import lenses")
    _write(tmp_path, "optics/lenses.py", "def late():\n    from focusgen.optics.coc import Lens")
    assert cycle(tmp_path) == ["optics.coc", "optics.lenses", "optics.coc"]


def _write(package: Path, file: str, text: str) -> None:
    folders = {room for rooms in ROOMS for room in rooms} - {"cli", "__main__"}
    for name in ("__init__.py", "cli.py", *(f"{room}/__init__.py" for room in (*folders, "models/vda"))):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).touch()
    (package / "media/video.py").touch()
    (package / "models/protocols.py").touch()
    (package / file).write_text(text + "\n", encoding="utf-8")
