"""Out of memory, said with the numbers of the run and what to make smaller."""

from __future__ import annotations

import torch

from focusgen.base.errors import ModelMemoryError
from focusgen.focal.sd3.settings import Sd3Settings

ADVICE = (
    "In this order: --override train.batch=1 with train.accumulation raised by as much; "
    "--override train.gradient_checkpointing=true; --override model.trains=lora; --override data.size=384; "
    "fewer slices (data.most_slices); several GPUs with train.fsdp=true."
)


def memory_error(settings: Sd3Settings, step: int, n_trained: int) -> ModelMemoryError:
    """Return the error of a training that did not fit.

    Args:
        settings: of the run.
        step: steps that were done.
        n_trained: parameters that learn.
    """
    t, d = settings.train, settings.data
    used = ""
    if torch.cuda.is_available():
        used = f", {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB were in use"
    return ModelMemoryError(
        f"out of memory at step {step}: batch {t.batch} x accumulation {t.accumulation}, crops of {d.size} "
        f"px, up to {d.most_slices} slices, {n_trained / 1e6:.1f} M trained parameters "
        f"({settings.model.trains}), {t.precision}, "
        f"gradient checkpointing {'on' if t.gradient_checkpointing else 'off'}{used}",
        ADVICE,
    )
