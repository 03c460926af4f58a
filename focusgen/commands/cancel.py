"""End the jobs of a submission, or of all of them; what was published stays, and a resubmission goes on."""

from __future__ import annotations

from collections.abc import Sequence

from focusgen import config, options
from focusgen.layout import DatasetLayout
from focusgen.records import parse_json

EXTRAS: list[options.Extra] = [
    options.CONFIG_FLAG,
    ("plan", str | None, None, "only the jobs of this plan"),
]


def main(argv: Sequence[str]) -> int:
    """Run `focusgen cancel`."""
    flags = options.flags_class("CancelFlags", options.DATA_SET_FLAGS, EXTRAS)
    parsed, dotted = options.parse(flags, argv, prog="focusgen cancel", doc=__doc__ or "")
    cfg = config.load(parsed.config, {**options.overrides_of(parsed, options.DATA_SET_FLAGS), **dotted})
    from focusgen.cluster import slurm

    dataset = DatasetLayout.of(cfg)
    n_jobs = 0
    for path in sorted(dataset.submissions.glob("*.json")):
        document = parse_json(path.read_bytes())
        if parsed.plan not in (None, document["plan_id"]):
            continue
        for job in document["jobs"]:
            n_jobs += 1
            if not slurm.cancel(job["job_id"], job["name"]):
                print(f"scancel {job['job_id']} ({job['phase']}) did not answer; it may have ended long ago")
    print(f"{n_jobs} jobs asked to end; focusgen resubmit --missing goes on where they stopped")
    return 0
