"""What a training of the configured size takes: memory and time, from what was measured on a GPU."""

from __future__ import annotations

from collections.abc import Iterator

from focusgen.focal.sd3.build import build_shapes, n_parameters
from focusgen.focal.sd3.network import HEADS
from focusgen.focal.sd3.settings import Sd3Settings

BYTES_PER_TRAINED = {"fp32": 4 + 4 + 8 + 4, "bf16": 4 + 4 + 8 + 4 + 2}
"""Weight, gradient, two moments, average; the copy that bf16 computes with."""

ENCODED_TFLOP, DECODED_TFLOP = 1.118, 2.515
"""Of a picture of 512x512 by the published autoencoder, by torch's counter."""

AT_WORK = 0.4
"""Share of the weights that a picture's tokens meet: medium .41, large .36; the others are for text."""

REACHED_TFLOP_S = 85.0
"""By medium, all of it trained, batch 4, on an H200 (benchmarks/RESULTS.md)."""


def cost_lines(settings: Sd3Settings) -> Iterator[str]:
    """Yield what is said of it; the network is built without numbers."""
    net = build_shapes(settings.model)
    whole, trained = n_parameters(net), n_parameters(net, trained_only=True)
    each = BYTES_PER_TRAINED[settings.train.precision]
    memory_gib = (trained * each + (whole - trained) * 4) / 2**30
    yield (
        f"{settings.model.preset}: {whole / 1e9:.3f} B parameters, {trained / 1e6:.1f} M trained; "
        f"{memory_gib:.1f} GiB for weights and optimiser, activations beside them (medium with gradient "
        "checkpointing, 512 px: 3 GiB, and 2 for every sample of the batch)"
    )
    tflop = tflop_of_step(settings, whole)
    hours = tflop * settings.train.steps / REACHED_TFLOP_S / 3600.0
    yield (
        f"up to {tflop:.0f} TFLOP a step and process: {settings.train.steps} steps take about {hours:.1f} h "
        f"at the {REACHED_TFLOP_S:.0f} TFLOP/s that an H200 reached with batch 4 (an estimate; classical "
        "results come on top, some seconds of one core for a stack)"
    )


def tflop_of_step(settings: Sd3Settings, n_weights: int) -> float:
    """Return the operations, in 1e12, of a step of one process on stacks of `data.most_slices`."""
    t, d = settings.train, settings.data
    passes = 4 if t.gradient_checkpointing else 3  # forward, backward as much as two, and forward anew
    trunk = 2e-12 * AT_WORK * n_weights * (d.size // 16) ** 2 * passes
    pictures = 0.0
    if settings.model.source is not None:
        encoded, decoded = d.most_slices + 2 * HEADS, HEADS * (passes + 1)  # prior and truth; prior, answer
        pictures = (ENCODED_TFLOP * encoded + DECODED_TFLOP * decoded) * (d.size / 512) ** 2
    return t.batch * t.accumulation * (trunk + pictures)
