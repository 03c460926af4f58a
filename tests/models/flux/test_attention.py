"""Who attends to whom: against one attention over everything with a mask written from the rule."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from focusgen.models.flux.attention import Layout, attend, attend_image

CONDITIONS = [(), ((3, "a"),), ((3, "a"), (2, None)), ((3, "a"), (2, "b"), (4, "a")), ((1, None),) * 4]


def layout_of(conditions: tuple[tuple[int, str | None], ...], n_text: int = 2, n_image: int = 5) -> Layout:
    return Layout(n_text, n_image, conditions)


def branches(layout: Layout) -> list[str]:
    """Return the branch of every token of the sequence, spelled out from the order that is promised."""
    lengths = [length for length, _ in layout.conditions]
    main = ["main"] * (layout.n_text + layout.n_image)
    first, rest = lengths[:1], lengths[1:]
    return [
        *["c0"] * sum(first),
        *main,
        *itertools.chain(*([f"c{n + 1}"] * k for n, k in enumerate(rest))),
    ]


def masked_attention(q: Tensor, k: Tensor, v: Tensor, layout: Layout) -> Tensor:
    """Return softmax(q k / sqrt(d)) v where main sees everything and a condition main and itself."""
    names = branches(layout)
    may_see = torch.tensor([[a == "main" or b in (a, "main") for b in names] for a in names])
    scores = torch.einsum("blhd,bmhd->bhlm", q, k) / q.shape[-1] ** 0.5
    share = scores.masked_fill(~may_see, -torch.inf).softmax(-1)
    return torch.einsum("bhlm,bmhd->blhd", share, v).flatten(2)


def tensors(layout: Layout, batch: int = 2, n_heads: int = 3) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(batch, len(branches(layout)), n_heads, 4, generator=generator) for _ in range(3)]


@pytest.mark.parametrize("conditions", CONDITIONS)
def test_it_is_one_attention_with_a_mask(conditions):
    layout = layout_of(conditions)
    q, k, v = tensors(layout)
    found, whole = attend(q, k, v, layout), masked_attention(q, k, v, layout)
    torch.testing.assert_close(found.main, whole[:, layout.main])
    for span, part in zip(layout.spans, found.conditions, strict=True):
        torch.testing.assert_close(part, whole[:, span.tokens])


def test_the_picture_alone_still_sees_everything():
    layout = layout_of(CONDITIONS[2])
    q, k, v = tensors(layout)
    only = attend_image(q[:, layout.image], k, v)
    torch.testing.assert_close(only, masked_attention(q, k, v, layout)[:, layout.image])


def test_what_one_condition_holds_never_reaches_another():
    layout = layout_of(CONDITIONS[3])
    q, k, v = tensors(layout)
    before = attend(q, k, v, layout)
    k[:, layout.spans[1].tokens] += 5.0
    v[:, layout.spans[1].tokens] -= 5.0
    after = attend(q, k, v, layout)
    for index in (0, 2):
        assert torch.equal(after.conditions[index], before.conditions[index])
    assert not torch.allclose(after.main, before.main)


@pytest.mark.parametrize("conditions", CONDITIONS)
def test_the_branches_are_a_partition_of_the_sequence(conditions):
    layout = layout_of(conditions)
    places = list(range(len(branches(layout))))
    spans = [layout.text, layout.image, *(span.tokens for span in layout.spans)]
    assert sorted(itertools.chain(*(places[span] for span in spans))) == places
    assert places[layout.main] == places[layout.text] + places[layout.image]
    assert [span.adapter for span in layout.spans] == [adapter for _, adapter in conditions]
    without_text = places[: len(places) - layout.n_text]
    stream = [layout.stream_image, *(span.tokens for span in layout.stream_spans)]
    assert sorted(itertools.chain(*(without_text[span] for span in stream))) == without_text


@pytest.mark.parametrize("conditions", CONDITIONS)
def test_text_is_put_where_the_layout_says(conditions):
    layout = layout_of(conditions)
    stream = torch.arange(len(branches(layout)) - layout.n_text)[None, :, None].float()
    whole = layout.insert_text(stream, torch.full((1, layout.n_text, 1), -1.0))
    assert (whole[:, layout.text] == -1).all() and (whole == -1).sum() == layout.n_text
    assert torch.equal(whole[:, layout.image], stream[:, layout.stream_image])
    for span, of_stream in zip(layout.spans, layout.stream_spans, strict=True):
        assert torch.equal(whole[:, span.tokens], stream[:, of_stream.tokens])
