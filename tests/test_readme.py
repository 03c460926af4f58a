"""Every command of the README is run (test_wheel.py), or listed here with the reason why it is not."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
BLOCKS = re.findall(r"```(bash|python)\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.S)

NOT_RUN = {
    "make demo": "CI runs it in a clean clone (.ci/run)",
    "make test": "it is what runs this test",
    ". .venv/bin/activate": "the tests run in an environment already",
}


def commands() -> list[tuple[str, int]]:
    """Return (command, expected exit status): a comment `# exit N` says one that is not 0."""
    found = []
    for kind, text in BLOCKS:
        if kind == "bash":
            for line in text.splitlines():
                command, _, comment = line.partition(" #")
                expected = re.search(r"exit (\d+)", comment)
                found.append((command.strip(), int(expected[1]) if expected else 0))
    return [(command, code) for command, code in found if command]


def test_what_is_not_run_still_stands_in_the_readme():
    assert set(NOT_RUN) <= {command for command, _ in commands()}


def smaller(command: str, width: int, height: int) -> str:
    """Return a command whose made-up clips have fewer pixels; every other one as it stands."""
    if not command.startswith("focusgen synth "):
        return command
    plain = re.sub(r" --(width|height) \d+", "", command)
    return plain.replace("synth", f"synth --width {width} --height {height}", 1)


def make_short_clip(source: Path, target: Path, n_frames: int = 16) -> None:
    """Copy the first frames of a real video, so that the whole README runs in seconds."""
    import av

    with av.open(str(source)) as video, av.open(str(target), "w") as clip:
        stream = clip.add_stream("mpeg4", rate=25)
        stream.width, stream.height = video.streams.video[0].width, video.streams.video[0].height
        stream.pix_fmt, stream.bit_rate = "yuv420p", 2_000_000
        for number, frame in enumerate(video.decode(video=0)):
            if number == n_frames:
                break
            clip.mux(
                stream.encode(av.VideoFrame.from_ndarray(frame.to_ndarray(format="rgb24"), format="rgb24"))
            )
        clip.mux(stream.encode())
