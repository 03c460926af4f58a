"""A scheduler that only answers: sbatch, sacct, scancel, squeue, scontrol, sacctmgr as small programs.

They keep what they were asked in a folder, do as told by `faults.json` there, and refuse what they do not
know, so that a test notices a question that nobody meant to ask.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAMS = ("sbatch", "sacct", "scancel", "squeue", "scontrol", "sacctmgr")


@dataclass
class FakeSlurm:
    """The folder of a fake scheduler."""

    folder: Path

    @classmethod
    def install(cls, folder: Path, monkeypatch: Any, programs: tuple[str, ...] = PROGRAMS) -> FakeSlurm:
        """Put the programs first on PATH."""
        binaries = folder / "bin"
        binaries.mkdir(parents=True)
        for name in programs:
            path = binaries / name
            call = f"import runpy\nrunpy.run_path({str(PROGRAM)!r}, {{'NAME': {name!r}}})\n"
            path.write_text(f"#!{sys.executable} -ISE\n{call}")
            path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{binaries}:/usr/bin:/bin" if programs == PROGRAMS else str(binaries))
        monkeypatch.setenv("FAKE_SLURM", str(folder))
        for name in [name for name in os.environ if name.startswith(("SLURM_", "SBATCH_"))]:
            monkeypatch.delenv(name)
        return cls(folder)

    def fault(self, **faults: Any) -> None:
        """Set what goes wrong: {"sbatch": ["silent", "refuse", ...]} is used up call by call."""
        (self.folder / "faults.json").write_text(json.dumps(faults))

    def accounting(self, text: str) -> None:
        """Set what sacct prints."""
        (self.folder / "sacct.txt").write_text(text)

    def calls(self, program: str | None = None) -> list[dict[str, Any]]:
        """Return every call: {program, argv, environment names, script}."""
        path = self.folder / "calls.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        found = [json.loads(line) for line in lines]
        return [call for call in found if program in (None, call["program"])]

    def scripts(self) -> list[str]:
        """Return the text of every script that sbatch was given."""
        return [call["script"] for call in self.calls("sbatch")]


PROGRAM = Path(__file__).with_name("program.py")
