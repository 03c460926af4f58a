"""Compare our FLUX function with the reference's numbers: python -m tests.parity.flux DIR [--case NAME].

DIR holds cases.json, the files it names and the shapes (`shapes_tiny.json` or what a case says). One line per
case with max and mean of `latents_out`, the other tensors indented below; exit status 1 if one fails, 2 if
DIR cannot be used.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from focusgen.base.errors import FocusgenError
from focusgen.models.flux.conditions import (
    BlackCondition,
    Condition,
    EncodedCondition,
    ImageCondition,
    MapCondition,
)
from focusgen.models.flux.lora import adapter_from
from focusgen.models.flux.memory import Effort
from focusgen.models.flux.noise import latent_shape
from focusgen.models.flux.prompts import PromptEmbedding
from focusgen.models.flux.sampler import FluxSampler
from focusgen.models.flux.schedule import schedule_from
from focusgen.models.flux.tiling import Tiling
from focusgen.models.flux.tokens import grid_of, position_ids
from focusgen.models.flux.vae import decode, to_unit
from focusgen.models.flux.weights import gather
from tests import named_weights as nw

TOLERANCE_OF = {"condition_tokens": "condition_tokens", "noise_pred_step0": "noise_pred"}
TOLERANCE_OF |= {"tile_noise_pred_step0": "noise_pred", "latents_step0": "latents", "latents_out": "latents"}
TOLERANCE_OF |= {"image": "image", "image_before_clamp": "image"}
SHAPES_FILE = "shapes_tiny.json"
SAMPLES_PER_CALL = 4
UNUSABLE = (OSError, KeyError, TypeError, ValueError, RuntimeError, SafetensorError, FocusgenError)
"""What a case raises that lacks something, or whose parts do not fit together; the others are compared."""


@dataclass(frozen=True)
class Difference:
    """How far a tensor is from the reference's."""

    name: str
    max_abs: float
    mean_abs: float
    is_within: bool


class Oracle:
    """One folder of cases."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.document: dict[str, Any] = json.loads((folder / "cases.json").read_text())

    def shapes(self, case: Mapping[str, Any]) -> dict[str, dict[str, list[int]]]:
        """Return {part: {key: shape}}; the adapters' with the rank that the case names."""
        shapes: dict[str, Any] = json.loads((self.folder / case.get("shapes_file", SHAPES_FILE)).read_text())
        rank = case.get("rank")
        if rank is not None and len({s[0] for k, s in shapes["lora"].items() if "lora_A" in k}) == 1:
            at = {"lora_A": 0, "lora_B": 1}
            for key, shape in shapes["lora"].items():
                shape[at[key.split(".")[-2]]] = rank
        return shapes

    def state(
        self, case: Mapping[str, Any], part: str, shapes: Mapping[str, Any], prefix: str
    ) -> dict[str, Any]:
        """Return a part's weights as the case draws them, checked against its fingerprint."""
        names = {f"{prefix}/{key}": shape for key, shape in shapes[part].items()}
        rules = [tuple(rule) for rule in case.get("rules") or self.document["rules"]]
        drawn = nw.state_dict(names, rules=rules, salt=case.get("salt", 0))
        arrays = {key.removeprefix(f"{prefix}/"): value for key, value in drawn.items()}
        wanted = case.get("weights_sha256", {}).get(prefix)
        if wanted is not None and nw.fingerprint(arrays) != wanted:
            raise ValueError(f"the weights of {prefix} are not those of the reference")
        return nw.to_torch(arrays)


def build_sampler(oracle: Oracle, case: Mapping[str, Any]) -> FluxSampler:
    """Return our sampler with the case's weights, prompt and schedule."""
    from diffusers import AutoencoderKL, FluxTransformer2DModel

    shapes = oracle.shapes(case)
    transformer = matching_model(FluxTransformer2DModel, "num_single_layers", oracle, case, "transformer")
    vae = matching_model(AutoencoderKL, "block_out_channels", oracle, case, "vae")
    names = {
        *case.get("active_adapters", ()),
        *(c["adapter"] for c in case["conditions"] if c.get("adapter")),
    }
    adapters = {name: adapter_from(oracle.state(case, "lora", shapes, name), name) for name in sorted(names)}
    config, key = transformer.config, case["key"]
    return FluxSampler(
        weights=gather(transformer, adapters),
        vae=vae,
        schedule=schedule_from(case.get("scheduler") or oracle.document["scheduler"], "scheduler"),
        prompt=PromptEmbedding(
            named(f"{key}/prompt_embeds", 1, case["prompt_tokens"], config.joint_attention_dim),
            named(f"{key}/pooled_prompt_embeds", 1, config.pooled_projection_dim),
        ),
        n_steps=case["steps"],
        guidance_scale=case["guidance_scale"],
    )


def named(key: str, *shape: int) -> torch.Tensor:
    """Return the numbers that belong to a name."""
    return torch.from_numpy(nw.normal(key, shape))


def matching_model(kind: Any, telltale: str, oracle: Oracle, case: Mapping[str, Any], part: str) -> Any:
    """Return the model whose arguments give the case's shapes, with the case's weights.

    Several models may stand in one document; the shapes say which one a case means.
    """
    shapes = oracle.shapes(case)[part]
    wanted = {key: tuple(shape) for key, shape in shapes.items()}
    for arguments in _dicts_with(telltale, [case, oracle.document]):
        with torch.device("meta"):
            model = kind(**{name: value for name, value in arguments.items() if not name.startswith("_")})
        if {key: tuple(value.shape) for key, value in model.state_dict().items()} == wanted:
            model = kind(**model.config)
            model.load_state_dict(oracle.state(case, part, oracle.shapes(case), part))
            return model.eval()
    raise ValueError(f"no {part} in cases.json has the shapes of its shapes file")


def _dicts_with(key: str, node: Any) -> Iterator[dict[str, Any]]:
    """Yield every mapping in a document that has a key."""
    if isinstance(node, dict):
        if key in node:
            yield node
        node = list(node.values())
    if isinstance(node, list):
        for value in node:
            yield from _dicts_with(key, value)


def conditions_of(case: Mapping[str, Any]) -> list[Condition]:
    """Return the case's conditions, drawn from names."""
    made: list[Condition] = []
    for entry in case["conditions"]:
        height, width = entry.get("height", case["height"]), entry.get("width", case["width"])
        delta = tuple(entry.get("position_delta") or (0, 0))
        common = entry.get("adapter"), delta, entry.get("position_scale") or 1.0
        if entry["image"] == "black":
            made.append(BlackCondition(height, width, *common))
        elif entry["image"] == "picture":
            made.append(ImageCondition(nw.image(height, width, entry["seed"])[None], *common))
        elif entry["image"] == "defocus":
            values = nw.defocus(height, width, entry["seed"])[:, 0]
            made.append(MapCondition(values if entry.get("no_preprocess") else 2.0 * values - 1.0, *common))
        else:
            raise ValueError(f"no condition is called {entry['image']!r}")
    return made


def posterior_noise(
    case: Mapping[str, Any], golden: Mapping[str, Any], conditions: list[Condition]
) -> list[Any]:
    """Return each condition's posterior noise, None for the mean."""
    if case["posterior"] in ("mode", "mean"):
        return [None] * len(conditions)
    if case["posterior"] == "torch":
        return [golden[f"posterior_noise.{index}"] for index in range(len(conditions))]
    return [named(f"{case['key']}/eps/{i}", *latent_shape(c.grid)) for i, c in enumerate(conditions)]


def run_case(oracle: Oracle, case: Mapping[str, Any]) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield (name, our tensor) of everything that the reference may have stored."""
    golden = load_file(oracle.folder / case["file"])
    sampler = build_sampler(oracle, case)
    grid = grid_of(case["height"], case["width"])
    conditions = conditions_of(case)
    encoded = sampler.encode(conditions, posterior_noise(case, golden, conditions))
    for index, condition in enumerate(encoded):
        yield f"condition_tokens.{index}", condition.tokens
        yield (
            f"condition_ids.{index}",
            position_ids(condition.grid),
        )  # stored before the position delta is added
    noise = golden.get("latents_in")
    if noise is None:
        noise = named(f"{case['key']}/latents", 1, grid.n_tokens, 64)
    yield from _denoised(sampler, encoded, noise, grid, case)


def _denoised(
    sampler: FluxSampler,
    encoded: list[EncodedCondition],
    noise: torch.Tensor,
    grid: Any,
    case: Mapping[str, Any],
) -> Iterator[tuple[str, torch.Tensor]]:
    side = case["tile_size"]
    tiling = None if case["no_tiled_denoise"] else Tiling(side, side // 8)
    effort = Effort(SAMPLES_PER_CALL, is_vae_sliced=False, tiling=tiling)
    latents = noise
    for index, step in enumerate(sampler.steps(noise, encoded, grid, effort)):
        latents = step.latents
        if index == 0:
            yield "noise_pred_step0", step.velocity
            yield "latents_step0", step.latents
            if step.tiles is not None:
                yield "tile_noise_pred_step0", step.tiles
    yield "latents_out", latents
    with torch.inference_mode():
        pixels = decode(sampler.vae, latents, grid)
    yield "image_before_clamp", pixels
    yield "image", to_unit(pixels)


def differences(oracle: Oracle, case: Mapping[str, Any]) -> list[Difference]:
    """Return how far every stored tensor is from ours; a stored tensor that we lack is infinitely far."""
    golden = load_file(oracle.folder / case["file"])
    inputs = {name for name in golden if name == "latents_in" or name.startswith("posterior_noise.")}
    wanted = {name: value for name, value in golden.items() if name not in inputs}
    found = [
        compare(name, _thinned(name, ours, case), wanted.pop(name), oracle.document["tolerance"])
        for name, ours in run_case(oracle, case)
        if name in wanted
    ]
    return found + [Difference(name, float("inf"), float("inf"), False) for name in wanted]


def _thinned(name: str, tensor: torch.Tensor, case: Mapping[str, Any]) -> torch.Tensor:
    """Return the subset of a tensor that the reference stored."""
    if name.startswith("image"):
        stride = case.get("image_stride", 1)
        return tensor[..., ::stride, ::stride]
    strides = {"condition_tokens": "condition_tokens_stride", "noise_pred_step0": "noise_pred_step0_stride"}
    strides["tile_noise_pred_step0"] = "tile_noise_stride"
    stride = case.get(strides.get(name.partition(".")[0], ""), 1)
    return tensor[:, ::stride] if tensor.ndim == 3 else tensor


def compare(name: str, ours: torch.Tensor, theirs: torch.Tensor, tolerance: Mapping[str, Any]) -> Difference:
    """Return how far ours is from theirs, against the format's tolerance (ids must be equal)."""
    if ours.shape != theirs.shape:
        return Difference(
            f"{name} {tuple(ours.shape)} for {tuple(theirs.shape)}", float("inf"), float("inf"), False
        )
    delta = (ours.double() - theirs.double()).abs()
    max_abs, mean_abs = float(delta.max()), float(delta.mean())
    kind = TOLERANCE_OF.get(name.partition(".")[0])
    if kind is None:
        return Difference(name, max_abs, mean_abs, max_abs == 0.0)
    factor = 2.0 if name == "image_before_clamp" else 1.0
    limit = tolerance[kind]
    is_within = max_abs <= limit["max_abs"] * factor and mean_abs <= limit["mean_abs"] * factor
    return Difference(name, max_abs, mean_abs, is_within and bool(np.isfinite(max_abs)))


def report(oracle: Oracle, case: Mapping[str, Any]) -> bool:
    """Print a case's lines; say whether it passed."""
    if case.get("kv_cache"):
        print(f"{case['name']} not offered")
        return True
    try:
        found = differences(oracle, case)
    except UNUSABLE as error:
        print(f"{case['name']} max=nan mean=nan FAIL\n    {type(error).__name__}: {error}")
        return False
    passed = all(difference.is_within for difference in found)
    main = next((d for d in found if d.name.startswith("latents_out")), None)
    figures = f"max={main.max_abs:.2e} mean={main.mean_abs:.2e}" if main else "max=nan mean=nan"
    print(f"{case['name']} {figures} {'PASS' if passed and main else 'FAIL'}")
    for difference in found:
        if difference is not main:
            mark = "" if difference.is_within else "  out of tolerance"
            print(f"    {difference.name} max={difference.max_abs:.2e} mean={difference.mean_abs:.2e}{mark}")
    return passed and main is not None


def main(argv: list[str] | None = None) -> int:
    """Compare the asked cases; 0 only if all pass."""
    parser = argparse.ArgumentParser(prog="tests.parity.flux", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--case", help="only this one")
    asked = parser.parse_args(argv)
    if not (asked.folder / "cases.json").is_file():
        print(f"{asked.folder}: holds no cases.json", file=sys.stderr)
        return 2
    oracle = Oracle(asked.folder)
    cases = [case for case in oracle.document["cases"] if asked.case in (None, case["name"])]
    if not cases:
        print(f"no case {asked.case!r} in {asked.folder}", file=sys.stderr)
        return 2
    results = [report(oracle, case) for case in cases]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
