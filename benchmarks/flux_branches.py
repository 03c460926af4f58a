"""FLUX called the reference's way, to be timed against: a list of branches, each on its own.

Every branch runs through every projection by itself, every adapter's A and B are multiplied even where their
scale is 0, modulation is computed at every step, and keys and values are concatenated once per branch and
block. The same function as `focusgen.models.flux.forward` (a test compares them), written only to be slower.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from focusgen.models.flux.lora import Adapter
from focusgen.models.flux.schedule import TIMESTEPS_PER_SIGMA, timestep_of
from focusgen.models.flux.tokens import rotary_turns, rotate, text_ids


@dataclass(eq=False)
class Branch:
    """One branch: its tokens, rotary turns, time signal, and the adapter that reads it."""

    tokens: Tensor
    turns: Tensor
    signal: Tensor
    adapter: str | None
    is_condition: bool


class BranchedFlux:
    """The reference's way of calling.

    Args:
        transformer: diffusers' FluxTransformer2DModel.
        adapters: {name: adapter}, all resident.
    """

    def __init__(self, transformer: Any, adapters: Mapping[str, Adapter]) -> None:
        self.model = transformer
        weight = transformer.x_embedder.weight
        self.pairs: dict[str, list[tuple[str, Any]]] = {}
        for adapter, parts in adapters.items():
            for module, pair in parts.items():
                self.pairs.setdefault(module, []).append((adapter, pair.to(weight.device, weight.dtype)))

    def velocity(
        self,
        sigma: Tensor,
        guidance: float,
        prompt: tuple[Tensor, Tensor],
        image: tuple[Tensor, Tensor],
        conditions: Sequence[tuple[Tensor, Tensor, str | None]],
    ) -> Tensor:
        """Return the velocity of one frame; image is (tokens, ids), a condition (tokens, ids, adapter)."""
        embeds, pooled = prompt
        now, still = self._signal(sigma, guidance, pooled), self._signal(0.0 * sigma, 1.0, pooled)
        axes = self.model.config.axes_dims_rope

        def turns(ids: Tensor) -> Tensor:
            return rotary_turns(ids, axes).to(embeds.device)

        text = Branch(self.model.context_embedder(embeds), turns(text_ids(embeds.shape[1])), now, None, False)
        picture = Branch(self._linear("x_embedder", image[0], None), turns(image[1]), now, None, False)
        others = [
            Branch(self._linear("x_embedder", tokens, adapter), turns(ids), still, adapter, True)
            for tokens, ids, adapter in conditions
        ]
        branches = [text, picture, *others]
        for index in range(len(self.model.transformer_blocks)):
            self._double(index, branches)
        for index in range(len(self.model.single_transformer_blocks)):
            self._single(index, branches)
        result: Tensor = self.model.proj_out(self.model.norm_out(picture.tokens, picture.signal))
        return result

    def _signal(self, sigma: Tensor, guidance: float, pooled: Tensor) -> Tensor:
        time = timestep_of(sigma.reshape(1), pooled.dtype).to(pooled.device)
        signal: Tensor = self.model.time_text_embed(
            time, torch.full_like(time, guidance) * TIMESTEPS_PER_SIGMA, pooled
        )
        return signal

    def _linear(self, name: str, x: Tensor, active: str | None) -> Tensor:
        """Run a projection with every resident adapter, all but the branch's own at scale 0."""
        y: Tensor = self.model.get_submodule(name)(x)
        for adapter, pair in self.pairs.get(name, ()):
            y = y + F.linear(F.linear(x, pair.down), pair.up) * (1.0 if adapter == active else 0.0)
        return y

    def _attend(self, qkv: list[tuple[Tensor, Tensor, Tensor]], branches: list[Branch]) -> list[Tensor]:
        """Return every branch's attention, its keys and values put together anew."""
        out = []
        for index, (query, _, _) in enumerate(qkv):
            seen = [
                j
                for j, other in enumerate(branches)
                if j == index or not (other.is_condition and branches[index].is_condition)
            ]
            key = torch.cat([qkv[j][1] for j in seen], dim=1).transpose(1, 2)
            value = torch.cat([qkv[j][2] for j in seen], dim=1).transpose(1, 2)
            attended = F.scaled_dot_product_attention(query.transpose(1, 2), key, value)
            out.append(attended.transpose(1, 2).flatten(2))
        return out

    def _double(self, index: int, branches: list[Branch]) -> None:
        name, block = f"transformer_blocks.{index}", self.model.transformer_blocks[index]
        attn, qkv, tables = block.attn, [], []
        for branch in branches:
            is_text = branch is branches[0]
            norm = f"{name}.norm1_context.linear" if is_text else f"{name}.norm1.linear"
            table = self._linear(norm, F.silu(branch.signal), branch.adapter).chunk(6, dim=-1)
            x = _modulated(branch.tokens, table[0], table[1])
            if is_text:
                q, k, v = attn.add_q_proj(x), attn.add_k_proj(x), attn.add_v_proj(x)
                norm_q, norm_k = attn.norm_added_q, attn.norm_added_k
            else:
                q, k, v = (self._linear(f"{name}.attn.to_{part}", x, branch.adapter) for part in "qkv")
                norm_q, norm_k = attn.norm_q, attn.norm_k
            qkv.append(_turned(q, k, v, norm_q, norm_k, branch))
            tables.append(table)
        for branch, table, attended in zip(branches, tables, self._attend(qkv, branches), strict=True):
            self._finish_double(name, block, branch, table, attended, is_text=branch is branches[0])

    def _finish_double(
        self, name: str, block: Any, branch: Branch, table: Any, attended: Tensor, *, is_text: bool
    ) -> None:
        if is_text:
            branch.tokens = branch.tokens + table[2] * block.attn.to_add_out(attended)
            update = block.ff_context(_modulated(branch.tokens, table[3], table[4]))
        else:
            out = self._linear(f"{name}.attn.to_out.0", attended, branch.adapter)
            branch.tokens = branch.tokens + table[2] * out
            hidden = block.ff.net[0](_modulated(branch.tokens, table[3], table[4]))
            update = self._linear(f"{name}.ff.net.2", hidden, branch.adapter)
        branch.tokens = branch.tokens + table[5] * update

    def _single(self, index: int, branches: list[Branch]) -> None:
        name, block = f"single_transformer_blocks.{index}", self.model.single_transformer_blocks[index]
        qkv, gates, hidden = [], [], []
        for branch in branches:
            table = self._linear(f"{name}.norm.linear", F.silu(branch.signal), branch.adapter).chunk(
                3, dim=-1
            )
            x = _modulated(branch.tokens, table[0], table[1])
            hidden.append(F.gelu(self._linear(f"{name}.proj_mlp", x, branch.adapter), approximate="tanh"))
            q, k, v = (self._linear(f"{name}.attn.to_{part}", x, branch.adapter) for part in "qkv")
            qkv.append(_turned(q, k, v, block.attn.norm_q, block.attn.norm_k, branch))
            gates.append(table[2])
        for i, (branch, attended) in enumerate(zip(branches, self._attend(qkv, branches), strict=True)):
            mixed = torch.cat([attended, hidden[i]], dim=-1)
            branch.tokens = branch.tokens + gates[i] * self._linear(f"{name}.proj_out", mixed, branch.adapter)


def _modulated(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], eps=1e-6) * (1 + scale) + shift


def _turned(
    q: Tensor, k: Tensor, v: Tensor, norm_q: Any, norm_k: Any, branch: Branch
) -> tuple[Tensor, Tensor, Tensor]:
    q, k, v = (x.unflatten(-1, (-1, norm_q.weight.shape[0])) for x in (q, k, v))
    return rotate(norm_q(q), branch.turns), rotate(norm_k(k), branch.turns), v
