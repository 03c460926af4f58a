"""`focusgen focal train` for the small network: a rehearsal, training, and weights at the end."""

from __future__ import annotations

import json
import resource
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import torch

from focusgen.focal.learned.network import n_parameters
from focusgen.focal.learned.settings import SmallSettings, load_settings
from focusgen.focal.learned.trainer import CHECKPOINT, LOG, Run, train
from focusgen.focal.learned.weights import WEIGHTS_FILE, save_weights
from focusgen.focal.train_job import Say, TrainJob, debugged, note_of_more

REHEARSED_STEPS = 2


def run_job(job: TrainJob, say: Say = print) -> Path | None:
    """Train; return the folder, None after a rehearsal.

    Raises:
        ConfigError: settings or stacks cannot be used; nothing was written.
        Stopped: a signal came; the state is saved.
    """
    torch.set_num_threads(1)  # sums in another order are other sums: bits would depend on the machine
    settings = load_settings(job.config, dict(job.overrides))
    if job.is_rehearsal:
        _rehearse(settings, say)
        return None
    if job.debugs:
        short = settings.train.model_copy(update=debugged(settings.train.steps))
        settings = settings.model_copy(update={"train": short})
    run = train(settings, job.resume, lambda step, means: say(line_of(step, settings, means)))
    more = note_of_more(run.step, settings.train.steps)
    if more is not None:
        say(more)
    save_weights(settings.output_dir / WEIGHTS_FILE, run.average, run.net.shape, _notes(run, settings))
    say(
        f"{settings.output_dir}: {WEIGHTS_FILE}, {LOG}, {CHECKPOINT}; {run.step} steps, {run.cpu_s:.0f} CPU s"
    )
    return settings.output_dir


def line_of(step: int, settings: SmallSettings, means: Mapping[str, float]) -> str:
    """Return one line about the steps since the last one."""
    return (
        f"step {step}/{settings.train.steps}: loss {means['total']:.4f}, log depth {means['log']:.4f}, "
        f"of the span {means['span']:.4f}, {means['stacks']:.0f} stacks, {means['cpu_s']:.0f} CPU s"
    )


def _notes(run: Run, settings: SmallSettings) -> dict[str, str]:
    notes = {
        "steps": str(run.step),
        "seed": str(settings.train.seed),
        "training_cpu_s": f"{run.cpu_s:.0f}",
        "stacks": str(settings.data.pool(run.step - 1)),
    }
    return {**notes, "began_with": json.dumps(run.began_with)} if run.began_with else notes


def _rehearse(settings: SmallSettings, say: Say) -> None:
    """Draw, learn, save and load in a folder of its own; say what the whole would take."""
    with tempfile.TemporaryDirectory() as folder:
        few = settings.train.model_copy(update={"steps": REHEARSED_STEPS, "log_every": 1})
        update = {"train": few, "output_dir": Path(folder)}
        rehearsal = settings.model_copy(update=update)
        started_s = time.process_time()
        run = train(rehearsal, "none")
        each_s = (time.process_time() - started_s) / REHEARSED_STEPS
        train(rehearsal, "auto")
    memory_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    say(f"{n_parameters(run.net)} parameters, {each_s:.2f} CPU s a step, {memory_mib:.0f} MiB of memory")
    whole_min = each_s * settings.train.steps / 60.0
    say(f"{settings.train.steps} steps take about {whole_min:.0f} minutes of one core")
    say(f"dry run: {REHEARSED_STEPS} steps, saved and loaded; nothing was kept")
