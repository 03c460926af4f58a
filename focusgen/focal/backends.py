"""The ways to find depth in a focal stack, by name; what one needs is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from focusgen.base.errors import ConfigError
from focusgen.focal.classical import Estimate, estimate
from focusgen.focal.stack import FocalStack

Estimator = Callable[[FocalStack], Estimate]


def load_estimator(name: str, checkpoint: Path | None = None) -> Estimator:
    """Return what finds depth.

    Args:
        name: one of `BACKENDS`.
        checkpoint: weights to use instead of those that ship.

    Raises:
        ConfigError: there is no such backend, it has no weights, or they cannot be used.
        CorruptInputError: the weights cannot be read.
    """
    if name not in BACKENDS:
        raise ConfigError(f"--backend {name!r} is unknown", f"There is {', '.join(BACKENDS)}.")
    return BACKENDS[name](checkpoint)


def _classical(checkpoint: Path | None) -> Estimator:
    assert checkpoint is None, "the commands say that it has no effect"
    return estimate


def _learned(checkpoint: Path | None) -> Estimator:
    from focusgen.focal.learned.fused import estimate_learned
    from focusgen.focal.learned.weights import SHIPPED, load_network

    net = load_network(checkpoint or SHIPPED)
    return lambda stack: estimate_learned(stack, net)


BACKENDS: dict[str, Callable[[Path | None], Estimator]] = {"classical": _classical, "learned": _learned}
