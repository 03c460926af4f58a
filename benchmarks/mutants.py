"""Small faults put into a copy of the code, one at a time: one that no test notices is a hole in the tests.

Usage   python -m benchmarks.mutants [--only PATTERN] [--jobs N] [--write]

The table is `benchmarks/mutant_table.py`. The work tree is never touched: each worker has a copy of its
tracked files. Exit status 1 where a mutant survives, or where its line or its tests are gone.
"""

from __future__ import annotations

import argparse
import os
import queue
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.mutant_table import MUTANTS, Mutant
from benchmarks.results import write_section

ROOT = Path(__file__).resolve().parent.parent
LIMIT_S = 120.0
KILLED, SURVIVED, NO_VERDICT = "killed", "SURVIVED", "NO VERDICT"


def copy_tree(target: Path) -> None:
    """Copy the tracked and the new files of the work tree."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout
    for name in filter(None, os.fsdecode(listed).split("\0")):
        source = ROOT / name
        if source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)


def run_tests(tree: Path, tests: str) -> int:
    """Return pytest's exit status in a copy of the tree."""
    # No .pyc: a file that changes twice within a second would be taken for unchanged.
    settings = {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests.split()]
    try:
        done = subprocess.run(
            words, cwd=tree, env={**os.environ, **settings}, capture_output=True, timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return 1  # a fault that hangs is noticed
    return done.returncode


def verdict_on(mutant: Mutant, tree: Path) -> str:
    """Put a mutant into a copy, run its tests, and take it out again."""
    path = tree / mutant.file
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if text.count(mutant.old) != 1:
        return f"{NO_VERDICT}: the line is there {text.count(mutant.old)} times"
    path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        status = run_tests(tree, mutant.tests)
    finally:
        path.write_text(text, encoding="utf-8")
    return {0: SURVIVED, 1: KILLED}.get(status, f"{NO_VERDICT}: pytest ended with {status}")


def judge(mutants: Sequence[Mutant], n_jobs: int) -> list[tuple[Mutant, str]]:
    """Return each mutant with what became of it, in the order of the table."""
    with tempfile.TemporaryDirectory(prefix="mutants.") as folder:
        trees: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for number in range(n_jobs):
            copy_tree(Path(folder) / str(number))
            trees.put(Path(folder) / str(number))

        def judge_one(mutant: Mutant) -> tuple[Mutant, str]:
            tree = trees.get()
            try:
                verdict = verdict_on(mutant, tree)
            finally:
                trees.put(tree)
            print(f"{verdict:10} {mutant}", flush=True)
            return mutant, verdict

        with ThreadPoolExecutor(n_jobs) as pool:
            return list(pool.map(judge_one, mutants))


def section(judged: Sequence[tuple[Mutant, str]]) -> str:
    """Return this benchmark's part of RESULTS.md."""
    n_killed = sum(verdict == KILLED for _, verdict in judged)
    lines = [
        "## Mutants",
        "`python -m benchmarks.mutants --write`",
        f"{n_killed} of {len(judged)} small faults are noticed by the tests named for them.",
    ]
    lines += [f"- {verdict}: {mutant}" for mutant, verdict in judged if verdict != KILLED]
    return "\n\n".join(lines)


def main() -> int:
    """Judge the mutants that are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="part of a file's path or of the line")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="copies that work side by side")
    parser.add_argument("--write", action="store_true", help="put the figures into RESULTS.md")
    args = parser.parse_args()
    chosen = [mutant for mutant in MUTANTS if args.only in f"{mutant.file} {mutant.old} {mutant.new}"]
    judged = judge(chosen, args.jobs)
    text = section(judged)
    print(text)
    if args.write:
        write_section("mutants", text)
    return 0 if all(verdict == KILLED for _, verdict in judged) else 1


if __name__ == "__main__":
    sys.exit(main())
