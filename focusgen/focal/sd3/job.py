"""`focusgen focal train` for Stable Diffusion 3.5: a real rehearsal, training, and weights at the end."""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from focusgen.base.errors import ConfigError
from focusgen.base.writable import check_may_write
from focusgen.focal.sd3.base import check_source
from focusgen.focal.sd3.batches import check_large_enough, check_size
from focusgen.focal.sd3.build import check_prompt, n_parameters
from focusgen.focal.sd3.cost import cost_lines
from focusgen.focal.sd3.curves import LOG
from focusgen.focal.sd3.design import Design
from focusgen.focal.sd3.run import Run
from focusgen.focal.sd3.samples import Source, check_apart, check_labels, open_split, other_splits
from focusgen.focal.sd3.settings import Sd3Settings, load_settings
from focusgen.focal.sd3.sharding import gathered
from focusgen.focal.sd3.state import FOLDER
from focusgen.focal.sd3.trainer import start, train
from focusgen.focal.sd3.weights import WEIGHTS_FILE, load_network, save_weights, trained_state
from focusgen.focal.train_job import Say, TrainJob, debugged, is_first, note_of_more, number_in

REHEARSED_SIZE = 64
PROBED_SAMPLES = 2
NOT_JUDGED = "; nothing is judged, no best checkpoint is kept (--val-filelist, or data.n_val of a folder)"


@dataclass(frozen=True)
class Sd3Job(TrainJob):
    """What was asked for.

    Attributes:
        is_full: a rehearsal counts the configured model too, on the meta device.
        device: "auto" or "cpu".
    """

    is_full: bool = False
    device: str = "auto"


def run_job(job: Sd3Job, say: Say = print) -> Path | None:
    """Train; return the folder, None after a rehearsal.

    Raises:
        ConfigError: settings, weights or stacks cannot be used.
        ModelMemoryError: says what to make smaller.
        Stopped: a signal came; the state is saved.
    """
    # On a CPU sums in another order are other sums: bits would depend on the machine. Beside a GPU, threads
    # that wait for each other while the feed's processes have the cores took ten times as long.
    torch.set_num_threads(1)
    settings = load_settings(job.config, job.overrides)
    if job.is_rehearsal:
        rehearse(settings, job.is_full, say)
        return None
    if job.debugs:
        short = settings.train.model_copy(update=debugged(settings.train.steps))
        settings = settings.model_copy(update={"train": short})
    say_what_is_not_done(settings, say)
    run = train(settings, job.resume, lambda step, means: say(line_of(step, settings, means)), job.device)
    path = write_weights(run, settings)
    more = note_of_more(run.step, settings.train.steps)
    if path is not None and more is not None:
        say(more)
    if path is not None:
        say(f"{settings.output_dir}: {WEIGHTS_FILE}, {LOG}, {FOLDER}/; {run.step} steps")
    return settings.output_dir


def say_what_is_not_done(settings: Sd3Settings, say: Say) -> None:
    """Say what a run leaves out though it may be expected."""
    if not is_first():
        return
    if settings.data.val_list is None and settings.data.n_val == 0:
        say(f"note: no stacks for validation{NOT_JUDGED}")
    strangers = {} if settings.data.train_list is None else other_splits(settings.data.train_list)
    for split, n in strangers.items():
        say(f"note: {settings.data.train_list}: {n} stacks of split {split} are learned from too")
    if settings.train.fsdp and not (torch.cuda.is_available() and number_in(os.environ, "WORLD_SIZE", 1) > 1):
        say("note: train.fsdp has no effect: weights are cut into shards on several GPUs only")
    if settings.data.workers > 0 and not settings.data.keep_priors:
        say("note: data.workers has no effect: what they find is handed on by data.keep_priors")


def write_weights(run: Run, settings: Sd3Settings) -> Path | None:
    """Write the averaged weights for `--backend sd3`; return the file, None in other processes."""
    is_main = run.accelerator.is_main_process
    own = trained_state(run.net)
    chosen = own if run.average is None else run.average.values
    dtypes = {name: value.dtype for name, value in own.items()}
    state = {name: value.to(dtypes[name]) for name, value in gathered(chosen, keeps=is_main).items()}
    if not is_main:
        return None
    path = settings.output_dir / WEIGHTS_FILE
    notes = {"steps": str(run.step), "seed": str(settings.train.seed), "stacks": str(run.n_train)}
    save_weights(path, state, settings.model, notes)
    return path


def line_of(step: int, settings: Sd3Settings, means: Mapping[str, float]) -> str:
    """Return one line about the steps since the last one."""
    parts = ", ".join(f"{name} {means[name]:.4f}" for name in ("latent", "depth", "rgb", "focus"))
    return f"step {step}/{settings.train.steps}: loss {means['total']:.4f}, {parts}"


def rehearse(settings: Sd3Settings, is_full: bool, say: Say) -> None:
    """Open every list, load stacks, do one step of a tiny model, save and load; say what all would take.

    Raises:
        ConfigError: the first thing that would fail in training; names file and line.
    """
    check_apart(settings.data)
    check_labels(settings.data)
    _check_model(settings)
    for split in ("train", "val"):
        source = open_split(settings.data, split)
        if source is None:
            say(f"{split}: no stacks" + NOT_JUDGED * (split == "val"))
        else:
            _probe(source, split, say, settings.data.size)
    if settings.data.test_list is not None:
        _probe(_test_source(settings), "test", say)
    with tempfile.TemporaryDirectory() as folder:
        _one_step(_made_small(settings, Path(folder)), say)
    if is_full:
        for line in cost_lines(settings):
            say(line)
    say("dry run: one step, saved and loaded; nothing was kept")


def _test_source(settings: Sd3Settings) -> Source:
    data = settings.data.model_copy(update={"val_list": settings.data.test_list})
    source = open_split(data, "val")
    assert source is not None, "the list is given"
    return source


def _check_model(settings: Sd3Settings) -> None:
    """Refuse what would fail when the configured model is loaded, as far as it shows without weights."""
    design = settings.model.checked()
    check_size(settings.data.size, design.multiple)
    if design.source is not None and design.base_model is not None:
        check_source(design.base_model)
    check_prompt(design)
    check_may_write(settings.output_dir, "--output-dir")


def _probe(source: Source, split: str, say: Say, least_px: int = 0) -> None:
    for index in sorted({0, source.n - 1})[:PROBED_SAMPLES]:
        sample = source.open(index)
        _, height, width, _ = sample.stack.slices.shape
        say(f"{split}: {sample.name}: {len(sample.stack)} slices of {width}x{height}")
        check_large_enough(sample.name, (height, width), least_px)
    say(f"{split}: {source.n} stacks")


def _made_small(settings: Sd3Settings, folder: Path) -> Sd3Settings:
    design = Design(rgb=settings.model.rgb, depth=settings.model.depth, seed=settings.model.seed)
    train = settings.train.model_copy(
        update={"steps": 1, "precision": "fp32", "fsdp": False, "log_every": 1, "val_every": 1}
    )
    data = settings.data.model_copy(
        update={
            "size": min(settings.data.size, REHEARSED_SIZE),
            "workers": min(settings.data.workers, 1),
            "look": 0,
        }
    )
    logging = settings.logging.model_copy(update={"use_wandb": False})
    return settings.model_copy(
        update={"model": design, "train": train, "data": data, "logging": logging, "output_dir": folder}
    )


def _one_step(small: Sd3Settings, say: Say) -> None:
    started_s = time.process_time()
    run = train(small, "none", device="cpu")
    took_s = time.process_time() - started_s
    resumed = start(small, "auto", "cpu")
    path = write_weights(run, small)
    assert path is not None, "a rehearsal has one process"
    load_network(path)
    if resumed.step != run.step:
        raise ConfigError("the checkpoint of the rehearsal did not come back", "This is a bug: report it.")
    memory_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    say(
        f"tiny model: {n_parameters(run.net)} parameters, one step with its checkpoint {took_s:.1f} CPU s, "
        f"{memory_mib:.0f} MiB of memory"
    )
