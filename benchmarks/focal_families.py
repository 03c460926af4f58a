"""What the small network knows of kinds of scenes that it never saw: one family left out at a time.

Usage   python -m benchmarks.focal_families [--write] [--stacks DIR] [--judged DIR] [--steps 500]
Makes   a short training for each training family on the stacks of all others, and one as long on all of them;
        each network alone is judged on stacks of that family by another seed, that none learned from.
        Stacks and finished trainings are kept below --data, and are not made twice.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.results import write_section
from focusgen.focal.baselines import predict
from focusgen.focal.classical import estimate
from focusgen.focal.learned.batches import observed
from focusgen.focal.learned.fused import estimate_learned
from focusgen.focal.learned.plain_net import PlainNet
from focusgen.focal.learned.settings import DataSettings, SmallSettings, TrainSettings
from focusgen.focal.learned.shards import (
    ABOUT_FILE,
    STACKS_PER_SHARD,
    STACKS_VERSION,
    StackSet,
    make_stacks,
    open_stacks,
)
from focusgen.focal.learned.stacks import StackRecipe, TrainingStack
from focusgen.focal.learned.trainer import train
from focusgen.focal.learned.weights import WEIGHTS_FILE, load_network, save_weights, weights_notes
from focusgen.focal.scores import depth_scores
from focusgen.focal.stack import metres_of

Arrays = dict[str, Any]

N_LEARNED, N_JUDGED, JUDGED_SEED = 320, 56, 1
FIRST_STEPS = 60
SHOWN = ("abs_rel", "rmse", "d1.25")
METHODS = ("plain focus", "classical", "network of all", "network of others")


def without(stacks: StackSet, family: str, folder: Path, n_stacks: int) -> Path:
    """Return a folder with the stacks of all other families, in their order; made if it is not there."""
    about = folder / ABOUT_FILE
    if about.is_file():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    kept: list[Arrays] = []
    n_shards = 0
    for number in range(n_stacks // STACKS_PER_SHARD):
        kept += of_others(stacks, number, family)
        while len(kept) >= STACKS_PER_SHARD:
            part, kept = kept[:STACKS_PER_SHARD], kept[STACKS_PER_SHARD:]
            named = {f"{k}_{name}": value for k, one in enumerate(part) for name, value in one.items()}
            np.savez_compressed(StackSet(folder, stacks.recipe).shard(n_shards), **named)
            n_shards += 1
    others = [name for name in stacks.recipe.families if name != family]
    document = {"version": STACKS_VERSION, "recipe": {**asdict(stacks.recipe), "families": others}}
    about.write_text(json.dumps(document), encoding="utf-8")
    return folder


def of_others(stacks: StackSet, number: int, family: str) -> list[Arrays]:
    """Return the arrays of those stacks of a shard that are of another family."""
    taken = [k for k, one in enumerate(stacks.read(number)) if one.notes["family"] != family]
    with np.load(stacks.shard(number)) as arrays:
        return [
            {name.partition("_")[2]: arrays[name] for name in arrays.files if name.startswith(f"{k}_")}
            for k in taken
        ]


def trained(stacks: Path, folder: Path, steps: int) -> PlainNet:
    """Return a network after a short training, which goes on where an earlier call stopped."""
    n_there = STACKS_PER_SHARD * len(list(stacks.glob("stacks_*.npz")))
    settings = SmallSettings(
        data=DataSettings(folder=stacks, hold_steps=FIRST_STEPS, most=min(n_there, N_LEARNED)),
        train=TrainSettings(steps=steps, decay_from=round(0.7 * steps), average=0.98),
        output_dir=folder,
    )
    run = train(settings)
    save_weights(folder / WEIGHTS_FILE, run.average, run.net.shape, {"steps": str(run.step)})
    return load_network(folder)


def judged(stack: TrainingStack, networks: Sequence[PlainNet]) -> list[dict[str, float]]:
    """Return the scores of `METHODS` on one stack."""
    seen = observed(stack)
    depths_m = [predict("plain_dff", seen).depth_m, metres_of(estimate(seen).diopters)]
    depths_m += [metres_of(estimate_learned(seen, net).diopters) for net in networks]
    return [depth_scores(depth_m, stack.depth_m, stack.radius_px_m) for depth_m in depths_m]


def table(scores: dict[str, list[list[dict[str, float]]]], steps: int) -> str:
    """Return the means by family as markdown."""
    head = [f"{method}, {key}" for key in SHOWN for method in METHODS]
    lines = [
        "## The small focal network, one family left out",
        "",
        f"{steps} steps each (the network that ships had {int(weights_notes()['steps']):,}), fused with the "
        f"classical depth; judged on {sum(len(one) for one in scores.values())} stacks of another seed.",
        "",
        f"| family | {' | '.join(head)} |",
        "|---" * (1 + len(head)) + "|",
    ]
    every = [one for some in scores.values() for one in some]
    for family, some in [*scores.items(), ("all", every)]:
        means = [np.mean([one[m][key] for one in some]) for key in SHOWN for m in range(len(METHODS))]
        lines.append(f"| {family} | {' | '.join(f'{mean:.3f}' for mean in means)} |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Print the table; with --write, put it into RESULTS.md."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "focusgen-focal-families")
    parser.add_argument("--stacks", type=Path, help="of focal synth; default: made below --data")
    parser.add_argument("--judged", type=Path, help="of focal synth --seed 1; default: made below --data")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args(argv)
    torch.set_num_threads(1)
    stacks = set_of(given.stacks, given.data / "stacks", StackRecipe(), N_LEARNED)
    asked = set_of(given.judged, given.data / "judged", StackRecipe(JUDGED_SEED), N_JUDGED)
    of_all = trained(stacks.folder, given.data / f"all_{given.steps}", given.steps)
    scores: dict[str, list[list[dict[str, float]]]] = {}
    for family in stacks.recipe.families:
        others = without(stacks, family, given.data / f"stacks_without_{family}", N_LEARNED)
        of_others = trained(others, given.data / f"without_{family}_{given.steps}", given.steps)
        shards = range(len(list(asked.folder.glob("stacks_*.npz"))))
        own = [one for n in shards for one in asked.read(n) if one.notes["family"] == family]
        scores[family] = [judged(one, [of_all, of_others]) for one in own]
        print(table({family: scores[family]}, given.steps).splitlines()[-1], file=sys.stderr, flush=True)
    text = table(scores, given.steps)
    print(text)
    if given.write:
        write_section("focal_families", text, packages=("torch", "opencv-python-headless"))
    return 0


def set_of(given: Path | None, folder: Path, recipe: StackRecipe, n_stacks: int) -> StackSet:
    """Return the stacks that were given, or those of a folder, made where it lacks some."""
    if given is not None:
        return open_stacks(given)
    return make_stacks(folder, recipe, n_stacks, lambda n, of: print(f"{n}/{of}", end="\r", file=sys.stderr))


if __name__ == "__main__":
    raise SystemExit(main())
