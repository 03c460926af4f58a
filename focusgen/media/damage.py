"""What a person can do about footage that is damaged, or that changes midway: said where it is refused."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from focusgen.base.names import MediaError
from focusgen.media.listing import LOSSLESS

COPY_AGAIN = "Copy it again from where it came."
# A copy (-c copy) keeps the damage; FFmpeg's decoder paints over it. At 8, libx264 shows no loss to the eye.
ENCODE_ANEW = (
    "Encoded anew it goes on behind the damage, with smeared frames to look at: "
    "ffmpeg -i INPUT -c:v libx264 -crf 8 -an OUTPUT.mkv"
)
WITHOUT_IT = (
    "Copy it again from where it came, or take it out of the folder, with its depth if there is any: the "
    "scene goes on without that frame, and says so."
)
_DAMAGED, _CHANGES = ("damaged", "cannot be decoded"), "changes its"


@contextmanager
def advising(whole_s: Callable[[], float] = lambda: 0.0) -> Iterator[None]:
    """Add the way out to what is refused inside as damaged or changing, if nothing was advised.

    Args:
        whole_s: asked then: seconds of the video, from its first frame on, that could be decoded.
    """
    try:
        yield
    except MediaError as error:
        if error.advice or not error.reason.startswith((*_DAMAGED, _CHANGES)):
            raise
        advice = _way_out(whole_s(), is_damaged=error.reason.startswith(_DAMAGED))
        raise MediaError(error.file, error.reason, advice, is_displayed=True) from error


@contextmanager
def advising_on_picture() -> Iterator[None]:
    """Add the way out to what is refused inside as a damaged picture of a scene, if nothing was advised."""
    try:
        yield
    except MediaError as error:
        if error.advice or not error.reason.startswith(("damaged", "truncated", "is empty")):
            raise
        raise MediaError(error.file, error.reason, WITHOUT_IT, is_displayed=True) from error


def _way_out(whole_s: float, *, is_damaged: bool) -> str:
    # Decoded, not copied: a copy takes packets by when they are decoded, and has holes before its end.
    end_s = math.floor(1e3 * whole_s) / 1e3  # rounded up, it would lie behind the last whole frame
    before = (
        f"Keep what comes before: --clips FILE with path,start_s,end_s (end_s {end_s:g}), or "
        f"ffmpeg -i INPUT -to {end_s:g} {LOSSLESS}."
    )
    steps = [COPY_AGAIN] * is_damaged + [before] * (end_s > 0) + [ENCODE_ANEW] * is_damaged
    return " ".join(steps)
