"""Training the small network on one core: resumable, and the same to the bit however often it was stopped."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from focusgen.base.errors import ConfigError, CorruptInputError, FocusgenError
from focusgen.base.files import append, publish
from focusgen.base.names import display
from focusgen.base.signals import told_to_stop
from focusgen.base.writable import check_writable
from focusgen.focal.checkpoints import restore_optimizer, write_checkpoint
from focusgen.focal.learned.batches import Batch, Batches, NoLongerAwaited
from focusgen.focal.learned.losses import losses, total
from focusgen.focal.learned.network import Answer, FocalNet
from focusgen.focal.learned.settings import SmallSettings
from focusgen.focal.learned.shape import NetworkShape
from focusgen.focal.learned.shards import open_stacks
from focusgen.focal.learned.stacks import StackRecipe
from focusgen.focal.learned.weights import SHIPPED, load_trained, weights_notes
from focusgen.focal.train_job import alone, checkpoint_named
from focusgen.focal.training_log import check_kind, cut_log
from focusgen.models.checkpoints import TORCH_READ_ERRORS

CHECKPOINT, LOG = "checkpoint.pt", "log.csv"
PARTS = ("log", "span", "hypothesis", "slope", "error", "sharp", "share")
COLUMNS = ("step", "total", *PARTS, "learning_rate", "stacks", "cpu_s")
LEAST_RATE = 0.02
KEPT = {"model", "average", "optimizer", "step", "cpu_s", "rows", "settings"}
"""What every checkpoint holds; newer ones also say what they learned from and began with."""

Tell = Callable[[int, dict[str, float]], object]
"""Told the step, and the means since it was told last."""


@dataclass
class Run:
    """Everything that a checkpoint keeps.

    Attributes:
        net: what is trained.
        average: its weights, averaged over the steps: what ships.
        optimizer: its state is kept too.
        step: steps that are done.
        cpu_s: what they took, over all sittings.
        rows: sums since the last line of the log.
        began_with: what the weights that it began with say of themselves; nothing where they were drawn.
    """

    net: FocalNet
    average: dict[str, Tensor]
    optimizer: torch.optim.Optimizer
    step: int = 0
    cpu_s: float = 0.0
    rows: list[dict[str, float]] = field(default_factory=list)
    began_with: dict[str, str] = field(default_factory=dict)


def new_run(settings: SmallSettings) -> Run:
    """Return an untrained network; its first weights come from the seed."""
    torch.manual_seed(settings.train.seed)
    model = settings.model
    net = FocalNet(NetworkShape(model.channels, model.mix, model.sharp))
    optimizer = torch.optim.AdamW(
        net.parameters(), settings.train.learning_rate, weight_decay=settings.train.weight_decay
    )
    return Run(net, {name: value.clone() for name, value in net.state_dict().items()}, optimizer)


def _start_from(run: Run, weights: str) -> None:
    """Give a run the weights of another training to begin with.

    Raises:
        ConfigError: they are not there, or of a network of other sizes.
        CorruptInputError: they are no weights of a small network.
    """
    path = SHIPPED if weights == "shipped" else Path(weights)
    if not path.exists():
        raise ConfigError(
            f"train.start_from {display(weights)}: no such file",
            "Give a .safetensors that a training wrote, or shipped: the weights that come with focusgen.",
        )
    trained = load_trained(path)
    if trained.shape != run.net.shape:
        raise ConfigError(
            f"train.start_from {display(weights)}: {trained.shape}; the settings say {run.net.shape}",
            "Give model.channels, model.mix and model.sharp the sizes of the weights.",
        )
    run.net.load_state_dict(trained.state_dict())
    run.average = {name: value.clone() for name, value in trained.state_dict().items()}
    run.began_with = weights_notes(path)


def rate_at(step: int, settings: SmallSettings) -> float:
    """Return the learning rate: up from nothing, even, and down along a cosine at the end."""
    train = settings.train
    part = (step - train.decay_from) / max(train.steps - train.decay_from, 1)
    fall = 1.0 if part <= 0 else LEAST_RATE + (1.0 - LEAST_RATE) * 0.5 * (1.0 + math.cos(math.pi * part))
    return train.learning_rate * min(1.0, (step + 1) / train.warm_up) * fall


def train(settings: SmallSettings, resume: str = "auto", tell: Tell = lambda step, means: None) -> Run:
    """Train up to the last step, or until the process is told to stop; the state is on disk either way.

    Args:
        settings: all of it.
        resume: "auto": go on where the folder stopped; "none": begin; else a checkpoint, or its folder.
        tell: told at every line of the log.

    Raises:
        ConfigError: stacks are missing, or the checkpoint is of another network.
        Stopped: after a checkpoint, because of SIGTERM, SIGUSR1 or Ctrl-C.
    """
    folder = settings.output_dir
    check_writable(folder, "--output-dir")
    check_kind(folder / LOG, COLUMNS)
    stacks = open_stacks(settings.data.folder)
    with alone(folder), told_to_stop() as stop:
        run = _resumed(settings, stacks.recipe, resume)
        try:
            _loop(run, Batches(stacks, settings, lambda: bool(stop)), settings, stop, tell)
        except FocusgenError:  # a stack that cannot be read costs no step that was done
            save_run(run, settings, stacks.recipe, folder / CHECKPOINT)
            raise
        save_run(run, settings, stacks.recipe, folder / CHECKPOINT)
    if stop:
        raise Stopped(stop[0], run.step)
    return run


def _loop(run: Run, batches: Batches, settings: SmallSettings, stop: list[int], tell: Tell) -> None:
    folder, saved_s = settings.output_dir, time.monotonic()
    while run.step < settings.train.steps and not stop:
        started_s = time.process_time()
        try:
            batch = batches.batch(run.step)
        except NoLongerAwaited:
            return
        _step(run, batch, settings)
        run.cpu_s += time.process_time() - started_s
        if run.step % settings.train.log_every == 0:
            _log(run, folder, settings.data.pool(run.step - 1), tell)
        if time.monotonic() - saved_s > settings.train.checkpoint_every_s:
            save_run(run, settings, batches.stacks.recipe, folder / CHECKPOINT)
            saved_s = time.monotonic()


class Stopped(Exception):
    """The process was told to stop, and has saved its state."""

    def __init__(self, signal_number: int, step: int) -> None:
        super().__init__(f"signal {signal_number} at step {step}")
        self.signal_number, self.step = signal_number, step


def _step(run: Run, batch: Batch, settings: SmallSettings) -> None:
    rate = rate_at(run.step, settings)
    for group in run.optimizer.param_groups:
        group["lr"] = rate
    run.net.train()
    given = batch.given
    answer = Answer(*run.net(*given))
    parts = losses(answer, batch.truth, given.hypotheses, given.classical)
    whole = total(parts)
    run.optimizer.zero_grad(set_to_none=True)
    whole.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(run.net.parameters(), settings.train.clip)
    run.optimizer.step()
    keep = min(settings.train.average, (1.0 + run.step) / (10.0 + run.step))
    with torch.no_grad():
        for name, value in run.net.state_dict().items():
            run.average[name].lerp_(value, 1.0 - keep)
    run.step += 1
    row = {"total": float(whole.detach()), **{name: float(part.detach()) for name, part in parts.items()}}
    run.rows.append({**row, "learning_rate": rate})


def _log(run: Run, folder: Path, n_stacks: int, tell: Tell) -> None:
    means = {key: sum(row[key] for row in run.rows) / len(run.rows) for key in run.rows[0]}
    means = {**means, "stacks": float(n_stacks), "cpu_s": run.cpu_s}
    run.rows.clear()
    path = folder / LOG
    if not path.is_file():
        publish(path, (",".join(COLUMNS) + "\n").encode())
    values = [str(run.step), *(f"{means[key]:.6g}" for key in COLUMNS[1:])]
    append(path, (",".join(values) + "\n").encode())
    tell(run.step, means)


def save_run(run: Run, settings: SmallSettings, recipe: StackRecipe, path: Path) -> None:
    """Write a checkpoint; the one before stays until this one is whole.

    Raises:
        StorageError: the disk refused.
    """
    document = {
        "model": run.net.state_dict(),
        "average": run.average,
        "optimizer": run.optimizer.state_dict(),
        "step": run.step,
        "cpu_s": run.cpu_s,
        "rows": run.rows,
        "settings": settings.model_dump(mode="json"),
        "stacks": _words(recipe),
        "began_with": run.began_with,
    }
    write_checkpoint(path, document)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return what a checkpoint holds.

    Raises:
        CorruptInputError: it cannot be read; names it.
    """
    try:
        document: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except TORCH_READ_ERRORS as error:
        raise CorruptInputError(
            f"{display(str(path))}: no readable checkpoint, or cut off ({type(error).__name__})",
            "Give another --resume, or none.",
        ) from error
    return document


def _words(recipe: StackRecipe) -> dict[str, Any]:
    return {**asdict(recipe), "families": list(recipe.families)}


def _checkpoint_in(folder: Path) -> Path | None:
    path = folder / CHECKPOINT
    return path if path.is_file() else None


def _resumed(settings: SmallSettings, recipe: StackRecipe, resume: str) -> Run:
    run, path = new_run(settings), _checkpoint_in(settings.output_dir)
    if resume not in ("auto", "none"):
        path = checkpoint_named(resume, _checkpoint_in)
    if resume == "none" or path is None:
        if settings.train.start_from is not None:
            _start_from(run, settings.train.start_from)
        cut_log(settings.output_dir / LOG, COLUMNS, 0)
        return run
    document = read_checkpoint(path)
    if not document.keys() >= KEPT:
        raise CorruptInputError(
            f"{display(str(path))}: not a checkpoint of focal train with model.kind: small",
            "Give another --resume, or none.",
        )
    _check_same(document["settings"], settings, path)
    if document.get("stacks", _words(recipe)) != _words(recipe):
        raise ConfigError(
            f"{display(str(path))} learned from other stacks than {display(str(settings.data.folder))} holds "
            "(seed, size, families or share)",
            "Give the folder that it learned from (--data-root), another --output-dir, or --resume none.",
        )
    run.net.load_state_dict(document["model"])
    run.average = document["average"]
    restore_optimizer(run.optimizer, document["optimizer"])
    run.step, run.cpu_s, run.rows = document["step"], document["cpu_s"], document["rows"]
    run.began_with = document.get("began_with", {})
    is_own = path.parent.resolve() == settings.output_dir.resolve()
    cut_log(settings.output_dir / LOG, COLUMNS, run.step if is_own else 0)
    return run


def _check_same(saved: dict[str, Any], settings: SmallSettings, path: Path) -> None:
    """Refuse a checkpoint of another network or another draw; the schedule may be prolonged."""
    now = settings.model_dump(mode="json")
    fixed = [("model", key) for key in now["model"]] + [
        ("train", "seed"),
        ("train", "batch"),
        ("train", "start_from"),
    ]
    fixed += [("data", key) for key in ("first", "hold_steps", "per_step", "looks")]
    for section, key in fixed:
        if saved[section].get(key) != now[section][key]:
            raise ConfigError(
                f"{display(str(path))} was made with {section}.{key} {saved[section].get(key)}, "
                f"not {now[section][key]}",
                "Use the same settings, another output_dir, or --resume none.",
            )
