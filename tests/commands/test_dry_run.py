"""A dry run writes nothing: no file, no folder, no mode, no job, whatever else is asked for."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import inspect
import os
from pathlib import Path

import pytest

from focusgen import cli
from focusgen.config import flags
from tests.conftest import Rgbd
from tests.fake_slurm import FakeSlurm

CLUSTERS = ("slurm", "local", "debug")


def with_dry_run() -> set[str]:
    """Return the commands that have a --dry_run."""
    found = set()
    for name, (module_name, _) in cli.COMMANDS.items():
        module = importlib.import_module(module_name)
        kinds = [kind for _, kind in inspect.getmembers(module, inspect.isclass)]
        declared = [k for k in kinds if issubclass(k, flags.Flags) and k.__module__ == module_name]
        if any("dry_run" in {f.name for f in dataclasses.fields(kind)} for kind in declared):
            found.add(name)
    return found


def tree(root: Path) -> dict[str, tuple[int, int, str]]:
    """Return path -> (mode, time of the last change, digest) of everything below a folder, itself too."""
    found = {}
    for path in sorted([root, *root.rglob("*")]):
        status = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[os.fspath(path)] = (status.st_mode, status.st_mtime_ns, content)
    return found


@pytest.fixture
def fake_slurm(tmp_path_factory, monkeypatch) -> FakeSlurm:
    return FakeSlurm.install(tmp_path_factory.mktemp("slurm") / "fake", monkeypatch)


STATES = ("raw", "indexed", "unfinished", "submitted")


@pytest.fixture(params=STATES)
def state(request) -> str:
    return request.param


@pytest.fixture
def data_set(state: str, rgbd: Rgbd, fake_slurm: FakeSlurm, monkeypatch) -> Rgbd:
    """A data set before phase 1, after it, with a scene half done, and with a plan and its failed work."""
    monkeypatch.chdir(rgbd.root)
    for name in ("a", "b"):
        rgbd.add_scene(name, n_frames=3)
    if state == "raw":
        return rgbd
    assert cli.main(["submit", "--phases", "1", "--cluster", "debug", *words_of(rgbd)]) == 0
    if state == "indexed":
        return rgbd
    if state == "submitted":
        (rgbd.depth_root / "b" / "depth_0001.npy").write_bytes(b"")
        assert cli.main(["submit", "--phases", "2-4", "--cluster", "debug", *words_of(rgbd)]) == 3
    else:
        assert rgbd.run() == 0
        next((rgbd.out_root / "b" / "depth_maps").glob("*.npz")).unlink()
        (rgbd.out_root / "b" / "depth_maps" / ".done").unlink()
    return rgbd


def words_of(rgbd: Rgbd) -> list[str]:
    small = ["--min_frames", "2", "--n_sets", "2", "--workers", "1"]
    return [*rgbd.flags("raw_root", "out_root", "depth_root"), *small]


def test_the_commands_with_a_dry_run_are_those_tested_here():
    assert with_dry_run() == {"submit", "resubmit", "push"}  # push: tests/tools/test_card.py


@pytest.mark.slow
def test_a_dry_run_of_any_kind_changes_nothing(state, data_set, fake_slurm, capsys):
    before, handed_in = tree(data_set.root), len(fake_slurm.scripts())
    asked = [
        ("submit",),
        ("submit", "--phases", "1-6", "--auto_approve"),
        ("submit", "--phases", "5-6", "--auto_approve"),
        ("submit", "--phases", "5-6", "--max_coc", "0.002"),
        ("resubmit", "--auto_approve"),
        ("resubmit", "--failed", "--missing", "--stale", "--on_stale", "redo", "--max_coc", "0.002"),
        ("resubmit", "--indices", "0"),
    ]
    for turn, words in enumerate(asked, STATES.index(state)):  # over the states, of each cluster
        cluster = CLUSTERS[turn % len(CLUSTERS)]
        assert cli.main([*words, *words_of(data_set), "--cluster", cluster, "--dry_run"]) in (0, 2, 3, 4)
        assert tree(data_set.root) == before, (words, cluster)
        assert len(fake_slurm.scripts()) == handed_in, (words, cluster)


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_a_dry_run_prints_the_scripts_of_what_would_be_done_and_does_nothing(
    rgbd, fake_slurm, cluster, capsys
):
    rgbd.add_scene("a", n_frames=2)
    assert cli.main(["submit", "--phases", "1", "--cluster", "debug", *words_of(rgbd)]) == 0
    capsys.readouterr()
    before = tree(rgbd.root)
    for command, phases in (("submit", ["--phases", "2-4"]), ("resubmit", ["--missing"])):
        assert cli.main([command, *words_of(rgbd), *phases, "--cluster", cluster, "--dry_run"]) == 0
        printed = capsys.readouterr().out
        assert printed.count("#!/bin/bash") >= 2, command
        assert "focusgen.cli task" in printed, command
        assert tree(rgbd.root) == before, command
