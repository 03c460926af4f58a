"""Every `bash` and `python` block of docs/ is run, page by page, in an empty folder; the site has no warning.

Blocks that need a cluster, a network or weights are `text`, `toml` or indented, and are not run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from focusgen.cli import COMMANDS
from focusgen.commands.focal import ACTIONS
from tests.browser import SCREENS_PX, check_page, chromium
from tests.clips import write_video
from tests.finished import _finished, finished  # noqa: F401
from tests.focal.stacks import truth

ROOT = Path(__file__).parent.parent
PAGES = sorted(page.name for page in (ROOT / "docs").glob("*.md"))
BLOCK = re.compile(r"```(bash|python)\n(.*?)```", flags=re.S)


def blocks(page: str) -> list[tuple[str, str]]:
    return BLOCK.findall((ROOT / "docs" / page).read_text())


def smaller(command: str) -> str:
    """Return a command whose made-up clips have fewer pixels; every other one as it stands."""
    if not command.startswith("focusgen synth "):
        return command
    plain = re.sub(r" --(width|height) \d+", "", command)
    return plain.replace("synth", "synth --width 96 --height 64", 1)


def prepare_focal(folder: Path) -> None:
    """Make the stack, the sweep and the picture that docs/focal.md speaks of."""
    traced = truth("tabletop")
    (folder / "shots").mkdir()
    for n, pixels in enumerate(traced.slices[:, ::2, ::2]):
        cv2.imwrite(str(folder / "shots" / f"slice_{n}.png"), pixels[..., ::-1])
    there = sorted([*range(5)] * 3)
    write_video(folder / "rack.mp4", traced.slices[there], pixel_format="yuv444p")
    lines = [f"{frame},{1 / (2 - 0.1 * frame)}" for frame in range(len(there))]
    (folder / "focus.csv").write_text("\n".join(["frame,focus_m", *lines]))
    cv2.imwrite(str(folder / "sharp.png"), traced.aif[..., ::-1])
    np.save(folder / "depth.npy", traced.depth_m)


PREPARED: dict[str, Callable[[Path], None]] = {
    "focal.md": prepare_focal,
    "focal_learned.md": prepare_focal,
}


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)])
def test_every_block_of_a_page_does_what_it_says(page: str, tmp_path: Path, request: pytest.FixtureRequest):
    here = tmp_path / "here"
    here.mkdir()
    if "--scenes set" in (ROOT / "docs" / page).read_text():
        shutil.copytree(request.getfixturevalue("finished"), here / "set")
    PREPARED.get(page, lambda folder: None)(here)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for kind, text in blocks(page):
        if kind == "python":
            done = subprocess.run([sys.executable, "-c", text], cwd=here, capture_output=True, text=True)
            assert done.returncode == 0, f"{page}\n{text}\n{done.stderr}"
            continue
        for line in text.splitlines():
            expected = re.search(r"# exit (\d+)", line)
            done = subprocess.run(
                ["bash", "-c", smaller(line)], cwd=here, env=environment, capture_output=True, text=True
            )
            said = f"{page}: {line}\n{done.stdout}\n{done.stderr}"
            assert done.returncode == (int(expected[1]) if expected else 0), said


def test_the_tutorial_goes_from_clips_to_training():
    commands = " ".join(text for _, text in blocks("tutorial.md"))
    for step in ("synth", "run", "approve", "report", "FocusDataset", "backward", "export"):
        assert step in commands


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built site."""
    pytest.importorskip("furo", reason="the site needs the extra `docs`")
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "docs", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
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
