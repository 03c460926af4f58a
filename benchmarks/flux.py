"""Time FLUX as we call it against the reference's way of calling, in one run.

Usage   python benchmarks/flux.py [--write] [--device cuda] [--steps 8 30] [--rank 64]
GPU     864x480, real-size random weights (nothing is downloaded): seconds per frame, share of the bf16 matmul
        peak measured in the same run, peak memory. Text encoders are left out on both sides.
CPU     tiny model: process time per step over stock FluxTransformer2DModel's on as many tokens, and over
        the reference's way; FLOP per step of the real one.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # tests.flux_tiny's shapes

from benchmarks.flux_branches import BranchedFlux  # noqa: E402
from benchmarks.results import write_section  # noqa: E402
from focusgen.models.flux.conditions import BlackCondition, ImageCondition  # noqa: E402
from focusgen.models.flux.forward import surround, velocity  # noqa: E402
from focusgen.models.flux.lora import LISTED, adapter_from  # noqa: E402
from focusgen.models.flux.memory import Effort, Ladder, rungs  # noqa: E402
from focusgen.models.flux.modulation import modulation_tables, place  # noqa: E402
from focusgen.models.flux.noise import initial_tokens  # noqa: E402
from focusgen.models.flux.prompts import PromptEmbedding  # noqa: E402
from focusgen.models.flux.sampler import Batch, FluxSampler  # noqa: E402
from focusgen.models.flux.schedule import Schedule, euler_step  # noqa: E402
from focusgen.models.flux.tokens import Grid, grid_of, position_ids, text_ids  # noqa: E402
from focusgen.models.flux.vae import decode, encode_posterior, to_frames, tokens_of  # noqa: E402
from focusgen.models.flux.weights import gather  # noqa: E402

SIZE_PX = (480, 864)
ADAPTER = "deblurring"
VAE = {
    "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "layers_per_block": 2,
    "latent_channels": 16,
    "scaling_factor": 0.3611,
    "shift_factor": 0.1159,
    "use_quant_conv": False,
    "use_post_quant_conv": False,
}


@dataclass(frozen=True)
class Row:
    """One measured line."""

    name: str
    n_steps: int
    seconds_per_frame: float
    share_of_peak: float
    peak_gib: float


# --- real size, on a GPU -------------------------------------------------------------------------


def random_flux(device: torch.device, rank: int) -> tuple[Any, Any, Any]:
    """Return a transformer, a VAE and an adapter of FLUX.1-dev's size with random weights, in bfloat16."""
    from diffusers import AutoencoderKL, FluxTransformer2DModel

    with torch.device("meta"):
        transformer, vae = FluxTransformer2DModel(guidance_embeds=True), AutoencoderKL(**VAE)
    for model in (transformer, vae):
        torch.nn.Module.to(model, torch.bfloat16)
        model.to_empty(device=device).eval().requires_grad_(False)
        for name, parameter in model.named_parameters():
            if parameter.ndim >= 2:
                parameter.normal_(0.0, parameter[0].numel() ** -0.5)
            else:
                parameter.fill_(1.0 if name.endswith("weight") else 0.0)
    return transformer, vae, random_adapter(transformer, rank)


def random_adapter(transformer: Any, rank: int) -> Any:
    """Return low-rank parts for every projection that may have one."""
    tensors: dict[str, Tensor] = {}
    for name, module in transformer.named_modules():
        if LISTED.fullmatch(name):
            make = {"device": module.weight.device, "dtype": module.weight.dtype}
            down = torch.randn(rank, module.in_features, **make) * module.in_features**-0.5
            tensors[f"transformer.{name}.lora_A.weight"] = down
            tensors[f"transformer.{name}.lora_B.weight"] = (
                torch.randn(module.out_features, rank, **make) * 0.01
            )
    return adapter_from(tensors, "random")


def matmul_peak_flops(device: torch.device, side: int = 8192, repeats: int = 30) -> float:
    """Return the bf16 product rate of this GPU in FLOP/s."""
    a, b = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    seconds = timed_gpu(lambda: a @ b, repeats)
    return 2.0 * side**3 / seconds


def timed_gpu(work: Callable[[], Any], repeats: int, warm_ups: int = 2) -> float:
    """Return seconds per call, after some calls to warm up."""
    for _ in range(warm_ups):
        work()
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(repeats):
        work()
    torch.cuda.synchronize()
    return (time.perf_counter() - start) / repeats


def flops_of_step(n_conditions: int, rank: int) -> int:
    """Return the FLOP of one of our steps at 864x480, by torch's counter on meta tensors."""
    from diffusers import FluxTransformer2DModel

    grid = grid_of(*SIZE_PX)
    with torch.device("meta"):
        transformer = FluxTransformer2DModel(guidance_embeds=True)
        weights = gather(transformer, {ADAPTER: random_adapter(transformer, rank)})
        prompt, pooled = torch.empty(1, 512, 4096), torch.empty(1, 768)
        tables = modulation_tables(weights, torch.ones(2), 3.5, pooled, [ADAPTER])
    tokens = torch.empty(1, grid.n_tokens, 64, device="meta")
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        conditions = [(tokens, position_ids(grid), ADAPTER)] * n_conditions
        velocity(weights, surround(weights, prompt, position_ids(grid), conditions), tables.step(0), tokens)
    return int(counter.get_total_flops())


def frames_of(n_frames: int) -> np.ndarray:
    """Return noise frames, uint8."""
    return np.random.default_rng(0).integers(0, 256, (n_frames, *SIZE_PX, 3), dtype=np.uint8)


def our_frames(sampler: FluxSampler, n_frames: int, batch_size: int) -> None:
    """Sharpen frames with our sampler."""
    frames, grid = frames_of(n_frames), grid_of(*SIZE_PX)

    def batches() -> Iterator[Batch]:
        for start in range(0, n_frames, batch_size):
            part = frames[start : start + batch_size]
            black = BlackCondition(*SIZE_PX, ADAPTER, (0, 32))
            noise = torch.cat([initial_tokens(start + i, grid) for i in range(len(part))])
            yield Batch(grid, (black, ImageCondition(part, ADAPTER)), noise, (None, None))

    ladder = Ladder(rungs(Effort(batch_size, False, None), grid, may_tile=False), sampler.weights.device, "")
    for _ in sampler.generate(batches(), ladder, "benchmark"):
        pass


def reference_frames(
    net: BranchedFlux, vae: Any, prompt: PromptEmbedding, n_steps: int, n_frames: int
) -> None:
    """Sharpen frames one at a time, the reference's way; black is encoded for each."""
    device, grid = next(vae.parameters()).device, grid_of(*SIZE_PX)
    for index, frame in enumerate(frames_of(n_frames)):
        black = BlackCondition(*SIZE_PX, ADAPTER, (0, 32))
        shown = []
        for condition in (black, ImageCondition(frame[None], ADAPTER)):
            tokens = tokens_of(vae, encode_posterior(vae, condition.pixels()), None)
            shown.append((tokens, position_ids(grid, condition.position_delta), ADAPTER))
        sigmas = Schedule().sigmas(n_steps, grid.n_tokens)
        latents = initial_tokens(index, grid).to(device)
        for step in range(n_steps):
            image = latents.to(prompt.embeds.dtype), position_ids(grid)
            moved = net.velocity(sigmas[step], 3.5, (prompt.embeds, prompt.pooled), image, shown)
            latents = euler_step(latents, moved, sigmas[step], sigmas[step + 1])
        to_frames(decode(vae, latents, grid)).cpu()


@dataclass(frozen=True)
class Meter:
    """Times ways of making `n_frames` frames, and says how near the GPU's peak they come."""

    n_frames: int
    step_flop: int
    peak_flops: float

    def measure(self, name: str, n_steps: int, work: Callable[[], None], *, is_warm: bool) -> Row:
        """Return and print one line; `is_warm`: the same was done with another number of steps."""
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        seconds = timed_gpu(work, 1, 0 if is_warm else 1) / self.n_frames
        share = self.step_flop * n_steps / seconds / self.peak_flops
        row = Row(name, n_steps, seconds, share, torch.cuda.max_memory_allocated() / 2**30)
        print(json.dumps(row.__dict__), flush=True)
        return row


def gpu_rows(
    device: torch.device, all_steps: list[int], rank: int, n_frames: int, *, compiles: bool
) -> list[Row]:
    """Measure the reference's way, then ours at batch 1 and 4, eager and compiled."""
    transformer, vae, adapter = random_flux(device, rank)
    make = {"device": device, "dtype": torch.bfloat16}
    prompt = PromptEmbedding(torch.randn(1, 512, 4096, **make), torch.randn(1, 768, **make))
    meter = Meter(n_frames, flops_of_step(2, rank), matmul_peak_flops(device))
    print(json.dumps({"peak_tflops": meter.peak_flops / 1e12, "step_tflop": meter.step_flop / 1e12}))
    rows = reference_rows(meter, BranchedFlux(transformer, {ADAPTER: adapter}), vae, prompt, all_steps)
    place(transformer, device)
    weights = gather(transformer, {ADAPTER: adapter}, device, torch.bfloat16)
    ways = [("ours", velocity), ("ours, compiled", torch.compile(velocity))]
    for label, forward in ways if compiles else ways[:1]:
        for batch_size in (1, 4):
            for n_steps in all_steps:
                sampler = FluxSampler(weights, vae, Schedule(), prompt, n_steps, 3.5, forward)
                work = functools.partial(our_frames, sampler, n_frames, batch_size)
                is_warm = n_steps != all_steps[0]
                rows.append(meter.measure(f"{label}, batch {batch_size}", n_steps, work, is_warm=is_warm))
    return rows


def reference_rows(
    meter: Meter, net: BranchedFlux, vae: Any, prompt: PromptEmbedding, all_steps: list[int]
) -> list[Row]:
    """Measure the reference's way of calling."""
    with torch.inference_mode():
        return [
            meter.measure(
                "the reference's way",
                n_steps,
                functools.partial(reference_frames, net, vae, prompt, n_steps, meter.n_frames),
                is_warm=n_steps != all_steps[0],
            )
            for n_steps in all_steps
        ]


# --- tiny, on a CPU ------------------------------------------------------------------------------


def cpu_lines(repeats: int = 15) -> list[str]:
    """Return what a CPU can say: process time of a tiny step over two others', and FLOP of a real one."""
    from diffusers import FluxTransformer2DModel

    from tests import flux_tiny

    torch.set_num_threads(1)
    document = json.loads((flux_tiny.DATA / "cases.json").read_text())
    shapes = json.loads((flux_tiny.DATA / "shapes_tiny.json").read_text())
    model = FluxTransformer2DModel(**document["transformer"])
    model.load_state_dict(flux_tiny.weights("transformer", "transformer", document, shapes))
    adapters = {ADAPTER: adapter_from(flux_tiny.weights("lora", ADAPTER, document, shapes), ADAPTER)}
    with torch.inference_mode():
        over_stock, over_branches = cpu_ratios(model.eval(), adapters, repeats)
    flop = [flops_of_step(n, rank=1) / 1e12 for n in (1, 2)]
    return [
        "Tiny model on a CPU, 864x480, two conditions, process time per step on one thread "
        f"(medians of {repeats} pairs):",
        f"{over_stock:.2f} x stock FluxTransformer2DModel on as many tokens, "
        f"{over_branches:.2f} x the reference's way of calling.",
        f"FLUX.1-dev by torch's FLOP counter, LoRA of rank 1: {flop[0]:.1f} and {flop[1]:.1f} TFLOP a step "
        "with one and two conditions (the reference: 58.3 and 85.9 without its LoRA).",
    ]


def cpu_ratios(model: Any, adapters: dict[str, Any], repeats: int) -> tuple[float, float]:
    """Return our process time over stock FLUX's on as many tokens, and over the reference's way."""
    grid, prompt, pooled = grid_of(*SIZE_PX), torch.randn(1, 512, 32), torch.randn(1, 24)
    tokens, ids, sigma = torch.randn(1, grid.n_tokens, 64), position_ids(grid), torch.tensor([0.7, 0.0])
    weights, branched = gather(model, adapters), BranchedFlux(model, adapters)
    conditions = [(tokens, ids, ADAPTER)] * 2
    tables = modulation_tables(weights, sigma, 3.5, pooled, [ADAPTER])
    around = surround(weights, prompt, ids, conditions)
    stock = {
        "hidden_states": tokens.repeat(1, 3, 1),
        "encoder_hidden_states": prompt,
        "pooled_projections": pooled,
        "timestep": sigma[:1],
        "guidance": torch.tensor([3.5]),
        "img_ids": position_ids(Grid(3 * grid.rows, grid.columns)),
        "txt_ids": text_ids(prompt.shape[1]),
    }

    def theirs() -> Tensor:
        return branched.velocity(sigma[0], 3.5, (prompt, pooled), (tokens, ids), conditions)

    rounds = []
    for _ in range(repeats):
        ours = process_seconds(lambda: velocity(weights, around, tables.step(0), tokens))
        rounds.append((ours / process_seconds(lambda: model(**stock)), ours / process_seconds(theirs)))
    over_stock, over_branches = np.median(rounds, axis=0)
    return float(over_stock), float(over_branches)


def process_seconds(work: Callable[[], Any]) -> float:
    """Return the process time of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


# --- the report ----------------------------------------------------------------------------------


def cpu_section() -> str:
    """Return what a CPU says, as a part of RESULTS.md."""
    lines = ["## FLUX: DeblurNet and BokehNet", "", "`python benchmarks/flux.py --write`", "", *cpu_lines()]
    return "\n".join(lines)


def gpu_section(rows: list[Row], device_name: str) -> str:
    """Return what a GPU says, as a part of RESULTS.md; a run without one leaves it as it is."""
    lines = [
        "## FLUX at its real size",
        "",
        f"{device_name}, random weights, bfloat16, 864x480, two conditions, without text encoders:",
        "",
        "| way | steps | s/frame | x the reference's way | of matmul peak | peak memory GiB |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        base = next(r for r in rows if r.n_steps == row.n_steps)
        lines.append(
            f"| {row.name} | {row.n_steps} | {row.seconds_per_frame:.2f} | "
            f"{base.seconds_per_frame / row.seconds_per_frame:.2f} | {row.share_of_peak:.0%} | "
            f"{row.peak_gib:.1f} |"
        )
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Measure what this machine can."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="put the figures into benchmarks/RESULTS.md")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--steps", type=int, nargs="+", default=[8, 30])
    parser.add_argument("--rank", type=int, default=64, help="of the random adapter")
    parser.add_argument("--frames", type=int, default=4, help="frames per measurement")
    parser.add_argument("--no_compile", action="store_true", help="leave out the minutes of a compiler")
    asked = parser.parse_args(argv)
    parts = {"flux": cpu_section()}
    if torch.cuda.is_available() and asked.device != "cpu":
        rows = gpu_rows(
            torch.device(asked.device), asked.steps, asked.rank, asked.frames, compiles=not asked.no_compile
        )
        parts["flux gpu"] = gpu_section(rows, torch.cuda.get_device_name())
    else:
        print("not run on a GPU")
    for name, text in parts.items():
        print(text)
        if asked.write:
            write_section(name, text, packages=("torch", "diffusers"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
