"""The transformer's weights, arranged in the order the forward reads them, each with its low-rank parts.

Nothing is copied or patched: a `Projection` calls the module that diffusers built, so that quantised layers
and offloading hooks go on working, and adds B (A x) on the tokens of conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from focusgen.models.flux.lora import LISTED, Adapter, LowRank, check_fits
from focusgen.models.flux.parts import Layer, Linear, Norm

MODULATION = ("norm1.linear", "norm1_context.linear", "norm.linear", "norm_out.linear")
"""Names of the layers that only turn a step into shifts, scales and gates: a quarter of all weights."""


class Span(NamedTuple):
    """A condition's tokens in a sequence, and the adapter that reads them."""

    tokens: slice
    adapter: str | None


@dataclass(frozen=True, eq=False)
class Projection:
    """A linear layer for a sequence of which some spans belong to conditions."""

    linear: Linear
    low_rank: Mapping[str, LowRank]

    def __call__(self, x: Tensor, conditions: Sequence[Span] = ()) -> Tensor:
        """Return W x + b of all tokens in one product, plus B (A x) on each condition's tokens."""
        y: Tensor = self.linear(x)
        for tokens, adapter in conditions:
            pair = self.low_rank.get(adapter) if adapter is not None else None
            if pair is not None:
                narrow = F.linear(x[:, tokens], pair.down)
                # The product adds onto y itself: no second tensor of y's size is written and read.
                y[:, tokens].baddbmm_(narrow, pair.up.T.expand(len(x), -1, -1))
        return y

    def of_adapter(self, x: Tensor, adapter: str | None) -> Tensor:
        """Return the layer's output where all of x (n, in) belongs to one condition branch.

        The layer may rest in host memory: then its weights visit x's device for this product.
        """
        linear = self.linear
        if linear.weight.device == x.device:
            y: Tensor = linear(x)
        else:
            y = F.linear(x, linear.weight.to(x.device), linear.bias.to(x.device))
        pair = self.low_rank.get(adapter) if adapter is not None else None
        return y if pair is None else y + F.linear(F.linear(x, pair.down), pair.up)


@dataclass(frozen=True, eq=False)
class DoubleBlock:
    """A block where text has weights of its own."""

    to_q: Projection
    to_k: Projection
    to_v: Projection
    to_out: Projection
    ff_in: Layer
    ff_out: Projection
    norm_q: Norm
    norm_k: Norm
    text_q: Layer
    text_k: Layer
    text_v: Layer
    text_out: Layer
    text_ff_in: Layer
    text_ff_out: Layer
    text_norm_q: Norm
    text_norm_k: Norm
    modulation: Projection
    text_modulation: Projection


@dataclass(frozen=True, eq=False)
class SingleBlock:
    """A block where all tokens share weights, attention and MLP side by side."""

    to_q: Projection
    to_k: Projection
    to_v: Projection
    mlp_in: Projection
    out: Projection
    norm_q: Norm
    norm_k: Norm
    modulation: Projection


@dataclass(frozen=True, eq=False)
class FluxWeights:
    """All of a FLUX transformer and its adapters."""

    x_embedder: Projection
    text_embedder: Layer
    time_text_embed: Callable[..., Tensor]
    double: tuple[DoubleBlock, ...]
    single: tuple[SingleBlock, ...]
    final_modulation: Projection
    final_out: Layer
    n_heads: int
    rotary_axes: tuple[int, ...]
    has_guidance: bool
    device: torch.device
    dtype: torch.dtype

    @property
    def width(self) -> int:
        """Channels of a token inside."""
        return self.n_heads * sum(self.rotary_axes)


def gather(
    transformer: Any,
    adapters: Mapping[str, Adapter],
    device: torch.device | None = None,
    dtype: torch.dtype | None = None,
) -> FluxWeights:
    """Arrange diffusers' FluxTransformer2DModel and LoRA adapters for the forward.

    Args:
        transformer: the model; it is read, never changed.
        adapters: {name: adapter}; all resident at once, picked per condition.
        device: where the work is done; the first weight's by default.
        dtype: precision of the activations; the first weight's by default.

    Raises:
        ConfigError: an adapter belongs to another model.
    """
    first = transformer.x_embedder.weight
    device, dtype = device or first.device, dtype or first.dtype
    projection = _projections(transformer, adapters, device, dtype)
    config = transformer.config
    return FluxWeights(
        x_embedder=projection("x_embedder"),
        text_embedder=transformer.context_embedder,
        time_text_embed=transformer.time_text_embed,
        double=tuple(
            _double(block, f"transformer_blocks.{i}", projection)
            for i, block in enumerate(transformer.transformer_blocks)
        ),
        single=tuple(
            _single(block, f"single_transformer_blocks.{i}", projection)
            for i, block in enumerate(transformer.single_transformer_blocks)
        ),
        final_modulation=projection("norm_out.linear"),
        final_out=transformer.proj_out,
        n_heads=config.num_attention_heads,
        rotary_axes=tuple(config.axes_dims_rope),
        has_guidance=bool(config.guidance_embeds),
        device=device,
        dtype=dtype,
    )


def _projections(
    transformer: Any, adapters: Mapping[str, Adapter], device: torch.device, dtype: torch.dtype
) -> Callable[[str], Projection]:
    """Return what makes the projection of a module's name, its low-rank parts where the work is done.

    Raises:
        ConfigError: an adapter belongs to another model.
    """
    shapes = listed_shapes(transformer)
    for name, adapter in adapters.items():
        check_fits(adapter, shapes, f"adapter {name}")
    pairs = {name: {m: p.to(device, dtype) for m, p in adapter.items()} for name, adapter in adapters.items()}

    def projection(name: str) -> Projection:
        found = {adapter: parts[name] for adapter, parts in pairs.items() if name in parts}
        return Projection(transformer.get_submodule(name), found)

    return projection


def _double(block: Any, name: str, projection: Callable[[str], Projection]) -> DoubleBlock:
    attn = block.attn
    return DoubleBlock(
        to_q=projection(f"{name}.attn.to_q"),
        to_k=projection(f"{name}.attn.to_k"),
        to_v=projection(f"{name}.attn.to_v"),
        to_out=projection(f"{name}.attn.to_out.0"),
        ff_in=block.ff.net[0].proj,
        ff_out=projection(f"{name}.ff.net.2"),
        norm_q=attn.norm_q,
        norm_k=attn.norm_k,
        text_q=attn.add_q_proj,
        text_k=attn.add_k_proj,
        text_v=attn.add_v_proj,
        text_out=attn.to_add_out,
        text_ff_in=block.ff_context.net[0].proj,
        text_ff_out=block.ff_context.net[2],
        text_norm_q=attn.norm_added_q,
        text_norm_k=attn.norm_added_k,
        modulation=projection(f"{name}.norm1.linear"),
        text_modulation=projection(f"{name}.norm1_context.linear"),
    )


def _single(block: Any, name: str, projection: Callable[[str], Projection]) -> SingleBlock:
    return SingleBlock(
        to_q=projection(f"{name}.attn.to_q"),
        to_k=projection(f"{name}.attn.to_k"),
        to_v=projection(f"{name}.attn.to_v"),
        mlp_in=projection(f"{name}.proj_mlp"),
        out=projection(f"{name}.proj_out"),
        norm_q=block.attn.norm_q,
        norm_k=block.attn.norm_k,
        modulation=projection(f"{name}.norm.linear"),
    )


def listed_shapes(transformer: nn.Module) -> dict[str, tuple[int, int]]:
    """Return {module: (out features, in features)} of the projections that a LoRA may change."""
    return {
        name: (module.out_features, module.in_features)
        for name, module in transformer.named_modules()
        if isinstance(module, nn.Linear) and LISTED.fullmatch(name)
    }


def is_modulation(name: str) -> bool:
    """Say whether a module is needed only to compute modulation tables."""
    return name.endswith(MODULATION)
