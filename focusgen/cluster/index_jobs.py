"""Phase 1 as jobs: an array that decodes shares of the raw scenes, and one job that makes the index of them.

The last job is phase 1 as anybody runs it: it takes what the tasks have found out, decodes what none of them
came to, and gives order and splits as one process would.
"""

from __future__ import annotations

from collections.abc import Sequence

from focusgen.cluster import sbatch
from focusgen.cluster.plans import new_plan_id, write_plan
from focusgen.cluster.slurm import Limits
from focusgen.cluster.submit import Step, arrays_of, chunks_of, gate_job
from focusgen.config import Config, PhaseName
from focusgen.dataset.index import read_index
from focusgen.dataset.layout import DatasetLayout
from focusgen.phases.looking import discover_scenes

MIN_SCENES_PER_TASK = 64
"""Fewer are decoded sooner than an array waits in the queue; `cluster.tasks` says otherwise."""


def shares_of(cfg: Config, limits: Limits) -> list[list[str]]:
    """Return the raw scenes of each array task, dealt out in turn; none where one job is enough."""
    if not cfg.data.raw_root.exists():
        return []  # not seen from here: the job looks
    dataset = DatasetLayout.of(cfg)
    known = read_index(dataset) if dataset.index_json.exists() else {}
    scene_ids = [raw.scene_id for raw in discover_scenes(cfg, known).scenes]
    if all(scene_id in known for scene_id in scene_ids):
        return []
    n_enough = cfg.cluster.tasks or -(-len(scene_ids) // MIN_SCENES_PER_TASK)
    n_tasks = min(n_enough, len(scene_ids), cfg.cluster.tasks or cfg.cluster.throttle)
    if limits.max_jobs is not None:
        n_tasks = min(n_tasks, limits.max_jobs - 1)
    return [scene_ids[task::n_tasks] for task in range(n_tasks)] if n_tasks > 1 else []


def index_steps(
    cfg: Config,
    later: Sequence[PhaseName],
    limits: Limits,
    more: Sequence[str] = (),
    *,
    hold: bool = False,
    write: bool = True,
) -> tuple[str, list[Step]]:
    """Return the plan's id and the jobs of phase 1, the last of which ends by submitting the later phases.

    Those are planned on the node, because only phase 1 knows which scenes there are.

    Args:
        later: phases to submit then.
        more: further words of that submission.
        write: write the plan; a dry run does not.
    """
    plan = write_plan(cfg, "index", ("index",), shares_of(cfg, limits), new_plan_id(), workers=1, write=write)
    chunks = chunks_of(plan.n_tasks, limits.max_array_size)
    arrays = list(arrays_of(cfg, plan, "index", chunks, hold=hold))
    last = gate_job(cfg, plan, "index", hold=hold)
    then = (*sbatch.submit_command(cfg, plan.settings_yaml, later), *more) if later else ()
    waits = tuple(step.job.name for step in arrays)
    return plan.plan_id, [*arrays, Step(last, (("afterany", waits),) if waits else (), 1, then)]
