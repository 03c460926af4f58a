"""One cluster for all tests here; a visible skip without Slurm, a failure where it is required."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from focusgen.synth.write import synth_dataset
from tests.fingerprint import published_digests

from .harness import ROOT, Campaign, Slurm, environment_of_jobs, missing_programs


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.startswith("tests/slurm/"):  # of paths it would take a second for all tests
            item.add_marker(pytest.mark.slurm)


@pytest.fixture(scope="session")
def slurm() -> Iterator[Slurm]:
    missing = missing_programs()
    if missing:
        reason = f"Slurm is not installed: {', '.join(missing)} (see tests/slurm/local-slurm packages)"
        if os.environ.get("FOCUSGEN_REQUIRE_SLURM") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    cluster = Slurm.start()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three scenes as the demo's and twelve smaller ones, with depth."""
    root = tmp_path_factory.mktemp("raw15")
    synth_dataset(root / "raw", root / "depth", n_scenes=3, n_frames=6, width=96, height=64, workers=2)
    synth_dataset(
        root / "raw", root / "depth", seed=100, n_scenes=12, n_frames=4, width=48, height=32, workers=2
    )
    assert len(list((root / "raw").iterdir())) == 15
    return root


@pytest.fixture
def campaign(slurm: Slurm, raw: Path, tmp_path: Path) -> Campaign:
    """The fifteen scenes, in folders that the test may change, below a name that nobody should choose."""
    root = tmp_path / "50% $(touch pwned); of it"
    for part in ("raw", "depth"):
        shutil.copytree(raw / part, root / part)
    return Campaign(slurm, root)


@pytest.fixture(scope="session")
def undisturbed(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Digests of everything published by one local run of the fifteen scenes."""
    root = tmp_path_factory.mktemp("undisturbed")
    command = [
        *(sys.executable, "-m", "focusgen.cli", "run", "--auto_approve", "--n_sets", "1"),
        *("--raw_root", str(raw / "raw"), "--depth_root", str(raw / "depth")),
        *("--out_root", str(root / "out"), "--min_frames", "2"),
    ]
    environment = {**os.environ, **environment_of_jobs()}
    subprocess.run(command, env=environment, cwd=ROOT, check=True, stdin=subprocess.DEVNULL)
    return published_digests(root / "out")
