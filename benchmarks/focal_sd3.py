"""Stable Diffusion 3.5 on focal stacks at its real size: step time, memory, loss, depth on traced stacks.

Usage   python -m benchmarks.focal_sd3 [--write] [--device cuda] [--steps 100] [--stacks 32] [--data DIR]
Makes   random weights of the published sizes in the official layout (nothing is downloaded) and procedural
        stacks of 512x512, and reads both the way `focusgen focal train` does. What random weights learn in
        minutes says little about what the published ones learn: the curve shows that the machinery learns.
"""

from __future__ import annotations

import argparse
import gc
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.flux import VAE, matmul_peak_flops
from benchmarks.focal import Traced, traced
from benchmarks.results import write_section
from focusgen.base.cores import usable_cores
from focusgen.focal.baselines import predict
from focusgen.focal.classical import estimate
from focusgen.focal.learned.fused import estimate_learned
from focusgen.focal.learned.shards import make_stacks, open_stacks
from focusgen.focal.learned.stacks import HELD_OUT, StackRecipe
from focusgen.focal.learned.weights import load_network
from focusgen.focal.scores import depth_scores
from focusgen.focal.sd3.build import n_parameters
from focusgen.focal.sd3.design import TRANSFORMERS
from focusgen.focal.sd3.predict import estimate_sd3
from focusgen.focal.sd3.priors import prior_of
from focusgen.focal.sd3.run import Run
from focusgen.focal.sd3.settings import Sd3Settings, load_settings
from focusgen.focal.sd3.trainer import one_step, start
from focusgen.focal.stack import FocalStack, metres_of

CONFIGS = Path(__file__).resolve().parent.parent / "configs" / "focal"
VAE_SD3 = {**VAE, "scaling_factor": 1.5305, "shift_factor": 0.0609}
STACK_SIDE_PX = 512
"""Of the procedural stacks: as large as the presets' crops."""

N_WARM_UP = 3
Depths = dict[str, tuple[dict[str, float], float]]
SHOWN = ("abs_rel", "rmse", "d1.05", "d1.25")


class Way(NamedTuple):
    """One way to train: a preset, and what of it learns."""

    preset: str
    trains: str
    batch: int = 1


WAYS = (Way("medium", "full", 4), Way("medium", "lora", 4), Way("large", "lora"))


class Row(NamedTuple):
    """What training one way takes.

    Attributes:
        step_s: wall time of a step of the optimiser, samples made ahead.
        sample_s: wall time that a sample took one core before its classical result was kept.
        tflop: of a step, by torch's counter; gradient checkpointing computes the forward pass twice.
        peak_gib: of device memory.
        losses: of every step.
    """

    way: Way
    n_trained: int
    n_samples: int
    step_s: float
    sample_s: float
    tflop: float
    peak_gib: float
    losses: list[float]


# --- weights ---------------------------------------------------------------------------------------------


def write_random_model(folder: Path, preset: str, device: str) -> Path:
    """Write random weights of a preset's size in the official layout, bfloat16."""
    from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel

    torch.manual_seed(0)
    with torch.device("meta"):
        parts = {
            "transformer": SD3Transformer2DModel(**TRANSFORMERS[preset]),
            "vae": AutoencoderKL(**VAE_SD3),
        }
    for name, part in parts.items():
        torch.nn.Module.to(part, torch.bfloat16)
        part.to_empty(device=device)
        fill(part)
        part.save_pretrained(folder / name)
    FlowMatchEulerDiscreteScheduler(shift=3.0).save_pretrained(folder / "scheduler")
    return folder


@torch.no_grad()
def fill(model: torch.nn.Module) -> None:
    """Draw weights whose products keep their size; offsets are 0, gains 1."""
    for name, value in [*model.named_parameters(), *model.named_buffers()]:
        if value.ndim >= 2:
            value.normal_(0.0, value[0].numel() ** -0.5)
        else:
            value.fill_(1.0 if name.endswith("weight") else 0.0)


# --- training --------------------------------------------------------------------------------------------


def settings_of(way: Way, model: Path, stacks: Path, n_steps: int, workers: int) -> Sd3Settings:
    """Return the preset's own settings, with random weights and a short schedule."""
    return load_settings(
        CONFIGS / f"sd3_{way.preset}.yaml",
        {
            "model.base_model": str(model),
            "model.trains": way.trains,
            "data.folder": str(stacks),
            "data.variants": 1,
            "data.workers": workers,
            "train.steps": n_steps,
            "train.warm_up": 10,
            "train.batch": way.batch,
            "train.accumulation": 4 // way.batch,
            "train.learning_rate": 1e-4,
            "train.gate_rate": 1e-2,
            "train.fsdp": False,
            "train.ema": 0.98,
            "output_dir": str(stacks.parent / f"training_{way.preset}_{way.trains}_{way.batch}"),
        },
    )


def row_of(way: Way, model: Path, stacks: Path, n_steps: int, device: str) -> tuple[Row, Run]:
    """Return what training one way takes, and the training; nothing is saved."""
    settings = settings_of(way, model, stacks, n_steps + 1, usable_cores() - 1)
    seconds, losses = [], []
    begun = time.perf_counter()
    run = start(settings, "none", device)
    say(f"{way}: loaded in {time.perf_counter() - begun:.0f} s")
    torch.cuda.reset_peak_memory_stats()
    while run.step < n_steps:
        begun = time.perf_counter()
        losses.append(one_step(run, settings)["total"])
        seconds.append(time.perf_counter() - begun)
        if run.step % 10 == 0:
            say(f"step {run.step}: {seconds[-1]:.2f} s, loss {losses[-1]:.3f}")
    peak_gib = torch.cuda.max_memory_allocated() / 2**30
    with FlopCounterMode(display=False) as counter:
        one_step(run, settings)
    made = open_stacks(stacks).read(0)[0]
    begun = time.perf_counter()
    prior_of(FocalStack(made.slices, made.diopters, made.radius_px_m))
    row = Row(
        way,
        n_parameters(run.net, trained_only=True),
        settings.train.batch * settings.train.accumulation,
        float(np.median(seconds[N_WARM_UP:])),
        time.perf_counter() - begun,
        counter.get_total_flops() / 1e12,
        peak_gib,
        losses,
    )
    say(json.dumps({**row._asdict(), "losses": [round(one, 4) for one in losses]}))
    return row, run


def say(text: str) -> None:
    """Print how far it is."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


# --- depth -----------------------------------------------------------------------------------------------


def depth_rows(samples: Sequence[Traced], run: Run) -> Depths:
    """Return {method: (mean scores, mean seconds a stack)} on traced stacks; sd3 with averaged weights."""
    assert run.average is not None, "the settings say so"
    run.average.exchange({name: one for name, one in run.net.named_parameters() if one.requires_grad})
    run.net.eval()
    small = load_network()
    found: Depths = {}
    for method in ("constant", "plain_dff", "classical", "learned", "sd3"):
        rows, begun = [], time.perf_counter()
        for sample in samples:
            stack = sample.stack
            if method in ("constant", "plain_dff"):
                depth_m = predict(method, stack).depth_m
            elif method == "classical":
                depth_m = metres_of(estimate(stack).diopters)
            elif method == "learned":
                depth_m = metres_of(estimate_learned(stack, small).diopters)
            else:
                depth_m = metres_of(estimate_sd3(stack, run.net).diopters)
            rows.append(depth_scores(depth_m, sample.depth_m, stack.radius_px_m))
        each_s = (time.perf_counter() - begun) / len(samples)
        found[method] = ({key: float(np.mean([row[key] for row in rows])) for key in SHOWN}, each_s)
    return found


# --- the report ------------------------------------------------------------------------------------------


def section(rows: Sequence[Row], depths: Depths, peak: float) -> str:
    """Return this benchmark's part of RESULTS.md."""
    lines = [
        "## Stable Diffusion 3.5 at its real size",
        "",
        "`python -m benchmarks.focal_sd3 --write`",
        "",
        f"{torch.cuda.get_device_name()}, random weights of the published sizes, bf16, crops of "
        f"{STACK_SIDE_PX} px, gradient checkpointing, {usable_cores()} cores; a bf16 matrix product: "
        f"{peak / 1e12:.0f} TFLOP/s. Step: of {rows[0].n_samples} samples, made ahead by other processes "
        "(`data.workers`); a sample's classical result is kept after "
        "it took one core the time beside it.",
        "",
        "| preset | trains | batch x accumulation | trained M | s a step | s a sample | TFLOP a step "
        "| of the matrix product | peak GiB | loss, first and last ten (or half) |",
        "|---" * 10 + "|",
    ]
    for row in rows:
        way, share = row.way, row.tflop * 1e12 / row.step_s / peak
        few = min(10, len(row.losses) // 2)
        first, last = np.mean(row.losses[:few]), np.mean(row.losses[-few:])
        lines.append(
            f"| {way.preset} | {way.trains} | {way.batch} x {row.n_samples // way.batch} | "
            f"{row.n_trained / 1e6:.0f} | {row.step_s:.2f} | {row.sample_s:.2f} | {row.tflop:.0f} | "
            f"{share:.0%} | {row.peak_gib:.1f} | {first:.3f}, {last:.3f} of {len(row.losses)} |"
        )
    curve = np.array_split(rows[0].losses, max(1, len(rows[0].losses) // 10))
    lines += [
        "",
        f"Loss of the first row by tens of steps: {' '.join(f'{np.mean(part):.3f}' for part in curve)}.",
        "",
        f"Depth on traced stacks of held-out families, N = 5; sd3: the first row's, after "
        f"{len(rows[0].losses)} steps from random weights, veto as in `focal infer`; wall time:",
        "",
        f"| method | {' | '.join(SHOWN)} | s a stack |",
        "|---" * (len(SHOWN) + 2) + "|",
    ]
    for method, (scores, each_s) in depths.items():
        lines.append(f"| {method} | {' | '.join(f'{scores[key]:.3f}' for key in SHOWN)} | {each_s:.2f} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Train each way for a while, then look at depth."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="put the figures into benchmarks/RESULTS.md")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--steps", type=int, default=100, help="of the first way; others: a tenth")
    parser.add_argument("--stacks", type=int, default=32, help="procedural ones, 512x512")
    parser.add_argument("--ways", type=int, default=len(WAYS), help="how many of the ways")
    parser.add_argument("--seeds", type=int, nargs="+", default=[7001])
    parser.add_argument("--data", type=Path, default=None, help="where stacks are kept: stacks/, traced/")
    asked = parser.parse_args(argv)
    torch.set_num_threads(1)  # as `focusgen focal train`
    if not torch.cuda.is_available():
        print("not run on a GPU")
        return 0
    with tempfile.TemporaryDirectory() as made:
        folder, stacks = Path(made), asked.data or Path(made)
        recipe = StackRecipe(width=STACK_SIDE_PX, height=STACK_SIDE_PX)
        make_stacks(stacks / "stacks", recipe, asked.stacks, workers=usable_cores())
        say("stacks are there")
        samples = [traced(stacks / "traced", name, seed, 5, 96) for seed in asked.seeds for name in HELD_OUT]
        peak = matmul_peak_flops(torch.device(asked.device))
        rows: list[Row] = []
        depths: Depths = {}
        for way in WAYS[: asked.ways]:
            model = folder / "model" / way.preset
            if not model.exists():
                shutil.rmtree(model.parent, ignore_errors=True)
                write_random_model(model, way.preset, asked.device)
                say(f"{way.preset}: weights are there")
            n_steps = max(10, asked.steps // 10) if rows else asked.steps
            row, run = row_of(way, model, stacks / "stacks", n_steps, asked.device)
            depths = depths or depth_rows(samples, run)
            rows.append(row)
            del run
            gc.collect()
            torch.cuda.empty_cache()
            text = section(rows, depths, peak)
            print(text)
            if asked.write:  # after each way: the next may not fit
                write_section("sd3 size", text, packages=("torch", "diffusers", "accelerate"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
