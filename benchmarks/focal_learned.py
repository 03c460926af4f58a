"""The small network on traced stacks of families that it never learned from.

Usage   python -m benchmarks.focal_learned [--write] [--seeds 7001 7002] [--slices 2 3 5 9] [--data DIR]
Makes   stacks as `benchmarks.focal` does, of the held-out families and of one scene whose bodies lost their
        texture; traced once with nine slices, cut to fewer. Traced stacks are kept below --data.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.focal import HEIGHT_PX, WIDTH_PX, Traced, traced
from benchmarks.focal_bars import bar_lines, mean_of
from benchmarks.results import write_section
from focusgen.focal.baselines import Prediction, predict
from focusgen.focal.classical import Estimate, estimate
from focusgen.focal.learned.fused import asked
from focusgen.focal.learned.shards import STACKS_PER_SHARD, make_stacks
from focusgen.focal.learned.stacks import HELD_OUT, StackRecipe
from focusgen.focal.learned.weights import load_network, weights_notes
from focusgen.focal.picture import sharp_picture
from focusgen.focal.scores import confidence_scores, depth_scores, picture_scores
from focusgen.focal.sharpness import depth_from_focus
from focusgen.focal.stack import FocalStack, metres_of

SHOWN = ("abs_rel", "rmse", "d1.05", "d1.25", "surer_half_abs_rel", "aif_psnr", "cpu_s")
N_TRACED, N_SAMPLES = 9, 96
BARS = {"rmse": ("<=", 0.30), "d1.25": (">=", 0.89), "abs_rel": ("<=", 0.080), "cpu_s": ("<=", 0.5)}
BARE_SEED = 11
Rows = dict[tuple[int, str], dict[str, dict[str, float]]]


def cut(sample: Traced, n_slices: int) -> Traced:
    """Return the stack with so many of its slices, spread over all."""
    keep = np.rint(np.linspace(0, len(sample.stack) - 1, n_slices)).astype(int)
    stack = FocalStack(sample.stack.slices[keep], sample.stack.diopters[keep], sample.stack.radius_px_m)
    return sample._replace(stack=stack)


def bare_stacks(folder: Path) -> Iterator[Traced]:
    """Yield traced stacks of held-out families that have a share of bodies without any texture."""
    recipe = StackRecipe(BARE_SEED, HELD_OUT, traced_share=1.0)
    for number, one in enumerate(make_stacks(folder / "bare", recipe, STACKS_PER_SHARD).read(0)):
        if one.notes["bare_share"] > 0.2:
            stack = FocalStack(one.slices, one.diopters, one.radius_px_m)
            yield Traced(f"bare_{one.notes['family']}_{number}", stack, one.depth_m, one.sharp)


def made_of(stack: FocalStack) -> dict[str, tuple[Prediction, float]]:
    """Return what each method makes of a stack, and the CPU seconds that it takes."""
    net, clock = load_network(), time.process_time
    constant = predict("constant", stack)
    marks = [clock()]
    plain = predict("plain_dff", stack)
    marks.append(clock())
    guess = depth_from_focus(stack)
    classical = estimate(stack, guess)
    marks.append(clock())
    learned = asked(stack, classical, guess, net)
    marks.append(clock())
    plain_s, classical_s, asked_s = np.diff(marks).tolist()
    return {
        "constant": (constant, 0.0),
        "plain_dff": (plain, plain_s),
        "classical": (_prediction(stack, classical), classical_s),
        "learned": (_prediction(stack, learned), classical_s + asked_s),
    }


def _prediction(stack: FocalStack, found: Estimate) -> Prediction:
    rgb = sharp_picture(stack, found.diopters, found.sharpest)
    return Prediction(metres_of(found.diopters), found.confidence, rgb)


def judged(sample: Traced, made: Prediction, cpu_s: float) -> dict[str, float]:
    """Return the figures of one result."""
    return {
        **depth_scores(made.depth_m, sample.depth_m, sample.stack.radius_px_m),
        **confidence_scores(made.confidence, made.depth_m, sample.depth_m),
        **picture_scores(made.rgb, sample.aif),
        "cpu_s": cpu_s,
    }


def rows_of(samples: Sequence[Traced], counts: Sequence[int]) -> Rows:
    """Return {(slices, method): {sample: figures}}; 0 slices: as the stack is."""
    rows: Rows = {}
    for sample in samples:
        for n in counts:
            shown = cut(sample, n) if n else sample
            made = {method: judged(shown, *one) for method, one in made_of(shown.stack).items()}
            for method, figures in made.items():
                rows.setdefault((n, method), {})[sample.name] = figures
            line = ", ".join(f"{method} {figures['abs_rel']:.3f}" for method, figures in made.items())
            print(f"{sample.name} N={n}: {line}", file=sys.stderr, flush=True)
    return rows


def table(rows: Rows, title: str) -> list[str]:
    """Return the means as markdown."""
    lines = [title, "", f"| slices | method | {' | '.join(SHOWN)} |", "|---" * (len(SHOWN) + 2) + "|"]
    for (n, method), made in rows.items():
        means = " | ".join(f"{mean_of(made, key):.3f}" for key in SHOWN)
        lines.append(f"| {n or 'all'} | {method} | {means} |")
    return [*lines, ""]


def verdicts(rows: Rows, n: int) -> list[str]:
    """Return one line per bar of `learned` with n slices, and the worst stack against plain focus."""
    made, plain = rows[n, "learned"], rows[n, "plain_dff"]
    lines = bar_lines(made, rows[n, "constant"], BARS)
    worst = max(made, key=lambda name: made[name]["abs_rel"] - 1.15 * plain[name]["abs_rel"])
    is_met = made[worst]["abs_rel"] <= 1.15 * plain[worst]["abs_rel"] + 0.003
    lines.append(
        f"- every stack <= 1.15 x plain focus + .003: worst {worst}, {made[worst]['abs_rel']:.3f} against "
        f"{plain[worst]['abs_rel']:.3f}, {'met' if is_met else '**missed**'}"
    )
    return [*lines, ""]


def main(argv: list[str] | None = None) -> int:
    """Print the tables; with --write, put them into RESULTS.md."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[7001, 7002])
    parser.add_argument("--slices", type=int, nargs="+", default=[2, 3, 5, 9])
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "focusgen-focal-traced")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args(argv)
    samples = [traced(given.data, f, seed, N_TRACED, N_SAMPLES) for seed in given.seeds for f in HELD_OUT]
    rows = rows_of(samples, given.slices)
    bare = rows_of(list(bare_stacks(given.data)), [0])
    notes = weights_notes()
    text = [
        f"## The small focal network, {len(samples)} traced stacks of families that it never saw",
        "",
        f"Weights after {notes['steps']} steps, {notes['training_cpu_s']} CPU s, {notes['stacks']} stacks. "
        f"Stacks: {', '.join(sample.name for sample in samples)}; {WIDTH_PX}x{HEIGHT_PX}, one thread of "
        "a busy machine.",
        "",
        *table(rows, "Means over stacks, cut to fewer slices:"),
        *(["Bars, `learned`, 5 slices:", "", *verdicts(rows, 5)] if 5 in given.slices else []),
        *table(bare, "The same families, a share of their bodies without texture; lenses as in training:"),
        *verdicts(bare, 0)[-2:],
    ]
    print("\n".join(text))
    if given.write:
        write_section("focal_learned", "\n".join(text), packages=("torch", "opencv-python-headless"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
