"""Commands of focusgen in forks of one process that has imported them, measured like processes of their own.

What a command costs beside the imports is all that it costs here: a fork shares their time and their memory.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.scale_index import Cost, Measure
from focusgen import cli, cluster, run
from focusgen.dataset import file_marks

ROOT = Path(__file__).parent.parent


@contextmanager
def measured_in_forks() -> Iterator[Measure]:
    """Yield what measures a command."""
    command = [sys.executable, "-m", "tests.zygote"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as one:
        assert one.stdin is not None and one.stdout is not None

        def measure(*words: str) -> Cost:
            print(json.dumps(words), file=one.stdin, flush=True)
            status, cpu_s, peak_mb = json.loads(one.stdout.readline())
            assert status == 0, words
            return Cost(cpu_s, peak_mb)

        yield measure
        one.stdin.close()


def _serve() -> None:
    for room in (cluster, run):
        for module in pkgutil.iter_modules(room.__path__, f"{room.__name__}."):
            if not module.ispkg:
                importlib.import_module(module.name)
    file_marks.SETTLED_S = -3600.0  # as the fixture `settled_files`
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os._exit(cli.main(json.loads(line)))
        status, used = os.wait4(child, 0)[1:]
        cost = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
        print(json.dumps([os.waitstatus_to_exitcode(status), *cost]), flush=True)


if __name__ == "__main__":
    _serve()
