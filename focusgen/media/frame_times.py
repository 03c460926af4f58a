"""What the times of a video's frames tell of it: jumps, frames that are missing, clocks that mean nothing."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence

MAX_BELIEVED_FPS = 300.0  # telephones film 240; faster footage is stored to be played slowly
_WIDE_STEP = 10.0
_MIN_TIME_JUMP_S = 1.0
_EVEN_SHARE = 0.9  # of steps that are the usual one, from which on a longer one is a frame that is missing
_ROUNDING_S = 0.0011  # Matroska counts milliseconds
_DOUBLE_STEP = 1.5


def notes_on_times(times_s: Sequence[float] | None) -> tuple[str, ...]:
    """Return what to say of the times of a video's frames."""
    steps = [later - earlier for earlier, later in itertools.pairwise(times_s or ())]
    if len(steps) < 2:
        return ()
    usual = statistics.median(steps)
    if usual * MAX_BELIEVED_FPS < 1.0:
        rate = f"{1.0 / usual:.4g} frames per second" if usual > 0 else "the same moment for most frames"
        return (f"broken time stamps: they say {rate}; frames are used in order, times mean nothing",)
    return (*_on_order(steps), *_on_jumps(steps, usual))


def _on_order(steps: Sequence[float]) -> tuple[str, ...]:
    back = [index for index, step in enumerate(steps) if step <= 0]
    if not back:
        return ()
    how = "go back" if steps[back[0]] < 0 else "stand still"
    return (f"times {how} {_between(back)}: frames are used in the order of the file",)


def _on_jumps(steps: Sequence[float], usual: float) -> tuple[str, ...]:
    wide = [i for i, step in enumerate(steps) if step > max(_WIDE_STEP * usual, _MIN_TIME_JUMP_S)]
    if wide:
        first = wide[0]
        return (
            f"times jump by {steps[first]:.4g} s between frames {first} and {first + 1} "
            f"(usual step {usual:.4g} s){and_more(wide)}",
        )
    n_even = sum(abs(step - usual) <= 0.1 * usual + _ROUNDING_S for step in steps)
    longer = [i for i, step in enumerate(steps) if step > _DOUBLE_STEP * usual + _ROUNDING_S]
    if not longer or n_even < _EVEN_SHARE * len(steps):
        return ()
    n_missing = sum(round(steps[index] / usual) - 1 for index in longer)
    # A decoder goes on from the frames that it has, in most formats without a word.
    missing = "1 frame is missing" if n_missing == 1 else f"{n_missing} frames are missing"
    return (
        f"{missing} {_between(longer)}: left out by the camera, or lost, and then what follows may be "
        "smeared up to the next key frame",
    )


def _between(places: Sequence[int]) -> str:
    return f"between frames {places[0]} and {places[0] + 1}{and_more(places)}"


def and_more(places: Sequence[int]) -> str:
    """Return how many places there are beside the first one, "" if none."""
    n_more = len(places) - 1
    return f", and at {n_more} more {'place' if n_more == 1 else 'places'}" if n_more else ""
