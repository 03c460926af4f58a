"""Train depth from focus; `model.kind` in --config says which network.

A call that was stopped goes on: by default training resumes in output_dir. SIGTERM and SIGUSR1 finish the
step, save, and end with status 143, so that a cluster can queue the job again; the first Ctrl-C does the
same with 130.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from focusgen.base.errors import ConfigError
from focusgen.base.signals import EXIT_CODES
from focusgen.commands.focal import DIR_ALIASES, renamed
from focusgen.config.flags import Flags, option, parse, required
from focusgen.config.shipped import CONFIG_DIR, find


@dataclass(frozen=True)
class TrainFlags(Flags):
    """What is trained, on what, and for how long."""

    config: Path = required("YAML settings, or a shipped name, such as small")
    dry_run: bool = option(False, "load, learn a little, save, load; say what all would take; keep nothing")
    override: tuple[str, ...] = option((), "key=value of the settings, such as train.steps=200")
    resume: str = option("auto", "auto: where output_dir stopped; none: begin; or a checkpoint or its folder")
    data_root: Path | None = option(None, "folder of stacks (focusgen focal synth); where lists' paths start")
    train_filelist: Path | None = option(None, "list of stacks to train on")
    val_filelist: Path | None = option(None, "list of stacks to choose by")
    test_filelist: Path | None = option(None, "list of stacks to judge by")
    output_dir: Path | None = option(None, "folder for checkpoints, log and weights (-o)")
    max_steps: int | None = option(None, "stop after so many steps in all")
    debug: bool = option(False, "few steps, each of them in the log")
    full: bool = option(False, "with --dry-run and sd3: count the configured model too, without its weights")
    device: Literal["auto", "cpu"] = option("auto", "sd3: auto (a GPU where there is one) or cpu")


FLAGS = TrainFlags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen focal train`."""
    words = gathered(renamed(argv, DIR_ALIASES))
    flags = parse(FLAGS, words, prog="focusgen focal train", doc=__doc__).flags
    flags = replace(flags, config=find(flags.config, CONFIG_DIR / "focal"))
    if flags.data_root is not None and not flags.data_root.is_dir():
        raise ConfigError(
            f"--data_root {flags.data_root}: no such folder", "focusgen focal synth makes stacks in one."
        )
    return _TRAINERS[kind_of(flags.config)](flags)


def gathered(words: Sequence[str], flag: str = "--override") -> list[str]:
    """Return words in which a flag that was given several times is given once, with all of its values."""
    others: list[str] = []
    values: list[str] = []
    takes = False
    for word in words:
        name, equals, value = word.partition("=")
        if name == flag:
            takes = not equals
            values += [value] if equals else []
            continue
        takes = takes and not word.startswith("-")
        (values if takes else others).append(word)
    return [*others, flag, *values] if values else others


def kind_of(path: Path) -> str:
    """Return which network a file of settings is of.

    Raises:
        ConfigError: it does not say, or it is none that can be trained.
    """
    from focusgen.config.files import read_yaml

    model = read_yaml(path).get("model")
    if not isinstance(model, dict) or "kind" not in model:
        raise ConfigError(
            f"{path}: model.kind is missing", f"{CONFIG_DIR / 'focal' / 'small.yaml'} shows one."
        )
    kind = str(model["kind"])
    if kind not in _TRAINERS:
        raise ConfigError(
            f"{path}: model.kind {kind!r} cannot be trained", f"There is {', '.join(_TRAINERS)}."
        )
    return kind


def _train_small(flags: TrainFlags) -> int:
    from focusgen.focal.train_job import TrainJob, number_in

    if number_in(os.environ, "WORLD_SIZE", 1) > 1:
        raise ConfigError(
            "model.kind small trains in one process; torchrun or a Slurm job started several",
            "Submit it with --nodes 1 --gpus 0, or call focusgen focal train itself.",
        )
    refuse_lists(flags.train_filelist, flags.val_filelist, flags.test_filelist)
    from focusgen.focal.learned.job import run_job
    from focusgen.focal.learned.trainer import Stopped

    overrides = overrides_of(flags.override)
    given = {"data.folder": flags.data_root, "output_dir": flags.output_dir, "train.steps": flags.max_steps}
    overrides |= {key: value for key, value in given.items() if value is not None}
    try:
        run_job(TrainJob(flags.config, overrides, flags.resume, flags.dry_run, flags.debug))
    except Stopped as stopped:
        print(f"stopped by {stopped}; the same command goes on from there")
        return int(EXIT_CODES[signal.Signals(stopped.signal_number)])
    return 0


def refuse_lists(train: Path | None, val: Path | None, test: Path | None) -> None:
    """Refuse lists for a training of the small network.

    Raises:
        ConfigError: names the first flag that was given.
    """
    for name, path in {"train": train, "val": val, "test": test}.items():
        if path is not None:
            raise ConfigError(
                f"--{name}_filelist: the small network learns from a folder of stacks, not from lists",
                "Make one with focusgen focal synth, and give it as --data_root.",
            )


def overrides_of(words: Sequence[str]) -> dict[str, Any]:
    """Return {dotted key: value} of key=value words; values are read as YAML.

    Raises:
        ConfigError: a word without "=", or with a value that is no YAML.
    """
    import yaml

    out = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not (key and equals):
            raise ConfigError(f"--override {word}: give key=value, such as train.steps=200")
        try:
            out[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ConfigError(f"--override {word}: the value is no YAML: {error}") from error
    return out


def data_folder(data_root: Path | None) -> dict[str, str]:
    """Return the setting that --data-root stands for: stacks of focal synth, or where lists' paths start."""
    if data_root is None:
        return {}
    is_synthetic = (data_root / "about.json").is_file()
    return {"data.folder" if is_synthetic else "data.root": str(data_root)}


def _train_sd3(flags: TrainFlags) -> int:
    from focusgen.focal.sd3.job import Sd3Job, run_job
    from focusgen.focal.sd3.process import Stopped

    overrides = overrides_of(flags.override)
    given = {
        "data.train_list": flags.train_filelist,
        "data.val_list": flags.val_filelist,
        "data.test_list": flags.test_filelist,
        "output_dir": flags.output_dir,
        "train.steps": flags.max_steps,
    }
    overrides |= {key: value for key, value in given.items() if value is not None}
    overrides |= data_folder(flags.data_root)
    asked = (flags.config, overrides, flags.resume, flags.dry_run, flags.debug)
    job = Sd3Job(*asked, is_full=flags.full, device=flags.device)
    try:
        run_job(job)
    except Stopped as stopped:
        print(f"stopped by {stopped}; the same command goes on from there")
        return int(EXIT_CODES[signal.Signals(stopped.signal_number)])
    return 0


_TRAINERS: dict[str, Callable[[TrainFlags], int]] = {"small": _train_small, "sd3": _train_sd3}
