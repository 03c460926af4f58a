"""What `focusgen export` says of what it wrote."""

from __future__ import annotations

import subprocess

from focusgen import cli
from focusgen.tools import export_plan


def test_scenes_that_are_cut_are_said_and_the_size_that_is_named_cuts_none(
    finished, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(export_plan, "JSON_BYTES", 150_000)  # as if frames were large
    command = ["export", "webdataset", "--out_root", str(finished), "--dest", str(tmp_path / "shards")]
    assert cli.main([*command, "--shard_mb", "1"]) == 0
    said = capsys.readouterr().out
    assert "and 3 more are larger than a shard: FocusShards gives no window across the cuts" in said
    n_mb = said.partition("--shard_mb ")[2].split()[0]
    assert cli.main([*command, "--shard_mb", n_mb]) == 0
    assert "larger than a shard" not in capsys.readouterr().out


def test_the_line_that_checks_shards_can_be_pasted_for_any_folder(finished, tmp_path, capsys):
    dest = str(tmp_path / "my shards")
    assert cli.main(["export", "webdataset", "--out_root", str(finished), "--dest", dest]) == 0
    line = capsys.readouterr().out.partition("check them: ")[2]
    assert subprocess.run(line, shell=True, capture_output=True, check=False).returncode == 0  # noqa: S602
