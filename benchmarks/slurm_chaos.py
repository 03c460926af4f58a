"""Faults of many kinds while Slurm makes a data set, and what is left of them: nothing.

Starts a Slurm of its own (tests/slurm/local-slurm, its packages installed), lets it make the same small data
set round after round, and injects faults into whatever runs: tasks killed, cancelled, requeued, out of time,
evicted, nodes lost, daemons killed, one index submitted twice. In the end every round must have, byte for
byte, what an undisturbed local run publishes, and no published frame may have been made twice.

Usage   python -m benchmarks.slurm_chaos --faults 60 --seed 1 [--write]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.results import write_section
from focusgen.synth.write import synth_dataset
from tests.fingerprint import published_digests, torn_files
from tests.slurm.harness import ROOT, Campaign, Slurm, environment_of_jobs

N_SCENES, N_FRAMES, FRAME_S = 6, 16, 0.3
DRAIN_S = 45
ROUND_TIMEOUT_S = 600
NODES = ("n1", "n2", "n3", "n4")


@dataclass
class Chaos:
    """One run: the faults so far, and what was seen published."""

    slurm: Slurm
    root: Path
    rng: random.Random
    counts: Counter[str] = field(default_factory=Counter)
    tries: Counter[str] = field(default_factory=Counter)
    redone: list[str] = field(default_factory=list)
    seen: dict[Path, tuple[int, int]] = field(default_factory=dict)
    campaign: Campaign = field(init=False)

    @property
    def faults(self) -> dict[str, Callable[[], bool]]:
        """Name -> a fault; each returns whether it met something."""
        return {
            "kill -9 of a task": self.kill_task,
            "scancel": self.cancel_task,
            "scontrol requeue": self.requeue_task,
            "time limit": self.cut_time,
            "preemption": self.preempt,
            "node failure": self.fail_node,
            "slurmd killed and restarted": self.renew_daemon,
            "one index submitted twice": self.submit_twice,
        }

    def running(self) -> list[str]:
        """Return our array tasks that run, e.g. 12_3."""
        lines = self.slurm.queue("%i %T %j")
        return [line.split()[0] for line in lines if " RUNNING focusgen-" in line and "_" in line.split()[0]]

    def task(self) -> str | None:
        """Return one running task."""
        running = self.running()
        return self.rng.choice(running) if running else None

    def kill_task(self) -> bool:
        """SIGKILL a process that says it runs and whose job does."""
        running = set(self.running())
        alive = [a for a in self.campaign.attempts() if a["state"] == "running" and a["job_id"] in running]
        if not alive:
            return False
        attempt = self.rng.choice(alive)
        command_line = Path(f"/proc/{attempt['pid']}/cmdline")
        try:
            if b"focusgen.cli" not in command_line.read_bytes():
                return False
            os.kill(attempt["pid"], signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError):
            return False
        return True

    def cancel_task(self) -> bool:
        """End a task as a person would."""
        task = self.task()
        return task is not None and self._ask("scancel", task)

    def requeue_task(self) -> bool:
        """Put a running task back into the queue."""
        task = self.task()
        return task is not None and self._ask("scontrol", "requeue", task)

    def cut_time(self) -> bool:
        """Lower a task's limit so that it is drained at the scheduler's next look."""
        task = self.task()
        return task is not None and self._ask("scontrol", "update", f"JobId={task}", "TimeLimit=1")

    def preempt(self) -> bool:
        """Let a job of a better partition take a node that works."""
        lines = [line.split() for line in self.slurm.queue("%i %T %N %j")]
        nodes = [words[2] for words in lines if words[1] == "RUNNING" and words[3].startswith("focusgen-")]
        if not nodes:
            return False
        node = self.rng.choice(nodes)
        where = ("--partition=workq", f"--nodelist={node}", "--exclusive", "--time=1", "--output=/dev/null")
        return self._ask("sbatch", *where, "--job-name=evictor", "--wrap", "sleep 1")

    def fail_node(self) -> bool:
        """Declare a working node down, then up again: its tasks are requeued by Slurm."""
        busy = {line.split()[1] for line in self.slurm.queue("%T %N") if line.startswith("RUNNING ")}
        if not busy:
            return False
        node = self.rng.choice(sorted(busy))
        down = self._ask("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=chaos")
        time.sleep(2.0)  # a node that is back before its tasks have ended is drained: "Duplicate jobid"
        self._ask("scontrol", "update", f"NodeName={node}", "State=RESUME")
        return down

    def renew_daemon(self) -> bool:
        """Kill -9 a node's daemon and start it again."""
        if not self.running():
            return False
        self.slurm.renew(self.rng.choice(NODES))
        return True

    def submit_twice(self) -> bool:
        """Submit an index that runs already a second time."""
        alive = [a for a in self.campaign.attempts() if a["state"] == "running"]
        if not alive:
            return False
        attempt = self.rng.choice(alive)
        words = (
            "--indices",
            str(attempt["index"]),
            "--plan",
            attempt["plan_id"],
            "--phases",
            attempt["phase"],
        )
        self.campaign.focusgen("resubmit", *words)
        return True

    def _ask(self, *words: str) -> bool:
        done = subprocess.run(words, env=self.slurm.environment, capture_output=True, text=True, check=False)
        return done.returncode == 0

    def inject(self) -> None:
        """Try the kind of fault that has met least; then look at status and at what is published."""
        if not (self.campaign.out / "scene_index.json").exists():
            time.sleep(0.3)
            return
        fewest = min(self.tries.values(), default=0) if len(self.tries) == len(self.faults) else 0
        kinds = [kind for kind in self.faults if self.tries[kind] == fewest]
        kind = self.rng.choice(kinds)
        if self.faults[kind]():
            self.counts[kind] += 1
            self.tries[kind] += 1
            print(f"  fault {sum(self.counts.values()):3}: {kind}", flush=True)
            self.campaign.status()
        else:
            time.sleep(0.3)
        self.look()

    def look(self) -> None:
        """Remember every published frame, and notice one that was made again."""
        for path in self.campaign.out.glob("*/*/**/*.*"):
            if path.suffix not in (".png", ".npz") or path.name.startswith(".") or not is_published(path):
                continue
            with contextlib.suppress(FileNotFoundError):
                facts = path.stat()
                now = (facts.st_ino, facts.st_mtime_ns)
                if self.seen.setdefault(path, now) != now:
                    self.redone.append(str(path))
                    self.seen[path] = now

    def round(self, number: int, wanted: int) -> None:
        """Make the data set once, with faults as long as some are wanted."""
        root = self.root / f"round_{number}"
        root.mkdir()
        for part in ("raw", "depth"):
            (root / part).symlink_to(self.root / part)
        phases = ("deblur", "depth", "render")
        settings = {"partition": dict.fromkeys(phases, "preempt"), "drain_s": DRAIN_S, "max_requeues": 50}
        self.campaign = Campaign(self.slurm, root, settings, FRAME_S)
        more = ("--max_coc", "0.002")
        self.campaign.submit("--phases", "1-3", *more)
        deadline = time.monotonic() + ROUND_TIMEOUT_S
        while time.monotonic() < deadline:
            if sum(self.counts.values()) < wanted:
                self.inject()
            else:
                time.sleep(0.5)
            if self.slurm.queue():
                self.hurry()
                continue
            if self.is_complete():
                self.look()
                return
            self.campaign.focusgen("resubmit", *more, check=False)
        raise SystemExit(f"round {number} did not end: {json.dumps(self.campaign.status()['counts'])}")

    def hurry(self) -> None:
        """Start requeued tasks at once, as an operator would: Slurm waits two minutes after a node fails."""
        for line in self.slurm.queue("%i %r"):
            task, reason = line.split(" ", 1)
            if reason == "BeginTime":
                self._ask("scontrol", "update", f"JobId={task}", "StartTime=now")
            elif reason == "launch failed requeued held":  # its node's daemon died at that moment
                self._ask("scontrol", "release", task)
        if not any("focusgen-" in line for line in self.slurm.queue("%j")):
            self._ask("scancel", "--name=evictor")  # it waits for a node that something else took away
        for node in self.slurm.run(
            "sinfo", "-h", "-N", "-p", "workq", "-t", "drain,down", "-o", "%N"
        ).split():
            self._ask("scontrol", "update", f"NodeName={node}", "State=RESUME")

    def is_complete(self) -> bool:
        """True once all scenes are complete in all phases."""
        if not (self.campaign.out / "scene_index.json").exists():
            self.campaign.submit("--phases", "1-3", "--max_coc", "0.002")
            return False
        counts = self.campaign.status()["counts"]
        return all(set(by_state) == {"complete"} for by_state in counts.values())


def is_published(path: Path) -> bool:
    """Say whether a file's unit of work is: a label counts together with the render made from it."""
    if not path.name.startswith("focus_"):
        return True
    scene, lens_set = path.parents[2], path.parent.name
    name = path.name.replace("focus_", "bokeh_").replace(".npz", ".png")
    return (scene / "bokeh_renders" / lens_set / name).exists()


def undisturbed(root: Path) -> dict[str, str]:
    """Return the digests of a local run."""
    command = [
        *(sys.executable, "-m", "focusgen.cli", "run", "--max_coc", "0.002", "--n_sets", "1"),
        *("--raw_root", str(root / "raw"), "--depth_root", str(root / "depth"), "--min_frames", "2"),
        *("--out_root", str(root / "local")),
    ]
    environment = {**os.environ, **environment_of_jobs()}
    subprocess.run(command, env=environment, cwd=ROOT, check=True, capture_output=True)
    return published_digests(root / "local")


def run_chaos(slurm: Slurm, root: Path, n_faults: int, seed: int) -> Chaos:
    """Inject `n_faults` over as many rounds as it takes; return what happened.

    Raises:
        SystemExit: a round did not end, or ended with other bytes, torn files or frames made twice.
    """
    synth_dataset(
        root / "raw", root / "depth", n_scenes=N_SCENES, n_frames=N_FRAMES, width=48, height=32, workers=2
    )
    expected = undisturbed(root)
    chaos = Chaos(slurm, root, random.Random(seed))
    number = 0
    while sum(chaos.counts.values()) < n_faults or number == 0:
        number += 1
        chaos.round(number, n_faults)
        found = published_digests(chaos.campaign.out)
        if found != expected:
            wrong = sorted(p for p in expected.keys() | found.keys() if expected.get(p) != found.get(p))
            raise SystemExit(f"round {number}: {len(wrong)} files differ from a local run: {wrong[:5]}")
        if torn_files(chaos.campaign.out) or chaos.redone:
            raise SystemExit(f"round {number}: torn or made twice: {chaos.redone[:5]}")
        print(f"round {number}: {len(found)} files, bytes of a local run", flush=True)
    return chaos


def report(chaos: Chaos, seed: int, elapsed_s: float) -> str:
    """Return the lines for RESULTS.md."""
    kinds = "\n".join(f"| {kind} | {n} |" for kind, n in sorted(chaos.counts.items()))
    n_faults = sum(chaos.counts.values())
    return (
        "## SLURM: faults\n\n"
        f"`python -m benchmarks.slurm_chaos --faults {n_faults} --seed {seed} --write`\n\n"
        f"| fault | times |\n|---|---|\n{kinds}\n\n"
        f"{n_faults} faults; {len(chaos.seen)} frames, maps and renders published, 0 made twice, 0 torn, "
        f"bytes of a local run; {elapsed_s:.0f} s on a Slurm of one machine, status asked after each fault."
    )


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--faults", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="put the counts into benchmarks/RESULTS.md")
    args = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="fg-chaos-"))
    started_s = time.monotonic()
    slurm = Slurm.start()
    try:
        chaos = run_chaos(slurm, root, args.faults, args.seed)
    finally:
        slurm.stop()
    shutil.rmtree(root)
    text = report(chaos, args.seed, time.monotonic() - started_s)
    print(text)
    if args.write:
        write_section("slurm chaos", text)


if __name__ == "__main__":
    main()
