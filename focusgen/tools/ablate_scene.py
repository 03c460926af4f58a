"""Ablations of one scene of a data set: with its frames, backends and lens sets as the phases use them."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from focusgen.base.errors import ConfigError
from focusgen.config import Config
from focusgen.config.graph import PhaseName
from focusgen.dataset.frames import RawFrames, open_raw
from focusgen.dataset.index import IndexEntry, known_scene, read_index, recorded_raw_root
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.lens_metadata import lens_document
from focusgen.dataset.published import read_depth, read_sharp, read_stats
from focusgen.media.scenes import discover
from focusgen.media.video import open_frames
from focusgen.models.protocols import NoiseKey
from focusgen.models.registry import load_deblurrer, load_renderer
from focusgen.motion.temporal import TemporalNumbers
from focusgen.optics.sizes import FramePlan, frame_plan, resize_frame
from focusgen.phases.drawn_sets import draw_sets
from focusgen.phases.lens_set import LensSet, start_lens_sets
from focusgen.phases.render import upstream_records
from focusgen.phases.scene_depth import SceneDepth
from focusgen.run.max_coc import with_max_coc
from focusgen.run.settings import expected_by_run, saved_config, with_overrides
from focusgen.run.staleness import SceneChain, all_upstream, refuse_stale
from focusgen.tools.ablate import (
    Excerpt,
    LensSets,
    ablate_sets,
    ablate_steps,
    ablate_temporal,
    ablate_window,
)
from focusgen.tools.ablate_table import Table

What = Literal["temporal", "steps", "window", "sets", "lenses"]
Restore = Callable[[int, int], Any]


@dataclass(frozen=True)
class Asked:
    """What is measured, on which frames.

    Attributes:
        today: the settings that are said today, which earlier phases are compared with.
        values: numbers of steps or lens sets to try; None for the usual ones.
        truth_root: folder with <scene>/ of sharp frames, where the truth is known.
    """

    what: What
    scene_id: str
    n_frames: int
    today: Config
    values: Sequence[int] | None = None
    truth_root: Path | None = None


def settings_of(today: Config, given: str | None, overrides: Mapping[str, Any], what: What) -> Config:
    """Return the settings of a configuration; without one those that made the data set. Overrides win."""
    phases: dict[str, PhaseName] = {"sets": "render", "lenses": "calibrate"}
    saved = saved_config(DatasetLayout.of(today), phases.get(what, "deblur"))
    if given or saved is None:
        return today
    return with_overrides(saved, overrides)


def ablate_scene(cfg: Config, asked: Asked) -> Table:
    """Return what the choice costs and buys.

    Raises:
        ConfigError: no such scene in the index, or below the truth.
        StaleError: the sharp frames or depth are not those of today's settings.
    """
    dataset = DatasetLayout.of(cfg)
    index = read_index(dataset)
    asked = replace(asked, scene_id=known_scene(index, asked.scene_id))
    entry = index[asked.scene_id]
    n_frames = min(asked.n_frames, entry.n_frames)
    if asked.what == "sets":
        expected = expected_by_run(dataset, asked.today)
        chain = SceneChain(dataset, asked.scene_id, entry, expected, look_at_inputs=True)
        refuse_stale(chain, all_upstream("render"), keep=asked.today.run.on_stale == "keep")
        sets = _lens_sets(cfg, asked.scene_id, entry, n_frames)
        return ablate_sets(sets, n_sets=asked.values or (1, 2, 4, 8))
    raw_root = recorded_raw_root(dataset, cfg.data.raw_root)
    plan = frame_plan(entry.width, entry.height, cfg.deblur.resize_long_side)
    with open_raw(raw_root, asked.scene_id, entry, plan, n_kept=40) as raw:
        return _phase_2(cfg, asked, _excerpt(raw, entry, n_frames, asked, plan), raw)


def _excerpt(raw: RawFrames, entry: IndexEntry, n_frames: int, asked: Asked, plan: FramePlan) -> Excerpt:
    truth = None
    if asked.truth_root is not None:
        found = {scene.scene_id: scene for scene in discover(asked.truth_root).scenes}
        if asked.scene_id not in found:
            raise ConfigError(f"{asked.truth_root}: no scene {asked.scene_id!r}")
        reader = open_frames(found[asked.scene_id])
        truth = functools.lru_cache(maxsize=8)(lambda i: resize_frame(reader.read(i, i + 1)[0], plan))
    cuts = tuple(cut for cut in entry.shot_cuts if cut < n_frames)
    return Excerpt(n_frames=n_frames, read_raw=raw.frame, shot_cuts=cuts, read_truth=truth)


def _phase_2(cfg: Config, asked: Asked, excerpt: Excerpt, raw: RawFrames) -> Table:
    deblur = cfg.deblur
    numbers = TemporalNumbers(deblur.radius, deblur.window_size, deblur.stride)
    if asked.what == "temporal":
        return ablate_temporal(excerpt, _restorer(cfg, asked.scene_id, raw), numbers)
    if asked.what == "window":
        return ablate_window(excerpt, _restorer(cfg, asked.scene_id, raw))
    if not deblur.has_effect("steps"):
        print(f"note: deblur.backend = {deblur.backend} takes no diffusion steps", file=sys.stderr)

    def restorer_of(steps: int) -> Restore:
        chosen = cfg.model_copy(update={"deblur": deblur.model_copy(update={"steps": steps})})
        return _restorer(chosen, asked.scene_id, raw)

    strategy = deblur.effective("temporal")
    return ablate_steps(excerpt, restorer_of, strategy, numbers, steps=asked.values or (2, 4, 8, 16, 28))


def _restorer(cfg: Config, scene_id: str, raw: RawFrames) -> Restore:
    """Return (frame, draw) -> restored frame, by the configured backend."""
    model = load_deblurrer(cfg, device=cfg.run.device)
    return lambda frame, draw: model.deblur(raw.frame(frame)[None], [NoiseKey(scene_id, frame, draw)])[0]


def _lens_sets(cfg: Config, scene_id: str, entry: IndexEntry, n_frames: int) -> LensSets:
    """Return how phase 5 makes a scene's lens sets, from its published frames and depth."""
    scene = DatasetLayout.of(cfg).scene(scene_id)
    chosen = with_max_coc(cfg)
    stats, upstream = read_stats(scene), upstream_records(scene)
    renderer = load_renderer(chosen, device=chosen.run.device)

    def start(n_sets: int) -> list[Callable[[int], tuple[Any, Any]]]:
        drawn = draw_sets(chosen, SceneDepth(scene, upstream["depth"]), entry, n_sets)
        metadata = lens_document(chosen, scene_id, drawn.lenses, upstream, drawn.paths, entry.n_frames)
        return [functools.partial(draw, one) for one in start_lens_sets(chosen, metadata, stats, renderer)]

    def draw(one: LensSet, frame: int) -> tuple[Any, Any]:
        pictures, labels = one.draw([frame], read_sharp(scene, frame)[None], read_depth(scene, frame)[None])
        return pictures[0], labels[0]

    return LensSets(n_frames=n_frames, read_sharp=lambda frame: read_sharp(scene, frame), start=start)
