"""Is the depth that stands beside slices theirs?

Drawn by it, the sharp picture gives the slices again, and better than drawn otherwise: focus distances in
reverse order, depth of another scale, inverse, turned, or with more or less blur. Where one of these comes
out clearly better, the label is wrong in that way.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import FocusgenError
from focusgen.base.names import listed
from focusgen.focal.fit import VISIBLE, WEAK_SPAN_PX, compared, left_and_there
from focusgen.focal.records import StackRecord
from focusgen.focal.roots import Roots
from focusgen.focal.samples import Sample, load_known, placed, usable_depth
from focusgen.focal.sharpness import depth_from_focus
from focusgen.focal.sources import spread
from focusgen.focal.stack import FocalStack

Floats = npt.NDArray[np.float32]

LOOKED_AT, MANY = 5, 4
"""How many stacks of a source are looked at; from the second number on, their median is judged, and more
strictly than each by itself."""

CLEARLY_BETTER, BETTER = 0.65, 0.85
"""What another way may leave of what the label leaves: of a few stacks, and in the median of many. Of 31
drawn stacks with right labels, clean, noisy, as JPEG and with holes, each left .74 and more, and no median of
five of them .85; depth that is 1.3 times the true one leaves .82 in the median with .7 of it."""

FOREIGN, FOREIGN_OF_MANY = (1.0, 0.33), (0.8, 0.5)
"""Depth is another picture's where it leaves more than the first part of what differs between slices, and
depth by sharpness alone less than the second part of that: right labels .39 and more."""

NEARLY_RIGHT = 2.5
"""What is better than the label, but leaves so many times what depth by sharpness alone leaves, is as wrong:
right labels leave up to 2.1 times of that (thin bars)."""

TURNED = 1.1
"""Where a turned map leaves more than so many times what the map leaves, it says something of the picture."""

TURNS: Mapping[str, Any] = {
    "upside down": np.s_[::-1],
    "mirrored": np.s_[:, ::-1],
    "turned by half": np.s_[::-1, ::-1],
}
FACTORS = (0.5, 0.7, 1.4, 2.0)
SWAP_REACH = 2
"""Slices that are exchanged lie so many places apart at most."""

METRES = "are depth and focus distances both in metres, no diopters, disparities or steps?"
OTHERS = "depth does not explain the slices, sharpness alone does: is it another picture's, or not in metres?"
BLUR = "blur of their lens: is the camera right?"
PLAIN, THERE = "plain", "there"

Left = Mapping[str, float]
"""What each way leaves, as a part of what the label leaves; `THERE`: the label's own part of what differs."""


class Doubt(NamedTuple):
    """What is wrong with labels of stacks of one source.

    Attributes:
        what: in words.
        names: of the stacks.
        is_sure: whether another reading of the label itself is clearly better; not so of a camera that blurs
            otherwise, and where only sharpness alone says more.
    """

    what: str
    names: list[str]
    is_sure: bool

    def __str__(self) -> str:
        """Return one line."""
        return f"{listed(self.names, 4)}: {self.what}"


def left_of(record: StackRecord, sample: Sample) -> Left | None:
    """Return what is left of the slices of a record when they are drawn by its label, and otherwise.

    Returns:
        None where nothing can be told: no depth, slices that were drawn from it or by no lens, or blur that
        hardly changes.
    """
    stack = sample.stack
    assert stack.radius_px_m is not None, "every sample has a lens"
    is_weak = stack.radius_px_m * stack.span < WEAK_SPAN_PX
    if record.is_drawn or not sample.is_drawn or sample.true_m is None or is_weak:
        return None
    small, diopters = _at_compared_size(stack, sample.true_m, sample.name)
    own, there = left_and_there(small, diopters)
    if own <= VISIBLE * len(small):
        return None
    plain, _ = left_and_there(small, depth_from_focus(small).diopters)
    left: dict[str, float] = {PLAIN: plain / own, THERE: own / max(there, 1e-6)}
    for way, drawn, by in _otherwise(small, diopters):
        left[way] = min(left_and_there(drawn, by)[0] / own, left.get(way, np.inf))
    return left


def _at_compared_size(stack: FocalStack, true_m: Floats, name: str) -> tuple[FocalStack, Floats]:
    import cv2

    small = compared(stack)
    height, width = small.slices.shape[1:3]
    depth_m = usable_depth(true_m, true_m.shape, name)
    return small, np.asarray(cv2.resize(1.0 / depth_m, (width, height), interpolation=cv2.INTER_NEAREST))


def _otherwise(stack: FocalStack, diopters: Floats) -> Iterator[tuple[str, FocalStack, Floats]]:
    """Yield what may be wrong with a label, and the stack and inverse depth that were right then."""
    assert stack.radius_px_m is not None, "the caller has a lens"
    order = list(range(len(stack)))
    turned = replace(stack, slices=stack.slices[::-1])
    yield f"with focus distances in reverse order: {METRES}", turned, diopters
    yield f"with inverse depth for depth: {METRES}", stack, np.asarray(1.0 / diopters)
    for factor in FACTORS:
        times = f"with about {factor:g} times the"
        yield f"{times} depth: is depth_scale right?", stack, diopters / np.float32(factor)
        gain = replace(stack, radius_px_m=factor * stack.radius_px_m)
        yield f"{times} {BLUR}", gain, diopters
    for way, index in TURNS.items():
        yield f"with depth {way}", stack, np.ascontiguousarray(diopters[index])
    for a, b in itertools.combinations(order, 2):
        if b - a <= SWAP_REACH:
            swapped = [{a: b, b: a}.get(n, n) for n in order]
            one = replace(stack, slices=stack.slices[swapped])
            yield "with two of them exchanged: are they in the order of focus_distances?", one, diopters


def doubt_of(told: Mapping[str, Left]) -> Doubt | None:
    """Return in which way labels of one source are wrong, None where they may well be right.

    Args:
        told: name of a stack -> its `left_of`, of one or more.
    """
    if not told:
        return None
    found, names = list(told.values()), list(told)
    is_many = len(found) >= MANY
    middle = {way: float(np.median([one[way] for one in found])) for way in found[0]}
    there, plain = middle.pop(THERE), middle.pop(PLAIN)
    least, way = min((value, way) for way, value in middle.items())
    if least < (BETTER if is_many else CLEARLY_BETTER):
        if least > NEARLY_RIGHT * plain:
            return Doubt(OTHERS, names, is_sure=False)
        is_sure = least < CLEARLY_BETTER and not way.endswith(BLUR)
        return Doubt(f"the slices come out better {way}", names, is_sure)
    says_more = min(middle[f"with depth {way}"] for way in TURNS) > TURNED
    most_left, least_plain = FOREIGN_OF_MANY if is_many else FOREIGN
    if says_more or there < most_left or plain > least_plain:
        return None
    return Doubt(OTHERS, names, is_sure=False)


def doubts_of(found: Mapping[str, Left | None]) -> list[Doubt]:
    """Return what is doubtful of stacks of one source: of all of them, or else of single ones.

    Args:
        found: name of a stack -> its `left_of`.
    """
    told = {name: left for name, left in found.items() if left is not None}
    of_all = doubt_of(told)
    if of_all is not None:
        return [of_all]
    single = (doubt_of({name: left}) for name, left in told.items())
    return [doubt for doubt in single if doubt is not None]


def look_at(
    records: Sequence[StackRecord],
    roots: Roots,
    beside: Path,
    n: int,
    refuse: Callable[[FocusgenError], object],
) -> list[Doubt]:
    """Return what is doubtful of the labels of a list; records are named by file and line.

    Args:
        records: of one list.
        roots: where their paths start.
        beside: folder of the list.
        n: stacks of each `source` that are opened, spread over the list.
        refuse: told of one that cannot be used.
    """
    by_source: dict[str | None, list[StackRecord]] = {}
    for record in records:
        if not record.is_drawn and record.text("depth") is not None:
            by_source.setdefault(record.text("source"), []).append(record)
    doubts = []
    for of_source in by_source.values():
        found: dict[str, Left | None] = {}
        for k in spread(len(of_source), min(n, len(of_source))):
            record = of_source[k]
            try:
                sample = load_known(record, roots, beside)
                with placed(record):
                    found[record.where] = left_of(record, sample)
            except FocusgenError as error:
                refuse(error)
        doubts += doubts_of(found)
    return doubts
