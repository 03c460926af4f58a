"""What a choice buys and costs, measured on a few frames of one scene of the data set.

focusgen ablate temporal SCENE    each temporal strategy of phase 2
focusgen ablate steps SCENE       numbers of diffusion steps (--values 2,4,8,16)
focusgen ablate window SCENE      radius of `flow`, window and stride of `draws`
focusgen ablate sets SCENE        numbers of lens sets of phase 5 (--values 1,2,4,8)
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from focusgen import config
from focusgen.base.errors import ConfigError
from focusgen.base.files import make_folder
from focusgen.commands.groups import CONFIG_HELP, RootFlags
from focusgen.config import Config
from focusgen.config.flags import option, parse, required_positional, sets
from focusgen.dataset.layout import DatasetLayout

if TYPE_CHECKING:
    from focusgen.dataset.frames import RawFrames
    from focusgen.dataset.index import IndexEntry
    from focusgen.tools.ablate import Excerpt, LensSets
    from focusgen.tools.ablate_table import Table


@dataclass(frozen=True, kw_only=True)
class AblateFlags(RootFlags):
    """What is measured, on what, and where the numbers go."""

    what: Literal["temporal", "steps", "window", "sets"] = required_positional("which choice")
    scene: str = required_positional("a scene of the index")
    csv: Path | None = option(None, "write the table here")
    json: Path | None = option(None, "write the table here")
    plot: Path | None = option(None, "picture; default: <out_root>/logs/ablate_<what>_<scene>.png")
    n_frames: int = option(24, "how many of the scene's first frames")
    values: str | None = option(None, "steps, sets: comma-separated values to try")
    truth_root: Path | None = option(None, "folder with <scene>/ of sharp frames, where the truth is known")
    config: str | None = option(None, CONFIG_HELP)
    raw_root: Path | None = sets("data.raw_root")
    depth_root: Path | None = sets("depth.depth_root")
    backend: str | None = sets("deblur.backend")
    max_coc: float | None = sets("render.max_coc")
    device: str | None = sets("run.device")


def main(argv: Sequence[str]) -> int:
    """Run `focusgen ablate`."""
    parsed = parse(AblateFlags, argv, prog="focusgen ablate", doc=__doc__)
    given = parsed.flags
    cfg = _settings(given, parsed.overrides)
    asked = config.load(given.config, parsed.overrides)
    table = _measured(cfg, asked, given)
    plot = given.plot or cfg.data.out_root / "logs" / f"ablate_{given.what}_{given.scene}.png"
    for path in (plot, given.csv, given.json):
        if path is not None:
            make_folder(path.parent)
    table.save(csv_path=given.csv, json_path=given.json, plot_path=plot)
    print(table.text())
    print(f"plot: {plot}")
    return 0


def _settings(given: AblateFlags, overrides: dict[str, Any]) -> Config:
    """Return the given settings; without --config those that made the data set."""
    from focusgen.run.settings import saved_config, with_overrides

    asked = config.load(given.config, overrides)
    saved = saved_config(DatasetLayout.of(asked), "render" if given.what == "sets" else "deblur")
    if given.config or saved is None:
        return asked
    return with_overrides(saved, overrides)


def _measured(cfg: Config, asked: Config, given: AblateFlags) -> Table:
    from focusgen.dataset.frames import open_raw
    from focusgen.dataset.index import read_index, recorded_raw_root
    from focusgen.optics.sizes import frame_plan
    from focusgen.run.selection import check_scene
    from focusgen.run.settings import expected_by_run
    from focusgen.run.staleness import SceneChain, all_upstream, refuse_stale

    dataset = DatasetLayout.of(cfg)
    entry = check_scene(read_index(dataset), given.scene)
    n_frames = min(given.n_frames, entry.n_frames)
    if given.what == "sets":
        chain = SceneChain(dataset, given.scene, entry, expected_by_run(dataset, asked))
        refuse_stale(chain, all_upstream("render"), keep=asked.run.on_stale == "keep", look_at_inputs=True)
        from focusgen.tools.ablate import ablate_sets

        return ablate_sets(_lens_sets(cfg, given.scene, n_frames), n_sets=_values(given, (1, 2, 4, 8)))
    raw_root = recorded_raw_root(dataset, cfg.data.raw_root)
    plan = frame_plan(entry.width, entry.height, cfg.deblur.resize_long_side)
    with open_raw(raw_root, given.scene, entry, plan, n_kept=40) as raw:
        return _phase_2(cfg, given, _excerpt(raw, entry, n_frames, given, plan), raw)


def _excerpt(raw: RawFrames, entry: IndexEntry, n_frames: int, given: AblateFlags, plan: Any) -> Excerpt:
    from focusgen.tools.ablate import Excerpt

    truth = None
    if given.truth_root is not None:
        from focusgen.media.scenes import discover
        from focusgen.media.video import open_frames
        from focusgen.optics.sizes import resize_frame

        found = {scene.scene_id: scene for scene in discover(given.truth_root).scenes}
        if given.scene not in found:
            raise ConfigError(f"{given.truth_root}: no scene {given.scene!r}")
        reader = open_frames(found[given.scene])
        truth = functools.lru_cache(maxsize=8)(lambda i: resize_frame(reader.read(i, i + 1)[0], plan))
    cuts = tuple(cut for cut in entry.shot_cuts if cut < n_frames)
    return Excerpt(n_frames=n_frames, read_raw=raw.frame, shot_cuts=cuts, read_truth=truth)


def _phase_2(cfg: Config, given: AblateFlags, excerpt: Excerpt, raw: RawFrames) -> Table:
    from focusgen.tools.ablate import Numbers, ablate_steps, ablate_temporal, ablate_window

    deblur = cfg.deblur
    numbers = Numbers(deblur.radius, deblur.window_size, deblur.stride)
    if given.what == "temporal":
        return ablate_temporal(excerpt, _restorer(cfg, given.scene, raw), numbers)
    if given.what == "window":
        return ablate_window(excerpt, _restorer(cfg, given.scene, raw))
    if not deblur.has_effect("steps"):
        print(f"note: deblur.backend = {deblur.backend} takes no diffusion steps", file=sys.stderr)

    def restorer_of(steps: int) -> Callable[[int, int], Any]:
        chosen = cfg.model_copy(update={"deblur": deblur.model_copy(update={"steps": steps})})
        return _restorer(chosen, given.scene, raw)

    strategy = deblur.effective("temporal")
    return ablate_steps(excerpt, restorer_of, strategy, numbers, steps=_values(given, (2, 4, 8, 16, 28)))


def _values(given: AblateFlags, default: Sequence[int]) -> Sequence[int]:
    if given.values is None:
        return default
    try:
        return [int(value) for value in given.values.split(",")]
    except ValueError as error:
        raise ConfigError(f"--values {given.values}: give whole numbers, comma-separated") from error


def _restorer(cfg: Config, scene_id: str, raw: RawFrames) -> Callable[[int, int], Any]:
    """Return (frame, draw) -> restored frame, by the configured backend."""
    from focusgen.models.protocols import NoiseKey
    from focusgen.models.registry import load_deblurrer

    model = load_deblurrer(cfg, device=cfg.run.device)
    return lambda frame, draw: model.deblur(raw.frame(frame)[None], [NoiseKey(scene_id, frame, draw)])[0]


def _lens_sets(cfg: Config, scene_id: str, n_frames: int) -> LensSets:
    """Return how phase 5 makes a scene's lens sets, from its published frames and depth."""
    from focusgen.dataset.lens_metadata import lens_document
    from focusgen.dataset.published import read_depth, read_sharp, read_stats
    from focusgen.models.registry import load_renderer
    from focusgen.phases.lens_set import LensSet, draw_lenses, start_lens_sets
    from focusgen.phases.render import upstream_records
    from focusgen.run.phase_run import with_max_coc
    from focusgen.tools.ablate import LensSets

    scene = DatasetLayout.of(cfg).scene(scene_id)
    chosen = with_max_coc(cfg)
    stats, upstream = read_stats(scene), upstream_records(scene)
    renderer = load_renderer(chosen, device=chosen.run.device)

    def start(n_sets: int) -> list[Callable[[int], tuple[Any, Any]]]:
        lenses, _ = draw_lenses(chosen, scene_id, stats, n_sets)
        metadata = lens_document(chosen, scene_id, lenses, upstream)
        return [functools.partial(draw, one) for one in start_lens_sets(chosen, metadata, stats, renderer)]

    def draw(one: LensSet, frame: int) -> tuple[Any, Any]:
        pictures, labels = one.draw([frame], read_sharp(scene, frame)[None], read_depth(scene, frame)[None])
        return pictures[0], labels[0]

    return LensSets(n_frames=n_frames, read_sharp=lambda frame: read_sharp(scene, frame), start=start)
