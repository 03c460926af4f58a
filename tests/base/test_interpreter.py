"""Python is started so that no file of the working folder is taken for Python's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from focusgen.base import interpreter
from focusgen.base.interpreter import (
    PRODUCT_THREADS_VARIABLE,
    SAFE_PATH_VARIABLE,
    focusgen_command,
    keep_to_one_thread,
    module_command,
    protect_children,
)


@pytest.mark.parametrize(("version", "words"), [((3, 10), []), ((3, 11), ["-P"]), ((3, 13), ["-P"])])
def test_a_module_is_started_without_the_folder_where_that_can_be_said(monkeypatch, version, words):
    monkeypatch.setattr(interpreter.sys, "version_info", version)
    assert module_command("focusgen.cli") == [sys.executable, *words, "-m", "focusgen.cli"]


def test_another_python_of_a_node_is_named_as_it_was_given():
    odd = "/opt/my python 3/bin/python"
    assert focusgen_command(odd) == [odd, "-m", "focusgen.cli"]


def folder_with_script(folder: Path, mode: int) -> Path:
    for name in ("python", "focusgen"):
        (folder / name).write_text("")
        (folder / name).chmod(mode)
    return folder / "python"


@pytest.mark.parametrize(
    ("version", "mode", "takes_script"),
    [((3, 10), 0o755, True), ((3, 10), 0o644, False), ((3, 12), 0o755, False)],
)
def test_an_old_python_takes_the_console_script_if_there_is_one(
    monkeypatch, tmp_path, version, mode, takes_script
):
    python = folder_with_script(tmp_path, mode)
    monkeypatch.setattr(interpreter.sys, "version_info", version)
    monkeypatch.setattr(interpreter.sys, "executable", str(python))
    module = [str(python), "-m", "focusgen.cli"]
    assert focusgen_command() == ([str(tmp_path / "focusgen")] if takes_script else module)
    # The script belongs to this interpreter: another one is never replaced by it.
    assert focusgen_command("/usr/bin/python3")[0] == "/usr/bin/python3"


def test_children_of_libraries_are_protected_too(monkeypatch):
    monkeypatch.setenv(SAFE_PATH_VARIABLE, "")
    protect_children()
    assert os.environ[SAFE_PATH_VARIABLE] == "1"


@pytest.mark.parametrize(("said", "kept"), [(None, "1"), ("4", "4")])
def test_products_take_one_thread_unless_somebody_says_otherwise(monkeypatch, said: str | None, kept: str):
    monkeypatch.delenv(PRODUCT_THREADS_VARIABLE, raising=False)
    if said is not None:
        monkeypatch.setenv(PRODUCT_THREADS_VARIABLE, said)
    keep_to_one_thread()
    assert os.environ[PRODUCT_THREADS_VARIABLE] == kept


def test_the_command_line_loads_no_numpy_before_it_says_so():
    code = "import sys, focusgen.cli; assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_a_process_is_there_for_is_no_garbage_and_later_garbage_is_found(tmp_path):
    (tmp_path / "ours.py").write_text("import gc\nwhile_imported = gc.isenabled()\n")
    program = (
        "import gc, weakref\n"
        "from focusgen.base.interpreter import import_for_good\n"
        "module = import_for_good('ours')\n"
        "class Ring: pass\n"
        "ring = Ring(); ring.itself = ring; seen = weakref.ref(ring); del ring; gc.collect()\n"
        "is_kept = not any(module is one for one in gc.get_objects())\n"
        "print(module.while_imported, gc.isenabled(), is_kept, seen())\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True", "True", "None"], done.stderr
