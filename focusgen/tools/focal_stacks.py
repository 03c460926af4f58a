"""Focal stacks out of a pipeline data set: one record per scene and frame."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from focusgen.base.errors import ConfigError, CorruptInputError, SceneError
from focusgen.base.files import make_folder, publish
from focusgen.base.names import RESERVED_NAMES, display, shell_word
from focusgen.config.graph import SCENE_PHASES, PhaseName
from focusgen.dataset.index import read_index
from focusgen.dataset.layout import DatasetLayout, SceneLayout
from focusgen.dataset.lens_metadata import sensor_width_mm
from focusgen.dataset.packs import is_published
from focusgen.dataset.published import read_depth, read_sharp, read_stats
from focusgen.dataset.records import parse_json
from focusgen.dataset.vetting import whole_chain


@dataclass(frozen=True)
class Sweep:
    """The lens of stacks that are drawn on the fly."""

    n_slices: int
    focal_length_m: float
    f_number: float


NEEDED: Mapping[str, tuple[PhaseName, ...]] = {"bokeh": SCENE_PHASES, "thin_lens": ("deblur", "depth")}
"""Phases that stacks of a kind are made of."""

GAMMA22 = "gamma22"
"""Curve of pictures where nothing is said, in metadata.json and in records of stacks that are drawn."""

_Placed = tuple[tuple[int, int], dict[str, Any]]
"""Number of a lens among those of its scene, how many these are, and a record of a stack."""


def list_stacks(
    scenes: Path,
    out: Path,
    *,
    source: str,
    sweep: Sweep,
    every: int = 1,
    note: Callable[[str], object] = lambda line: None,
    tell: Callable[[str, float], object] = lambda scene, part: None,
) -> list[dict[str, Any]]:
    """Write a list of all stacks of a data set; return its records.

    Args:
        scenes: the data set.
        out: the list to write.
        source: bokeh, thin_lens or mix.
        sweep: the lens of stacks that are drawn on the fly.
        every: only every so many frames.
        note: told what is left out.
        tell: told the scene, and which part of all is done: each render is compared with physics.

    Raises:
        ConfigError: no data set, no scene holds a stack, or the list would lie in a file's place; nothing
            is written.
    """
    _check_out(scenes, out)
    kinds = ("bokeh", "thin_lens") if source == "mix" else (source,)
    left_out: list[str] = []
    records: list[dict[str, Any]] = []
    dataset = DatasetLayout(scenes, scenes / "scene_index.json")
    asked = list(itertools.product(read_index(dataset).items(), kinds))
    for number, ((scene_id, entry), kind) in enumerate(asked):
        scene, found = dataset.scene(scene_id), []
        try:
            whole_chain(scene, entry, NEEDED[kind])
            stacks = _of_bokeh(scene, every, note) if kind == "bokeh" else _of_thin_lens(scene, sweep, every)
            for (lens, n_lenses), record in stacks:
                found.append({**record, "split": entry.split, "source": kind})
                part = (lens + (record["frame"] + 1) / entry.n_frames) / n_lenses
                tell(scene_id, (number + part) / len(asked))
        except SceneError as error:
            left_out.append(error.message)
        else:
            records += found
    if left_out:
        status = f"focusgen status --out_root {shell_word(scenes)} says more"
        note(f"left out as unfinished, stale or damaged: {len(left_out)}, first {left_out[0]}; {status}")
    if not records:
        raise ConfigError(f"{scenes}: no scene has a stack", _way_to_stacks(scenes, source))
    records = _of_one_formula(records)
    _publish(records, out)
    return records


def _publish(records: Sequence[Mapping[str, Any]], out: Path) -> None:
    beside = out.resolve().parent
    make_folder(beside)
    lines = [json.dumps(_relative(record, beside), allow_nan=False) for record in records]
    publish(out, ("\n".join(lines) + "\n").encode())


def _way_to_stacks(scenes: Path, source: str) -> str:
    if source == "thin_lens":
        return f"They are made of sharp frames and depth: focusgen status --out_root {shell_word(scenes)}."
    return (
        "A stack is of one lens: run phase 5 with --lens.law sweep and --n_sets 2 or more (--on_stale redo "
        "where it was run); or say --source thin_lens."
    )


def _check_out(scenes: Path, out: Path) -> None:
    """Refuse a list that cannot be written, or would be in the place of a file of the data set itself."""
    if out.is_dir():
        raise ConfigError(f"--out {display(str(out))}: a folder", "Name a file, such as stacks.jsonl.")
    if out.name.casefold() in RESERVED_NAMES and out.resolve().parent == scenes.resolve():
        raise ConfigError(
            f"--out {display(str(out))}: the data set has a file of that name",
            "Name another, such as stacks.jsonl.",
        )


def _relative(record: Mapping[str, Any], beside: Path) -> dict[str, Any]:
    """Return a record whose paths are seen from the list, so that both may move together."""
    moved = dict(record)
    for key in {"all_in_focus", "depth", "valid"} & record.keys():
        moved[key] = os.path.relpath(Path(record[key]).resolve(), beside)
    if "slices" in record:
        moved["slices"] = [os.path.relpath(Path(one).resolve(), beside) for one in record["slices"]]
    return moved


def _frames(scene: SceneLayout, every: int) -> Iterator[int]:
    n = 0
    while is_published(scene.sharp(n)) and is_published(scene.depth(n)):
        yield n
        n += every


def _base(scene: SceneLayout, frame: int) -> dict[str, Any]:
    return {
        "name": f"{scene.scene_id}_{frame:04d}",
        "scene": scene.scene_id,
        "frame": frame,
        "all_in_focus": str(scene.sharp(frame)),
        "depth": str(scene.depth(frame)),
        **({"valid": str(scene.valid(frame))} if is_published(scene.valid(frame)) else {}),
    }


def _of_bokeh(scene: SceneLayout, every: int, note: Callable[[str], object]) -> Iterator[_Placed]:
    """Yield the stacks of the lens sets of phase 5 that share focal length and f-number."""
    metadata = _metadata(scene)
    if metadata.get("breathing"):
        raise ConfigError(
            f"{scene.metadata_json}: its renders are magnified, each as its focus has it (optics.breathing)",
            "Say --source thin_lens, or make the data set with --optics.breathing false.",
        )
    groups: dict[tuple[float, float], list[int]] = {}
    for number, lens in enumerate(metadata["sets"]):
        groups.setdefault((float(lens["f"]), float(lens["N"])), []).append(number)
    stacked = [(lens, numbers) for lens, numbers in groups.items() if len(numbers) >= 2]
    for place, ((focal_m, f_number), numbers) in enumerate(stacked):
        for frame in _frames(scene, every):
            slices = [scene.bokeh(number, frame) for number in numbers]
            distances_m = [_distance_m(metadata["sets"][number], frame) for number in numbers]
            lacking = next((path for path in slices if not is_published(path)), None)
            if lacking is not None:
                note(
                    f"{display(str(lacking))}: no such file: its frame is left out; focusgen repair makes it"
                )
            if lacking is not None or len(set(distances_m)) < len(distances_m):
                continue
            yield (
                (place, len(stacked)),
                {
                    **_base(scene, frame),
                    "slices": [str(path) for path in slices],
                    "focus_distances": distances_m,
                    "max_coc_m": [float(metadata["sets"][number]["max_coc"]) for number in numbers],
                    "camera": _camera(focal_m, f_number, metadata),
                    "weight": _weight(scene, slices, frame, distances_m, focal_m, f_number, metadata),
                },
            )


def _metadata(scene: SceneLayout) -> dict[str, Any]:
    """Return what phase 5 wrote of its lens sets.

    Raises:
        CorruptInputError: it is damaged.
    """
    try:
        found = parse_json(scene.metadata_json.read_bytes())
        return {**found, "sets": list(found["sets"])}
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptInputError(
            f"scene {display(scene.scene_id)}: {display(str(scene.metadata_json))}: damaged ({error!r})",
            "focusgen repair puts it back.",
        ) from error


def _distance_m(lens: Mapping[str, Any], frame: int) -> float:
    """Return where a lens set is focused at a frame: it may move."""
    moving = lens.get("S_focus_per_frame")
    return float(lens["S_focus"] if moving is None else moving[frame])


def _camera(focal_m: float, f_number: float, metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "focal_length_mm": 1e3 * focal_m,
        "f_number": f_number,
        "sensor_width_mm": sensor_width_mm(metadata),
        "formula": metadata.get("formula", "paper"),
    }


def _drawing_camera(scene: SceneLayout, sweep: Sweep) -> dict[str, Any]:
    """Return the camera of stacks that are drawn as phase 5 draws: its sensor, formula and curve.

    Where phase 5 did not run, those are the pipeline's own: 36 mm along the long side, which is what no
    sensor width in a record means.
    """
    if not scene.metadata_json.exists():
        camera = _camera(sweep.focal_length_m, sweep.f_number, {})
        del camera["sensor_width_mm"]
        return camera
    metadata = _metadata(scene)
    camera, curve = _camera(sweep.focal_length_m, sweep.f_number, metadata), metadata.get("transfer", GAMMA22)
    return camera if curve == GAMMA22 else {**camera, "transfer": curve}


def _weight(
    scene: SceneLayout,
    slices: list[Path],
    frame: int,
    distances_m: list[float],
    focal_m: float,
    f_number: float,
    metadata: Mapping[str, Any],
) -> float:
    """Return how well physics explains a stack: 1 from 35 dB on, 0 below 20 dB, of its worst slice."""
    from focusgen.focal.render import render_stack
    from focusgen.focal.slice_reading import read_slice
    from focusgen.focal.stack import StackLens

    width_m = sensor_width_mm(metadata) / 1e3
    lens = StackLens(focal_m, f_number, width_m, metadata.get("formula", "paper"))
    sharp, depth_m = read_sharp(scene, frame), read_depth(scene, frame).astype(np.float32)
    stack = render_stack(sharp, depth_m, distances_m, lens, transfer=metadata.get("transfer", "gamma22"))
    worst_db = np.inf
    for path, drawn in zip(slices, stack, strict=True):
        error = np.mean((drawn.astype(np.float32) - read_slice(path)[0]) ** 2)
        worst_db = min(worst_db, float(10.0 * np.log10(255.0**2 / max(float(error), 1e-6))))
    return round(float(np.clip((worst_db - 20.0) / 15.0, 0.0, 1.0)), 3)


def _of_one_formula(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return records of which those that are drawn follow the formula of the renders: training takes one."""
    rendered = {record["camera"]["formula"] for record in records if record["source"] == "bokeh"}
    if len(rendered) != 1:
        return records
    formula = rendered.pop()
    return [{**record, "camera": {**record["camera"], "formula": formula}} for record in records]


def _of_thin_lens(scene: SceneLayout, sweep: Sweep, every: int) -> Iterator[_Placed]:
    """Yield records without slices: they are drawn from sharp frames and depth when they are needed."""
    if not scene.stats_json.exists():
        return
    stats = read_stats(scene)
    near_m = max(stats["d_p5"], 2.0 * sweep.focal_length_m)
    far_m = max(stats["d_p95"], 1.05 * near_m)
    distances_m = (1.0 / np.linspace(1.0 / near_m, 1.0 / far_m, sweep.n_slices)).round(4).tolist()
    camera = _drawing_camera(scene, sweep)
    for frame in _frames(scene, every):
        yield (
            (0, 1),
            {
                **_base(scene, frame),
                "generate_focal_stack": True,
                "focus_distances": distances_m,
                "num_images": sweep.n_slices,
                "camera": camera,
                "weight": 1.0,
            },
        )
