"""One HTML file that shows a data set to a person: verdict, scenes with pictures, labels, calibration.

It loads nothing and runs nothing: pictures stand inside as JPEG, plots as SVG, and names are escaped.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from focusgen import __version__
from focusgen.base.errors import ConfigError, SceneError
from focusgen.base.files import make_folder, publish
from focusgen.base.names import display, first_lines, shell_word
from focusgen.base.shipped import script_command
from focusgen.config.graph import GRAPH, SCENE_PHASES
from focusgen.dataset.index import IndexEntry, read_index
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import parse_object, read_record
from focusgen.optics.coverage import LabelCoverage
from focusgen.phases.approval import max_coc_to_keep_m
from focusgen.run.status import all_status, last_verdict
from focusgen.tools.front_matter import licence_in
from focusgen.tools.report_pictures import Picture, coverage_of, coverage_svg, pictures_of

MAX_SCENES = 200
MAX_TEXTS_PER_SCENE = 12
TEMPLATE = Path(__file__).with_name("templates") / "report.html.j2"


@dataclass
class SceneView:
    """A scene as the page shows it."""

    scene_id: str
    split: str
    n_frames: int
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its id, safe to show."""
        return display(self.scene_id)


def write_report(dataset: DatasetLayout, path: Path, verdict: Path | None = None) -> Path:
    """Write the page and return where.

    Args:
        dataset: a data set that phase 6 has looked at, whatever it found.
        verdict: phase 6's report; None for the data set's own.

    Raises:
        ConfigError: there is no index or no validation report.
    """
    report = _validation(dataset, verdict or dataset.validation_report_json)
    index = read_index(dataset)
    views = _views(index, report)
    shown = sorted(views, key=lambda view: (not view.errors, not view.warnings))[:MAX_SCENES]
    for view in shown:
        view.pictures = pictures_of(dataset.scene(view.scene_id), view.n_frames)
    text = _render(dataset, index, report, views, shown)
    make_folder(path.parent)
    publish(path, text.encode())
    return path


def _validation(dataset: DatasetLayout, path: Path) -> dict[str, Any]:
    try:
        found = parse_object(path.read_bytes())
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path}: no such file",
            f"Run phase 6: {script_command(GRAPH['validate'].script)} --out_root {shell_word(dataset.root)}",
        ) from error
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{path}: not a validation report: {error}", "Run phase 6 again.") from error
    if "verdict" not in found:
        raise ConfigError(f"{path}: not a validation report: it has no verdict", "Run phase 6 again.")
    return found


def _views(index: Mapping[str, IndexEntry], report: Mapping[str, Any]) -> list[SceneView]:
    warnings: dict[str, list[str]] = defaultdict(list)
    for text in _warnings(report):
        name = _scene_of(text, index)
        warnings[name].append(text.removeprefix(f"{name}: "))
    reasons = report.get("failure_reasons", {})
    return [
        SceneView(
            scene_id,
            entry.split,
            entry.n_frames,
            first_lines([display(str(text)) for text in reasons.get(scene_id, [])], MAX_TEXTS_PER_SCENE),
            first_lines([display(text) for text in warnings[scene_id]], MAX_TEXTS_PER_SCENE),
        )
        for scene_id, entry in index.items()
    ]


def _warnings(report: Mapping[str, Any]) -> list[str]:
    return [str(text) for text in report.get("warnings", [])]


def _scene_of(warning: str, scene_ids: Container[str]) -> str:
    """Return the scene that a warning begins with, "" if with none; `a: b` is a name as good as `a`."""
    parts = warning.split(": ")
    names = (": ".join(parts[:n]) for n in range(len(parts) - 1, 0, -1))
    return next((name for name in names if name in scene_ids), "")


def _doubt(dataset: DatasetLayout, index: Mapping[str, IndexEntry]) -> str:
    """Return why the verdict does not hold for every scene, "" if it does."""
    verdict = last_verdict(dataset, all_status(dataset, index))
    return display(verdict.doubt) if verdict is not None else ""


def _render(
    dataset: DatasetLayout,
    index: Mapping[str, IndexEntry],
    report: Mapping[str, Any],
    views: Sequence[SceneView],
    shown: Sequence[SceneView],
) -> str:
    import jinja2

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=False)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    names, reasons = {view.scene_id for view in views}, report.get("failure_reasons", {})
    coverage = coverage_of(dataset, [view.scene_id for view in views])
    return template.render(
        title=display(dataset.root.resolve().name),
        verdict=str(report["verdict"]),
        doubt=_doubt(dataset, index),
        data_set_problems=[display(str(text)) for text in reasons.get("(data set)", [])],
        facts=_facts(report),
        coverage_svg=coverage_svg(coverage) if coverage else "",
        coverage_text=_coverage_text(coverage, len(views)) if coverage else "",
        calibration=_calibration(dataset),
        scenes=shown,
        n_hidden=len(views) - len(shown),
        other_warnings=[display(text) for text in _warnings(report) if not _scene_of(text, names)],
        made_with=_made_with(dataset, [view.scene_id for view in views]),
    )


def _facts(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    splits = report.get("split_counts", {})
    return [
        ("scenes that pass", f"{report.get('passing_scenes', '?')} of {report.get('total_scenes', '?')}"),
        ("frames", f"{report.get('total_frames', 0):,}"),
        ("train / val / test", " / ".join(str(splits.get(name, 0)) for name in ("train", "val", "test"))),
        ("on disk", f"{report.get('total_gb_on_disk', 0):.2f} GB"),
        ("warnings", str(len(_warnings(report)))),
    ]


def _coverage_text(coverage: LabelCoverage, n_scenes: int) -> str:
    n_known = len(coverage.deciles)
    of_some = f"Of {n_known} of {n_scenes} scenes, the others' depth or lenses being unknown: "
    return (of_some if n_known < n_scenes else "") + (
        f"{100 * coverage.share_above(0.8):.0f} % of the labels are above .8, "
        f"{100 * coverage.share_below(0.2):.0f} % below .2; normalised entropy over ten bins "
        f"{coverage.entropy:.2f} (1: every tenth equally often). "
        f"{coverage.sets_out_of_focus} of {len(coverage.in_focus)} lens sets have less than 5 % of their "
        f"pixels within half a pixel of focus, {coverage.sets_with_extreme_mean} a mean label outside .2 to "
        f".8; every decile of depth is sharp in some set of {coverage.scenes_with_all_deciles} of "
        f"{len(coverage.deciles)} scenes."
    )


def _calibration(dataset: DatasetLayout) -> list[tuple[str, str]]:
    try:
        stats = parse_object(dataset.coc_stats_json.read_bytes())
    except (FileNotFoundError, ValueError):
        return []
    rows = [
        (name, f"{1e3 * stats[name]:.4f} mm = {stats['in_px'][name]:.1f} px")
        for name in ("p50", "p90", "p95", "p99", "max")
        if stats.get(name) is not None
    ]
    recommended = stats.get("recommended_max_coc")
    rows.append(("recommended max_coc", f"{1e3 * recommended:.4f} mm" if recommended else "none"))
    approved_m: Any = None
    try:
        approval = parse_object(dataset.coc_approval_json.read_bytes())
        approved_m = approval["max_coc"]
        who = display(str(approval["who"]))
        rows.append(("approved max_coc", f"{1e3 * approved_m:.4f} mm, by {who}, {approval['when']}"))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        rows.append(("approved max_coc", "not approved"))
    try:
        finished_m = max_coc_to_keep_m(dataset)
    except ConfigError as error:
        return [*rows, ("max_coc of finished scenes", display(error.message))]
    if finished_m not in (None, approved_m):
        rows.append(("max_coc of finished scenes", f"{1e3 * finished_m:.4f} mm"))
    return rows


def _made_with(dataset: DatasetLayout, scene_ids: Sequence[str]) -> list[tuple[str, str]]:
    """Return what the records say of backends, versions and weights, each once."""
    backends, versions, weights = set(), set(), set()
    for scene_id in scene_ids:
        for phase in SCENE_PHASES:
            try:
                record = read_record(dataset.scene(scene_id).done(phase))
            except SceneError:
                continue  # among the scene's errors
            if record is None:
                continue
            run = record.document["run"]
            backends.add(f"{phase}: {record.document['backend']}")
            versions.add(str(run.get("focusgen")))
            for note in run.get("weights", {}).values():
                weights.add(f"{note.get('file')} ({note.get('licence') or 'licence unknown'})")
    rows = [("backends", ", ".join(sorted(backends))), ("focusgen", ", ".join(sorted(versions)))]
    if weights:
        rows.append(("weights", ", ".join(sorted(weights))))
    rows.append(("this page", f"focusgen {__version__}"))
    licence = _licence(dataset)
    return [*rows, ("licence", licence)] if licence else rows


def _licence(dataset: DatasetLayout) -> str:
    """Return what the card says, if there is one."""
    try:
        return display(licence_in(dataset.root / "README.md"))
    except ConfigError:
        return "README.md cannot be read"
