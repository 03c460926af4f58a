"""End the jobs of a submission, or of all of them; what was published stays, and a resubmission goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from focusgen import config
from focusgen.base.errors import ConfigError, CorruptInputError, ExitCode
from focusgen.commands.groups import DataSetFlags
from focusgen.config.flags import option, parse
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import parse_object
from focusgen.run.output import print_error


@dataclass(frozen=True)
class CancelFlags(DataSetFlags):
    """Which jobs."""

    plan: str | None = option(None, "only the jobs of this plan")


FLAGS = CancelFlags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen cancel`."""
    parsed = parse(FLAGS, argv, prog="focusgen cancel", doc=__doc__)
    given = parsed.flags
    cfg = config.load(given.config, parsed.overrides)
    from focusgen.cluster import slurm

    slurm.require_scancel()
    dataset = DatasetLayout.of(cfg)
    if not dataset.root.is_dir():
        raise ConfigError(f"{dataset.root}: no such data set", "Give --out_root the folder of the data set.")
    n_jobs, code = 0, ExitCode.COMPLETE
    for path in sorted(dataset.submissions.glob("*.json")):
        try:
            jobs = _jobs_in(path, given.plan)
        except CorruptInputError as error:
            print_error(error)
            code = ExitCode.INCOMPLETE
            continue
        n_jobs += len(jobs)
        for job_id, name, phase in jobs:
            if not slurm.cancel(job_id, name):
                print(f"scancel {job_id} ({phase}) did not answer; it may have ended long ago")
    if n_jobs:
        print(f"{n_jobs} jobs asked to end; focusgen resubmit --missing goes on where they stopped")
    else:
        whose = f" by plan {given.plan}" if given.plan else ""
        print(f"nothing to cancel: no job was submitted{whose}")
    return int(code)


def _jobs_in(path: Path, plan_id: str | None) -> list[tuple[str, str, str]]:
    """Return id, name and phase of every job of a submission, none if it is another plan's.

    Raises:
        CorruptInputError: the file does not tell them.
    """
    try:
        document = parse_object(path.read_bytes())
        if plan_id not in (None, document["plan_id"]):
            return []
        return [(job["job_id"], job["name"], job["phase"]) for job in document["jobs"]]
    except (ValueError, KeyError, TypeError) as error:
        way_out = "Its jobs were not ended: squeue lists them, scancel ends one; then remove the file."
        raise CorruptInputError(f"{path}: damaged: {error!r}", way_out) from error
