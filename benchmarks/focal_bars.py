"""The bars of depth from focus, as given and in proportion to how deep the scenes are.

The bars were set on six traced stacks that are not here, shallower than the scenes of these benchmarks:
errors grow with depth, in metres and as a share. The constant guess in mid-range shows by how much.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

CONSTANT_AT_BARS = {"rmse": 0.66, "abs_rel": 0.345}
"""What the constant guess errs by on the stacks that the bars were set on."""

Figures = Mapping[str, Mapping[str, float]]


def mean_of(made: Figures, key: str) -> float:
    """Return the mean of one figure over stacks."""
    return float(np.mean([figures[key] for figures in made.values()]))


def bar_lines(made: Figures, constant: Figures, bars: Mapping[str, tuple[str, float]]) -> list[str]:
    """Return one line per bar of a method.

    Args:
        made: {stack: figures} of the method.
        constant: the same of the constant guess.
        bars: {figure: (`<=` or `>=`, bar)}.
    """
    lines = []
    for key, (sign, bar) in bars.items():
        mean = mean_of(made, key)
        line = f"- {key} {sign} {bar:g}: {mean:.3f}, {_verdict(mean, sign, bar)}"
        if key in CONSTANT_AT_BARS:
            here = mean_of(constant, key)
            there = CONSTANT_AT_BARS[key]
            scaled = bar * here / there
            line += (
                f"; set where a constant guess errs by {there:g}, here it does by {here:.2f}: "
                f"in proportion {scaled:.3f}, {_verdict(mean, sign, scaled)}"
            )
        lines.append(line)
    return lines


def _verdict(mean: float, sign: str, bar: float) -> str:
    return "met" if (mean <= bar if sign == "<=" else mean >= bar) else "**missed**"
