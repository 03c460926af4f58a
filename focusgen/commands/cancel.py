"""End the jobs of a submission, or of all of them; what was published stays, and a resubmission goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from focusgen import config
from focusgen.base.errors import ConfigError
from focusgen.commands.groups import DataSetFlags
from focusgen.config.flags import option, parse
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import parse_json


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
    n_jobs = 0
    for path in sorted(dataset.submissions.glob("*.json")):
        document = parse_json(path.read_bytes())
        if given.plan not in (None, document["plan_id"]):
            continue
        for job in document["jobs"]:
            n_jobs += 1
            if not slurm.cancel(job["job_id"], job["name"]):
                print(f"scancel {job['job_id']} ({job['phase']}) did not answer; it may have ended long ago")
    if n_jobs:
        print(f"{n_jobs} jobs asked to end; focusgen resubmit --missing goes on where they stopped")
    else:
        whose = f" by plan {given.plan}" if given.plan else ""
        print(f"nothing to cancel: no job was submitted{whose}")
    return 0
