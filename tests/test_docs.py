"""Every `bash` and `python` block of docs/ is run, page by page, in an empty folder; the site has no warning.

Blocks that need a cluster, a network or weights are `text`, `toml` or indented, and are not run.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from focusgen import cli
from focusgen.cli import COMMANDS
from focusgen.commands import synth
from focusgen.commands.focal import ACTIONS
from focusgen.tools import preview
from tests.browser import SCREENS_PX, check_page, chromium
from tests.clips import write_video
from tests.faults import import_phases, in_child
from tests.focal.stacks import truth
from tests.test_readme import smaller

ROOT = Path(__file__).parent.parent
LOG = "said.txt"
PAGES = sorted(page.name for page in (ROOT / "docs").glob("*.md"))
BLOCK = re.compile(r"```(bash|python)\n(.*?)```", flags=re.S)


def blocks(page: str) -> list[tuple[str, str]]:
    return BLOCK.findall((ROOT / "docs" / page).read_text())


def prepare_focal(folder: Path) -> None:
    """Make the stack, the sweep and the picture that docs/focal.md speaks of."""
    traced = truth("tabletop")
    (folder / "shots").mkdir()
    for n, pixels in enumerate(traced.slices[:, ::2, ::2]):
        cv2.imwrite(str(folder / "shots" / f"slice_{n}.png"), pixels[..., ::-1])
    there = sorted([*range(5)] * 3)
    write_video(folder / "rack.mp4", traced.slices[there, ::2, ::2], pixel_format="yuv444p")
    lines = [f"{frame},{1 / (2 - 0.1 * frame)}" for frame in range(len(there))]
    (folder / "focus.csv").write_text("\n".join(["frame,focus_m", *lines]))
    cv2.imwrite(str(folder / "sharp.png"), traced.aif[..., ::-1])
    np.save(folder / "depth.npy", traced.depth_m)


LIGHTER = {
    "focusgen run ": ["--workers", "1", "--n_sets", "2"],
    "focusgen focal evaluate ": ["--max_samples", "1"],
}
"""What lines get besides their own flags: no processes for a few tiny frames, and few stacks."""


def words_of(line: str) -> list[str]:
    """Return the words of a line, with clips of fewer pixels, at most three of them."""
    more = next((flags for start, flags in LIGHTER.items() if line.startswith(start)), [])
    return shlex.split(smaller(line.replace("--n_scenes 4", "--n_scenes 3"), 96, 64), comments=True) + more


def settle(here: Path) -> None:
    """Let this process, a fork with all libraries, work in a folder, with small pictures, and write a log.

    To start one costs 1 to 2 s. The README's lines start from nothing, in the environment of a wheel.
    """
    os.chdir(here)
    synth.usable_cores = lambda: 1
    preview.VIDEO_PANEL_PX = (96, 64)
    log = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    sys.stdout, sys.stderr = (open(descriptor, "w", 1, encoding="utf-8") for descriptor in (1, 2))


def run_line(line: str, here: Path) -> int:
    settle(here)
    program, *rest = words_of(line)
    return cli.main(rest) if program == "focusgen" else subprocess.run([program, *rest]).returncode


def run_python(text: str, here: Path) -> int:
    settle(here)
    exec(text, {"__name__": "__main__"})
    return 0


PREPARED: dict[str, Callable[[Path], None]] = {
    "focal.md": prepare_focal,
    "focal_learned.md": prepare_focal,
}


def steps_of(page: str) -> list[tuple[str, str]]:
    """Return (kind, what is run at once): a line of a shell, or a whole block of Python."""
    found = blocks(page)
    return [
        (kind, step) for kind, text in found for step in ([text] if kind == "python" else text.splitlines())
    ]


class Begun:
    """What the lines make that several pages begin with: made once, in one folder for all pages."""

    def __init__(self, root: Path) -> None:
        self.here, self._kept, self._made = root / "here", root / "kept", dict[tuple[str, ...], Path]()

    def begin(self, page: str) -> int:
        """Empty the folder, or put there what a page's first steps make; return how many they are."""
        shutil.rmtree(self.here, ignore_errors=True)
        lines = beginning(page)
        n_steps = max((n for n in range(1, len(lines) + 1) if lines[:n] in self._made), default=0)
        if n_steps:
            shutil.copytree(self._made[lines[:n_steps]], self.here)
        else:
            self.here.mkdir()
        return n_steps

    def keep(self, page: str, n_steps: int) -> None:
        """Keep what the first steps of a page made, if another page begins with them."""
        lines = beginning(page)[:n_steps]
        others = [beginning(other)[:n_steps] for other in PAGES if other != page]
        if len(lines) == n_steps and lines in others:
            self._made[lines] = self._kept / str(len(self._made))
            shutil.copytree(self.here, self._made[lines])


def beginning(page: str) -> tuple[str, ...]:
    """Return the lines from `focusgen synth` on, with all their flags, up to a block of Python."""
    steps = steps_of(page)
    if not steps or not steps[0][1].startswith("focusgen synth "):
        return ()
    n_lines = next((n for n, (kind, _) in enumerate(steps) if kind == "python"), len(steps))
    return tuple(shlex.join(words_of(line)) for _, line in steps[:n_lines])


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Begun:
    return Begun(tmp_path_factory.mktemp("pages"))


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)])
def test_every_block_of_a_page_does_what_it_says(page: str, begun: Begun, request: pytest.FixtureRequest):
    import_phases()
    n_begun, here = begun.begin(page), begun.here
    if "--scenes set" in (ROOT / "docs" / page).read_text():
        shutil.copytree(request.getfixturevalue("finished"), here / "set")
    PREPARED.get(page, lambda folder: None)(here)
    for n_done, (kind, step) in enumerate(steps_of(page)[n_begun:], n_begun + 1):
        run = run_python if kind == "python" else run_line
        expected = re.search(r"# exit (\d+)", step)
        code = in_child(lambda run=run, step=step: run(step, here))
        said = f"{page}: {step}\n{(here / LOG).read_text()}"
        assert code == (int(expected[1]) if expected else 0), said
        begun.keep(page, n_done)


def test_the_tutorial_goes_from_clips_to_training():
    commands = " ".join(text for _, text in blocks("tutorial.md"))
    for step in ("synth", "run", "approve", "report", "FocusDataset", "backward", "export"):
        assert step in commands


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built site."""
    pytest.importorskip("furo", reason="the site needs the extra `docs`")
    out = tmp_path_factory.mktemp("site")

    def build() -> int:
        from sphinx.cmd.build import main

        settle(out)
        return main(["-W", "--keep-going", "-q", "-b", "html", str(ROOT / "docs"), str(out)])

    assert in_child(build) == 0, (out / LOG).read_text()
    return out


@pytest.mark.slow
def test_the_site_names_every_command_and_none_of_its_links_is_broken(site: Path):
    commands = (site / "reference" / "commands.html").read_text()
    for command in (*COMMANDS, *(f"focal {action}" for action in ACTIONS)):
        assert f"<h2>focusgen {command}<" in commands or f"<h3>focusgen {command}<" in commands
    for page in site.rglob("*.html"):
        for link in re.findall(r'(?:href|src)="([^"#?]+)', page.read_text()):
            if not link.startswith(("http:", "https:", "mailto:", "data:")):
                assert (page.parent / link).exists(), f"{page.relative_to(site)} links to {link}"


@pytest.mark.browser
@pytest.mark.slow
def test_a_real_browser_shows_the_site_on_a_wide_and_a_narrow_screen(site: Path, tmp_path: Path):
    with chromium() as browser:
        for name in ("index", "tutorial", "reference/commands"):
            for width_px in SCREENS_PX:
                shot = tmp_path / f"{name.replace('/', '_')}_{width_px}.png"
                page = check_page(browser, site / f"{name}.html", width_px, shot)
                assert page.locator("h1").count() == 1
                assert shot.stat().st_size > 10_000
