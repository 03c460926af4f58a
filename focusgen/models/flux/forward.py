"""One call of the transformer: the velocity of the picture's tokens, given text and conditions.

Double blocks keep text apart from the stream [condition 1 | image | condition 2 | ...]; single blocks run
over all tokens as one sequence. Each projection is one product over image and condition tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from focusgen.models.flux.attention import Attended, Layout, attend, attend_image
from focusgen.models.flux.modulation import GATE, MLP_GATE, MLP_SCALE, MLP_SHIFT, SCALE, SHIFT, StepTables
from focusgen.models.flux.tokens import rotary_turns, rotate, text_ids
from focusgen.models.flux.weights import DoubleBlock, FluxWeights, SingleBlock, Span

NORM_EPS = 1e-6
Modulated = Sequence[tuple[slice, Tensor]]
"""Tokens, and the (rows, D) table that modulates them."""


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What the picture is denoised among; the same at every step.

    Attributes:
        layout: where the branches lie.
        text: (1, tokens, D) embedded prompt.
        conditions: (B, tokens, D) embedded conditions.
        turns: (L, channels / 2, 2) rotary turns of the whole sequence.
    """

    layout: Layout
    text: Tensor
    conditions: tuple[Tensor, ...]
    turns: Tensor


def surround(
    weights: FluxWeights,
    prompt_embeds: Tensor,
    image_ids: Tensor,
    conditions: Sequence[tuple[Tensor, Tensor, str | None]],
) -> Surroundings:
    """Embed what stays the same at every step.

    Args:
        prompt_embeds: (1, tokens, J).
        image_ids: (S, 3) positions of the picture's tokens.
        conditions: (tokens (B, C, 64), positions (C, 3), adapter) of each.
    """
    n_text = prompt_embeds.shape[1]
    layout = Layout(n_text, len(image_ids), tuple((len(ids), adapter) for _, ids, adapter in conditions))
    embedded = []
    for tokens, _, adapter in conditions:
        tokens = tokens.to(weights.device, weights.dtype)
        whole = Span(slice(None), adapter)
        embedded.append(weights.x_embedder(tokens, [whole]))
    ids = [condition_ids for _, condition_ids, _ in conditions]
    sequence_ids = torch.cat([*ids[:1], text_ids(n_text), image_ids, *ids[1:]])
    return Surroundings(
        layout=layout,
        text=weights.text_embedder(prompt_embeds.to(weights.device, weights.dtype)),
        conditions=tuple(embedded),
        turns=rotary_turns(sequence_ids, weights.rotary_axes).to(weights.device),
    )


def velocity(weights: FluxWeights, around: Surroundings, tables: StepTables, image_tokens: Tensor) -> Tensor:
    """Return the (B, S, 64) velocity of noisy picture tokens (B, S, 64) at one step."""
    layout = around.layout
    image = weights.x_embedder(image_tokens.to(weights.dtype))
    first, others = around.conditions[:1], around.conditions[1:]
    stream = torch.cat([*first, image, *others], dim=1)
    text = around.text.repeat(len(image), 1, 1)
    spans = layout.stream_spans
    for index, block in enumerate(weights.double):
        modulated = [(layout.stream_image, tables.image[index])]
        modulated += [(span.tokens, tables.conditions[span.adapter].double[index]) for span in spans]
        double_block(block, stream, text, modulated, tables.text[index], around)
    sequence = layout.insert_text(stream, text)
    for index, single in enumerate(weights.single[:-1]):
        single_block(single, sequence, _single_tables(layout, tables, index), around)
    image = last_block(weights.single[-1], sequence, tables, around)
    shift, scale = tables.final
    velocity_tokens: Tensor = weights.final_out(torch.addcmul(shift, _norm(image), scale))
    return velocity_tokens


def double_block(
    block: DoubleBlock,
    stream: Tensor,
    text: Tensor,
    modulated: Modulated,
    text_table: Tensor,
    around: Surroundings,
) -> None:
    """Carry stream and text through a double block, in place."""
    layout = around.layout
    spans, whole_text = layout.stream_spans, [(slice(None), text_table)]
    x = _modulate(stream, modulated, SHIFT, SCALE)
    t = _modulate(text, whole_text, SHIFT, SCALE)

    channels = block.norm_q.weight.shape[0]
    q = block.norm_q(_heads(block.to_q(x, spans), channels))
    k = block.norm_k(_heads(block.to_k(x, spans), channels))
    v = _heads(block.to_v(x, spans), channels)
    q = layout.insert_text(q, block.text_norm_q(_heads(block.text_q(t), channels)))
    k = layout.insert_text(k, block.text_norm_k(_heads(block.text_k(t), channels)))
    v = layout.insert_text(v, _heads(block.text_v(t), channels))
    seen = attend(rotate(q, around.turns), rotate(k, around.turns), v, layout)

    text_seen, image_seen = seen.main[:, : layout.n_text], seen.main[:, layout.n_text :]
    stream_seen = torch.cat([*seen.conditions[:1], image_seen, *seen.conditions[1:]], dim=1)
    _add_gated(stream, block.to_out(stream_seen, spans), modulated, GATE)
    _add_gated(text, block.text_out(text_seen), whole_text, GATE)

    x = _modulate(stream, modulated, MLP_SHIFT, MLP_SCALE)
    _add_gated(stream, block.ff_out(_gelu(block.ff_in(x)), spans), modulated, MLP_GATE)
    t = _modulate(text, whole_text, MLP_SHIFT, MLP_SCALE)
    _add_gated(text, block.text_ff_out(_gelu(block.text_ff_in(t))), whole_text, MLP_GATE)


def single_block(block: SingleBlock, sequence: Tensor, modulated: Modulated, around: Surroundings) -> None:
    """Carry the whole sequence through a single block, in place."""
    layout = around.layout
    x = _modulate(sequence, modulated, SHIFT, SCALE)
    channels = block.norm_q.weight.shape[0]
    q = rotate(block.norm_q(_heads(block.to_q(x, layout.spans), channels)), around.turns)
    k = rotate(block.norm_k(_heads(block.to_k(x, layout.spans), channels)), around.turns)
    v = _heads(block.to_v(x, layout.spans), channels)
    seen = attend(q, k, v, layout)
    mixed = _beside(seen, block.mlp_in(x, layout.spans), layout)
    _add_gated(sequence, block.out(mixed, layout.spans), modulated, GATE)


def last_block(block: SingleBlock, sequence: Tensor, tables: StepTables, around: Surroundings) -> Tensor:
    """Return the picture's tokens after the last single block; the others serve as keys and values only."""
    layout = around.layout
    modulated = _single_tables(layout, tables, -1)
    x = _modulate(sequence, modulated, SHIFT, SCALE)
    image, own = sequence[:, layout.image], x[:, layout.image]
    channels = block.norm_q.weight.shape[0]
    q = rotate(block.norm_q(_heads(block.to_q(own), channels)), around.turns[layout.image])
    k = rotate(block.norm_k(_heads(block.to_k(x, layout.spans), channels)), around.turns)
    v = _heads(block.to_v(x, layout.spans), channels)
    mixed = torch.cat([attend_image(q, k, v), _gelu(block.mlp_in(own))], dim=-1)
    return torch.addcmul(image, tables.main[-1][GATE], block.out(mixed))


def _single_tables(layout: Layout, tables: StepTables, index: int) -> Modulated:
    own = [(span.tokens, tables.conditions[span.adapter].single[index]) for span in layout.spans]
    return [(layout.main, tables.main[index]), *own]


def _heads(x: Tensor, channels: int) -> Tensor:
    """Return (B, L, D) as (B, L, heads, channels)."""
    return x.reshape(*x.shape[:-1], -1, channels)


def _norm(x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], eps=NORM_EPS)


def _modulate(x: Tensor, modulated: Modulated, shift: int, scale: int) -> Tensor:
    """Return the normalised tokens, each branch scaled and shifted by its own table."""
    normed = _norm(x)
    for tokens, table in modulated:
        own = normed[:, tokens]
        if torch.compiler.is_compiling():  # no `out` on views there, and the two are fused anyway
            own.mul_(table[scale]).add_(table[shift])
        else:
            torch.addcmul(table[shift], own, table[scale], out=own)
    return normed


def _add_gated(x: Tensor, update: Tensor, modulated: Modulated, gate: int) -> None:
    """Add an update to x, each branch through its own gate, in place."""
    for tokens, table in modulated:
        x[:, tokens].addcmul_(update[:, tokens], table[gate])


def _gelu(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh")


def _beside(seen: Attended, mlp: Tensor, layout: Layout) -> Tensor:
    """Return [attention | GELU of the MLP's input] of the whole sequence, written once into one buffer."""
    width = seen.main.shape[-1]
    mixed = mlp.new_empty(*mlp.shape[:2], width + mlp.shape[-1])
    mixed[:, layout.main, :width] = seen.main
    for span, own in zip(layout.spans, seen.conditions, strict=True):
        mixed[:, span.tokens, :width] = own
    if torch.compiler.is_compiling():
        mixed[..., width:] = _gelu(mlp)
    else:
        torch.ops.aten.gelu.out(mlp, approximate="tanh", out=mixed[..., width:])
    return mixed
