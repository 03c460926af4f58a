"""A table of depth, sharp pictures and confidence over a list of stacks, trivial methods beside ours."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from focusgen.base.errors import ConfigError, FocusgenError, StorageError
from focusgen.base.files import make_folder, publish, publish_json
from focusgen.base.writable import check_writable
from focusgen.focal.backends import PLAIN, BackendOptions, Estimator, load_estimator
from focusgen.focal.baselines import METHODS, Prediction, predict
from focusgen.focal.label_fit import Left, doubts_of, left_of
from focusgen.focal.lists import read_list
from focusgen.focal.perceptual import Perceptual, load_lpips
from focusgen.focal.presets import Preset
from focusgen.focal.protocols import ZEDD_COUNTS, ZEDD_FILES, ddff_scores, zedd_map, zedd_stack
from focusgen.focal.records import StackRecord
from focusgen.focal.roots import Roots
from focusgen.focal.samples import Sample, check_known, load_sample, placed
from focusgen.focal.scores import (
    confidence_scores,
    depth_scores,
    picture_scores,
)
from focusgen.focal.sources import spread
from focusgen.focal.stack import FocalStack, identifiable_to_m
from focusgen.tools.focal_outputs import depth_picture, free_name, npy_bytes, png_bytes
from focusgen.tools.focal_score_table import markdown, of_fewer, sheet, table_of


@dataclass(frozen=True)
class EvaluateJob:
    """What is judged.

    Attributes:
        n_slices: each stack is cut to these many slices, spread over it; empty: as it is.
        protocol: "own"; "ddff": scores in disparity; "zedd": its files are written.
        preset: what records take where they do not say it.
        backend: what is judged, beside the others.
        options: of the backend.
    """

    lists: Sequence[Path]
    roots: Roots
    output: Path
    split: str | None = None
    n_slices: Sequence[int] = ()
    max_samples: int | None = None
    saves_pictures: bool = False
    protocol: str = "own"
    preset: Preset | None = None
    backend: str = "auto"
    options: BackendOptions = PLAIN


class Evaluation(NamedTuple):
    """The table, and why samples are not in it: one line each."""

    table: dict[str, Any]
    left_out: list[str]


class _Judged(NamedTuple):
    """Rows of one sample of so many slices; for a picture, what was judged and what methods made of it."""

    rows: list[dict[str, Any]]
    n_slices: int
    sample: Sample
    made: dict[str, Prediction]


def evaluate(
    job: EvaluateJob,
    tell: Callable[[str, float], object] = lambda name, part: None,
    note: Callable[[str], object] = lambda line: None,
) -> Evaluation:
    """Score all samples; write json, csv, md, and one picture; a sample that cannot be used is left out.

    Args:
        job: what is judged.
        tell: told the sample, and which part is done.
        note: told what a reader of the table has to know.

    Raises:
        FocusgenError: nothing can be judged.
    """
    find_depth = load_estimator(job.backend, job.options)
    chosen, notes = _chosen(job)
    check_writable(job.output, "--output-dir")
    perceptual = load_lpips()
    notes += [perceptual.note, *_zedd_notes(job, len(chosen))]
    rows: list[dict[str, Any]] = []
    first: _Judged | None = None
    names: set[str] = set()
    counts: dict[str, int] = {}
    labels: dict[str, Left | None] = {}
    errors: list[FocusgenError] = []
    for number, (path, record) in enumerate(chosen):
        tell(record.text("name") or record.where, number / len(chosen))
        try:
            with placed(record):
                whole = load_sample(record, job.roots, path.parent)
                judged = _judged(job, perceptual, whole, names, find_depth)
        except StorageError:
            raise
        except FocusgenError as error:
            errors.append(error)
            continue
        rows += judged.rows
        counts[judged.rows[0]["name"]] = judged.n_slices
        labels[judged.rows[0]["name"]] = left_of(record, whole)
        first = first or judged
    if first is None:
        raise errors[0]
    notes += _strange_zedd_files(job, names)
    notes += [*_strange_zedd_stacks(job, counts), *map(str, doubts_of(labels))]
    left_out = [f"left out: {error.message}" for error in errors]
    table = table_of(rows)
    notes += [*_unjudged(job, table), *of_fewer(rows)]
    _write_tables(job, rows, table, notes, left_out)
    publish(job.output / "evaluation.png", png_bytes(sheet(first.sample, first.made, job.backend)))
    for line in notes:
        note(line)
    return Evaluation(table, left_out)


def _judged(
    job: EvaluateJob, perceptual: Perceptual, whole: Sample, names: set[str], find_depth: Estimator
) -> _Judged:
    """Return what all methods make of a sample, and write its files; `names` are those given before."""
    if whole.true_m is not None:
        check_known(whole.true_m, whole.name)
    whole = replace(whole, name=free_name(whole.name, names))
    cut = [_cut(whole, n) for n in job.n_slices or (len(whole.stack),)]
    if job.protocol == "zedd":
        _write_zedd(job.output, whole, lambda stack: predict(job.backend, stack, find_depth))
    names.add(whole.name)
    is_judged = whole.true_m is not None or whole.aif is not None
    methods = list(dict.fromkeys((*(METHODS if is_judged else ()), job.backend)))
    made = [{method: predict(method, one.stack, find_depth) for method in methods} for one in cut]
    rows = [
        _row(job, perceptual, one, method, result)
        for one, results in zip(cut, made, strict=True)
        for method, result in results.items()
    ]
    if job.saves_pictures:
        picture = depth_picture(made[-1][job.backend].depth_m, is_metric=True)
        publish(job.output / f"{whole.name}_depth.png", png_bytes(picture))
    return _Judged(rows, len(whole.stack), cut[0], made[0])


def _unjudged(job: EvaluateJob, table: Mapping[str, Any]) -> list[str]:
    """Return a note where nothing could be judged, as it is with what a server judges.

    Raises:
        ConfigError: nothing could be judged, and that was all that was asked for.
    """
    if any(table.values()):
        return []
    what = f"{', '.join(map(str, job.lists))}: no sample has depth or all_in_focus to compare with"
    if job.protocol != "zedd":
        raise ConfigError(what, "Add the key depth or all_in_focus to its lines.")
    return [f"{what}: only the files for the server were made"]


def _chosen(job: EvaluateJob) -> tuple[list[tuple[Path, StackRecord]], list[str]]:
    """Return the records to be judged, each with its list, and notes on how a split chose them."""
    chosen, notes = [], []
    for path in job.lists:
        records, note = _of_split(read_list(path, job.preset), job.split, path)
        chosen += [(path, record) for record in records]
        notes += [note] * bool(note)
    if not chosen:
        raise ConfigError(
            f"no sample of split {job.split} in {', '.join(map(str, job.lists))}",
            "Without --split all samples are judged.",
        )
    return chosen[: job.max_samples], notes


def _of_split(records: list[StackRecord], split: str | None, path: Path) -> tuple[list[StackRecord], str]:
    """Return the records of a split, and a note: of a list without any split all are, else only the named."""
    unnamed = [record for record in records if record.text("split") is None]
    if split is None or not unnamed:
        return [record for record in records if record.text("split") == split or split is None], ""
    if len(unnamed) == len(records):
        return records, f"{path} names no split: all of its {len(records)} samples are taken for {split}"
    others = f"{path}: {len(unnamed)} of {len(records)} samples name no split, such as {unnamed[0].where}"
    found = [record for record in records if record.text("split") == split]
    return found, f"{others}: they are not judged as {split}"


def _zedd_notes(job: EvaluateJob, n_chosen: int) -> list[str]:
    if job.protocol != "zedd" or n_chosen == ZEDD_FILES:
        return []
    return [f"the server of ZEDD takes {ZEDD_FILES} files; these are {n_chosen}"]


def _strange_zedd_files(job: EvaluateJob, names: set[str]) -> list[str]:
    """Return a note where files of another call lie beside these: the server would take them for answers."""
    if job.protocol != "zedd":
        return []
    folder = job.output / "zedd"
    others = sorted(path.name for path in folder.glob("*.npy") if path.stem not in names)
    return [f"{folder} holds {len(others)} files of another call, such as {others[0]}"] if others else []


def _strange_zedd_stacks(job: EvaluateJob, counts: Mapping[str, int]) -> list[str]:
    """Return a note where maps for the server are made of other slices than it judges."""
    odd = {name: n for name, n in counts.items() if n not in ZEDD_COUNTS}
    if job.protocol != "zedd" or not odd:
        return []
    name, n = next(iter(odd.items()))
    return [
        f"{len(odd)} stacks, such as {name} of {n} slices, have neither {ZEDD_COUNTS[1]} slices nor the five "
        "that maps for the server are made of: these are of others"
    ]


def _cut(sample: Sample, n: int) -> Sample:
    if n > len(sample.stack):
        raise ConfigError(
            f"{sample.name}: {n} slices are asked for, it has {len(sample.stack)}",
            f"Ask for --n-slices up to {len(sample.stack)}, or leave it out of the list.",
        )
    keep = spread(len(sample.stack), n)
    stack = FocalStack(sample.stack.slices[keep], sample.stack.diopters[keep], sample.stack.radius_px_m)
    return Sample(sample.name, stack, sample.true_m, sample.aif)


def _row(
    job: EvaluateJob, perceptual: Perceptual, sample: Sample, method: str, made: Prediction
) -> dict[str, Any]:
    scores: dict[str, float] = {}
    gain = sample.stack.radius_px_m
    if sample.true_m is not None:
        scores.update(depth_scores(made.depth_m, sample.true_m, gain))
        scores.update(confidence_scores(made.confidence, made.depth_m, sample.true_m))
        known = sample.true_m[np.isfinite(sample.true_m)]
        assert gain is not None, "every sample has a lens"
        scores["identifiable"] = float((known <= identifiable_to_m(gain)).mean())
        if job.protocol == "ddff":
            scores.update(ddff_scores(made.depth_m, sample.true_m))
    if sample.aif is not None:
        scores.update(picture_scores(made.rgb, sample.aif))
        if perceptual.distance is not None:
            scores["aif_lpips"] = perceptual.distance(made.rgb, sample.aif)
    return {"name": sample.name, "n_slices": len(sample.stack), "method": method, **scores}


def _write_tables(
    job: EvaluateJob,
    rows: list[dict[str, Any]],
    table: dict[str, Any],
    notes: list[str],
    left_out: list[str],
) -> None:
    of = {"lists": [str(path) for path in job.lists], "split": job.split, "backend": job.backend}
    of |= {"checkpoint": None if job.options.checkpoint is None else str(job.options.checkpoint)}
    document: dict[str, Any] = {"protocol": job.protocol, **of, "notes": notes, "left_out": left_out}
    document |= {"table": table, "samples": rows}
    publish_json(job.output / "evaluation.json", document)
    keys = list(dict.fromkeys(key for row in rows for key in row))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, keys, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    publish(job.output / "evaluation.csv", buffer.getvalue().encode())
    publish(
        (job.output / "evaluation").with_suffix(".md"),
        ("\n".join([*markdown(table), "", *of_fewer(rows), *left_out]).rstrip() + "\n").encode(),
    )


def _write_zedd(folder: Path, sample: Sample, judge: Callable[[FocalStack], Prediction]) -> None:
    made = judge(zedd_stack(sample.stack))
    make_folder(folder / "zedd")
    publish(folder / "zedd" / f"{sample.name}.npy", npy_bytes(zedd_map(made.depth_m)))
