"""What `focusgen run` ends with: a few scenes to look at, the report, and the line that opens them.

Pictures never change how a run ended. What cannot be drawn is said; what is up to date is not drawn again.
"""

from __future__ import annotations

import functools
import os
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from focusgen import __version__
from focusgen.base.checksums import checksum
from focusgen.base.errors import ApprovalError, CalibrationError, FocusgenError
from focusgen.base.files import publish_json, remove
from focusgen.base.names import display
from focusgen.config import SCENE_PHASES, Config
from focusgen.dataset.index import IndexEntry, read_index
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.packs import is_published
from focusgen.dataset.records import canonical, object_if_readable
from focusgen.phases.validate import report_path
from focusgen.run.output import print_error
from focusgen.run.selection import Selection, select_scenes
from focusgen.run.staleness import SceneChain
from focusgen.tools.report_page import write_report
from focusgen.tools.scene_preview import preview_paths, preview_scene

MAX_SCENES = 6
MAX_VIDEO_FRAMES = 120  # of all videos together: a frame takes about 40 ms at 432 x 240
REPORT = "report"
NOT_FOUND_OUT = "scenes_not_read_again"  # of the verdict: how it came about, which the page does not show


def end_with_pictures(cfg: Config, selection: Selection, work: Callable[[], int]) -> tuple[int, Path | None]:
    """Run phases, then draw; a calibration that waits for a person, or that failed, is one to look at.

    Args:
        selection: the scenes that the run is about.
        work: runs the phases and returns the exit status.

    Returns:
        That status, and what a person should open; None if there is nothing to see.
    """
    try:
        code = work()
    except (ApprovalError, CalibrationError) as error:
        print_error(error)
        code = int(error.exit_code)
        _draw(cfg, selection, with_report=False)
        plot = cfg.calibrate.output_plot or DatasetLayout.of(cfg).coc_histogram_png
        return code, plot if plot.exists() else None
    _draw(cfg, selection, with_report=report_path(cfg).exists())  # no scene, no verdict
    page = DatasetLayout.of(cfg).report_html
    return code, page if page.exists() else None


def chosen_scenes(
    names: Sequence[str], failed: Collection[str], has_frames: Callable[[str], bool]
) -> list[str]:
    """Return up to six scenes that have frames to show: those that failed first, then from everywhere."""
    known = set(failed)
    step = max(1, len(names) // MAX_SCENES)
    ordered = [*(name for name in names if name in known), *names[::step], *names]
    shown = (name for name in dict.fromkeys(ordered) if has_frames(name))
    return list(islice(shown, MAX_SCENES))


def opening_line(path: Path) -> str:
    """Return the line that a person can paste to see a file, as far as this machine can show one."""
    opener = "open" if sys.platform == "darwin" else "xdg-open"
    has_screen = sys.platform == "darwin" or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
    words = [opener] if has_screen and shutil.which(opener) else []
    return "look at it: " + " ".join([*words, shlex.quote(display(str(path)))])


def _draw(cfg: Config, selection: Selection, *, with_report: bool) -> None:
    """Draw what is not up to date, and say what was drawn and what could not be."""
    started_s = time.monotonic()
    drawer = _Drawer(cfg)
    drawer.attempt("previews", lambda: drawer.previews(selection))
    if with_report:
        drawer.attempt("the report", drawer.report)
    drawer.attempt(drawer.kept_path.name, drawer.keep)
    dataset = drawer.dataset
    places = [dataset.previews, dataset.label_coverage_png]
    shown = ", ".join(display(str(path)) for path in places if path.exists())
    if shown:
        took = f" ({drawer.n_drawn} drawn in {time.monotonic() - started_s:.0f} s)" if drawer.n_drawn else ""
        print(f"pictures: {shown}{took}", file=sys.stderr)


class _Drawer:
    """Draws, and remembers from what: a picture of the same records is not drawn twice."""

    def __init__(self, cfg: Config) -> None:
        self.cfg, self.dataset = cfg, DatasetLayout.of(cfg)
        self.kept_path = self.dataset.internal / "pictures.json"
        self.n_drawn = 0
        self._before = object_if_readable(self.kept_path) or {}
        self._kept: dict[str, str] = {}
        self._n_video_frames = 0

    def attempt(self, what: str, draw: Callable[[], None]) -> None:
        """Draw; whatever goes wrong is said, and the run goes on to its end."""
        try:
            draw()
        except BrokenPipeError:
            raise  # nobody reads any more: the command ends as others do
        except FocusgenError as error:
            print(f"warning: {what}: not drawn: {display(error.message)}", file=sys.stderr)
        except Exception as error:  # noqa: BLE001 - work of hours is done; a picture must not make it a failure
            print(f"warning: {what}: not drawn: {display(repr(error))}", file=sys.stderr)

    def previews(self, selection: Selection) -> None:
        """Draw contact sheets of a few scenes, and videos as far as they are short."""
        index = read_index(self.dataset)
        failed = (object_if_readable(report_path(self.cfg)) or {}).get("failed_scenes", ())
        for scene_id in chosen_scenes(select_scenes(index, selection), failed, self._has_frames):
            entry = index[scene_id]
            has_video = self._n_video_frames + entry.n_frames <= MAX_VIDEO_FRAMES
            self._n_video_frames += entry.n_frames if has_video else 0
            draw = functools.partial(self._preview, scene_id, entry, has_video=has_video)
            self.attempt(f"preview of {display(scene_id)}", draw)

    def _has_frames(self, scene_id: str) -> bool:
        return is_published(self.dataset.scene(scene_id).sharp(0))

    def _preview(self, scene_id: str, entry: IndexEntry, *, has_video: bool) -> None:
        chain = SceneChain(self.dataset, scene_id, entry, {}, with_rehearsals=True)
        made_from = {"records": chain.digests(), "video": has_video, "focusgen": __version__}
        png, mp4 = preview_paths(self.dataset.previews, scene_id)
        paths = [png, mp4] if has_video else [png]
        if not self._is_drawn(f"scene {scene_id}", made_from, paths):
            preview_scene(self.cfg, scene_id, entry, with_video=has_video)
            self.n_drawn += len(paths)
            self._kept[f"scene {scene_id}"] = checksum(canonical(made_from))
        if not has_video and _is_older(mp4, [chain.scene.done(phase) for phase in SCENE_PHASES]):
            remove(mp4)  # of what the scene was before

    def report(self) -> None:
        """Write the page."""
        page = self.dataset.report_html
        sources = dict(self._report_sources())
        if not self._is_drawn(REPORT, {"sources": sources, "focusgen": __version__}, [page]):
            write_report(self.dataset, page, report_path(self.cfg))
            self.n_drawn += 1
            self._kept[REPORT] = checksum(canonical({"sources": sources, "focusgen": __version__}))

    def _report_sources(self) -> Iterator[tuple[str, str]]:
        """Yield the files that the page tells of: the verdict names the records of all scenes."""
        dataset = self.dataset
        report = object_if_readable(report_path(self.cfg)) or {}
        verdict = {k: v for k, v in report.items() if k != NOT_FOUND_OUT}
        yield "verdict", checksum(canonical(verdict))
        for path in (dataset.coc_stats_json, dataset.coc_approval_json, dataset.root / "README.md"):
            if path.exists():
                yield path.name, checksum(path.read_bytes())

    def _is_drawn(self, name: str, made_from: Mapping[str, Any], paths: Sequence[Path]) -> bool:
        digest = checksum(canonical(made_from))
        is_drawn = self._before.get(name) == digest and all(path.exists() for path in paths)
        if is_drawn:
            self._kept[name] = digest
        return is_drawn

    def keep(self) -> None:
        """Remember what was drawn from what, where anything was."""
        kept = {**self._before, **self._kept}
        if kept != self._before:
            publish_json(self.kept_path, kept)


def _is_older(path: Path, others: Iterable[Path]) -> bool:
    if not path.exists():
        return False
    written_s = path.stat().st_mtime
    return any(other.exists() and other.stat().st_mtime > written_s for other in others)
