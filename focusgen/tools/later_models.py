"""Models that are loaded when they are first asked for something: a lost JSON file needs none."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from focusgen.config import Config
from focusgen.dataset.records import Record
from focusgen.models.protocols import (
    BokehRenderer,
    Deblurrer,
    DepthModel,
    Frames,
    NoiseKey,
    RenderContext,
    RenderSession,
    SceneFrames,
)
from focusgen.run.table import PhaseSpec

M = TypeVar("M")
A = TypeVar("A", bound=Deblurrer | BokehRenderer)


def loading_later(spec: PhaseSpec, record: Record) -> PhaseSpec:
    """Return how a phase is run with a model that is loaded only if a frame must be made again.

    Args:
        record: what is known of the kept frames; a model that is not loaded says the same of them.
    """
    later = {"deblur": LaterDeblurrer, "depth": LaterDepthModel, "render": LaterRenderer}[spec.name]

    def load(cfg: Config, *, device: str | None = None) -> object:
        return later(Later(lambda: spec.load_model(cfg, device=device)), record)

    return dataclasses.replace(spec, load_model=load)


class Later(Generic[M]):
    """A value that is made when it is first asked for."""

    def __init__(self, make: Callable[[], M]) -> None:
        self._make = make
        self.made: M | None = None

    def __call__(self) -> M:
        """Return it."""
        if self.made is None:
            self.made = self._make()
        return self.made


class _Approximating(Generic[A]):
    """A model that is loaded later, and what is known of its approximations until then."""

    def __init__(self, model: Later[A], record: Record) -> None:
        self._model = model
        self._known = _texts(record, "approximations")

    @property
    def approximations(self) -> Sequence[str]:
        """What the record says of the kept frames, and what the model adds with those made again."""
        made = self._model.made
        return _joined(self._known, () if made is None else made.approximations)


class LaterDeblurrer(_Approximating[Deblurrer], Deblurrer):
    """A `Deblurrer` that is loaded for the first frame."""

    def frames_per_call(self, height_px: int, width_px: int) -> int:
        """Return what the model says."""
        return self._model().frames_per_call(height_px, width_px)

    def deblur(self, frames: Frames, keys: Sequence[NoiseKey]) -> Frames:
        """Return the model's frames."""
        return self._model().deblur(frames, keys)


class LaterDepthModel(DepthModel):
    """A `DepthModel` that is loaded for the first shot."""

    def __init__(self, model: Later[DepthModel], record: Record) -> None:
        self._model = model
        self._known = _texts(record, "doubts")

    @property
    def doubts(self) -> Sequence[str]:
        """What the record says, and what the model adds."""
        made = self._model.made
        return _joined(self._known, () if made is None else made.doubts)

    @property
    def handles_long_video(self) -> bool:
        """What the model says."""
        return self._model().handles_long_video

    def estimate(self, scene: SceneFrames) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
        """Yield the model's depth."""
        return self._model().estimate(scene)


class LaterRenderer(_Approximating[BokehRenderer], BokehRenderer):
    """A `BokehRenderer` that is loaded for the first lens set."""

    @property
    def n_parallel(self) -> int:
        """What the model says."""
        return self._model().n_parallel

    def start(self, context: RenderContext) -> RenderSession:
        """Return the model's session."""
        return self._model().start(context)


def _texts(record: Record, key: str) -> list[str]:
    return [str(text) for text in record.details.get(key, ())]


def _joined(known: Sequence[str], added: Sequence[str]) -> list[str]:
    return list(dict.fromkeys([*known, *added]))
