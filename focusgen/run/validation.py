"""Phase 6 as people see it: what is wrong with each scene as it is found, the report, the verdict."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from focusgen.base.errors import ConfigError, CorruptInputError, ExitCode, StorageError
from focusgen.base.files import is_read_only
from focusgen.base.names import first_lines, rich_text
from focusgen.base.signals import StopFlag
from focusgen.config import SCENE_PHASES, Config, PhaseName
from focusgen.dataset.index import IndexEntry, read_index
from focusgen.dataset.index_edits import edits_text
from focusgen.dataset.layout import DatasetLayout
from focusgen.phases.scene_report import SceneReport
from focusgen.phases.validate import publish_report, report_path, validate_dataset
from focusgen.run.console import ConsoleObserver
from focusgen.run.scene_logs import merge_what_tasks_left
from focusgen.run.selection import Selection, select_scenes
from focusgen.run.settings import Expected, expected_by_run, expected_by_status, save_config
from focusgen.run.staleness import SceneChain

MAX_WARNINGS_TOLD, MAX_OTHERWISE_TOLD = 20, 5
AS_MADE = "no scene is made by these settings: what follows judges the data set by those that made it"
STOPPED = (
    "stopped by a signal: no verdict is given, and that of before stays as it was. What was found is kept: "
    "focusgen run takes it over; the script of phase 6 reads everything again"
)


def run_validate(
    cfg: Config,
    observer: ConsoleObserver,
    scenes: Sequence[str] | None = None,
    *,
    stop: StopFlag | None = None,
    may_take_over: bool = False,
    expected: Mapping[PhaseName, Expected] = MappingProxyType({}),
) -> ExitCode:
    """Phase 6; by itself it reads every file, whatever was found before.

    Args:
        scenes: None for all.
        stop: is asked after each scene; None goes on through the warnings of a job, as nothing resumes it.
        may_take_over: leave out what is by all signs as it was when it passed before.
        expected: what records are compared with, where that is not what `cfg` says of the last settings.
    """
    index, problems = _index_or_problem(DatasetLayout.of(cfg))
    n_indexed = len(index)
    if scenes is not None:
        index = {scene_id: index[scene_id] for scene_id in select_scenes(index, Selection(scenes=scenes))}
    with _as_far_as_writable(observer, "settings of this run are not kept"):
        save_config(cfg, "validate")
        merge_what_tasks_left(DatasetLayout.of(cfg), index if scenes is None else (), SCENE_PHASES)
    observer.begin("validate", len(index), "scenes")
    made_otherwise, is_refused = _judged_by(cfg, index, expected, observer)
    report = validate_dataset(
        cfg,
        index,
        problems=problems,
        made_otherwise=made_otherwise,
        may_take_over=may_take_over,
        on_scene=functools.partial(_tell_scene, observer),
        may_go_on=functools.partial((stop or StopFlag()).check, STOPPED),
    )
    first = _first_warnings(cfg, len(index), n_indexed)
    report = {**report, "scenes_in_index": n_indexed, "warnings": [*first, *report["warnings"]]}
    way_out, where = "the report is not written: say --validate.report FILE", "no report"
    with _as_far_as_writable(observer, way_out):
        publish_report(cfg, report)
        where = str(report_path(cfg))
    _tell(observer, report, problems, where)
    return ExitCode.INCOMPLETE if is_refused or report["verdict"] == "fail" else ExitCode.COMPLETE


def _index_or_problem(dataset: DatasetLayout) -> tuple[Mapping[str, IndexEntry], list[str]]:
    """Return the index and no problem, or of a damaged one no scene and why."""
    try:
        return read_index(dataset), []
    except ConfigError as error:
        if not dataset.index_json.exists() and not dataset.index_copy_json.exists():
            raise  # there never was one
        return {}, [error.message]


def _first_warnings(cfg: Config, n_asked: int, n_indexed: int) -> Iterator[str]:
    """Yield what a reader of the report must know before all else."""
    if n_asked < n_indexed:
        yield f"{n_asked} of {n_indexed} scenes were asked for: the verdict holds for no other"
    if edits := edits_text(DatasetLayout.of(cfg)):
        yield edits


def _tell_scene(observer: ConsoleObserver, report: SceneReport) -> None:
    """Count a scene, and say what is wrong with it."""
    observer.advance()
    for text in report.errors[:5]:
        observer.console.print(f"  [red]{rich_text(report.scene_id)}[/red]: {rich_text(text)}")


def _tell(observer: ConsoleObserver, report: Mapping[str, Any], problems: Sequence[str], where: str) -> None:
    """Say the verdict, and what it rests on."""
    if report["scenes_not_read_again"]:
        observer.console.print(
            f"  {report['scenes_not_read_again']} scenes passed before and are untouched: size, times and "
            "inode of every file are the same (focusgen run --recheck reads them again)"
        )
    for text in [*problems, *first_lines(report["warnings"], MAX_WARNINGS_TOLD)]:
        observer.console.print(f"  [yellow]warning[/yellow]: {rich_text(text)}")
    colour = {"pass": "green", "rehearsal": "yellow", "fail": "red"}[report["verdict"]]
    observer.console.print(
        f"  verdict [bold {colour}]{report['verdict']}[/bold {colour}]: {report['passing_scenes']} of "
        f"{report['total_scenes']} scenes pass, {report['total_frames']} frames; {rich_text(where)}"
    )
    if report["failed_scenes"]:
        observer.console.print(
            "  focusgen explain SCENE tells more; focusgen repair redoes what is missing or damaged of what "
            "was finished once"
        )


@contextlib.contextmanager
def _as_far_as_writable(observer: ConsoleObserver, consequence: str) -> Iterator[None]:
    """Go on where a data set may only be read: phase 6 tells what it finds all the same."""
    try:
        yield
    except StorageError as error:
        if not is_read_only(error):
            raise
        text = f"{error.message}; {consequence}"
        observer.console.print(f"  [yellow]warning[/yellow]: {rich_text(text)}")


def _judged_by(
    cfg: Config,
    index: Mapping[str, IndexEntry],
    expected: Mapping[PhaseName, Expected],
    observer: ConsoleObserver,
) -> tuple[dict[str, str], bool]:
    """Return scene -> first record of other settings than those that count, and whether those said do not.

    Settings by which no scene is made are a slip, or were refused by every phase: they are told, and the
    verdict is of the data set by those that made it.
    """
    dataset = DatasetLayout.of(cfg)
    made_otherwise = _made_otherwise(cfg, index, {**expected_by_run(dataset, cfg), **expected})
    if not index or made_otherwise.keys() != index.keys():
        return made_otherwise, False
    by_last_run = _made_otherwise(cfg, index, expected_by_status(dataset, None))
    if by_last_run.keys() == index.keys():
        return made_otherwise, False
    told = [f"{scene_id}: {text}" for scene_id, text in made_otherwise.items()]
    for text in first_lines(told, MAX_OTHERWISE_TOLD):
        observer.console.print(f"  [red]stale[/red] {rich_text(text)}")
    observer.console.print(f"  {AS_MADE}")
    return by_last_run, True


def _made_otherwise(
    cfg: Config, index: Mapping[str, IndexEntry], expected: Mapping[PhaseName, Expected]
) -> dict[str, str]:
    """Return scene -> first record that was made under other settings than those that are expected.

    Broken links are found where the records are read.
    """
    dataset = DatasetLayout.of(cfg)
    found = {}
    for scene_id, entry in index.items():
        try:
            chain = SceneChain(dataset, scene_id, entry, expected, look_at_inputs=True)
            link = chain.first_stale(("index", *SCENE_PHASES))
        except CorruptInputError:
            continue  # likewise
        if link is not None and not link.is_broken and cfg.run.on_stale != "keep":
            found[scene_id] = f"{link}. {link.advice}"
    return found
