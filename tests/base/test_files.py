"""The one way to put a file in place, and that nothing goes another way."""

import ast
import os
import resource
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from focusgen.base.errors import StorageError
from focusgen.base.files import publish, remove_drafts, replacing

PACKAGE = Path(__file__).resolve().parent.parent.parent / "focusgen"
# Writing is what these are about: the one way itself, probes of a disk.
WRITERS = {"base/files.py", "base/locks.py", "doctor/disk_probes.py"}
CALLS_THAT_WRITE = {
    *("write_text", "write_bytes", "save_file", "imwrite", "mkstemp"),
    *("replace", "rename", "mkdir", "touch", "copyfile", "move"),
}


@contextmanager
def file_size_limit(n_bytes: int):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_file_at_its_limit_leaves_the_old_one_and_nothing_else(tmp_path):
    publish(tmp_path / "a", b"old")
    with file_size_limit(1000), pytest.raises(StorageError, match="a: File too large") as caught:
        publish(tmp_path / "a", b"x" * 5000)
    assert "ulimit -f" in caught.value.advice
    assert [p.name for p in tmp_path.iterdir()] == ["a"] and (tmp_path / "a").read_bytes() == b"old"


def test_a_program_that_writes_by_name_leaves_a_whole_file_or_the_old_one(tmp_path):
    target = tmp_path / "clip.mp4"
    with replacing(target) as temporary:
        temporary.write_bytes(b"whole")
        assert not target.exists(), "readers never see a part"
    assert target.read_bytes() == b"whole"
    with file_size_limit(1000), pytest.raises(StorageError, match=r"clip\.mp4: File too large"):
        with replacing(target) as temporary:
            temporary.write_bytes(b"x" * 5000)
    with pytest.raises(KeyboardInterrupt), replacing(target) as temporary:
        temporary.write_bytes(b"half")
        raise KeyboardInterrupt
    assert [p.name for p in tmp_path.iterdir()] == ["clip.mp4"] and target.read_bytes() == b"whole"


def _writes(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        name, owner = node.func.attr, ast.unparse(node.func.value)
        is_text = name in ("replace", "rename") and len(node.args) + len(node.keywords) != 1
        if name in CALLS_THAT_WRITE and (owner == "os" or not is_text) and "__" not in owner:
            found.append(f"{path.relative_to(PACKAGE)}:{node.lineno} {ast.unparse(node)[:80]}")
    return found


@pytest.mark.slow
def test_drafts_of_processes_that_are_gone_are_removed_and_others_stay(tmp_path):
    gone = subprocess.Popen(["true"])
    gone.wait()
    (tmp_path / "inner").mkdir()
    drafts = (f".a.pt.{gone.pid}.tmp", f".b.c.pt.{os.getpid()}.tmp", ".a.pt.99999999999999999999.tmp")
    others = (f".a.pt.{os.getppid()}.tmp", ".a.pt.1.tmp", ".a.pt.tmp", f"a.pt.{gone.pid}.tmp", ".a.12.txt")
    for name in (*drafts, *others, f"inner/.a.{gone.pid}.tmp"):
        (tmp_path / name).touch()
    remove_drafts(tmp_path, "b.")
    assert not (tmp_path / drafts[1]).exists() and (tmp_path / drafts[0]).exists()
    remove_drafts(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*others, "inner"}
    assert len(list((tmp_path / "inner").iterdir())) == 1
    remove_drafts(tmp_path / "nowhere")


def test_nothing_is_written_but_through_the_one_way():
    files = [path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).as_posix() not in WRITERS]
    found = [line for path in files for line in _writes(path)]
    assert not found, "use focusgen.base.files:\n" + "\n".join(found)


def test_a_writer_beside_it_is_found():
    assert _writes(PACKAGE / "doctor" / "disk_probes.py"), "the search itself"
