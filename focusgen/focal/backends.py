"""The ways to find depth in a focal stack, by name; what one needs is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from focusgen.base.errors import ConfigError
from focusgen.focal.checkpoints import SHIPPED_FOLDER
from focusgen.focal.classical import Estimate, estimate
from focusgen.focal.stack import FocalStack

Estimator = Callable[[FocalStack], Estimate]


@dataclass(frozen=True)
class BackendOptions:
    """What a backend may need.

    Attributes:
        checkpoint: weights to use instead of those that ship; sd3 has none that ship.
        base_model: sd3: folder or hub id of the published weights; None: those of training.
        device: sd3: where it computes.
        n_ensemble: sd3: chains that are averaged, where it has randomness.
    """

    checkpoint: Path | None = None
    base_model: str | None = None
    device: str = "cpu"
    n_ensemble: int = 1


PLAIN = BackendOptions()


def weight_files(checkpoint: Path | None) -> list[Path]:
    """Return the files of weights that a result may depend on: those that ship, and those of a checkpoint."""
    given = [] if checkpoint is None else [checkpoint]
    if checkpoint is not None and checkpoint.is_dir():
        given = sorted(checkpoint.glob("*.safetensors"))
    return [*sorted(SHIPPED_FOLDER.glob("*.safetensors")), *given]


def load_estimator(name: str, options: BackendOptions = PLAIN) -> Estimator:
    """Return what finds depth.

    Args:
        name: one of `BACKENDS`.
        options: of that backend.

    Raises:
        ConfigError: there is no such backend, it has no weights, or they cannot be used.
        CorruptInputError: the weights cannot be read.
    """
    if name not in BACKENDS:
        raise ConfigError(f"--backend {name!r} is unknown", f"There is {', '.join(BACKENDS)}.")
    return BACKENDS[name](options)


def _classical(options: BackendOptions) -> Estimator:
    assert options.checkpoint is None, "the commands say that it has no effect"
    return estimate


def _auto(options: BackendOptions) -> Estimator:
    """The network's depth, fused and vetoed; it is not loaded while no lens is known."""
    if options.checkpoint is not None:
        _learned(options)  # weights that cannot be used are said now, whether or not they will be asked

    @cache
    def fused() -> Estimator:
        return _learned(options)

    return lambda stack: estimate(stack) if stack.radius_px_m is None else fused()(stack)


def _learned(options: BackendOptions) -> Estimator:
    from focusgen.focal.learned.fused import estimate_learned
    from focusgen.focal.learned.weights import SHIPPED, load_network

    net = load_network(options.checkpoint or SHIPPED)
    return lambda stack: estimate_learned(stack, net)


def _sd3(options: BackendOptions) -> Estimator:
    from focusgen.focal.sd3.predict import estimate_sd3, open_network

    if options.checkpoint is None:
        raise ConfigError(
            "--backend sd3 needs --checkpoint: no weights for it ship",
            "focusgen focal train --config configs/focal/sd3_tiny.yaml makes some; or use --backend learned.",
        )
    net = open_network(options.checkpoint, options.base_model, options.device)
    return lambda stack: estimate_sd3(stack, net, options.n_ensemble)


BACKENDS: dict[str, Callable[[BackendOptions], Estimator]] = {
    "auto": _auto,
    "classical": _classical,
    "learned": _learned,
    "sd3": _sd3,
}
