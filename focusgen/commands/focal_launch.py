"""Train inside a Slurm job, on all of its GPUs; jobs/focal_train.sh calls it with the flags of focal train.

Slurm's warning before the time limit becomes a checkpoint, and the job is queued again.
"""

from __future__ import annotations

from collections.abc import Sequence

from focusgen.commands.focal_train import TrainFlags
from focusgen.config.help_text import wrapped_output

FLAGS = TrainFlags  # handed on to each process


def main(argv: Sequence[str]) -> int:
    """Run `focusgen focal launch FLAGS OF FOCAL TRAIN`."""
    if not argv or argv[0] in ("-h", "--help"):
        with wrapped_output():
            print(f"usage: focusgen focal launch [flags of focusgen focal train]\n\n{__doc__}")
        return 0 if argv else 2
    from focusgen.cluster.focal_job import run_in_job

    return run_in_job(argv)
