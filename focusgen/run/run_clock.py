"""How long a whole run will still take: what was predicted, corrected by how long its phases took."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from focusgen.config.graph import PhaseName

WORTH_SAYING_S = 60.0
BELIEVED_AFTER_S = 5.0
"""Shorter work says nothing of how fast this machine is."""


class RunClock:
    """How long the phases of a run will still take.

    Args:
        predicted_s: phase -> seconds, in running order; without any, nothing is said.
        clock: seconds that only go forward.
    """

    def __init__(
        self, predicted_s: Mapping[PhaseName, float], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._predicted_s, self._clock = dict(predicted_s), clock
        self._phase: PhaseName | None = None
        self._begun_s = clock()
        self._first: tuple[float, float] | None = None  # when the first share was done, and how much it was
        self._over_s = 0.0
        self._over_predicted_s = 0.0

    def begin(self, phase: PhaseName) -> None:
        """Take down that a phase begins, and how long the one before took."""
        now_s = self._clock()
        if self._phase in self._predicted_s:
            self._over_s += now_s - self._begun_s
            self._over_predicted_s += self._predicted_s.pop(self._phase)
        self._phase, self._begun_s, self._first = phase, now_s, None

    def left_s(self, share: float) -> float:
        """Return the seconds left of the whole run when a share of the present phase is done.

        What comes before the first share (a model is loaded, a first scene opened) says nothing of the pace.
        """
        now_s = self._predicted_s.get(self._phase, 0.0) if self._phase else 0.0
        later_s = sum(self._predicted_s.values()) - now_s
        spent_s, done = self._measured(share) if now_s else (0.0, 0.0)
        known_s = self._over_predicted_s + done * now_s
        slowness = 1.0
        if self._over_s + spent_s > BELIEVED_AFTER_S and known_s > 0:
            slowness = (self._over_s + spent_s) / known_s
        pace_s = spent_s / done if spent_s > BELIEVED_AFTER_S and done > 0 else slowness * now_s
        return pace_s * (1 - share) + slowness * later_s

    def _measured(self, share: float) -> tuple[float, float]:
        """Return the seconds since the first share of the present phase, and what was done in them."""
        if self._first is None and share > 0:
            self._first = (self._clock(), share)
        first_s, first_share = self._first or (self._clock(), share)
        return self._clock() - first_s, share - first_share

    def text(self, share: float) -> str:
        """Return "whole run: about 12 min left"; "" where that is not worth saying."""
        left_s = self.left_s(share)
        if left_s < WORTH_SAYING_S:
            return ""
        left = f"{left_s / 3600:.1f} h" if left_s > 5400 else f"{left_s / 60:.0f} min"
        return f"whole run: about {left} left"
