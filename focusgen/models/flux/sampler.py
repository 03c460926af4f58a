"""From conditions and noise to frames: encode, denoise step by step, decode while the next batch denoises."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from torch import Tensor

from focusgen.base.errors import SceneError
from focusgen.models.flux.conditions import BlackCondition, Condition, EncodedCondition
from focusgen.models.flux.decoding import Decoder, Pending
from focusgen.models.flux.forward import Surroundings, surround, velocity
from focusgen.models.flux.memory import Effort, Ladder
from focusgen.models.flux.modulation import ModulationTables, StepTables, modulation_tables
from focusgen.models.flux.parts import Autoencoder
from focusgen.models.flux.prompts import PromptEmbedding
from focusgen.models.flux.schedule import Schedule, euler_step
from focusgen.models.flux.tiling import TilePlan, plan_tiles
from focusgen.models.flux.tokens import Grid, position_ids
from focusgen.models.flux.vae import Posterior, encode_posterior, tokens_of
from focusgen.models.flux.weights import FluxWeights
from focusgen.models.protocols import Frames

Velocity = Callable[[FluxWeights, Surroundings, StepTables, Tensor], Tensor]

TableKey = tuple[tuple[float, ...], frozenset[str | None]]
"""Noise levels and adapters that a table was made for."""


class Step(NamedTuple):
    """What one step did: blended velocity, the tiles' own (None in one piece), latents after it."""

    velocity: Tensor
    tiles: Tensor | None
    latents: Tensor


@dataclass(frozen=True, eq=False)
class Batch:
    """Frames that are denoised together.

    Attributes:
        grid: the frames' tokens.
        conditions: each holds B frames, or one that all share.
        noise: (B, tokens, 64) initial noise.
        posterior_noise: per condition (B, 16, h, w) for a sample of the VAE's posterior, None for its mean.
    """

    grid: Grid
    conditions: tuple[Condition, ...]
    noise: Tensor
    posterior_noise: tuple[Tensor | None, ...]


@dataclass(eq=False)
class FluxSampler:
    """A FLUX model with a prompt and a number of steps.

    Attributes:
        weights: the transformer and its adapters.
        vae: diffusers' AutoencoderKL.
        schedule: the noise levels.
        prompt: the embedded prompt.
        n_steps: denoising steps.
        guidance_scale: the distilled guidance of text and image.
        velocity: the forward, perhaps compiled.
        origin: the files that it was made from, for messages.
        notes: what makes its pictures differ from the net as published, in words for the record.
    """

    weights: FluxWeights
    vae: Autoencoder
    schedule: Schedule
    prompt: PromptEmbedding
    n_steps: int
    guidance_scale: float
    velocity: Velocity = velocity
    origin: str = "FLUX"
    notes: tuple[str, ...] = ()
    _tables: dict[TableKey, ModulationTables] = field(default_factory=dict)
    _black: dict[tuple[int, int], Posterior] = field(default_factory=dict)

    def generate(self, batches: Iterable[Batch], ladder: Ladder, what: str) -> Iterator[Frames]:
        """Yield the uint8 frames of each batch, in order.

        A batch is decoded on its own CUDA stream while the next one is denoised.

        Args:
            batches: frames of one size.
            ladder: how memory is saved when it runs out.
            what: names the work in errors.

        Raises:
            ModelMemoryError: after every rung.
            SceneError: a decoded frame holds NaN or infinity.
        """
        decoder = Decoder(self.vae, self.weights.device)
        waiting: Pending | None = None
        for batch in batches:
            started = ladder.run(functools.partial(self._generate, batch, decoder), what)
            if waiting is not None:
                yield self._finished(waiting, what)
            waiting = started
        if waiting is not None:
            yield self._finished(waiting, what)

    def _finished(self, pending: Pending, what: str) -> Frames:
        frames = pending.frames()
        if not pending.is_finite():
            raise SceneError(
                f"{what}: the network's pictures hold NaN or infinity ({self.origin})",
                "The weights themselves are finite, so something overflows: set precision to bf16 or fp32, "
                "and see whether transformer, VAE and LoRA belong together.",
            )
        return frames

    def _generate(self, batch: Batch, decoder: Decoder, effort: Effort) -> Pending:
        return decoder.submit(self.denoise(batch, effort), batch.grid, is_sliced=effort.is_vae_sliced)

    def denoise(self, batch: Batch, effort: Effort) -> Tensor:
        """Return the (B, tokens, 64) latents of a batch."""
        conditions = self.encode(batch.conditions, batch.posterior_noise, is_sliced=effort.is_vae_sliced)
        latents = batch.noise
        for step in self.steps(batch.noise, conditions, batch.grid, effort):
            latents = step.latents
        return latents

    def encode(
        self, conditions: Sequence[Condition], noise: Sequence[Tensor | None], *, is_sliced: bool = False
    ) -> list[EncodedCondition]:
        """Return the conditions' tokens; black ones are looked up after the first time."""
        encoded = []
        with torch.inference_mode():
            for condition, own_noise in zip(conditions, noise, strict=True):
                tokens = tokens_of(self.vae, self._posterior(condition, is_sliced), own_noise)
                encoded.append(
                    EncodedCondition(
                        tokens,
                        condition.grid,
                        condition.adapter,
                        condition.position_delta,
                        condition.position_scale,
                    )
                )
        return encoded

    def _posterior(self, condition: Condition, is_sliced: bool) -> Posterior:
        if not isinstance(condition, BlackCondition):
            return encode_posterior(self.vae, condition.pixels(), is_sliced=is_sliced)
        size = condition.height_px, condition.width_px
        if size not in self._black:
            self._black[size] = encode_posterior(self.vae, condition.pixels())
        return self._black[size]

    def steps(
        self, noise: Tensor, conditions: Sequence[EncodedCondition], grid: Grid, effort: Effort
    ) -> Iterator[Step]:
        """Yield every denoising step of (B, tokens, 64) noise.

        Args:
            noise: initial latents.
            conditions: encoded, with B frames or one.
            grid: the picture's tokens; the whole picture's number of tokens bends the schedule, tiled or not.
            effort: tiling and how much goes through at once.
        """
        sigmas = self.schedule.sigmas(self.n_steps, grid.n_tokens)
        plan = plan_tiles(grid, effort.tiling)
        with torch.inference_mode():
            tables = self._tables_for(sigmas, conditions)
            around = self._surroundings(conditions, grid, plan, len(noise))
            latents = noise.to(self.weights.device, torch.float32, copy=True)  # of this mode: one graph
        for index in range(self.n_steps):
            with torch.inference_mode():
                pieces = latents if plan is None else plan.cut(latents)
                moved = self._in_portions(around, tables.step(index), pieces, effort.samples_per_call)
                blended = moved if plan is None else plan.blend(moved)
                latents = euler_step(latents, blended, sigmas[index], sigmas[index + 1])
            yield Step(blended, None if plan is None else moved, latents)

    def _tables_for(self, sigmas: Tensor, conditions: Sequence[EncodedCondition]) -> ModulationTables:
        """Return modulation of a schedule, computed once per frame size."""
        adapters = frozenset(condition.adapter for condition in conditions)
        key = (tuple(sigmas.tolist()), adapters)
        if key not in self._tables:
            self._tables.clear()  # one size at a time: a table of 30 steps takes 60 MB
            self._tables[key] = modulation_tables(
                self.weights, sigmas, self.guidance_scale, self.prompt.pooled, adapters
            )
        return self._tables[key]

    def _surroundings(
        self, conditions: Sequence[EncodedCondition], grid: Grid, plan: TilePlan | None, batch: int
    ) -> Surroundings:
        shown = []
        for condition in conditions:
            tokens = condition.tokens.expand(batch, -1, -1)
            if plan is None:
                shown.append((tokens, condition.ids(), condition.adapter))
                continue
            if condition.grid != grid:
                raise ValueError(f"a tiled condition must have the picture's size, not {condition.grid}")
            shown.append((plan.cut(tokens), position_ids(plan.tile_grid), condition.adapter))
        image_ids = position_ids(grid if plan is None else plan.tile_grid)
        return surround(self.weights, self.prompt.embeds, image_ids, shown)

    def _in_portions(self, around: Surroundings, tables: StepTables, pieces: Tensor, portion: int) -> Tensor:
        """Return velocities of all samples, at most `portion` of them at once."""
        moved = []
        for start in range(0, len(pieces), portion):
            part = slice(start, start + portion)
            own = replace(around, conditions=tuple(c[part] for c in around.conditions))
            moved.append(self.velocity(self.weights, own, tables, pieces[part]))
        return torch.cat(moved)
