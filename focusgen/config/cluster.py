"""How work is put on a cluster; nothing here changes a published byte."""

from __future__ import annotations

import re
from typing import Any, Literal, get_args

from pydantic import ConfigDict, ValidationInfo, field_validator

from focusgen.config.graph import PhaseName
from focusgen.config.section import Section, refuse_blank_name, setting

_OPTION = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
# How submission finds its jobs again, deals out scenes and links phases; sbatch takes shortened names too.
_OWN_OPTIONS = ("array", "job-name", "dependency")
Gpus = int | Literal["auto"]
# Of one worker: partition, hours, GB of memory, CPUs, GPUs; phase 1 decodes every frame and takes what
# phase 6 takes.
_WORKER: dict[PhaseName, tuple[str, int, int, int, Gpus]] = {
    "index": ("cpu", 4, 32, 16, 0),
    "deblur": ("gpu", 4, 48, 8, "auto"),
    "depth": ("gpu", 6, 64, 8, "auto"),
    "calibrate": ("cpu", 1, 32, 8, 0),
    "render": ("gpu", 8, 80, 8, "auto"),
    "validate": ("cpu", 1, 32, 16, 0),
}
TABLES: dict[str, dict[PhaseName, Any]] = {
    name: {phase: row[place] for phase, row in _WORKER.items()}
    for place, name in enumerate(("partition", "time_h", "memory_gb", "cpus", "gpus"))
}


class ClusterConfig(Section):
    """SLURM: resources per phase, packing, draining. A table may name some phases, one value all."""

    model_config = ConfigDict(coerce_numbers_to_str=True)  # an account or a constraint may be a number

    partition: dict[PhaseName, str] = setting(TABLES["partition"], help="partition per phase")
    time_h: dict[PhaseName, float] = setting(TABLES["time_h"], help="wall-time limit per phase, hours")
    memory_gb: dict[PhaseName, float] = setting(
        TABLES["memory_gb"], help="host memory of one worker per phase"
    )
    cpus: dict[PhaseName, int] = setting(TABLES["cpus"], help="CPU cores of one worker per phase")
    gpus: dict[PhaseName, Gpus] = setting(
        TABLES["gpus"],
        help="GPUs of a worker per phase; auto: 1 where it needs one, else 0 and calibrate's partition",
    )
    account: str | None = setting(None, help="account or project that is charged")
    qos: str | None = setting(None, help="quality of service")
    options: dict[str, str] = setting({}, help="more sbatch options, e.g. {constraint: a100}")
    workers_per_task: int = setting(
        1, ge=1, le=64, help="workers of one array task, each with GPUs of its own; 4 fills a GH200 node"
    )
    throttle: int = setting(32, ge=1, help="array tasks of a phase that may run at the same time")
    tasks: int | None = setting(
        None, ge=1, help="array tasks to pack into; default: throttle, more where the wall time asks"
    )
    one_scene_per_task: bool = setting(False, help="no packing: one scene per worker")
    wall_share: float = setting(
        0.8, gt=0, le=1, help="share of the wall time that a pack is predicted to take"
    )
    drain_s: int = setting(300, ge=1, help="seconds before the limit at which a task stops and requeues")
    max_requeues: int = setting(5, ge=0, help="requeues of one task before its scenes count as timed out")
    python: str | None = setting(None, help="program that runs Python on a node; default: this interpreter")
    setup: tuple[str, ...] = setting((), help="shell lines that a job runs first (modules, exports)")
    pass_env: tuple[str, ...] = setting((), help="variables handed to jobs although they look like secrets")
    node_gpus: int = setting(4, ge=1, help="GPUs of a node, for node hours")
    node_cpus: int = setting(288, ge=1, help="CPU cores of a node, for node hours")
    node_memory_gb: float = setting(864, gt=0, help="memory of a node, for node hours")

    @field_validator("partition", "time_h", "memory_gb", "cpus", "gpus", mode="before")
    @classmethod
    def _whole_table(cls, value: object, info: ValidationInfo) -> object:
        table = TABLES[str(info.field_name)]
        return {**table, **value} if isinstance(value, dict) else dict.fromkeys(table, value)

    @field_validator("setup", "pass_env", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("options")
    @classmethod
    def _names_of_options(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if not _OPTION.fullmatch(name):
                raise ValueError(f"{name!r} is no name of an sbatch option, e.g. constraint, without --")
            own = next((option for option in _OWN_OPTIONS if option.startswith(name.lower())), None)
            if own is not None:
                raise ValueError(f"{own} is what focusgen itself tells sbatch: leave {name!r} out")
        return value

    @field_validator("time_h", "memory_gb", "cpus")
    @classmethod
    def _positive(cls, value: dict[PhaseName, float]) -> dict[PhaseName, float]:
        if min(value.values()) <= 0:
            raise ValueError("every value must be greater than 0")
        return value

    @field_validator("gpus")
    @classmethod
    def _not_negative(cls, value: dict[PhaseName, Gpus]) -> dict[PhaseName, Gpus]:
        if any(count != "auto" and count < 0 for count in value.values()):
            raise ValueError("no value may be negative")
        return value

    _no_blank_name = field_validator("partition", "account", "qos", "python")(refuse_blank_name)

    @field_validator("partition", "account", "qos", "options", "python", mode="after")
    @classmethod
    def _one_line(cls, value: object) -> object:
        texts = [*value, *value.values()] if isinstance(value, dict) else [value or ""]
        if any(not str(text).isprintable() for text in texts):
            raise ValueError("must be printable text of one line: it becomes an #SBATCH line")
        return value


assert set(_WORKER) == set(get_args(PhaseName))
