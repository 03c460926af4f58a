"""Checking raw scenes in child processes, so that a hostile file can neither crash, hang nor fill this one.

A child (decode_child.py) is started once and checks many scenes, one after the other. It has a memory limit,
writes no files, and gets no environment beyond what Python needs. One that dies or makes no progress is
replaced; its scene is refused. Requests and answers are lines of JSON: nothing that a child says is executed.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from focusgen.base.errors import ConfigError, CorruptInputError
from focusgen.base.interpreter import PRODUCT_THREADS_VARIABLE, module_command
from focusgen.base.names import MediaError, display
from focusgen.media.damage import COPY_AGAIN, ENCODE_ANEW
from focusgen.media.rawcheck import CheckOptions, RawReport
from focusgen.media.scenes import RawScene

STALL_TIMEOUT_S = 60.0  # one frame of 64 megapixels takes about 2 s
SCENE_TIMEOUT_S = (
    6 * 3600.0
)  # an hour of 4K video on a slow core; against files made to be slow frame by frame
MEMORY_BYTES = 4 << 30  # 17 reference frames of 64 megapixels, and their RGB
MAX_LAST_WORDS_BYTES = 1 << 20
MAX_ANSWER_BYTES = 1 << 28
CHILD_MODULE = "focusgen.media.decode_child"
_DYING_S = 5.0
_READ_BYTES = 1 << 20
_KEPT_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LANG", "LC_ALL")
_IMPORT_ROOT = Path(__file__).resolve().parent.parent

Outcome = RawReport | CorruptInputError


class DecoderLostError(MediaError):
    """A scene is refused because its decoder process crashed or hung: the next one may fare better."""


class DecodePool:
    """Child processes that check scenes; a context manager that ends them.

    Args:
        workers: number of children, started as they are needed.
        timeout_s: a child that finishes no frame for so long is killed and its scene refused.
        scene_timeout_s: the same for a whole scene.
        memory_bytes: limit on the private memory of each child.
    """

    def __init__(
        self,
        workers: int,
        *,
        timeout_s: float = STALL_TIMEOUT_S,
        scene_timeout_s: float = SCENE_TIMEOUT_S,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        self._n_workers = max(1, workers)
        self._timeout_s = timeout_s
        self._scene_timeout_s = scene_timeout_s
        self._memory_bytes = memory_bytes
        self._idle: list[_Worker] = []
        self._busy: list[_Worker] = []

    def __enter__(self) -> DecodePool:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """End all children, also those at work."""
        for worker in (*self._idle, *self._busy):
            worker.end()
        self._idle.clear()
        self._busy.clear()

    def check(
        self,
        raws: Iterable[RawScene],
        options: CheckOptions,
        on_progress: Callable[[RawScene, int], None] = lambda raw, n_decoded: None,
    ) -> Iterator[tuple[RawScene, Outcome]]:
        """Yield (scene, report or refusal) as scenes are finished, in no fixed order.

        Args:
            raws: taken one by one as children become free.
            options: the same for all.
            on_progress: called with a scene and its frames decoded so far, about twice a second.

        Raises:
            ConfigError: a child cannot even start.
        """
        waiting = iter(raws)
        try:
            self._fill(waiting, options)
            while self._busy:
                for worker, outcome in self._pump(on_progress):
                    yield worker.raw, outcome
                self._fill(waiting, options)
        finally:  # an abandoned iterator leaves no child with an answer that nobody asked for
            for worker in self._busy:
                worker.end()
            self._busy.clear()

    def _fill(self, waiting: Iterator[RawScene], options: CheckOptions) -> None:
        while len(self._busy) < self._n_workers:
            raw = next(waiting, None)
            if raw is None:
                return
            worker = self._idle.pop() if self._idle else _Worker(self._memory_bytes)
            worker.give(raw, options, self._timeout_s, self._scene_timeout_s)
            self._busy.append(worker)

    def _pump(self, on_progress: Callable[[RawScene, int], None]) -> list[tuple[_Worker, Outcome]]:
        """Wait for a child to say something or to be late; return what is finished."""
        with selectors.DefaultSelector() as selector:
            for worker in self._busy:
                selector.register(worker.answers, selectors.EVENT_READ, worker)
                if worker.has_unsent:
                    selector.register(worker.requests, selectors.EVENT_WRITE, worker)
            patience_s = min(worker.deadline for worker in self._busy) - time.monotonic()
            for key, _ in selector.select(max(0.0, patience_s)):
                if key.fileobj is key.data.requests:
                    key.data.send()
                else:
                    key.data.receive(on_progress)
        finished = []
        for worker in list(self._busy):
            outcome = worker.outcome()
            if outcome is not None:
                self._busy.remove(worker)
                if worker.is_usable:
                    self._idle.append(worker)
                finished.append((worker, outcome))
        return finished


class _Worker:
    """One child process and the scene that it is checking."""

    def __init__(self, memory_bytes: int) -> None:
        self._stderr: IO[bytes] = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [*module_command(CHILD_MODULE), str(memory_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            cwd=_IMPORT_ROOT,
            env=_child_environment(),
            start_new_session=True,  # Ctrl-C is for us; we end the children
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self.requests, self.answers = self._process.stdin, self._process.stdout
        os.set_blocking(self.requests.fileno(), False)
        os.set_blocking(self.answers.fileno(), False)
        self._unsent = b""
        self._received = b""
        self._is_ready = False
        self._outcome: Outcome | None = None
        self.is_usable = True
        self.raw: RawScene
        self.deadline = 0.0

    @property
    def has_unsent(self) -> bool:
        return bool(self._unsent)

    def give(self, raw: RawScene, options: CheckOptions, timeout_s: float, scene_timeout_s: float) -> None:
        self.raw = raw
        self._timeout_s = timeout_s
        self._scene_deadline = time.monotonic() + scene_timeout_s
        self._outcome = None
        self._unsent = json.dumps(_request(raw, options)).encode("ascii") + b"\n"
        self._extend_deadline()

    def _extend_deadline(self) -> None:
        self.deadline = min(time.monotonic() + self._timeout_s, self._scene_deadline)

    def send(self) -> None:
        try:
            self._unsent = self._unsent[os.write(self.requests.fileno(), self._unsent) :]
        except BlockingIOError:
            pass
        except BrokenPipeError:  # it died; its end of the answers says so too
            self._unsent = b""

    def receive(self, on_progress: Callable[[RawScene, int], None]) -> None:
        try:
            block = os.read(self.answers.fileno(), _READ_BYTES)
        except BlockingIOError:
            return
        if not block:
            self._died()
            return
        *lines, self._received = (self._received + block).split(b"\n")
        for line in lines:
            try:
                self._understand(json.loads(line), on_progress)
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                self._refuse("the decoder process answers nonsense")
                return
        if len(self._received) > MAX_ANSWER_BYTES:
            self._refuse("the decoder process says too much")

    def _understand(self, answer: dict[str, Any], on_progress: Callable[[RawScene, int], None]) -> None:
        self._extend_deadline()
        if "ready" in answer:
            self._is_ready = True
        elif "n_decoded" in answer:
            on_progress(self.raw, answer["n_decoded"])
        elif "report" in answer:
            self._outcome = RawReport.from_json(answer["report"])
        else:
            self._outcome = MediaError(**answer["refused"], is_displayed=True)

    def outcome(self) -> Outcome | None:
        """Return the report or the refusal once there is one; a late child is killed for it."""
        if self._outcome is None and time.monotonic() >= self.deadline:
            is_late = time.monotonic() >= self._scene_deadline
            what = "the whole scene took longer than its limit" if is_late else "no progress within"
            self._refuse(f"decoding was stopped: {what}" + ("" if is_late else f" {self._timeout_s:g} s"))
        return self._outcome

    def _died(self) -> None:
        try:
            status = self._process.wait(_DYING_S)
        except subprocess.TimeoutExpired:  # it closed its pipe and lives on
            self._process.kill()
            status = self._process.wait()
        last_words = self._last_words()
        if not self._is_ready:
            self.end()
            raise ConfigError(f"the decoder process does not start (status {status}): {last_words}")
        cause = f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
        self._refuse(f"the decoder process ended ({cause}): {last_words or 'crashed or out of memory'}")

    def _last_words(self) -> str:
        self._stderr.seek(0)
        lines = self._stderr.read(MAX_LAST_WORDS_BYTES).decode("utf-8", "replace").strip().splitlines()
        return display(lines[-1][:300]) if lines else ""

    def _refuse(self, reason: str) -> None:
        advice = f"{COPY_AGAIN} {ENCODE_ANEW}" if self.raw.kind == "video" else ""
        self._outcome = DecoderLostError(self.raw.path.name, reason, advice)
        self.end()

    def end(self) -> None:
        self.is_usable = False
        self._process.kill()
        self._process.wait()
        for stream in (self.requests, self.answers, self._stderr):
            stream.close()


def _child_environment() -> dict[str, str]:
    """Return what Python needs to start, and nothing that might be a secret."""
    kept = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    return {**kept, "OMP_NUM_THREADS": "1", PRODUCT_THREADS_VARIABLE: "1"}


def _request(raw: RawScene, options: CheckOptions) -> dict[str, Any]:
    path = os.path.abspath(raw.path)
    scene: dict[str, Any] = {
        "scene_id": raw.scene_id,
        "kind": raw.kind,
        "path": path,
        "files": raw.files,
        "notes": raw.notes,
    }
    scene["span_s"] = raw.span_s
    return {"scene": scene, "options": vars(options)}
