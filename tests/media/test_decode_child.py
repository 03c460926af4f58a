"""The process that checks scenes: one answer per request, whatever is in it, and no other byte."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from focusgen.media import decode_child
from focusgen.media.rawcheck import RawReport
from tests.clips import moving_texture, write_images

OPTIONS = {"min_frames": 1, "max_frames": None, "shot_cut_threshold": 0.35}


def request(path: Path, files: list[str], **scene: Any) -> dict[str, Any]:
    plain = {
        "scene_id": "bear",
        "kind": "images",
        "path": str(path),
        "files": files,
        "notes": [],
        "span_s": None,
    }
    return {"scene": {**plain, **scene}, "options": OPTIONS}


class Grudging(io.BytesIO):
    """A pipe that takes a few bytes at a time."""

    def write(self, data: Any, /) -> int:
        return super().write(bytes(data[:7]))


def test_limits_of_the_site_that_are_lower_stay_and_the_child_answers(tmp_path):
    names = [path.name for path in write_images(tmp_path, moving_texture(1))]
    below = 500 << 10  # bytes of a file; the child asks for 1 MiB
    program = (
        "import resource as r, sys; from focusgen.media import decode_child as c\n"
        f"r.setrlimit(r.RLIMIT_FSIZE, ({below}, {below}))\n"
        "lower = r.setrlimit\n"
        "def unprivileged(which, new):  # root, too, may not raise it here\n"
        "    hard = r.getrlimit(which)[1]\n"
        "    if hard != r.RLIM_INFINITY and new[1] > hard: raise ValueError('raised')\n"
        "    lower(which, new)\n"
        "r.setrlimit = unprivileged\n"
        "sys.exit(c.main([str(4 << 30)]))"
    )
    asked = json.dumps(request(tmp_path, names)) + "\n"
    done = subprocess.run([sys.executable, "-c", program], input=asked.encode(), capture_output=True)
    ready, *_, answer = map(json.loads, done.stdout.splitlines())
    assert ready == {"ready": True} and answer["report"]["n_decoded"] == 1


def test_an_answer_is_one_line_even_through_a_full_pipe():
    pipe = Grudging()
    decode_child._say(pipe, {"a": "line\nbreak \u00e9 \udcff"})
    assert pipe.getvalue().count(b"\n") == 1 and pipe.getvalue().isascii()
    assert json.loads(pipe.getvalue()) == {"a": "line\nbreak \u00e9 \udcff"}


def test_a_heartbeat_beats_now_and_then_and_not_at_every_frame(monkeypatch):
    pipe, now_s = io.BytesIO(), 0.0
    monkeypatch.setattr(decode_child.time, "monotonic", lambda: now_s)
    beat = decode_child._Heartbeat(pipe)
    for n in range(1, 101):
        now_s = 0.01 * n
        beat(n)
    lines = [json.loads(line) for line in pipe.getvalue().splitlines()]
    assert lines == [{"n_decoded": 1}, {"n_decoded": 51}]


def test_a_request_becomes_a_report_or_a_refusal(tmp_path):
    names = [path.name for path in write_images(tmp_path, moving_texture(2))]
    answer = decode_child._answer(request(tmp_path, names, notes=["odd"]), lambda n: None)
    report = RawReport.from_json(json.loads(json.dumps(answer))["report"])
    assert (report.n_decoded, report.notes, report.frames) == (2, ("odd",), tuple(names))
    refused = decode_child._answer(request(tmp_path, ["gone.png"]), lambda n: None)["refused"]
    assert refused["file"] == "gone.png" and "cannot be read" in refused["reason"]


def test_a_child_answers_in_turn_and_its_libraries_cannot_disturb(tmp_path):
    names = [path.name for path in write_images(tmp_path, moving_texture(1))]
    odd = {**request(tmp_path, names), "ignored": True}
    asked = [request(tmp_path, names), request(tmp_path, ["no \u00fc.png"]), odd]
    noisy = (
        "import os, sys; from focusgen.media import decode_child as c; answer = c._answer\n"
        "c._answer = lambda *a: (os.write(1, b'noise'), print('noise'), answer(*a))[2]\n"
        "sys.exit(c.main([str(1 << 31)]))"
    )
    lines = "".join(json.dumps(one) + "\n" for one in asked).encode()
    child = subprocess.run([sys.executable, "-c", noisy], input=lines, capture_output=True, check=True)
    answers = [json.loads(line) for line in child.stdout.splitlines()]
    kinds = [next(iter(answer)) for answer in answers]
    assert [kind for kind in kinds if kind != "n_decoded"] == ["ready", "report", "refused", "report"]
    assert b"noise" in child.stderr and b"noise" not in child.stdout
