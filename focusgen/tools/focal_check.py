"""What a list of focal stacks holds, and what can be told from it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import ConfigError, CorruptInputError, FocusgenError
from focusgen.base.names import display, first_lines
from focusgen.focal.label_fit import look_at
from focusgen.focal.lens_checks import outside_focus
from focusgen.focal.lists import read_list
from focusgen.focal.presets import Preset
from focusgen.focal.records import StackRecord
from focusgen.focal.roots import Roots
from focusgen.focal.samples import check_known, placed
from focusgen.focal.slice_files import StackFiles
from focusgen.focal.slice_reading import picture_size, read_slice
from focusgen.focal.sources import (
    OpenedRecord,
    check_focus,
    open_record,
    place_of,
    read_record_depth,
    record_distances_m,
    scene_of,
)
from focusgen.focal.stack import StackLens
from focusgen.focal.truth import truth_of
from focusgen.media.depth_units import STRANGELY_FAR_M

MANY = 20
SPLIT_IN_NAME = re.compile(r"(?<![a-z])(train|val|test)")
"""Begins a word of a list's name: `stacks_train`, `testlist`, but neither `latest` nor `eval`."""


@dataclass
class ListReport:
    """What was found.

    Attributes:
        n_samples: records.
        n_slices: how many slices the stacks have.
        depth_m: 5th, 50th and 95th percentiles of each depth map that was opened.
        identifiable: share of each map that its lens can tell.
        n_blind: records without focal length and f-number.
        n_unfocused: records without focus distances.
        splits: scene -> splits that it lies in.
        problems: one line each.
    """

    n_samples: int = 0
    n_slices: list[int] = field(default_factory=list)
    depth_m: list[tuple[float, float, float]] = field(default_factory=list)
    identifiable: list[float] = field(default_factory=list)
    n_blind: int = 0
    n_unfocused: int = 0
    splits: dict[str, set[str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return the report for people."""
        lines = [f"samples             {self.n_samples}"]
        if self.n_slices:
            lines.append(f"slices per stack    {min(self.n_slices)} to {max(self.n_slices)}")
        if self.depth_m:
            low, middle, high = np.median(np.array(self.depth_m), axis=0)
            lines.append(f"depth               5 % {low:.3g} m, median {middle:.3g} m, 95 % {high:.3g} m")
        if self.identifiable:
            share = float(np.mean(self.identifiable))
            lines.append(f"identifiable share  {share:.0%} (10 % of the depth changes the blur by 0.25 px)")
        for what, n in (("camera   ", self.n_blind), ("distances", self.n_unfocused)):
            if n:
                lines.append(f"without {what}   {n}: left to focal infer; others refuse them")
        names = sorted({name for splits in self.splits.values() for name in splits})
        if names:
            lines.append(f"splits              {', '.join(names)}; {len(self.splits)} scenes")
        lines += first_lines([f"problem: {line}" for line in self.problems], MANY)
        return [*lines, "no problems" if not self.problems else f"{len(self.problems)} problems"]


def check_lists(
    paths: Sequence[Path], roots: Roots, max_samples: int, preset: Preset | None = None, n_looked: int = 0
) -> ListReport:
    """Return what lists hold; a record that cannot be used is a problem, not the end.

    Args:
        paths: of the lists.
        roots: where their paths start.
        max_samples: depth maps that are opened.
        preset: what records take where they do not say it.
        n_looked: stacks of each source of a list that are compared with their depth.
    """
    report = ListReport()
    for path in paths:
        try:
            records = read_list(path, preset, lambda error: report.problems.append(error.on_one_line))
        except FocusgenError as error:
            report.problems.append(error.on_one_line)
            continue
        usable = [record for record in records if _is_usable(report, record, roots, path, max_samples)]
        _look_at(report, usable, roots, path, n_looked)
    for scene, splits in sorted(report.splits.items()):
        if len(splits) > 1:
            report.problems.append(
                f"leakage: scene {display(scene)} lies in {' and '.join(sorted(splits))}: split by scene"
            )
    return report


def _note_split(report: ListReport, record: StackRecord, roots: Roots, path: Path) -> None:
    """Remember which split a scene lies in; a list's own name may say it."""
    in_name = SPLIT_IN_NAME.search(path.stem.lower())
    named = in_name and in_name[0]
    split, scene = record.text("split") or named, scene_of(record, roots, path.parent)
    kind = "all_in_focus" if record.text("focal_stack") is None else "focal_stack"
    source = record.text(kind) or "."
    if record.text("scene") is None and str(Path(source).parent) != ".":
        # frames of one folder; of the list's own folder, a stack by itself
        scene = str(place_of(source, kind, roots, path.parent).parent)
    if split is not None:
        report.splits.setdefault(scene, set()).add(split)


def _is_usable(report: ListReport, record: StackRecord, roots: Roots, path: Path, max_samples: int) -> bool:
    """Note what a record holds; say whether nothing is wrong with it."""
    n_problems = len(report.problems)
    report.n_samples += 1
    _note_split(report, record, roots, path)
    try:
        with placed(record):
            _check_record(report, record, roots, path, max_samples)
    except FocusgenError as error:
        report.problems.append(error.on_one_line)
    return len(report.problems) == n_problems


def _look_at(
    report: ListReport, records: Sequence[StackRecord], roots: Roots, path: Path, n_looked: int
) -> None:
    """Note what is doubtful of the labels of a list; of what others refuse, nothing can be told."""
    told = [record for record in records if record.lens() and record.focus_distances_m()]
    doubts = look_at(
        told, roots, path.parent, n_looked, lambda error: report.problems.append(error.on_one_line)
    )
    report.problems += map(str, doubts)


def _check_record(
    report: ListReport, record: StackRecord, roots: Roots, path: Path, max_samples: int
) -> None:
    opened = open_record(record, roots, path.parent)
    distances = record_distances_m(record, opened.n_on_disk)
    lens = record.lens()
    report.n_blind += lens is None
    report.n_unfocused += distances is None
    if opened.files is not None:
        report.n_slices.append(len(opened.files.paths))
        if report.n_samples <= max_samples:
            report.problems += _strange_slices(record, opened)
    elif distances is not None:
        report.n_slices.append(len(distances))
    report.problems += _strange_focus(record, distances, opened.files, lens)
    if opened.depth is not None and len(report.depth_m) < max_samples:
        depth_m = truth_of(record, opened, read_record_depth(record, opened.depth))
        _check_depth(report, record, opened, depth_m, distances)


def _check_depth(
    report: ListReport,
    record: StackRecord,
    opened: OpenedRecord,
    depth_m: npt.NDArray[np.float32],
    distances: Sequence[float] | None,
) -> None:
    check_known(depth_m, f"{record.where}: {display(str(opened.depth))}")
    known = depth_m[np.isfinite(depth_m)]
    far = float((known > STRANGELY_FAR_M).mean())
    if far:
        report.problems.append(
            f"{record.where}: {far:.1%} of the depth lies at up to {known.max():.4g} m: where that is a mark "
            "for no depth, say depth_range"
        )
    low, middle, high = np.percentile(known, (5, 50, 95)).tolist()
    report.depth_m.append((low, middle, high))
    report.problems += [f"{record.where}: {line}" for line in outside_focus(distances or (), low, high)]
    picture = opened.all_in_focus or (opened.files.paths[0] if opened.files is not None else None)
    size = depth_m.shape if picture is None else read_slice(picture)[0].shape[:2]
    if size != depth_m.shape:
        turned = "; transpose_depth?" if size == depth_m.shape[::-1] else ""
        report.problems.append(
            f"{record.where}: depth is {depth_m.shape[1]}x{depth_m.shape[0]}, "
            f"the picture {size[1]}x{size[0]}{turned}"
        )
    told_mm = None if opened.files is None else read_slice(opened.files.paths[0]).camera.sensor_width_mm
    lens = record.lens_shown(size[0], size[1], told_mm)
    if lens is not None:
        report.identifiable.append(float((known <= lens.identifiable_to_m(size[1])).mean()))


def _strange_slices(record: StackRecord, opened: OpenedRecord) -> list[str]:
    """Return what is wrong with slices and sharp picture by their headers: another size than the first."""
    assert opened.files is not None, "the caller has slices"
    sizes: dict[str, tuple[int, int]] = {}
    for path in (*opened.files.paths, *filter(None, [opened.all_in_focus])):
        what = "picture" if path == opened.all_in_focus else "slice"
        if path.is_file():  # else it lies in the tar of its scene, whose records vouch for it
            try:
                sizes[path.name] = picture_size(path)
            except CorruptInputError as error:
                return [f"{record.where}: unreadable {what} {error.message}"]
    (first, size), *others = sizes.items() or [("", (0, 0))]
    return [
        f"{record.where}: {display(name)} is {width}x{height}, {display(first)} {size[0]}x{size[1]}"
        for name, (width, height) in others
        if (width, height) != size
    ][:1]


def _strange_focus(
    record: StackRecord, distances_m: Sequence[float] | None, files: StackFiles | None, lens: StackLens | None
) -> list[str]:
    try:
        if distances_m is not None:
            check_focus(record, distances_m, files, lens)
    except ConfigError as error:
        return [error.on_one_line]
    return []


def preset_lines(preset: Preset) -> list[str]:
    """Return what a preset's lens can tell, and how much of its range that is."""
    reach_m = preset.lens.identifiable_to_m(preset.width)
    near_m, far_m = preset.focal_range_m
    share = float(np.clip((min(reach_m, far_m) - near_m) / (far_m - near_m), 0.0, 1.0))
    lens = f"f/{preset.lens.f_number:g} {1e3 * preset.lens.focal_length_m:g} mm"
    lines = [
        f"{preset.name}: {preset.focal_stack_size} slices, {near_m:g} to {far_m:g} m, {preset.width} px",
        f"  {lens}: 10 % depth needs d <= {reach_m:.1f} m; {share:.0%} of the range",
    ]
    if share < 0.5:
        lines.append(
            "  not identifiable: beyond that, depth comes from what scenes usually look like, not from blur"
        )
    return lines
