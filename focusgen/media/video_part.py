"""The part of a video that is a scene, told by the times of its frames."""

from __future__ import annotations

from focusgen.base.names import MediaError
from focusgen.media.scenes import RawScene

TIME_DIGITS = 6
"""Times are compared to a microsecond: 1 / 3 s is no frame of 30 fps by a float's last bit."""


class VideoPart:
    """The part of a video that is a scene, met frame by frame."""

    def __init__(self, raw: RawScene) -> None:
        self._span_s, self._file = raw.span_s, raw.path.name
        self._origin_s: float | None = None
        self._last_s = self._step_s = 0.0
        self.n_skipped = 0
        self.has_ended = False

    def ends_before(self, time_s: float | None) -> bool:
        """Say whether a frame lies behind the part: it is the first that is not looked at."""
        end_s = None if self._span_s is None else self._span_s[1]
        self.has_ended = end_s is not None and self._after_first(time_s) >= end_s
        return self.has_ended

    def holds(self, time_s: float | None) -> bool:
        """Say whether a frame belongs to the part; count it if it lies before."""
        is_inside = self._span_s is None or self._after_first(time_s) >= self._span_s[0]
        self.n_skipped += not is_inside
        return is_inside

    def notes(self, is_cut_short: bool) -> tuple[str, ...]:
        """Say that the video ends before its part was to end."""
        end_s = None if self._span_s is None else self._span_s[1]
        if end_s is None or self.has_ended or is_cut_short or self._last_s + 2 * self._step_s >= end_s:
            return ()
        return (f"the video ends {self._last_s:.4g} s after its first frame, before end_s {end_s:g}",)

    def _after_first(self, time_s: float | None) -> float:
        if time_s is None:
            raise MediaError(
                self._file, "a frame has no time, so no part of it can be told by start_s and end_s"
            )
        if self._origin_s is None:
            self._origin_s = time_s
        after_s = round(time_s - self._origin_s, TIME_DIGITS)
        if after_s > self._last_s:
            self._last_s, self._step_s = after_s, after_s - self._last_s
        return after_s
