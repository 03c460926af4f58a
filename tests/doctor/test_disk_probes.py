"""What the two processes of a probe see and say, without a second process."""

from __future__ import annotations

import errno
import fcntl
import os
import threading

import pytest

from focusgen.doctor import disk_probes
from focusgen.doctor.disk_probes import PAGE_BYTES


class Told(list):
    """The end of a pipe that keeps what is sent."""

    send = list.append


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"a" * PAGE_BYTES, "whole"),
        (b"b" * PAGE_BYTES, "whole"),
        (b"", "torn"),
        (b"a" * (PAGE_BYTES - 1), "torn"),
        (b"a" * (PAGE_BYTES // 2) + b"b" * (PAGE_BYTES // 2), "torn"),
        (None, "missing"),
    ],
)
def test_a_reader_tells_a_whole_file_from_a_torn_and_a_missing_one(tmp_path, content, kind):
    target, told = tmp_path / "replaced", Told()
    if content is not None:
        target.write_bytes(content)
    looks = iter((False, False, True))

    class Stop:
        is_set = staticmethod(lambda: next(looks))

    disk_probes._read_until(str(target), Stop, told)
    assert told[0] == "ready"
    assert {name: n for name, n in told[1].items() if n} == {kind: 2}


def test_a_lock_is_free_when_its_holder_is_gone_and_not_before(tmp_path):
    with (tmp_path / "lock").open("ab") as mine, (tmp_path / "lock").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert not disk_probes._lock_within(mine.fileno(), 0.05)
        letting_go = threading.Timer(0.05, other.close)
        letting_go.start()
        assert disk_probes._lock_within(mine.fileno(), 5.0)
        letting_go.join()


@pytest.mark.parametrize(
    ("number", "answer"),
    [(errno.ENOSYS, "unsupported"), (errno.EIO, f"flock fails: {os.strerror(errno.EIO)}")],
)
def test_a_holder_that_gets_no_lock_says_why(tmp_path, monkeypatch, number, answer):
    def refuse(file, operation):
        raise OSError(number, os.strerror(number))

    told = Told()
    monkeypatch.setattr(disk_probes.fcntl, "flock", refuse)
    disk_probes._hold(str(tmp_path / "lock"), told)
    assert told == [answer]
