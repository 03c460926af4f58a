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
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from focusgen import config
from focusgen.base.errors import ConfigError
from focusgen.base.files import make_folder
from focusgen.config import Config, flags
from focusgen.dataset.layout import DatasetLayout

if TYPE_CHECKING:
    from focusgen.dataset.frames import RawFrames
    from focusgen.dataset.index import IndexEntry
    from focusgen.tools.ablate import Excerpt, LensSets
    from focusgen.tools.ablate_table import Table

What = Literal["temporal", "steps", "window", "sets"]
EXTRAS: list[flags.Extra] = [
    ("what", Annotated[What, tyro.conf.Positional], flags.REQUIRED, "which choice"),
    ("scene", Annotated[str, tyro.conf.Positional], flags.REQUIRED, "a scene of the index"),
    ("csv", Path | None, None, "write the table here"),
    ("json", Path | None, None, "write the table here"),
    ("plot", Path | None, None, "picture; default: <out_root>/logs/ablate_<what>_<scene>.png"),
    ("n_frames", int, 24, "how many of the scene's first frames"),
    ("values", str | None, None, "steps, sets: comma-separated values to try"),
    ("truth_root", Path | None, None, "folder with <scene>/ of sharp frames, where the truth is known"),
    flags.CONFIG_FLAG,
]
SETTINGS = flags.DATA_SET_FLAGS | {
    "raw_root": "data.raw_root",
    "backend": "deblur.backend",
    "max_coc": "render.max_coc",
    "device": "run.device",
}


def main(argv: Sequence[str]) -> int:
    """Run `focusgen ablate`."""
    flag_set = flags.flags_class("AblateFlags", SETTINGS, EXTRAS)
    parsed, dotted = flags.parse(flag_set, argv, prog="focusgen ablate", doc=__doc__ or "")
    overrides = {**flags.overrides_of(parsed, SETTINGS), **dotted}
    cfg = _settings(parsed, overrides)
    table = _measured(cfg, parsed)
    plot = parsed.plot or cfg.data.out_root / "logs" / f"ablate_{parsed.what}_{parsed.scene}.png"
    for path in (plot, parsed.csv, parsed.json):
        if path is not None:
            make_folder(path.parent)
    table.save(csv_path=parsed.csv, json_path=parsed.json, plot_path=plot)
    print(table.text())
    print(f"plot: {plot}")
    return 0


def _settings(parsed: Any, overrides: dict[str, Any]) -> Config:
    """Return the given settings; without --config those that made the data set."""
    from focusgen.run.status import saved_config

    asked = config.load(parsed.config, overrides)
    saved = saved_config(DatasetLayout.of(asked), "render" if parsed.what == "sets" else "deblur")
    if parsed.config or saved is None:
        return asked
    document = saved.model_dump(mode="json", by_alias=True)
    for key, value in overrides.items():
        section, _, name = key.rpartition(".")
        (document[section] if section else document)[name] = value
    return config.from_document(document, "the data set's own settings")


def _measured(cfg: Config, parsed: Any) -> Table:
    from focusgen.dataset.frames import open_raw
    from focusgen.dataset.index import read_index, recorded_raw_root
    from focusgen.optics.sizes import frame_plan
    from focusgen.run.status import check_scene

    dataset = DatasetLayout.of(cfg)
    entry = check_scene(read_index(dataset), parsed.scene)
    n_frames = min(parsed.n_frames, entry.n_frames)
    if parsed.what == "sets":
        from focusgen.tools.ablate import ablate_sets

        return ablate_sets(_lens_sets(cfg, parsed.scene, n_frames), n_sets=_values(parsed, (1, 2, 4, 8)))
    raw_root = recorded_raw_root(dataset, cfg.data.raw_root)
    plan = frame_plan(entry.width, entry.height, cfg.deblur.resize_long_side)
    with open_raw(raw_root, parsed.scene, entry, plan, n_kept=40) as raw:
        return _phase_2(cfg, parsed, _excerpt(raw, entry, n_frames, parsed, plan), raw)


def _excerpt(raw: RawFrames, entry: IndexEntry, n_frames: int, parsed: Any, plan: Any) -> Excerpt:
    from focusgen.tools.ablate import Excerpt

    truth = None
    if parsed.truth_root is not None:
        from focusgen.media.scenes import discover
        from focusgen.media.video import open_frames
        from focusgen.optics.sizes import resize_frame

        found = {scene.scene_id: scene for scene in discover(parsed.truth_root).scenes}
        if parsed.scene not in found:
            raise ConfigError(f"{parsed.truth_root}: no scene {parsed.scene!r}")
        reader = open_frames(found[parsed.scene])
        truth = functools.lru_cache(maxsize=8)(lambda i: resize_frame(reader.read(i, i + 1)[0], plan))
    cuts = tuple(cut for cut in entry.shot_cuts if cut < n_frames)
    return Excerpt(n_frames=n_frames, read_raw=raw.frame, shot_cuts=cuts, read_truth=truth)


def _phase_2(cfg: Config, parsed: Any, excerpt: Excerpt, raw: RawFrames) -> Table:
    from focusgen.tools.ablate import Numbers, ablate_steps, ablate_temporal, ablate_window

    deblur = cfg.deblur
    numbers = Numbers(deblur.radius, deblur.window_size, deblur.stride)
    if parsed.what == "temporal":
        return ablate_temporal(excerpt, _restorer(cfg, parsed.scene, raw), numbers)
    if parsed.what == "window":
        return ablate_window(excerpt, _restorer(cfg, parsed.scene, raw))
    if not deblur.has_effect("steps"):
        print(f"note: deblur.backend = {deblur.backend} takes no diffusion steps", file=sys.stderr)

    def restorer_of(steps: int) -> Callable[[int, int], Any]:
        chosen = cfg.model_copy(update={"deblur": deblur.model_copy(update={"steps": steps})})
        return _restorer(chosen, parsed.scene, raw)

    strategy = deblur.effective("temporal")
    return ablate_steps(excerpt, restorer_of, strategy, numbers, steps=_values(parsed, (2, 4, 8, 16, 28)))


def _values(parsed: Any, default: Sequence[int]) -> Sequence[int]:
    if parsed.values is None:
        return default
    try:
        return [int(value) for value in parsed.values.split(",")]
    except ValueError as error:
        raise ConfigError(f"--values {parsed.values}: give whole numbers, comma-separated") from error


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
