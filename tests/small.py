"""Entries, indices and records made by hand: what a phase leaves of a scene, without running it."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen import config
from focusgen.base.checksums import checksum
from focusgen.base.files import json_bytes
from focusgen.config import GRAPH, SCENE_PHASES, Config, PhaseName, settings_for
from focusgen.dataset.index import IndexEntry
from focusgen.dataset.ingest import new_manifest
from focusgen.dataset.layout import DatasetLayout, SceneLayout
from focusgen.dataset.lens_metadata import lens_document, set_lenses
from focusgen.dataset.record_writing import record_document, write_record
from focusgen.dataset.records import Identity, Record
from focusgen.dataset.scene_store import PhaseStore
from focusgen.media.codecs import encode_npz
from focusgen.optics.coc import Lens
from focusgen.optics.stats import depth_counts, depth_stats

DEAD_PID = 4_194_305
"""Linux gives out none above 4,194,304."""
DIGEST = "0" * 31 + "1"
"""What the index says of raw checksums that nobody looks at."""


def entry(n_frames: int = 3, split: str = "train", **changes: Any) -> IndexEntry:
    """Return an entry of so many images of 48x32; `source` has more than path and kind where it is given."""
    source = {"path": "a", "kind": "images", "fps": None, **changes.pop("source", {})}
    values: dict[str, Any] = {
        "frames": tuple(f"frame_{frame:04d}.png" for frame in range(n_frames)),
        "width": 48,
        "height": 32,
        "split": split,
        "source": source,
        "shot_cuts": (),
        "ingest_digest": DIGEST,
    }
    return IndexEntry(**{**values, **changes})


def write_index(root: Path, scenes: Mapping[str, IndexEntry]) -> DatasetLayout:
    """Write scene_index.json as an older release did, without a checksum beside it."""
    root.mkdir(parents=True, exist_ok=True)
    dataset = DatasetLayout(root, root / "scene_index.json")
    document = {scene_id: one.document() for scene_id, one in scenes.items()}
    dataset.index_json.write_text(json.dumps(document), encoding="utf-8")
    return dataset


def identity(phase: PhaseName = "depth", scene_id: str = "a", n_frames: int = 3, **changes: Any) -> Identity:
    """Return what a phase of a scene depends on."""
    upstream = {name: DIGEST for name in GRAPH[phase].upstream}
    values: dict[str, Any] = {
        "phase": phase,
        "scene_id": scene_id,
        "backend": "dryrun",
        "algorithm_version": 1,
        "settings": {f"{phase}.backend": "dryrun"},
        "weights": {},
        "upstream": upstream,
        "n_frames": n_frames,
    }
    return Identity(**{**values, **changes})


def put_record(
    scene: SceneLayout,
    made: Identity,
    details: Mapping[str, Any] | None = None,
    *,
    flags: Mapping[str, list[str]] | None = None,
    warnings: tuple[str, ...] = (),
    run: Mapping[str, Any] | None = None,
    whole_scene: bool = True,
) -> Record:
    """Write a record of a phase that vouches for no file."""
    folder = scene.phase_folder(made.phase)
    folder.mkdir(parents=True, exist_ok=True)
    document = record_document(made, folder, {}, flags or {}, warnings, details or {})
    about = {"started": "2026-01-01T00:00:00Z", **(run or {})}
    return write_record(scene, document, about, whole_scene=whole_scene)


LENS = Lens(focal_length_m=0.05, f_number=2.0, focus_distance_m=2.0)
MAX_COC_M = 3e-4


def _ingest(cfg: Config, scene: SceneLayout, one: IndexEntry) -> IndexEntry:
    """Leave what phase 1 leaves of a scene, and return its entry with the digest of that."""
    manifest, digest = new_manifest(cfg, {name: DIGEST for name in one.frames}, one.shot_cuts)
    folders = [scene.root, scene.ingest_json.parent, scene.depth_counts_npz.parent]
    for number in range(cfg.render.n_sets):
        folders += [scene.focus(number, 0).parent, scene.bokeh(number, 0).parent]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    scene.ingest_json.write_bytes(json_bytes(manifest))
    scene.split_txt.write_text(f"{one.split}\n", encoding="ascii")
    return dataclasses.replace(one, ingest_digest=digest)


def finish_scene(
    dataset: DatasetLayout,
    scene_id: str,
    one: IndexEntry | None = None,
    *,
    lenses: tuple[Lens, ...] = (LENS,),
    cfg: Config | None = None,
    depth_m: Callable[[int], npt.NDArray[np.float16]] | None = None,
) -> IndexEntry:
    """Write a scene as phases 1 to 5 leave it, of textured frames and a ramp of depth; return its entry.

    The renders are the sharp frames: nothing but phase 6's measure of blur looks at what they show.
    """
    cfg = cfg or config.load(None, {"render.max_coc": MAX_COC_M, "render.n_sets": len(lenses)})
    scene = dataset.scene(scene_id)
    one = _ingest(cfg, scene, one or entry(2, width=32, height=16))
    digest = one.ingest_digest
    size = {"width": one.width, "height": one.height}
    upstream = {"index": digest}
    records: dict[str, Record] = {}

    def run(phase: PhaseName) -> PhaseStore:
        said = settings_for(cfg, phase)
        made = identity(phase, scene_id, one.n_frames, settings=said, backend=said[f"{phase}.backend"])
        links = {name: upstream[name] for name in GRAPH[phase].upstream}
        return PhaseStore(scene, dataclasses.replace(made, upstream=links))

    def finish(store: PhaseStore, details: dict[str, Any]) -> None:
        records[store.identity.phase] = store.finish(details)
        upstream[store.identity.phase] = records[store.identity.phase].digest

    rng = np.random.default_rng(5)
    pictures = [rng.integers(0, 256, (one.height, one.width, 3), dtype=np.uint8) for _ in one.frames]
    ramp_m = np.linspace(1.5, 3.0, one.width, dtype=np.float32)[None].repeat(one.height, 0)
    maps = [(depth_m(f) if depth_m else (ramp_m + 0.25 * f).astype(np.float16)) for f in range(one.n_frames)]
    with run("deblur") as store:
        for frame, picture in enumerate(pictures):
            store.put((scene.sharp(frame), store.picture(picture)))
        finish(store, {**size, "psnr_db": {}})
    counts = np.sum([depth_counts(depth) for depth in maps], axis=0)
    with run("depth") as store:
        for frame, depth in enumerate(maps):
            store.put((scene.depth(frame), functools.partial(encode_npz, "depth", depth)))
        store.put_json(scene.stats_json, depth_stats(counts))
        facts = {"is_exact": True, "is_rehearsal": False, "patched_raised_lowered": {}, "unit": "m"}
        finish(store, {**size, **facts, "counts_digest": checksum(counts[None].tobytes())})
    scene.depth_counts_npz.write_bytes(encode_npz("counts", counts[None]))
    metadata = {
        **lens_document(cfg, scene_id, lenses, records, n_frames=one.n_frames),
        "n_frames": one.n_frames,
        "fps": one.source.get("fps"),
        "shot_cuts": list(one.shot_cuts),
        "backends": {phase: getattr(cfg, phase).backend for phase in SCENE_PHASES},
        "is_rehearsal": False,
    }
    with run("render") as store:
        store.put_json(scene.metadata_json, metadata)
        for frame, picture in enumerate(pictures):
            for number, lens in enumerate(set_lenses(metadata)):
                label = lens.label(maps[frame], frame)
                store.put((scene.focus(number, frame), functools.partial(encode_npz, "focus_map", label)))
                store.put((scene.bokeh(number, frame), store.picture(picture)))
        finish(store, {"focus_mean": [0.5] * len(lenses), "approximations": []})
    return one
