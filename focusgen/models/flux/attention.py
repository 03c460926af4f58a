"""Who attends to whom: everyone to everything, except that conditions do not see each other.

Tokens lie in the order [condition 1 | text | image | condition 2 | ...]. Text and image then share one key
set, all of it, and the first two conditions' key sets are contiguous slices: two or three attention calls on
views, where the reference concatenates keys and values four times in each of 57 blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from focusgen.models.flux.weights import Span


class Attended(NamedTuple):
    """Attention's output: (B, text + image, D), and one (B, tokens, D) per condition."""

    main: Tensor
    conditions: list[Tensor]


@dataclass(frozen=True)
class Layout:
    """How many tokens each branch has, and where they lie.

    Attributes:
        n_text: text tokens.
        n_image: tokens of the picture that is denoised.
        conditions: (tokens, adapter) of each condition, in order.
    """

    n_text: int
    n_image: int
    conditions: tuple[tuple[int, str | None], ...]

    @property
    def n_first(self) -> int:
        """Tokens of the first condition, which lies before the text."""
        return self.conditions[0][0] if self.conditions else 0

    @property
    def text(self) -> slice:
        """Text in the whole sequence."""
        return slice(self.n_first, self.n_first + self.n_text)

    @property
    def image(self) -> slice:
        """The picture in the whole sequence."""
        return slice(self.text.stop, self.text.stop + self.n_image)

    @property
    def main(self) -> slice:
        """Text and picture in the whole sequence."""
        return slice(self.text.start, self.image.stop)

    @property
    def spans(self) -> tuple[Span, ...]:
        """Conditions in the whole sequence."""
        return self._spans(self.image.stop)

    @property
    def stream_image(self) -> slice:
        """The picture in the stream without text, [condition 1 | image | condition 2 | ...]."""
        return slice(self.n_first, self.n_first + self.n_image)

    @property
    def stream_spans(self) -> tuple[Span, ...]:
        """Conditions in the stream without text."""
        return self._spans(self.stream_image.stop)

    def _spans(self, after_image: int) -> tuple[Span, ...]:
        spans, start = [], 0
        for index, (length, adapter) in enumerate(self.conditions):
            spans.append(Span(slice(start, start + length), adapter))
            start = after_image if index == 0 else start + length
        return tuple(spans)

    def insert_text(self, stream: Tensor, text: Tensor) -> Tensor:
        """Return the whole sequence of a stream without text (B, tokens, ...) and the text."""
        return torch.cat([stream[:, : self.n_first], text, stream[:, self.n_first :]], dim=1)


def attend(q: Tensor, k: Tensor, v: Tensor, layout: Layout) -> Attended:
    """Return attention of (B, L, heads, channels) queries, keys and values of the whole sequence."""
    queries, keys, values = (x.transpose(1, 2) for x in (q, k, v))
    main = _attention(queries[:, :, layout.main], keys, values)
    conditions = []
    for index, span in enumerate(layout.spans):
        seen_k, seen_v = (_seen_by(index, x, layout) for x in (keys, values))
        conditions.append(_attention(queries[:, :, span.tokens], seen_k, seen_v))
    return Attended(main, conditions)


def attend_image(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return attention of the picture's queries alone, over all keys: what the last block still needs."""
    return _attention(*(x.transpose(1, 2) for x in (q, k, v)))


def _attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)


def _seen_by(index: int, x: Tensor, layout: Layout) -> Tensor:
    """Return the keys or values that condition `index` sees: text, image and itself."""
    if index == 0:
        return x[:, :, : layout.image.stop]
    own = layout.spans[index].tokens
    if own.start == layout.image.stop:
        return x[:, :, layout.main.start : own.stop]
    return torch.cat([x[:, :, layout.main], x[:, :, own]], dim=2)  # a third condition: not next to the image
