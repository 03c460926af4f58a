"""A Slurm of our own, and data sets on it: started by a test, asked through its own programs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PROGRAM = HERE / "local-slurm"
NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "slurmdbd", "mariadbd")
JOB_TIMEOUT_S = 240


def missing_programs() -> list[str]:
    """Return the daemons and programs that are not installed."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return [name for name in NEEDED if shutil.which(name, path=path) is None]


@dataclass
class Slurm:
    """One running cluster below a short folder (its sockets need one)."""

    folder: Path
    environment: dict[str, str]

    @classmethod
    def start(cls, **knobs: str) -> Slurm:
        """Boot a cluster; `knobs` as local-slurm's, without LOCAL_SLURM_."""
        folder = Path(tempfile.mkdtemp(prefix="fgs-", dir="/tmp"))
        settings = {"REQUEUE": "5", "KILLWAIT": "3", **knobs}
        environment = {**os.environ, **{f"LOCAL_SLURM_{k}": v for k, v in settings.items()}}
        subprocess.run([PROGRAM, "start", folder], env=environment, check=True, stdin=subprocess.DEVNULL)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM_", "SBATCH_"))}
        kept["SLURM_CONF"] = str(folder / "etc" / "slurm.conf")
        kept["PATH"] = f"{Path(sys.executable).parent}:{kept['PATH']}:/usr/sbin"
        return cls(folder, {**kept, **environment_of_jobs()})

    def stop(self) -> None:
        """Cancel jobs, end the daemons that were started, remove the folder."""
        subprocess.run([PROGRAM, "stop", self.folder], check=False, stdin=subprocess.DEVNULL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def renew(self, node: str) -> None:
        """Kill a node's daemon and start it again."""
        environment = {**os.environ, "LOCAL_SLURM_REQUEUE": "5", "LOCAL_SLURM_KILLWAIT": "3"}
        subprocess.run([PROGRAM, "renew", self.folder, node], env=environment, check=True)

    def run(self, *words: str | Path, check: bool = True, **more: str) -> str:
        """Run a program in the cluster's environment; return what it prints."""
        done = subprocess.run(
            [str(word) for word in words],
            env={**self.environment, **more},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            cwd=ROOT,
        )
        if check and done.returncode:
            raise AssertionError(f"{words} ended {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def queue(self, form: str = "%i %T") -> list[str]:
        """Return one line per task in the queue."""
        return self.run("squeue", "-h", "-r", "-o", form).splitlines()

    def wait_until_idle(self, timeout_s: float = JOB_TIMEOUT_S) -> None:
        """Wait until no job is left."""
        deadline = time.monotonic() + timeout_s
        while self.queue():
            if time.monotonic() > deadline:
                raise AssertionError("still queued: " + self.run("squeue", "-o", "%i %j %T %r"))
            time.sleep(0.3)


def environment_of_jobs() -> dict[str, str]:
    """Return variables that make the small jobs of tests quick, and importable from this very tree."""
    return {
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "PYTHONPATH": f"{HERE / 'slow'}:{ROOT}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@dataclass
class Campaign:
    """A data set that is made on the cluster."""

    slurm: Slurm
    root: Path
    settings: dict[str, Any] = field(default_factory=dict)
    frame_s: float = 0.0

    @property
    def out(self) -> Path:
        return self.root / "out"

    @property
    def config(self) -> Path:
        path = self.root / "campaign.json"  # JSON is YAML
        cluster: dict[str, Any] = {"tasks": 4, "throttle": 4, "cpus": {"index": 2, "validate": 2}}
        document: dict[str, Any] = {
            "data": {"raw_root": str(self.root / "raw"), "out_root": str(self.out), "min_frames": 2},
            "depth": {"depth_root": str(self.root / "depth")},
            "render": {"n_sets": 1},
            "run": {"workers": 2},
            "cluster": cluster | self.settings,
        }
        path.write_text(json.dumps(document))
        return path

    def focusgen(self, command: str, *words: str, check: bool = True) -> str:
        """Run a command of ours on this data set."""
        program = (sys.executable, "-m", "focusgen.cli", command)
        extra = {"FOCUSGEN_TEST_FRAME_S": str(self.frame_s)} if self.frame_s else {}
        return self.slurm.run(*program, "--config", self.config, *words, check=check, **extra)

    def submit(self, *words: str) -> str:
        """Submit phases and return what was said."""
        return self.focusgen("submit", *words)

    def status(self) -> dict[str, Any]:
        """Return where every scene stands."""
        found: dict[str, Any] = json.loads(self.focusgen("status", "--json"))
        return found

    def report(self) -> dict[str, Any]:
        """Return phase 6's verdict."""
        found: dict[str, Any] = json.loads((self.out / "logs" / "validation_report.json").read_text())
        return found

    def newest_plan(self) -> dict[str, Any]:
        """Return the newest plan's document."""
        found: dict[str, Any] = json.loads(
            sorted((self.out / ".focusgen/plans").glob("*.json"))[-1].read_text()
        )
        return found

    def attempts(self) -> list[dict[str, Any]]:
        """Return what the tasks say of themselves."""
        found = []
        for path in sorted((self.out / ".focusgen" / "attempts").glob("*/[!.]*-*")):
            try:
                found.append(json.loads(path.read_bytes()))
            except (OSError, ValueError):  # just being replaced
                continue
        return found


def states_of(status: dict[str, Any], phase: str, scenes: Iterable[str] | None = None) -> set[str]:
    """Return the states that scenes have in a phase."""
    chosen = status["scenes"] if scenes is None else {s: status["scenes"][s] for s in scenes}
    return {scene[phase]["state"] for scene in chosen.values()}
