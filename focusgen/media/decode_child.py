"""The process that checks raw scenes for decode.py: reads requests from its input, answers on its output.

Started as `python -m focusgen.media.decode_child MEMORY_BYTES`; not meant to be run by hand.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from focusgen.base.names import MediaError
from focusgen.media.rawcheck import CheckOptions, check_raw
from focusgen.media.scenes import RawScene

_HEARTBEAT_S = 0.5
_MAX_STDERR_BYTES = 1 << 20  # its only file; it writes no other


def main(argv: list[str]) -> int:
    """Answer requests until the parent closes the pipe."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever a library prints must not look like an answer
    _set_limits(int(argv[0]))
    _say(answers, {"ready": True})
    for line in sys.stdin.buffer:
        request = json.loads(line)
        _say(answers, _answer(request, _Heartbeat(answers)))
    return 0


def _set_limits(memory_bytes: int) -> None:
    _lower(resource.RLIMIT_DATA, memory_bytes)
    _lower(resource.RLIMIT_FSIZE, _MAX_STDERR_BYTES)
    _lower(resource.RLIMIT_CORE, 0)


def _lower(limit: int, wanted: int) -> None:
    """Lower a limit for good; one of the site that is lower already stays, since only root may raise it."""
    _, hard = resource.getrlimit(limit)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(limit, (allowed, allowed))


class _Heartbeat:
    """Tells the parent now and then that frames are coming."""

    def __init__(self, answers: IO[bytes]) -> None:
        self._answers = answers
        self._last_s = -_HEARTBEAT_S

    def __call__(self, n_decoded: int) -> None:
        now_s = time.monotonic()
        if now_s - self._last_s >= _HEARTBEAT_S:
            self._last_s = now_s
            _say(self._answers, {"n_decoded": n_decoded})


def _answer(request: dict[str, Any], on_frame: Callable[[int], None]) -> dict[str, Any]:
    scene = request["scene"]
    raw = RawScene(
        scene["scene_id"],
        scene["kind"],
        Path(scene["path"]),
        tuple(scene["files"]),
        tuple(scene["notes"]),
        span_s=tuple(scene["span_s"]) if scene["span_s"] else None,
    )
    try:
        return {"report": check_raw(raw, CheckOptions(**request["options"]), on_frame).to_json()}
    except MediaError as error:
        return {"refused": {"file": error.file, "reason": error.reason, "advice": error.advice}}


def _say(answers: IO[bytes], answer: dict[str, Any]) -> None:
    data = memoryview(json.dumps(answer).encode("ascii") + b"\n")
    while data:
        data = data[answers.write(data) :]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
