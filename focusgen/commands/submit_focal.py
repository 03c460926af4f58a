"""Submit a training of the focal-stack model: focusgen submit --focal --config C [flags of focal train].

The job warns three minutes before its time limit; training saves, and the job is queued again until all is
done.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from focusgen import config
from focusgen.base.errors import ConfigError
from focusgen.commands.focal import DIR_ALIASES, renamed
from focusgen.commands.focal_train import data_folder, gathered, kind_of, overrides_of, refuse_lists
from focusgen.config.flags import Flags, option, parse, required
from focusgen.config.shipped import CONFIG_DIR, find
from focusgen.focal.train_job import NO_STACKS_ADVICE


@dataclass(frozen=True)
class SubmitFocalFlags(Flags):
    """What is trained, and where."""

    config: Path = required("YAML settings of the training, such as configs/focal/sd3_medium.yaml")
    train_filelist: Path | None = option(None, "list of stacks to train on")
    val_filelist: Path | None = option(None, "list of stacks to choose by")
    test_filelist: Path | None = option(None, "list of stacks to judge by")
    data_root: Path | None = option(None, "folder of stacks (focusgen focal synth); where lists' paths start")
    output_dir: Path = option(Path("focal_training"), "folder for checkpoints, logs and weights (-o)")
    max_steps: int | None = option(None, "stop after so many steps in all")
    override: tuple[str, ...] = option((), "key=value of the settings, such as train.batch=1")
    cluster: Literal["slurm", "local", "debug"] = option(
        "slurm", "local: on this machine; debug: this process"
    )
    slurm_config: str | None = option(None, "settings whose section cluster holds account, python, setup ...")
    nodes: int = option(1, "nodes")
    gpus: int = option(4, "GPUs per node; 0: train on CPUs")
    cpus: int = option(32, "CPUs per node")
    memory_gb: int = option(256, "memory per node")
    time_h: float = option(24.0, "time limit in hours; training goes on in the next job")
    after: str | None = option(None, "id of a job that has to end well first, such as that of phase 6")
    hold: bool = option(False, "submit held; scontrol release starts it")
    dry_run: bool = option(False, "print the exact sbatch script; submit and write nothing")


FLAGS = SubmitFocalFlags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen submit --focal`."""
    words = gathered(renamed(argv, DIR_ALIASES))
    flags = parse(FLAGS, words, prog="focusgen submit --focal", doc=__doc__).flags
    flags = replace(flags, config=find(flags.config, CONFIG_DIR / "focal"))
    _check(flags)
    from focusgen.cluster.focal_submission import FocalSubmission, submit_training

    asked = FocalSubmission(
        tuple(_train_words(flags)),
        flags.output_dir,
        flags.nodes,
        flags.gpus,
        flags.cpus,
        flags.memory_gb,
        flags.time_h,
        flags.after or "",
        flags.hold,
    )
    return submit_training(config.load(flags.slurm_config), asked, flags.cluster, dry_run=flags.dry_run)


def _check(flags: SubmitFocalFlags) -> None:
    """Refuse what could not start: a job that waits for hours should not fail on its first line."""
    for path in (flags.train_filelist, flags.val_filelist, flags.test_filelist, flags.data_root):
        if path is not None and not path.exists():
            raise ConfigError(f"{path}: no such file or folder")
    for name, least in (("nodes", 1), ("gpus", 0), ("cpus", 1), ("memory_gb", 1)):
        if getattr(flags, name) < least:
            raise ConfigError(f"--{name} must be at least {least}, not {getattr(flags, name)}")
    if not 0.0 < flags.time_h < float("inf"):
        raise ConfigError(f"--time_h must be > 0 hours, not {flags.time_h}")
    overrides = overrides_of(flags.override)
    overrides |= {} if flags.max_steps is None else {"train.steps": flags.max_steps}
    if kind_of(flags.config) == "small":
        _check_small(flags, overrides)
    else:
        _check_sd3(flags, overrides)


def _check_sd3(flags: SubmitFocalFlags, overrides: dict[str, Any]) -> None:
    from focusgen.focal.sd3.samples import check_apart
    from focusgen.focal.sd3.settings import load_settings

    lists = {"train": flags.train_filelist, "val": flags.val_filelist, "test": flags.test_filelist}
    overrides |= {f"data.{split}_list": path for split, path in lists.items() if path is not None}
    overrides |= data_folder(flags.data_root)
    data = load_settings(flags.config, overrides).data
    check_apart(data)
    if data.train_list is None and data.folder is None and flags.data_root is None:
        print(f"note: nothing to train on yet: {NO_STACKS_ADVICE}", file=sys.stderr)


def _check_small(flags: SubmitFocalFlags, overrides: dict[str, Any]) -> None:
    from focusgen.focal.learned.settings import load_settings

    if (flags.nodes, flags.gpus) != (1, 0):
        raise ConfigError(
            "model.kind small trains in one process on a CPU", "Submit it with --nodes 1 --gpus 0."
        )
    refuse_lists(flags.train_filelist, flags.val_filelist, flags.test_filelist)
    load_settings(flags.config, overrides)


def _train_words(flags: SubmitFocalFlags) -> list[str]:
    """Return the flags of `focal train`, paths absolute: jobs need not start in today's folder."""
    paths = {
        "--config": flags.config,
        "--train_filelist": flags.train_filelist,
        "--val_filelist": flags.val_filelist,
        "--test_filelist": flags.test_filelist,
        "--data_root": flags.data_root,
        "--output_dir": flags.output_dir,
    }
    words = [
        word for flag, path in paths.items() if path is not None for word in (flag, str(path.absolute()))
    ]
    words += ["--max_steps", str(flags.max_steps)] if flags.max_steps is not None else []
    words += ["--device", "cpu"] if flags.gpus == 0 else []
    return [*words, "--resume", "auto", *(["--override", *flags.override] if flags.override else [])]
