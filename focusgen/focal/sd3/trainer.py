"""Training on one process or many: resumable, and on a CPU the same to the bit however often it was stopped.

A step's samples follow from its number alone, whatever the number of processes: with `n` of them, process `r`
takes the r-th part of the step's samples.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
from torch import Tensor

from focusgen.base.errors import ConfigError
from focusgen.base.files import remove_drafts
from focusgen.base.seeds import derive_seed
from focusgen.base.signals import told_to_stop
from focusgen.base.writable import check_writable
from focusgen.focal.kept import PRIORS
from focusgen.focal.sd3.batches import Batch, Batches
from focusgen.focal.sd3.build import build, n_parameters
from focusgen.focal.sd3.curves import COLUMNS, LOG, Curves, check_loggers
from focusgen.focal.sd3.feed import Feed
from focusgen.focal.sd3.judge import judge
from focusgen.focal.sd3.losses import losses, noised_of, perceptual, total
from focusgen.focal.sd3.memory import memory_error
from focusgen.focal.sd3.network import FocalSd3, Noised
from focusgen.focal.sd3.normalise import range_of
from focusgen.focal.sd3.pace import groups_of, positions_of, rate_at
from focusgen.focal.sd3.process import (
    Stopped,
    UnreadError,
    any_process,
    new_accelerator,
    read_by_all,
    synchronised,
)
from focusgen.focal.sd3.run import WORST, Run, trained_of
from focusgen.focal.sd3.samples import Source, StackPool, check_apart, check_labels, open_split
from focusgen.focal.sd3.settings import Sd3Settings, TrainSettings
from focusgen.focal.sd3.sharding import (
    unsharded,
)
from focusgen.focal.sd3.state import FOLDER, Average, find_state, read_state
from focusgen.focal.train_job import NO_STACKS_ADVICE, alone, is_first
from focusgen.focal.training_log import check_kind
from focusgen.models.devices import is_out_of_memory

Tell = Callable[[int, Mapping[str, float]], object]
"""Told the step, and the means since it was told last."""


def train(
    settings: Sd3Settings, resume: str = "auto", tell: Tell = lambda step, means: None, device: str = "auto"
) -> Run:
    """Train up to the last step, or until the process is told to stop; the state is on disk either way.

    Raises:
        ConfigError: data or weights cannot be used; nothing was computed.
        ModelMemoryError: says what to make smaller.
        Stopped: after a checkpoint, because of SIGTERM, SIGUSR1 or Ctrl-C.
    """
    check_loggers(settings)
    source = _checked_source(settings)
    with alone(settings.output_dir):
        return _trained(start(settings, resume, device, source), settings, tell)


def _trained(run: Run, settings: Sd3Settings, tell: Tell) -> Run:
    curves = Curves(settings, run.own_steps) if run.accelerator.is_main_process else None
    try:
        with told_to_stop() as seen, _saving_first(run, settings):
            _loop(run, settings, curves, tell, seen)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise memory_error(settings, run.step, n_parameters(run.net, trained_only=True)) from error
    finally:
        run.train.close()
        if curves is not None:
            curves.close()
    return run


@contextmanager
def _saving_first(run: Run, settings: Sd3Settings) -> Iterator[None]:
    """Save before a stack that cannot be read ends the training: it costs no step that was done."""
    try:
        yield
    except UnreadError as unread:
        error = unread.cause
        if run.step > run.saved:
            run.save(settings, is_best=False)
            error.advice = f"{error.advice} Step {run.step} is saved: the same command goes on.".lstrip()
        raise error from unread


def _loop(run: Run, settings: Sd3Settings, curves: Curves | None, tell: Tell, seen: list[int]) -> None:
    t = settings.train
    while run.step < t.steps:
        run.rows.append(one_step(run, settings))
        is_last = run.step == t.steps
        if run.step % t.log_every == 0 or is_last:
            _log(run, curves, tell)
        is_judged = run.step % t.val_every == 0 or is_last
        is_best = is_judged and _judge(run, curves)
        stops = any_process(run.accelerator, bool(seen))
        if run.step % t.checkpoint_every == 0 or is_best or is_last or stops:
            run.save(settings, is_best=is_best)
        if stops and not is_last:
            raise Stopped(run.step, *seen[:1])


def _checked_source(settings: Sd3Settings) -> Source:
    """Return what is to be learned from, once lists and output folder are found to be usable.

    Raises:
        ConfigError: they are not.
    """
    check_apart(settings.data)
    if is_first():
        check_labels(settings.data)
    source = open_split(settings.data, "train")
    if source is None:
        raise ConfigError(
            "nothing to train on: neither data.train_list nor data.folder is given",
            NO_STACKS_ADVICE,
        )
    for place in ("", FOLDER, PRIORS):
        remove_drafts(settings.output_dir / place)  # of a kill; they may be what fills the disk
    check_writable(settings.output_dir, "--output-dir")
    check_kind(settings.output_dir / LOG, COLUMNS)
    return source


def start(settings: Sd3Settings, resume: str, device: str = "auto", source: Source | None = None) -> Run:
    """Return a training that is ready for its next step; `source`: what it learns from, if it was opened."""
    t, source = settings.train, source or _checked_source(settings)
    accelerator = new_accelerator(t, device)
    net = build(settings.model)
    if t.gradient_checkpointing:
        net.trunk.enable_gradient_checkpointing()  # type: ignore[operator]
        net.codec.enable_gradient_checkpointing()
    net.codec.to(accelerator.device)
    perceptual(settings.loss, accelerator.device)
    optimizer = torch.optim.AdamW(groups_of(trained_of(net), t), weight_decay=t.weight_decay, eps=t.epsilon)
    model, prepared = accelerator.prepare(net, optimizer)
    average = Average(trained_of(net), t.ema) if t.ema > 0 else None
    path = find_state(settings.output_dir, resume)
    state = None if path is None else read_state(path, settings)
    seen = _batches(settings, source, net)
    processes = accelerator.num_processes, accelerator.process_index
    order = _order(0 if state is None else int(state["step"]), t, *processes)
    feed = Feed(seen, order, settings.data.workers if settings.data.keep_priors else 0)
    val = open_split(settings.data, "val")
    judged = None if val is None else _batches(settings, val, net)
    n_val = 0 if val is None else val.n
    run = Run(net, model, prepared, accelerator, average, seen, feed, judged, n_val, source.n)
    run.stacks = {"train": source.digest, "val": "" if val is None else val.digest}
    if state is not None and path is not None:
        run.restore(state)
        run.compare_stacks(state, path, settings.output_dir)
    return run


def _batches(settings: Sd3Settings, source: Source, net: FocalSd3) -> Batches:
    data, seed = settings.data, settings.train.seed
    pool = StackPool(source, data, seed, settings.output_dir / PRIORS if data.keep_priors else None)
    return Batches(pool, data, seed, net.multiple)


def _order(first: int, t: TrainSettings, n_processes: int, process: int) -> Iterator[list[int]]:
    """Yield the places of this process' samples for every pass that is still to come."""
    for step in range(first, t.steps):
        yield from positions_of(step, t, n_processes, process)


def one_step(run: Run, settings: Sd3Settings) -> dict[str, float]:
    """Do one step of the optimiser; return its parts of the loss, averaged over its samples."""
    t = settings.train
    rate = rate_at(run.step, t)
    for group in run.optimizer.param_groups:
        group["lr"] = rate * group["factor"]
    run.model.train()
    rows: list[dict[str, float]] = []
    for positions in positions_of(run.step, t, run.accelerator.num_processes, run.accelerator.process_index):
        read = read_by_all(run.accelerator, partial(run.train.batch, positions))
        batch = _moved(read, run.accelerator.device)
        last = len(rows) == t.accumulation - 1
        with synchronised(run.accelerator, run.model, last):
            parts, whole = _losses(run, settings, batch, positions)
            _refuse_no_number(whole, parts, run, positions)
            run.accelerator.backward(whole / t.accumulation)
        rows.append({"total": float(whole.detach()), **{k: float(v.detach()) for k, v in parts.items()}})
    norm = run.accelerator.clip_grad_norm_(list(trained_of(run.net).values()), t.clip)
    run.optimizer.step()
    run.optimizer.zero_grad(set_to_none=True)
    if run.average is not None:
        run.average.add(trained_of(run.net), run.step)
    run.step += 1
    means = {key: sum(row[key] for row in rows) / len(rows) for key in rows[0]}
    return {**means, "gradient_norm": float(unsharded(norm)), "learning_rate": rate}


def _refuse_no_number(whole: Tensor, parts: Mapping[str, Tensor], run: Run, positions: list[int]) -> None:
    """Stop before weights are touched by a loss that is no number; the newest checkpoint stays."""
    if math.isfinite(float(whole.detach())):
        return
    bad = [name for name, value in parts.items() if not math.isfinite(float(value.detach()))]
    raise ConfigError(
        f"step {run.step + 1}: the loss is {float(whole.detach())} ({', '.join(bad)}) "
        f"on {', '.join(run.batches.names(positions))}",
        "The newest checkpoint is kept; --resume auto goes on from it. Lower train.learning_rate or "
        "train.gate_rate (--override), or take these stacks out of the list.",
    )


def _losses(
    run: Run, settings: Sd3Settings, batch: Batch, positions: list[int]
) -> tuple[dict[str, Tensor], Tensor]:
    target = run.net.targets(
        batch.truth.rgb, batch.truth.diopters, range_of(batch.seen.diopters, batch.seen.mask)
    )
    noised: Noised | None = None
    if "flow" in settings.model.objectives:
        noised = noised_of(target, positions, settings.train.seed, _draw)
    with run.accelerator.autocast():
        answer = run.model(batch.seen, noised)
    parts = losses(answer, batch, target, noised, run.step, settings.model.objectives)
    whole = total(parts, settings.loss)
    measure = perceptual(settings.loss, target.device)
    if measure is not None:
        parts["lpips"] = measure(answer.rgb, batch.truth.rgb)
        whole = whole + settings.loss.lpips * parts["lpips"]
    return parts, whole


def _draw(seed: int, position: int, shape: tuple[int, ...]) -> Tensor:
    rng = np.random.default_rng(derive_seed(seed, "noise", position))
    return torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))


def _moved(batch: Batch, device: torch.device) -> Batch:
    return Batch(batch.seen.to(device), batch.truth.to(device))


def _log(run: Run, curves: Curves | None, tell: Tell) -> None:
    if not run.rows:
        return
    means = {key: sum(row[key] for row in run.rows) / len(run.rows) for key in run.rows[0]}
    run.rows.clear()
    if curves is not None:
        curves.add(run.step, "train", means)
        tell(run.step, means)


def _judge(run: Run, curves: Curves | None) -> bool:
    """Judge the averaged weights on validation; say whether they are the best so far."""
    if run.val is None:
        return False
    read = partial(read_by_all, run.accelerator)
    with run.averaged():
        run.net.eval()
        verdict = judge(run.net, run.val, run.n_val, run.accelerator.device, read)
    if curves is not None:
        curves.add(run.step, "val", verdict.scores)
        curves.picture(run.step, "val/depth_and_picture", verdict.sheet)
    error = verdict.scores.get("abs_rel", WORST)
    if error == WORST and curves is not None:
        warnings.warn(
            "no depth is known in the middle of any stack for validation: no best checkpoint is kept",
            stacklevel=2,
        )
    is_best = error < run.best
    run.best = min(run.best, error)
    return is_best
