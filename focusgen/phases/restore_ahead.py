"""Restoring frames in batches for a stage that asks for them one by one.

The temporal stage wants (frame, draw) pairs in an order that is known beforehand. A GPU is faster with
several frames at once, and a net may decode one batch while it denoises the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt

from focusgen.models.protocols import Deblurrer, NoiseKey
from focusgen.phases.outputs import checked_frames

Image = npt.NDArray[np.uint8]


class RestoreAhead:
    """Restores pairs in the order in which they will be asked for, a batch at a time.

    Args:
        model: what restores.
        scene_id: part of every noise key.
        read_raw: returns one raw frame at output size.
        pairs: every (frame, draw) that will be asked for, in that order.
        n_together: pairs handed to the model at once; see `Deblurrer.frames_per_call`.
    """

    def __init__(
        self,
        model: Deblurrer,
        scene_id: str,
        read_raw: Callable[[int], Image],
        pairs: Iterable[tuple[int, int]],
        n_together: int,
    ) -> None:
        self._model = model
        self._scene_id = scene_id
        self._read_raw = read_raw
        self._pairs: Iterator[tuple[int, int]] = iter(pairs)
        self._n_together = n_together
        self._ready: dict[tuple[int, int], Image] = {}

    def __call__(self, frame: int, draw: int) -> Image:
        """Return a restored frame; each pair may be asked for once.

        Raises:
            ModelMemoryError: out of memory after every step of the model's ladder.
            SceneError: the model gave something else than frames.
        """
        if (frame, draw) not in self._ready:
            self._restore([(frame, draw), *self._following((frame, draw))])
        return self._ready.pop((frame, draw))

    def _following(self, asked: tuple[int, int]) -> list[tuple[int, int]]:
        """Return the pairs after the asked one; a pair out of the announced order is restored alone."""
        found = next((pair for pair in self._pairs if pair == asked), None)
        return [] if found is None else list(islice(self._pairs, self._n_together - 1))

    def _restore(self, pairs: list[tuple[int, int]]) -> None:
        raw = np.stack([self._read_raw(frame) for frame, _ in pairs])
        keys = [NoiseKey(self._scene_id, frame, draw) for frame, draw in pairs]
        what = f"scene {self._scene_id!r}, frame {pairs[0][0]}: {type(self._model).__name__}"
        sharp = checked_frames(self._model.deblur(raw, keys), raw, what)
        self._ready.update(zip(pairs, sharp, strict=True))
