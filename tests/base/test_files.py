"""The one way to put a file in place, and that nothing goes another way."""

import ast
import errno
import os
import resource
import signal
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from focusgen.base.checksums import FileEntry, checksum
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


def test_the_entry_is_of_the_bytes_handed_over(tmp_path):
    entry = publish(tmp_path / "x", b"hello")
    assert entry == FileEntry(5, checksum(b"hello"))
    assert os.listdir(tmp_path) == ["x"]


def test_a_reader_sees_the_old_file_or_the_whole_new_one(tmp_path):
    path, sizes = tmp_path / "x", set()
    publish(path, bytes(1 << 20))
    is_over = threading.Event()

    def read() -> None:
        while not is_over.is_set():
            sizes.add(len(path.read_bytes()))

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(20):
        publish(path, bytes(1 << 20))
    is_over.set()
    reader.join()
    assert sizes == {1 << 20}


def test_a_short_write_goes_on_and_a_shorter_file_is_refused(tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    publish(tmp_path / "x", b"0123456789")
    assert (tmp_path / "x").read_bytes() == b"0123456789"
    monkeypatch.setattr(os, "write", lambda descriptor, data: len(data))  # claims, and writes nothing
    with pytest.raises(StorageError, match="shorter than what was written"):
        publish(tmp_path / "y", b"0123456789")
    assert os.listdir(tmp_path) == ["x"]


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "Free space"),
        (errno.EDQUOT, "quota"),
        (errno.EFBIG, "ulimit -f"),
        (errno.EROFS, "another place"),
    ],
)
def test_a_storage_error_names_the_file_and_the_way_out(tmp_path, monkeypatch, number, advice):
    def fail(*arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(StorageError) as caught:
        publish(tmp_path / "x", b"1")
    assert str(tmp_path / "x") in caught.value.message
    assert advice in caught.value.advice
    assert os.listdir(tmp_path) == []


def test_what_a_process_of_the_same_number_left_is_replaced_and_no_link_is_followed(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    (tmp_path / f".x.{os.getpid()}.tmp").symlink_to(elsewhere)
    publish(tmp_path / "x", b"1")
    assert (tmp_path / "x").read_bytes() == b"1"
    assert elsewhere.read_text() == "mine"
