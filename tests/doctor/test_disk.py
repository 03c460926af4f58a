"""The folder of the data set: which one is looked at, on which file system, for whom."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from focusgen import config
from focusgen.doctor import disk
from focusgen.doctor.check import Status
from focusgen.doctor.disk import check_output, check_quota, check_umask, file_system_of, nearest_existing

CFG = config.load(None)


def test_the_nearest_folder_that_is_there(tmp_path):
    assert nearest_existing(tmp_path) == tmp_path
    assert nearest_existing(tmp_path / "a ü" / "b") == tmp_path
    assert nearest_existing(Path("/no/such")) == Path("/")


def test_a_link_to_nothing_is_named_with_where_it_goes(tmp_path):
    link = tmp_path / "out"
    link.symlink_to("/no/such folder")
    (found,) = check_output(link, CFG)
    assert found.status is Status.FAIL and "a link to /no/such folder, which does not exist" in found.detail


MOUNTS = r"""22 1 8:1 / / rw - ext4 /dev/sda1 rw
23 22 0:5 / /scratch rw - lustre mds@o2ib:/scratch rw
24 22 0:6 / /scratch/my\040data rw,relatime shared:1 master:2 - nfs4 server:/x rw
25 22 0:7 / /scratchy rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/home/ada", "ext4"),
        ("/scratch", "lustre"),
        ("/scratch/ada/out", "lustre"),
        ("/scratch/my data/out", "nfs4"),
        ("/scratchy/x", "tmpfs"),
    ],
)
def test_the_file_system_is_that_of_the_innermost_mount(monkeypatch, folder, kind):
    monkeypatch.setattr(Path, "read_text", lambda self, **_: MOUNTS)
    assert file_system_of(Path(folder)) == kind


def test_where_mounts_cannot_be_listed_it_is_unknown(monkeypatch):
    def refuse(self: Path, **_: object) -> str:
        raise OSError

    monkeypatch.setattr(Path, "read_text", refuse)
    assert file_system_of(Path("/home")) == "file system unknown"


@pytest.mark.parametrize(
    ("mask", "status", "detail"),
    [
        (0o022, Status.OK, "others may read"),
        (0o027, Status.OK, "others may not read"),
        (0o000, Status.OK, "others may read"),
        (0o177, Status.FAIL, "takes your own permissions away"),
    ],
)
def test_who_will_read_what_is_published(tmp_path, mask, status, detail):
    before = os.umask(mask)
    try:
        found = check_umask(tmp_path, CFG)
    finally:
        assert os.umask(before) == mask
    assert found.status is status and detail in found.detail


def test_a_shared_folder_without_its_group_is_told(tmp_path):
    shared = config.load(None, {"data.group_writable": True})
    tmp_path.chmod(0o755)
    found = check_umask(tmp_path, shared)
    assert found.status is Status.WARN and found.advice == f"chmod g+s {tmp_path}"
    tmp_path.chmod(0o2775)
    assert check_umask(tmp_path, shared).status is Status.OK


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (None, Status.INFO),
        ("", Status.INFO),
        ("/home 10G 20G 30G\n", Status.INFO),
        ("/home 21G* 20G 30G\n", Status.WARN),
    ],
)
def test_a_quota_is_told_and_one_that_is_used_up_is_warned_of(monkeypatch, tmp_path, answer, status):
    monkeypatch.setattr(disk.shutil, "which", lambda name: f"/usr/bin/{name}" if name == "quota" else None)
    monkeypatch.setattr(disk, "ask", lambda command, timeout_s: answer)
    found = check_quota(tmp_path)
    assert found is not None and found.status is status


def test_lustre_is_asked_by_its_own_command_for_this_user(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(disk, "file_system_of", lambda folder: "lustre")
    monkeypatch.setattr(disk.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(disk, "user_name", lambda: "12345")
    monkeypatch.setattr(disk, "ask", lambda command, timeout_s: asked.append(command) or "")
    check_quota(tmp_path)
    assert asked == [["lfs", "quota", "-q", "-h", "-u", "12345", str(tmp_path)]]


def test_without_a_quota_command_nothing_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(disk.shutil, "which", lambda name: None)
    assert check_quota(tmp_path) is None
