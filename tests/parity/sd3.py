"""Compare our SD3 wrapper with diffusers' numbers: python -m tests.parity.sd3 DIR [--case NAME].

DIR holds cases.json (format sd3-parity/1), the files it names and the shapes (`shapes_tiny.json` or what a
case says). The model is written into a folder in the official layout and read by our loader. One line per
case, `NAME max=... PASS|FAIL`, its tensors indented below; exit status 1 if one fails, 2 if nothing can be
compared.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from focusgen.base.errors import FocusgenError
from focusgen.focal.sd3.base import BaseModel, load_base
from focusgen.focal.sd3.lora import NAME, add_lora
from focusgen.focal.sd3.schedule import levels, steps, timestep_of
from focusgen.focal.sd3.surgery import interleaved, widen
from tests import named_weights as nw

FORMAT = "sd3-parity/1"
LATENTS, VELOCITY, DECODED = 2e-5, 2e-5, 1e-4
SHAPES_FILE = "shapes_tiny.json"
PREFIXES = {name: f"{name}/" for name in ("transformer", "vae", "lora", "widen")}


class Unusable(Exception):
    """A folder or a case that says what cannot be; its text goes to the user."""


@dataclass(frozen=True)
class Difference:
    """How far a tensor is from the reference's."""

    name: str
    max_abs: float
    limit: float

    @property
    def is_within(self) -> bool:
        return bool(np.isfinite(self.max_abs)) and self.max_abs <= self.limit


class Oracle:
    """One folder of cases."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.document: dict[str, Any] = json.loads((folder / "cases.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise Unusable(f"{folder}/cases.json: cannot be read: {error}") from error
        said = self.document.get("format") if isinstance(self.document, dict) else None
        if said != FORMAT:
            raise Unusable(f"{folder}/cases.json: format {said!r}, not {FORMAT!r}")
        cases = self.document.get("cases")
        if not (isinstance(cases, list) and all(isinstance(one, dict) for one in cases)):
            raise Unusable(f"{folder}/cases.json: holds no list of cases")


class Case:
    """One case: what it says wins over what the document says."""

    def __init__(self, oracle: Oracle, values: Mapping[str, Any]) -> None:
        self.oracle, self.values = oracle, values
        self.name: str = self.get("name")

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value of the case, else of the document, else the default."""
        for place in (self.values, self.oracle.document):
            if key in place:
                return place[key]
        if default is None:
            raise Unusable(f"case {self.values.get('name')!r}: {key} is missing in cases.json")
        return default

    @property
    def salt(self) -> int:
        return int(self.get("salt", 0) or 0)

    @property
    def rules(self) -> list[Any]:
        return [tuple(rule) for rule in self.get("rules", [[]]) if rule]

    @cached_property
    def golden(self) -> dict[str, torch.Tensor]:
        """What the reference stored."""
        file = self.oracle.folder / self.get("file", f"{self.name}.safetensors")
        if not file.is_file():
            raise Unusable(f"case {self.name!r}: {file} does not exist")
        try:
            tensors = load_file(file)
        except SafetensorError as error:
            raise Unusable(f"case {self.name!r}: {file} cannot be read: {error}") from error
        if not tensors:
            raise Unusable(f"case {self.name!r}: {file} holds no tensor")
        return {key: value.double() for key, value in tensors.items()}

    def shapes(self, part: str) -> dict[str, list[int]]:
        """Return {key: shape} of one part."""
        file = self.oracle.folder / self.get("shapes_file", SHAPES_FILE)
        if not file.is_file():
            raise Unusable(f"case {self.name!r}: {file} does not exist")
        shapes = json.loads(file.read_text(encoding="utf-8"))
        if part not in shapes:
            raise Unusable(f"case {self.name!r}: {file} has no shapes of {part}")
        return dict(shapes[part])

    def drawn(self, part: str, shapes: Mapping[str, Any]) -> dict[str, torch.Tensor]:
        """Return a part's weights, checked against their fingerprint."""
        prefix = self.get("key_prefixes", PREFIXES)[part]
        state = nw.state_dict({prefix + k: s for k, s in shapes.items()}, rules=self.rules, salt=self.salt)
        arrays = {key.removeprefix(prefix): value for key, value in state.items()}
        wanted = self.get("weights_sha256", {"": ""}).get(part)
        if wanted is not None and nw.fingerprint(arrays) != wanted:
            raise Unusable(f"case {self.name!r}: the weights of {part} are not those of the reference")
        return nw.to_torch(arrays)

    def normal(self, what: str, *shape: int) -> torch.Tensor:
        """Return an input of the case."""
        return torch.from_numpy(nw.normal(f"{self.get('key', f'sd3/{self.name}')}/{what}", shape, self.salt))

    @cached_property
    def base(self) -> BaseModel:
        """The model, written in the official layout and read by our loader."""
        with tempfile.TemporaryDirectory() as folder:
            self.write(Path(folder))
            return load_base(folder)

    def write(self, folder: Path) -> None:
        """Write the model in the official layout."""
        from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel

        for part, kind in (("transformer", SD3Transformer2DModel), ("vae", AutoencoderKL)):
            arguments = {
                k: tuple(v) if k == "dual_attention_layers" else v for k, v in self.get(part).items()
            }
            model = kind(**arguments)
            shapes = self.shapes(part)
            own = {
                k: list(v.shape)
                for k, v in model.state_dict().items()
                if not k.endswith("pos_embed.pos_embed")
            }
            if own != shapes:
                wrong = sorted(own.keys() ^ shapes.keys())
                raise Unusable(
                    f"case {self.name!r}: {part} and its shapes file differ: {wrong[:3] or 'sizes'}"
                )
            model.load_state_dict(self.drawn(part, shapes), strict=False)
            model.save_pretrained(folder / part)
        FlowMatchEulerDiscreteScheduler(**self.get("scheduler")).save_pretrained(folder / "scheduler")

    def inputs(self, n_channels: int | None = None) -> dict[str, torch.Tensor]:
        """Return latents, prompt and pooled prompt."""
        config, batch = self.get("transformer"), self.get("batch", len(self.get("sigmas", [1.0])))
        tokens = self.get("prompt_tokens")
        return {
            "hidden_states": self.normal(
                "latents", batch, n_channels or config["in_channels"], *self.get("latent")
            ),
            "encoder_hidden_states": self.normal(
                "prompt_embeds", batch, tokens, config["joint_attention_dim"]
            ),
            "pooled_projections": self.normal("pooled_prompt_embeds", batch, config["pooled_projection_dim"]),
        }

    def sigmas(self) -> torch.Tensor:
        """Return one noise level per sample."""
        given = self.get("sigmas")
        batch = self.get("batch", len(given))
        return torch.tensor(given * batch if len(given) == 1 else given, dtype=torch.float32)


def velocity_of(model: nn.Module, inputs: Mapping[str, torch.Tensor], sigma: torch.Tensor) -> torch.Tensor:
    """Return what a transformer answers at a noise level."""
    found: torch.Tensor = model(**inputs, timestep=timestep_of(sigma), return_dict=False)[0]
    return found


Found = Iterator[tuple[str, torch.Tensor, float]]


def vae_case(case: Case) -> Found:
    """Pictures to latents and back."""
    pictures = np.stack(
        [nw.image(case.get("height"), case.get("width"), seed=s) for s in case.get("image_seeds")]
    )
    wanted = case.values.get("inputs_sha256")
    if wanted is not None and nw.sha256(pictures) != wanted:
        raise Unusable(f"case {case.name!r}: the pictures are not those of the reference")
    pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1.0
    codec = case.base.codec
    latents = codec.encode(pixels)
    config = codec.vae.config
    yield "mean", latents / config.scaling_factor + config.shift_factor, LATENTS
    yield "latents", latents, LATENTS
    stride = case.get("image_stride", 1)
    yield "decoded", codec.decode(latents)[..., ::stride, ::stride], DECODED


def velocity_case(case: Case) -> Found:
    """One answer per sample, each at its own noise level."""
    yield "velocity", velocity_of(case.base.transformer, case.inputs(), case.sigmas()), VELOCITY


def schedule_case(case: Case) -> Found:
    """The noise levels of chains and of training."""
    scheduler = case.base.scheduler
    yield "train_sigmas", scheduler.sigmas, LATENTS
    for n in case.get("steps"):
        sigmas, timesteps = levels(scheduler, n)
        yield f"sigmas_{n}", sigmas, LATENTS
        yield f"timesteps_{n}", timesteps, 1000.0 * LATENTS


def euler_case(case: Case) -> Found:
    """Every step of a chain."""
    inputs = case.inputs()

    def velocity(latents: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        return velocity_of(case.base.transformer, {**inputs, "hidden_states": latents}, sigma)

    chain = steps(case.base.scheduler, velocity, inputs["hidden_states"], case.get("steps"))
    for number, step in enumerate(chain):
        yield f"velocity_{number}", step.velocity, VELOCITY
        yield f"latents_{number}", step.latents, LATENTS


def widened_case(case: Case) -> Found:
    """The transformer before and after surgery; a salt fills what is new with named numbers."""
    extra, outputs = case.get("extra_channels"), case.get("outputs")
    n_channels = case.get("transformer")["in_channels"]
    inputs, sigma = case.inputs(n_channels + extra), case.sigmas()
    model = case.base.transformer
    narrow = {**inputs, "hidden_states": inputs["hidden_states"][:, :n_channels]}
    yield "base_velocity", velocity_of(model, narrow, sigma), VELOCITY
    heads = {key: getattr(model.proj_out, key).detach().clone() for key in ("weight", "bias")}
    widen(model, extra, outputs)
    if case.values.get("widen_salt") is not None:
        fill_widened(model, case, n_channels, heads)
    yield "velocity", velocity_of(model, inputs, sigma), VELOCITY


@torch.no_grad()
def fill_widened(model: Any, case: Case, n_channels: int, heads: Mapping[str, torch.Tensor]) -> None:
    """Put named numbers where the surgery puts zeros and copies."""
    salt, prefix = case.values["widen_salt"], case.get("key_prefixes", PREFIXES)["widen"]
    new = model.pos_embed.proj.weight[:, n_channels:]
    key = f"{prefix}pos_embed.proj.weight"
    new.copy_(torch.from_numpy(nw.tensor(key, new.shape, rules=case.rules, salt=salt)))
    n_patch, n_out = case.get("transformer")["patch_size"] ** 2, case.get("transformer")["out_channels"]
    for name, first in heads.items():
        shape = (n_patch, n_out, *first.shape[1:])
        parts = [first]
        for output in range(1, case.get("outputs")):
            drawn = nw.tensor(f"{prefix}proj_out.{name}", shape, rules=case.rules, salt=salt + output)
            parts.append(torch.from_numpy(drawn).reshape(first.shape))
        getattr(model.proj_out, name).copy_(interleaved(parts, n_patch, n_out))


def lora_case(case: Case) -> Found:
    """The transformer with an adapter."""
    lora, model = case.get("lora"), case.base.transformer
    alpha = case.get("scale", lora["alpha"] / lora["rank"]) * lora["rank"]
    add_lora(model, lora["rank"], alpha, lora["targets"])
    drawn = case.drawn("lora", case.shapes("lora"))
    own = {key: value for key, value in model.named_parameters() if ".lora_" in key}
    with torch.no_grad():
        for key, value in own.items():
            value.copy_(drawn.pop(key.replace(f".{NAME}.", ".")))
    assert own and not drawn, "not the adapter of this model"
    model.eval()
    yield "velocity", velocity_of(model, case.inputs(), case.sigmas()), VELOCITY


KINDS: dict[str, Callable[[Case], Found]] = {
    "vae": vae_case,
    "velocity": velocity_case,
    "schedule": schedule_case,
    "euler": euler_case,
    "widened": widened_case,
    "lora": lora_case,
}


def differences(case: Case) -> list[Difference]:
    """Return how far every stored tensor is from ours; a stored tensor that we lack is infinitely far."""
    kind = case.get("kind")
    if kind not in KINDS:
        raise Unusable(f"case {case.name!r}: kind {kind!r} is unknown; there is {', '.join(KINDS)}")
    wanted, found = dict(case.golden), []
    with torch.no_grad():
        for name, ours, limit in KINDS[kind](case):
            if name in wanted:
                found.append(compare(name, ours, wanted.pop(name), limit))
    return found + [Difference(f"{name} (we have none)", float("inf"), 0.0) for name in wanted]


def compare(name: str, ours: torch.Tensor, theirs: torch.Tensor, limit: float) -> Difference:
    """Return how far ours is from theirs."""
    if ours.shape != theirs.shape:
        return Difference(f"{name} {tuple(ours.shape)} for {tuple(theirs.shape)}", float("inf"), limit)
    return Difference(name, float((ours.double() - theirs).abs().max()), limit)


def report(case: Case) -> bool:
    """Print a case's lines; say whether it passed. What one case says wrong does not stop the others."""
    try:
        found = differences(case)
    except (Unusable, FocusgenError, ValueError, KeyError, TypeError, RuntimeError) as error:
        print(f"{case.name} max=nan FAIL")
        print(f"    {type(error).__name__}: {error}")
        return False
    passed = bool(found) and all(difference.is_within for difference in found)
    # Each against its own tolerance: timesteps are a thousand times as large as latents.
    worst = max(found, key=lambda d: d.max_abs / d.limit if d.limit else float("inf"), default=None)
    print(f"{case.name} max={worst.max_abs if worst else float('nan'):.2e} {'PASS' if passed else 'FAIL'}")
    for difference in found:
        mark = "" if difference.is_within else f"  out of tolerance {difference.limit:g}"
        print(f"    {difference.name} max={difference.max_abs:.2e}{mark}")
    return passed


def main(argv: list[str] | None = None) -> int:
    """Compare the asked cases; 0 only if all pass."""
    parser = argparse.ArgumentParser(prog="tests.parity.sd3", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--case", help="only this one")
    asked = parser.parse_args(argv)
    try:
        oracle = Oracle(asked.folder)
        cases = [Case(oracle, values) for values in oracle.document["cases"]]
        cases = [case for case in cases if asked.case in (None, case.name)]
        if not cases:
            raise Unusable(f"no case {asked.case!r} in {asked.folder}")
        return 0 if all([report(case) for case in cases]) else 1
    except Unusable as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
