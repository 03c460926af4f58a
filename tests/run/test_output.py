"""Pipes that close, an output that is full, a locale that knows ASCII only: every command ends alike."""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from focusgen import cli
from focusgen.run import output
from tests.conftest import Rgbd
from tests.faults import fork

COMMANDS = {
    "help": ["help"],
    "a flag's help": ["run", "--help"],
    "config": ["config"],
    "status": ["status"],
    "status as JSON": ["status", "--json"],
    "explain": ["explain"],
    "adopt": ["adopt"],
    "phase 6": ["validate"],
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Rgbd:
    rgbd = Rgbd(tmp_path_factory.mktemp("finished"))
    rgbd.add_scene("a", n_frames=2)
    assert rgbd.run() == 0
    return rgbd


def printed_to(descriptor: int, words: list[str], rgbd: Rgbd) -> tuple[int, str]:
    """Run a command in a fork with its standard output at a descriptor; return (exit status, stderr)."""
    out = [] if words[-1] in ("help", "--help", "config") else rgbd.flags("out_root")
    reader, writer = os.pipe()
    pid = fork()
    if pid == 0:
        code = 99
        with contextlib.suppress(BaseException):
            os.dup2(descriptor, 1)
            os.dup2(writer, 2)
            sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), write_through=False)
            sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), write_through=True)
            try:
                is_phase = words == ["validate"]
                code = cli.phase_main("validate", "doc", out) if is_phase else cli.main([*words, *out])
            except SystemExit as error:
                code = int(error.code or 0)
            sys.stdout.flush()
        os._exit(code)
    os.close(writer)
    with open(reader, encoding="utf-8", errors="replace") as stream:
        shown = stream.read()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown


@pytest.mark.parametrize("name", COMMANDS)
def test_a_reader_that_leaves_early_is_no_error(finished, name):
    reader, writer = os.pipe()
    os.close(reader)
    code, shown = printed_to(writer, COMMANDS[name], finished)
    os.close(writer)
    expected = 3 if name == "adopt" else 0  # of a scene that has records already
    assert code in (0, expected), shown
    assert "Traceback" not in shown


@pytest.mark.parametrize("name", ["config", "status", "status as JSON", "explain"])
def test_a_full_output_is_blamed_by_its_name(finished, name):
    with open("/dev/full", "w") as full:
        code, shown = printed_to(full.fileno(), COMMANDS[name], finished)
    assert code == 3
    assert "standard output: No space left on device" in shown
    assert "Traceback" not in shown


@pytest.mark.slow
def test_a_failure_of_an_unnamed_file_is_not_blamed_on_an_output_that_works(capsys):
    def fail() -> int:
        raise OSError(errno.EIO, "Input/output error")

    assert cli.guarded(fail) == 3
    shown = capsys.readouterr().err
    assert "Input/output error (which file is not told)" in shown and "standard output" not in shown


def test_a_start_in_a_folder_that_was_deleted_is_named(tmp_path, monkeypatch, capsys):
    start = tmp_path / "start"
    start.mkdir()
    monkeypatch.chdir(start)
    start.rmdir()
    assert cli.main(["status", "--out_root", "out"]) == 2
    assert "the folder where this command was started is gone" in capsys.readouterr().err


def test_names_are_the_same_text_under_a_locale_of_ascii(rgbd):
    """A scene called by bytes that no locale names is another scene on the next machine."""
    rgbd.add_scene("köln_日本", n_frames=2)
    flags = [*rgbd.flags("raw_root", "out_root"), "--data.min_frames", "2", "--workers", "1"]
    script = Path(__file__).parents[2] / "scripts" / "01_validate_dataset.py"
    without = {k: v for k, v in os.environ.items() if k not in ("LC_ALL", "PYTHONUTF8", "LANG")}
    plain = {**without, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    plain["PYTHONIOENCODING"] = "ascii:strict"
    done = subprocess.run([sys.executable, script, *flags], env=plain, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert "köln_日本" in (rgbd.out_root / "scene_index.json").read_text("utf-8") or "k\\u00f6ln" in (
        rgbd.out_root / "scene_index.json"
    ).read_text("ascii")
    status = [sys.executable, "-m", "focusgen.cli", "explain", *rgbd.flags("out_root"), "köln_日本"]
    done = subprocess.run(status, env=plain, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert b"scene k\\xf6ln_\\u65e5\\u672c" in done.stdout


def test_what_focusgen_warns_of_is_a_note_and_others_keep_their_warnings(capsys):
    def body() -> int:
        ours = str(Path(output.__file__).with_name("anything.py"))
        for text, kind, file in (
            ("stacks have changed", UserWarning, ours),
            ("divide by zero", RuntimeWarning, ours),  # of numpy
            ("an old option", UserWarning, "/lib/other.py"),
        ):
            warnings.warn_explicit(text, kind, file, 7)
        return 0

    with warnings.catch_warnings(record=True) as recorded:
        warnings.simplefilter("always")
        before = warnings.showwarning
        assert output.printing(body) == 0
        assert warnings.showwarning is before
    assert capsys.readouterr().err == "note: stacks have changed\n"
    assert [str(one.message) for one in recorded] == ["divide by zero", "an old option"]


def test_what_focusgen_logs_is_a_note_while_a_command_runs(capsys):
    log = logging.getLogger("focusgen.models.anything")

    def body() -> int:
        log.warning("out of memory with %s", "tiles of 512")
        log.info("nobody asked")
        return 0

    assert output.printing(lambda: output.printing(body)) == 0  # a command that calls another
    log.warning("later")
    assert capsys.readouterr().err == "note: out of memory with tiles of 512\n"


@pytest.mark.parametrize(("words", "expected"), [(["--help"], 0), (["--bad"], 2), (["--out_root", "no"], 2)])
def test_outputs_that_were_closed_before_the_start_are_no_error(words, expected, monkeypatch):
    """As `>&- 2>&-` leaves them: Python has no standard output at all then."""
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    try:
        code = cli.main(["status", *words])
    except SystemExit as ended:
        code = ended.code
    assert code == expected
    sys.stdout.close()
    sys.stderr.close()


def test_a_narrow_terminal_is_told_as_much_as_a_wide_one(finished: Rgbd, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "12")
    assert cli.main(["status", *finished.flags("out_root")]) == 0
    table = capsys.readouterr().out
    assert "│ a " in table and "rend" in table and table.count("lete") >= 3
