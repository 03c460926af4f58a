"""Phase 6: every file, every value range, every label recomputed; one verdict for the data set."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

from focusgen.base.children import ChildPool
from focusgen.base.errors import ConfigError
from focusgen.base.files import make_folder, publish_json, publish_pieces
from focusgen.base.names import RESERVED_NAMES
from focusgen.config import Config
from focusgen.config.data import SPLITS
from focusgen.dataset.index import IndexEntry, read_index, recorded_raw_root
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.sealed_lines import compact
from focusgen.focal.slice_kinds import is_result
from focusgen.focal.stack_folders import SUMMARY
from focusgen.phases.flat_frames import judge_flat_frames
from focusgen.phases.kept_reports import KeptReports
from focusgen.phases.scene_checks import SceneChecker
from focusgen.phases.scene_report import SceneReport
from focusgen.phases.temporal_check import measure_temporal

MEASURES_IN_REPORT = 1000
QUEUED_PER_WORKER = 4
POOL_FROM_SCENES = 4  # below, starting processes costs more than it saves


def validate_scene(
    dataset: DatasetLayout, scene_id: str, entry: IndexEntry, min_spearman: float
) -> SceneReport:
    """Return what is right and wrong with one scene, whatever is wrong with it."""
    checker = SceneChecker(dataset, scene_id, entry, min_spearman=min_spearman)
    try:
        checker.run()
    except Exception as error:  # noqa: BLE001 - one scene must not keep the others from being reported
        _note_crash(checker.report, error)
    checker.report.settle()
    return checker.report


def examine_scene(cfg: Config, dataset: DatasetLayout, scene_id: str, entry: IndexEntry) -> SceneReport:
    """Return what is right and wrong with one scene, and how it measures against its input video."""
    report = validate_scene(dataset, scene_id, entry, cfg.validate_.min_spearman)
    try:
        judge_flat_frames(cfg, dataset, scene_id, entry, report)
        if not report.errors:
            measures, warnings = measure_temporal(cfg, dataset, scene_id, entry, report.n_frames)
            report.measures["temporal"] = measures
            report.warnings += warnings
    except Exception as error:  # noqa: BLE001 - as above
        _note_crash(report, error)
    report.settle()
    return report


def _note_crash(report: SceneReport, error: Exception) -> None:
    """Make an exception of the checks themselves the scene's error, with the line that raised it."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    report.error(f"the checks gave up: {error!r} ({Path(where.filename).name}, line {where.lineno})")


def validate_dataset(
    cfg: Config,
    index: Mapping[str, IndexEntry],
    *,
    problems: Sequence[str] = (),
    made_otherwise: Mapping[str, str] = MappingProxyType({}),
    may_take_over: bool = False,
    on_scene: Callable[[SceneReport], None] = lambda report: None,
    may_go_on: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Check every scene of the index and return the report.

    Args:
        index: scenes in index order.
        problems: what is wrong with the data set as a whole (a damaged index).
        made_otherwise: scene -> why its records are not of today's settings.
        may_take_over: leave out the scenes whose files are by all signs those that passed before.
        on_scene: called with each scene's report as it is done.
        may_go_on: asked after each scene; raises where it may not, and what was found is kept all the same.
    """
    dataset, kept = DatasetLayout.of(cfg), KeptReports(cfg, may_take_over=may_take_over)
    reports: dict[str, SceneReport] = {}
    try:
        for report in _check_all(cfg, dataset, index, kept):
            reports[report.scene_id] = report
            if report.scene_id in made_otherwise:
                report.error(made_otherwise[report.scene_id])
            on_scene(report)
            may_go_on()
    finally:
        kept.publish()
    ordered = [reports[scene_id] for scene_id in index]
    _check_one_max_coc(ordered)
    document = {**_document(ordered, list(problems)), "scenes_not_read_again": kept.n_taken}
    document["warnings"] += [f"{name}: unknown, no scene of the index" for name in _strangers(cfg, dataset)]
    return document


def publish_report(cfg: Config, document: Mapping[str, Any]) -> None:
    """Write a report where the settings say, and what was measured of each scene beside it, a line per scene.

    The report of very many scenes leaves these to that file.

    Raises:
        StorageError: that folder cannot be written.
    """
    measures: Mapping[str, Any] = document["measures"]
    lines = (compact({"scene": scene_id, **item}) + b"\n" for scene_id, item in measures.items())
    make_folder(report_path(cfg).parent)
    publish_pieces(measures_path(cfg), lines)
    kept = measures if len(measures) <= MEASURES_IN_REPORT else {}
    publish_json(report_path(cfg), {**document, "measures": kept, "measures_file": measures_path(cfg).name})


def _check_all(
    cfg: Config, dataset: DatasetLayout, index: Mapping[str, IndexEntry], kept: KeptReports
) -> Iterator[SceneReport]:
    """Yield the report of every scene: what is kept of it where that holds, else what its files say."""
    to_read = []
    for scene_id, entry in index.items():
        report = kept.recall(scene_id, entry)
        if report is None:
            to_read.append(scene_id)
        else:
            kept.keep(report)
            yield report
    for report in _examine_all(cfg, dataset, index, to_read):
        kept.keep(report)
        yield report


def _examine_all(
    cfg: Config, dataset: DatasetLayout, index: Mapping[str, IndexEntry], names: Sequence[str]
) -> Iterator[SceneReport]:
    if len(names) < POOL_FROM_SCENES or cfg.run.workers == 1:
        for scene_id in names:
            yield examine_scene(cfg, dataset, scene_id, index[scene_id])
        return
    left = ((name, index[name]) for name in names)  # of very many scenes the entries would fill the memory
    with ChildPool(cfg.run.workers) as pool:
        jobs: dict[Future[SceneReport], tuple[str, IndexEntry]] = {}
        while True:
            for name, entry in islice(left, cfg.run.workers * QUEUED_PER_WORKER - len(jobs)):
                jobs[_submit(pool, cfg, dataset, name, entry)] = (name, entry)
            if not jobs:
                return
            for job in wait(jobs, return_when=FIRST_COMPLETED).done:
                yield _result(job, *jobs.pop(job))


def _submit(
    pool: ChildPool, cfg: Config, dataset: DatasetLayout, scene_id: str, entry: IndexEntry
) -> Future[SceneReport]:
    """Hand a scene to a pool; one of which a process died takes no more, which is the job's to tell."""
    try:
        return pool.submit(examine_scene, cfg, dataset, scene_id, entry)
    except BrokenProcessPool as error:
        failed: Future[SceneReport] = Future()
        failed.set_exception(error)
        return failed


def _result(job: Future[SceneReport], scene_id: str, entry: IndexEntry) -> SceneReport:
    """Return a job's report; where its process died, a report that says so."""
    try:
        return job.result()
    except BrokenProcessPool:
        report = SceneReport(scene_id, entry.split)
        report.error("the process that checked it, or one beside it, was killed (memory?)")
        return report


def _strangers(cfg: Config, dataset: DatasetLayout) -> list[str]:
    """Return what lies beside the scenes and is neither ours nor what scenes come from."""
    try:
        scenes = read_index(dataset)
    except ConfigError:
        return []  # said already
    known = {*scenes, dataset.internal.name, SUMMARY}
    sources = (cfg.data.raw_root, cfg.depth.depth_root, recorded_raw_root(dataset, cfg.data.raw_root))
    inputs = [path.resolve() for path in sources if path is not None]

    def is_source(folder: Path) -> bool:
        """Say whether inputs lie there, or something by the name of a scene: depth, masks."""
        if any(path.is_relative_to(folder.resolve()) for path in inputs):
            return True
        try:
            return any(inside.name in scenes or inside.stem in scenes for inside in folder.iterdir())
        except PermissionError:  # lost+found
            return False

    return sorted(
        path.name
        for path in dataset.root.iterdir()
        if not (path.name in known or path.name.casefold() in RESERVED_NAMES)
        and not (is_source(path) if path.is_dir() else is_result(path))
    )


def _check_one_max_coc(reports: Sequence[SceneReport]) -> None:
    """One data set, one max_coc: a scene with another value is an error of that scene."""
    values = Counter(r.max_coc_m for r in reports if r.max_coc_m is not None)
    if len(values) > 1:
        usual = values.most_common(1)[0][0]
        for report in reports:
            if report.max_coc_m not in (None, usual):
                report.error(f"metadata.json: max_coc {report.max_coc_m}, most scenes have {usual}")


def _document(reports: Sequence[SceneReport], problems: list[str]) -> dict[str, Any]:
    failed = [report for report in reports if report.errors]
    passing = [report for report in reports if not report.errors]
    if failed or problems or not reports:
        verdict = "fail"
    else:
        verdict = "rehearsal" if any(report.is_rehearsal for report in reports) else "pass"
    reasons = {report.scene_id: report.errors for report in failed}
    if problems:
        reasons["(data set)"] = problems
    return {
        "verdict": verdict,
        "total_scenes": len(reports),
        "passing_scenes": len(passing),
        "failed_scenes": [report.scene_id for report in failed],
        "failure_reasons": reasons,
        "split_counts": {name: sum(report.split == name for report in reports) for name in SPLITS},
        "total_frames": sum(report.n_frames for report in passing),
        "total_gb_on_disk": round(sum(report.n_bytes for report in reports) / 1e9, 6),
        "warnings": [f"{report.scene_id}: {text}" for report in reports for text in report.warnings],
        "records": {report.scene_id: report.records for report in reports},
        "rehearsal_scenes": [report.scene_id for report in reports if report.is_rehearsal],
        "measures": {report.scene_id: report.measures for report in reports},
    }


def report_path(cfg: Config) -> Path:
    """Return where the report is written."""
    return cfg.validate_.report or DatasetLayout.of(cfg).validation_report_json


def measures_path(cfg: Config) -> Path:
    """Return where what was measured of each scene is written."""
    return report_path(cfg).with_suffix(".measures.jsonl")
