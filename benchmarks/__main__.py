"""Run the benchmarks in turn, each in a process of its own: python -m benchmarks [--only NAME] [--quick].

Each writes its section of benchmarks/RESULTS.md, if it has one. One that fails, misses a bar or takes longer
than its limit is named at the end, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent


@dataclass(frozen=True)
class Benchmark:
    """A script of this folder; slurm_chaos is left out, since it needs a Slurm to kill.

    Attributes:
        arguments: what makes it write its section.
        quick: the same for --quick.
        limit_s: a run that takes longer is stopped.
    """

    name: str
    arguments: tuple[str, ...] = ("--write",)
    quick: tuple[str, ...] | None = None
    limit_s: float = 1800.0


BOKEH_TRUTH = "tests/data/bokeh_truth"
BENCHMARKS = (
    Benchmark("io", quick=("--write", "--quick")),
    Benchmark("scale", quick=("--write", "--quick")),
    Benchmark("temporal", quick=("--write", "--frames", "8")),
    Benchmark("bokeh_truth", arguments=(BOKEH_TRUTH,)),
    Benchmark("bokeh_speed", arguments=(), quick=("--repeats", "2")),
    Benchmark("bokeh_apertures", arguments=(), quick=("--samples", "64", "--only", "disc")),
    Benchmark("lenses", quick=("--seeds", "2")),
    Benchmark("vda", quick=("--write", "--frames", "64", "--no_memory")),
    Benchmark("flux"),
    Benchmark("focal"),
    Benchmark("focal_light"),
    Benchmark("focal_learned"),
    Benchmark("focal_sd3"),
    Benchmark("slurm_packing"),
    Benchmark("reader"),
    Benchmark("corruption", quick=("--repeats", "1")),
    Benchmark(
        "chaos",
        arguments=("--kills", "200", "--seed", "1", "--write"),
        quick=("--kills", "20", "--seed", "1"),
        limit_s=7200.0,
    ),
)


def run(benchmark: Benchmark, *, quick: bool) -> str | None:
    """Run one; return what went wrong, None if nothing did."""
    arguments = benchmark.quick if quick and benchmark.quick is not None else benchmark.arguments
    command = [sys.executable, str(HERE / f"{benchmark.name}.py"), *arguments]
    print(f"\n=== {benchmark.name}: {' '.join(command[1:])}", flush=True)
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    started_s = time.monotonic()
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": path},
            timeout=benchmark.limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"took longer than {benchmark.limit_s:g} s"
    print(f"=== {benchmark.name}: {time.monotonic() - started_s:.0f} s", flush=True)
    return None if done.returncode == 0 else f"ended with status {done.returncode}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run what was asked for."""
    present = [benchmark for benchmark in BENCHMARKS if (HERE / f"{benchmark.name}.py").is_file()]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [benchmark.name for benchmark in present]
    parser.add_argument("--only", choices=names, action="append", help="run this one; may be repeated")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, shorter clips")
    args = parser.parse_args(argv)
    problems = {}
    for benchmark in present:
        if args.only is None or benchmark.name in args.only:
            problem = run(benchmark, quick=args.quick)
            if problem is not None:
                problems[benchmark.name] = problem
    for name, problem in problems.items():
        print(f"{name}: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
