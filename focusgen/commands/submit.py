"""Submit phases as SLURM jobs: scenes packed by predicted cost, arrays linked per scene, drained in time.

Phases 1-4 end with the calibration; look at it and approve it, then submit 5-6 (a second submission, since
the cost is known better by then, and a job that waits for days may be purged). Started again, it submits
only what is not complete.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from focusgen import config
from focusgen.base.errors import ConfigError
from focusgen.commands.groups import DataSetFlags, RunSettings, SceneSettings
from focusgen.config import Config, PhaseName
from focusgen.config.flags import option, parse, sets
from focusgen.config.graph import parse_phases, scene_phases
from focusgen.dataset.layout import DatasetLayout

if TYPE_CHECKING:
    from focusgen.cluster.slurm import Limits
    from focusgen.cluster.submit import Step
    from focusgen.run.forecast import SceneWork


@dataclass(frozen=True)
class SubmitFlags(SceneSettings, RunSettings, DataSetFlags):
    """Which phases of which scenes, and where they run."""

    phases: str | None = option(None, "e.g. 1-4, 5-6, 3; default: 1-4 before the approval, 5-6 after it")
    cluster: Literal["slurm", "local", "debug"] = option(
        "slurm", "local: on this machine; debug: this process"
    )
    scenes: str | None = option(None, "only these scenes, comma-separated")
    split: str | None = option(None, "only scenes of this split: train, val or test")
    backend: str | None = option(None, "backends by name, comma-separated, e.g. classical,dryrun")
    hold: bool = option(False, "submit held; scontrol release starts it")
    dry_run: bool = option(False, "print the exact sbatch scripts and the forecast; submit and write nothing")
    account: str | None = sets("cluster.account")
    tasks: int | None = sets("cluster.tasks")
    throttle: int | None = sets("cluster.throttle")
    one_scene_per_task: bool = sets("cluster.one_scene_per_task")


def main(argv: Sequence[str]) -> int:
    """Run `focusgen submit`."""
    parsed = parse(SubmitFlags, argv, prog="focusgen submit", doc=__doc__)
    given = parsed.flags
    from focusgen.cluster.submit import absolute, check_ready
    from focusgen.commands.run import backend_overrides

    cfg = absolute(config.load(given.config, {**backend_overrides(given.backend), **parsed.overrides}))
    phases = parse_phases(given.phases) if given.phases else _next_phases(cfg)
    check_ready(cfg, phases)
    names = given.scenes.split(",") if given.scenes else None
    submission = _Submission(cfg, phases, names, given.split, given.hold)
    if given.dry_run:
        return submission.show()
    return submission.to_slurm() if given.cluster == "slurm" else submission.here(given.cluster)


def _next_phases(cfg: Config) -> tuple[PhaseName, ...]:
    from focusgen.base.errors import ApprovalError
    from focusgen.run.phase_run import with_max_coc

    if not DatasetLayout.of(cfg).index_json.exists():
        return ("index", "deblur", "depth", "calibrate")
    try:
        with_max_coc(cfg.model_copy(update={"run": cfg.run.model_copy(update={"auto_approve": False})}))
    except ApprovalError:
        return ("index", "deblur", "depth", "calibrate")
    return ("render", "validate")


class _Submission:
    """What is asked for, and the three ways to meet it."""

    def __init__(
        self,
        cfg: Config,
        phases: tuple[PhaseName, ...],
        names: Sequence[str] | None,
        split: str | None,
        hold: bool,
    ) -> None:
        self.cfg, self.phases, self.names, self.split, self.hold = cfg, phases, names, split, hold
        self.later = tuple(phase for phase in phases if phase != "index")

    def works(self) -> list[SceneWork]:
        """Return the scenes that are not complete in one of the asked phases."""
        from focusgen.cluster.pending import unfinished
        from focusgen.dataset.index import read_index
        from focusgen.run.forecast import work_of
        from focusgen.run.phase_run import select_scenes

        index = read_index(DatasetLayout.of(self.cfg))
        chosen = select_scenes(index, scenes=self.names, split=self.split)
        pending = set(unfinished(self.cfg, {scene: index[scene] for scene in chosen}, self.later))
        return [work for work in work_of(self.cfg, index) if work.scene_id in pending]

    def show(self) -> int:
        """Print scripts and forecast."""
        from focusgen.cluster.report import forecast_lines
        from focusgen.cluster.slurm import read_limits
        from focusgen.cluster.submit import index_step, script_texts
        from focusgen.run.forecast import forecast, survey

        limits = read_limits()
        steps = [index_step(self.cfg, self.later, write=False)[0]] if "index" in self.phases else []
        has_index = DatasetLayout.of(self.cfg).index_json.exists()
        works = self.works() if has_index else survey(self.cfg)
        steps += self._steps(works, limits, write=False)[1]
        for text in script_texts(self.cfg, steps):
            print(text)
        if not has_index:
            print("# the arrays follow from phase 1's index; here they are planned from file headers\n")
        n_workers = max([step.n_tasks * step.job.workers for step in steps], default=1)
        expected = forecast(self.cfg, works, self.phases)
        print("\n".join(f"# {line}" for line in forecast_lines(self.cfg, expected, self.phases, n_workers)))
        return 0

    def _steps(self, works: Sequence[SceneWork], limits: Limits, *, write: bool) -> tuple[str, list[Step]]:
        """Return a plan's id and jobs; without scenes to do only the gates are left."""
        from focusgen.cluster.submit import make_plan, steps_of

        phases = tuple(p for p in self.later if works or p not in scene_phases(self.later))
        if not phases:
            return "", []
        plan = make_plan(self.cfg, phases, works, limits, write=write)
        return plan.plan_id, steps_of(self.cfg, plan, phases, limits, hold=self.hold)

    def to_slurm(self) -> int:
        """Submit; with phase 1 asked for, its job submits the rest from the index that it makes."""
        from focusgen.cluster.slurm import read_limits, require_slurm
        from focusgen.cluster.submit import index_step

        require_slurm()
        if "index" in self.phases:
            step, plan_id = index_step(self.cfg, self.later, self._later_words())
            return hand_in(self.cfg, plan_id, self.phases, [step], dry_run=False)
        plan_id, steps = self._steps(self.works(), read_limits(), write=True)
        if not steps:
            print("every asked scene is complete: nothing to submit")
            return 0
        return hand_in(self.cfg, plan_id, self.later, steps, dry_run=False)

    def _later_words(self) -> list[str]:
        words = ["--hold"] if self.hold else []
        words += ["--scenes", ",".join(self.names)] if self.names else []
        return words + (["--split", self.split] if self.split else [])

    def here(self, cluster: str) -> int:
        """Run all tasks on this machine."""
        from focusgen.cluster.local import run_plan
        from focusgen.cluster.slurm import Limits
        from focusgen.cluster.submit import make_plan
        from focusgen.cluster.task import Task, run_task

        code = run_task(Task(self.cfg, None, ("index",), 0)) if "index" in self.phases else 0
        works = self.works() if self.later else []
        if code or not self.later:
            return code
        phases = [p for p in self.later if works or p not in scene_phases(self.later)]
        plan = make_plan(self.cfg, phases, works, Limits())
        return run_plan(self.cfg, plan, phases, in_this_process=cluster == "debug")


def hand_in(
    cfg: Config, plan_id: str, phases: Sequence[PhaseName], steps: Sequence[Step], *, dry_run: bool
) -> int:
    """Submit jobs and say what they are, or print their scripts."""
    from focusgen.cluster.submit import script_texts, submit_steps

    if dry_run:
        print("\n".join(script_texts(cfg, steps)))
    else:
        _tell(submit_steps(cfg, plan_id, phases, steps), cfg)
    return 0


def _tell(document: dict[str, object], cfg: Config) -> None:
    jobs = document["jobs"]
    assert isinstance(jobs, list)
    if not jobs:
        raise ConfigError("nothing was submitted")
    for job in jobs:
        array = f" [{job['array']}]" if job["array"] else ""
        print(f"{job['job_id']}  {job['phase']}{array}")
    dataset = DatasetLayout.of(cfg)
    print(f"plan {document['plan_id']}; logs in {dataset.slurm_logs / str(document['plan_id'])}")
    print(f"focusgen status --out_root {shlex.quote(str(dataset.root))}")
