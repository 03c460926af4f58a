"""Every setting, by hand: which phases' bytes it changes, and that the records agree."""

from __future__ import annotations

import dataclasses
import functools
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import pytest

from focusgen import cli, config
from focusgen.base.errors import ConfigError
from focusgen.base.signals import StopFlag
from focusgen.config import SCENE_PHASES, Config, Section, known_keys, settings_for
from focusgen.config.backends import names_of
from focusgen.config.cluster import ClusterConfig
from focusgen.config.render_camera import SensorConfig
from focusgen.config.section import setting
from focusgen.dataset.index import IndexEntry, read_index
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import RECORD_VERSION, seal
from focusgen.dataset.states import State, phase_state
from focusgen.models import registry
from focusgen.run.phase_run import PhaseRun
from focusgen.run.progress import Observer
from focusgen.run.table import PHASES

# Which phases' published bytes a key may change. A person has to put a new field here, or among NOTHING.
CHANGES: dict[str, tuple[str, ...]] = {
    "seed": ("deblur", "calibrate", "render"),
    **dict.fromkeys(
        "data.glob data.layout data.clips data.split_file data.min_frames data.max_frames data.split_seed "
        "data.shot_cut_threshold "
        "data.split_by data.groups_csv data.follow_links".split(),
        ("index",),
    ),
    **{
        f"deblur.{name}": ("deblur",)
        for name in "backend temporal radius window_size stride resize_long_side steps on_oom protocol "
        "prompt guidance_scale posterior disable_tiling tile_px tile_overlap_px precision compile "
        "model_id".split()
    },
    **{
        f"depth.{name}": ("depth",)
        for name in "backend depth_scale model_id model_revision input_size fp32 precision compile "
        "long_video max_chunk overlap align min_m max_m scale_floats invalid_value far_m "
        "ray_distance_focal_px channel key is_exact".split()
    },
    **{
        f"optics.{name}": ("calibrate", "render")
        for name in ("formula", "sensor_width_mm", "footage_focal_px")
    },
    "optics.breathing": ("render",),
    **{
        f"lens.{name}": ("calibrate", "render")
        for name in (
            "law focal_length_mm focal_length f_number focus_range target_blur_px motion max_diopters_per_s "
            "track_lag_frames mask_root"
        ).split()
    },
    **{
        f"calibrate.{name}": ("calibrate",)
        for name in "sample_fraction min_scenes lenses n_lens_sets".split()
    },
    **{
        f"render.{name}": ("render",)
        for name in "backend n_sets max_coc clip_to_max_coc max_radius_px depth_edge_snap guidance transfer "
        "aperture highlights planes sensor keep_clean guidance_max_radius_px steps prompt guidance_scale "
        "posterior disable_tiling "
        "tile_px tile_overlap_px precision compile model_id".split()
    },
}
# Paths (their content has digests), speed, limits and warnings, how a run behaves.
NOTHING = {
    *(f"data.{name}" for name in ("raw_root", "out_root", "scene_index", "group_writable")),
    *(
        f"deblur.{name}"
        for name in "lora_path lora_weight prompt_cache offload sequential_vae batch_size".split()
    ),
    *(
        f"depth.{name}"
        for name in "depth_root checkpoint encoder metric batch_frames warn_patched_fraction "
        "max_patched_fraction warn_median_step accept_range accept_name accept_upright accept_cropped "
        "unit".split()
    ),
    *(f"calibrate.{name}" for name in ("output_stats", "output_plot")),
    *(
        f"render.{name}"
        for name in "lora_path lora_weight prompt_cache offload sequential_vae batch_size "
        "warn_focus_mean".split()
    ),
    *(
        f"validate.{name}"
        for name in "min_spearman temporal_pairs max_e_warp_ratio min_sharpness_ratio report".split()
    ),
    "store.pack",
    *(f"run.{name}" for name in ("device", "on_stale", "workers", "auto_approve", "strict")),
    *(f"cluster.{name}" for name in ClusterConfig.model_fields),
}
# Choices under which the one or the other field has an effect.
SURROUNDINGS: dict[str, list[dict[str, Any]]] = {
    "data": [{}, {"data.split_by": "group"}],
    "": [{}, {"deblur.backend": "deblurnet"}],
    "deblur": [
        {},
        {"deblur.backend": "classical"},
        {"deblur.temporal": "draws"},
        {"deblur.backend": "deblurnet"},
        {"deblur.backend": "deblurnet", "deblur.disable_tiling": True},
    ],
    "depth": [
        {},
        {"depth.backend": "dryrun"},
        {"depth.backend": "dryrun", "depth.long_video": "stream"},
        {"depth.backend": "vda"},
        {"depth.backend": "vda", "depth.long_video": "stream", "depth.fp32": True},
        {"depth.backend": "hf", "depth.model_id": "a/b"},
    ],
    "lens": [
        {"optics.footage_focal_px": 900.0},
        {"optics.footage_focal_px": 900.0, "lens.law": "balanced"},
        {"lens.focal_length": "footage", "optics.footage_focal_px": 900.0, "lens.motion": "mixed"},
    ],
    "calibrate": [{}, {"calibrate.lenses": "law"}],
    "render": [
        {},
        {"render.backend": "bokehnet"},
        {"render.backend": "bokehnet", "render.sensor.noise_iso": 800.0},
        {"render.backend": "bokehnet", "render.guidance": "physical", "render.disable_tiling": True},
    ],
}
# Fields whose effect hangs on another field, worked out by hand: key -> what must hold.
ONLY_IF: dict[str, Any] = {
    "lens.focus_range": lambda c: c.lens.law != "balanced",
    "lens.focal_length_mm": lambda c: c.lens.focal_length == "drawn",
    "lens.target_blur_px": lambda c: c.lens.law == "balanced",
    "lens.max_diopters_per_s": lambda c: c.lens.motion != "fixed",
    **dict.fromkeys(
        ("lens.track_lag_frames", "lens.mask_root"), lambda c: c.lens.motion in ("track", "mixed")
    ),
    "calibrate.n_lens_sets": lambda c: c.calibrate.lenses == "drawn",
    "data.groups_csv": lambda c: c.data.split_by == "group",
    "deblur.radius": lambda c: c.deblur.effective("temporal") == "flow",
    **dict.fromkeys(
        ("deblur.window_size", "deblur.stride"),
        lambda c: c.deblur.effective("temporal") in ("draws", "cached_window"),
    ),
    **dict.fromkeys(
        [
            f"deblur.{n}"
            for n in "steps on_oom protocol prompt guidance_scale posterior disable_tiling precision compile "
            "model_id".split()
        ],
        lambda c: c.deblur.backend == "deblurnet",
    ),
    **dict.fromkeys(
        ("deblur.tile_px", "deblur.tile_overlap_px"),
        lambda c: c.deblur.backend == "deblurnet" and not c.deblur.disable_tiling,
    ),
    **dict.fromkeys(
        [
            f"depth.{n}"
            for n in "depth_scale scale_floats invalid_value far_m ray_distance_focal_px channel key "
            "is_exact".split()
        ],
        lambda c: c.depth.backend == "provided",
    ),
    **dict.fromkeys(("depth.model_id", "depth.model_revision"), lambda c: c.depth.backend == "hf"),
    **dict.fromkeys(("depth.input_size", "depth.long_video"), lambda c: c.depth.backend == "vda"),
    **dict.fromkeys(("depth.fp32", "depth.compile"), lambda c: c.depth.backend in ("vda", "hf")),
    "depth.precision": lambda c: c.depth.backend in ("vda", "hf") and not c.depth.fp32,
    **dict.fromkeys(
        ("depth.max_chunk", "depth.overlap", "depth.align"),
        lambda c: (
            c.depth.backend == "dryrun" or (c.depth.backend == "vda" and c.depth.long_video == "chunks")
        ),
    ),
    **dict.fromkeys(
        [f"render.{n}" for n in "max_radius_px depth_edge_snap aperture highlights planes".split()],
        lambda c: c.render.backend == "thin_lens",
    ),
    **dict.fromkeys(
        [
            f"render.{n}"
            for n in "guidance steps prompt guidance_scale posterior disable_tiling precision compile "
            "model_id".split()
        ],
        lambda c: c.render.backend == "bokehnet",
    ),
    "render.transfer": lambda c: c.render.backend == "thin_lens" or c.render.sensor.noise_iso is not None,
    "render.keep_clean": lambda c: not c.render.sensor.is_perfect,
    "render.guidance_max_radius_px": lambda c: (
        c.render.backend == "bokehnet" and c.render.guidance == "physical"
    ),
    **dict.fromkeys(
        ("render.tile_px", "render.tile_overlap_px"),
        lambda c: c.render.backend == "bokehnet" and not c.render.disable_tiling,
    ),
}


def matters(cfg: Config, key: str, phase: str) -> bool:
    """Say by hand whether a key matters to a phase."""
    if key == "seed" and phase == "deblur":
        return cfg.deblur.backend == "deblurnet"
    return phase in CHANGES.get(key, ()) and ONLY_IF.get(key, lambda c: True)(cfg)


def test_every_field_is_classified_once():
    keys = set(known_keys())
    assert not CHANGES.keys() & NOTHING
    assert keys - CHANGES.keys() - NOTHING == set(), "say which phases' bytes a new field changes"
    assert (CHANGES.keys() | NOTHING) - keys == set(), "a field that is gone"


def test_every_field_declares_what_the_table_says():
    for section_name, section in Config().sections():
        for name, info in type(section).model_fields.items():
            declared = tuple(info.json_schema_extra["affects"])  # type: ignore[index,arg-type,call-overload]
            key = f"{section_name}.{name}"
            assert declared == CHANGES.get(key, ()), key


def test_a_field_that_is_not_declared_with_setting_stops_every_run():
    class Bare(Section):
        declared: int = setting(1, affects=["depth"], help="fine")
        bare: int = 3

    class More(Config):
        bare_section: Bare = Bare()

    with pytest.raises(AssertionError, match=r"Bare.bare is not declared with setting\(\)"):
        settings_for(More(), "depth")


# --- every field, changed


def other_values(kind: Any, value: Any) -> Iterator[Any]:
    """Yield values of a field other than the one that it has; a field may refuse some."""
    parts = [a for a in get_args(kind) if a is not type(None)]
    if get_origin(kind) in (Union, types.UnionType):
        yield from other_values(parts[0], value)
    elif get_origin(kind) is Literal:
        yield from (choice for choice in parts if choice != value)
    elif get_origin(kind) is tuple and Ellipsis in parts:
        yield [*(value or ()), 65535.0 if parts[0] is float else "one more"]
    elif get_origin(kind) is tuple and value is None:
        yield [1.5, 2.5]
    elif get_origin(kind) is tuple and parts[0] is int:
        yield [one + 1 for one in value]
    elif get_origin(kind) is tuple:
        yield [value[0] * 1.1, value[1] * 1.2] if parts[0] is float else ["one more"]
    elif get_origin(kind) is dict:
        words = {name: item for name, item in value.items() if item != "auto"}
        yield {name: item * 2 or 1 for name, item in words.items()} or {"constraint": "b"}
    else:
        yield from other_scalars(kind, value)


def other_scalars(kind: Any, value: Any) -> list[Any]:
    if kind is bool:
        return [not value]
    if kind is int:
        return [(value or 0) + step for step in (48, 16, 1)]
    if kind is SensorConfig:
        return [{"noise_iso": 400.0}]
    if kind is float:
        return [(value or 0.5) * factor for factor in (0.5, 1.25)]
    return [f"{value or ''}other", "polygon(6, 15)"]


def effective(cfg: Config, section_name: str, name: str) -> Any:
    """Return what a field means; `auto` may mean the value that it is changed to."""
    section = dict(cfg.sections())[section_name] if section_name else cfg
    return section.effective(name)


def changed(base: Mapping[str, Any], key: str) -> tuple[Config, Config] | None:
    """Return settings and the same with one key changed; None if nothing else is allowed there."""
    before = config.load(None, base)
    section_name, _, name = key.rpartition(".")
    section: Any = dict(before.sections())[section_name] if section_name else before
    without_effect = None
    own = getattr(section, name)
    others = other_values(type(section).model_fields[name].annotation, own)
    if name == "backend":  # text, checked against the table
        others = (other for other in names_of(section_name) if other != own)
    for value in others:
        try:
            after = config.load(None, {**base, key: value})
        except ConfigError:
            continue
        if effective(after, section_name, name) != effective(before, section_name, name):
            return before, after
        without_effect = without_effect or ((before, after) if after != before else None)
    return without_effect


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A data set of one scene through all phases, and the overrides that lead to it."""
    from tests.conftest import Rgbd

    rgbd = Rgbd(tmp_path_factory.mktemp("finished"))
    rgbd.add_scene("a", n_frames=2)
    assert rgbd.run() == 0
    return {
        "data.raw_root": str(rgbd.raw_root),
        "data.out_root": str(rgbd.out_root),
        "data.min_frames": 2,
        "depth.depth_root": str(rgbd.depth_root),
        "render.max_coc": rgbd.max_coc,
    }


@pytest.fixture
def without_weights(monkeypatch):
    monkeypatch.setattr(registry, "weight_files", lambda cfg, phase: {})
    monkeypatch.setattr(PhaseRun, "_weight_digests", lambda self: {})


def identity_of(cfg: Config, phase: str) -> Any:
    index = index_of(cfg.data.out_root)
    return PhaseRun(PHASES[phase], cfg, ["a"], Observer(), StopFlag(), index=index).identity("a")


@functools.cache
def index_of(out_root: Path) -> Mapping[str, IndexEntry]:
    return read_index(DatasetLayout(out_root, out_root / "scene_index.json"))


# Another data set, or another input.
WHERE = {"data.out_root", "data.scene_index", "data.raw_root", "depth.depth_root"}
ALIASES = {"depth.unit"}  # becomes depth.depth_scale as it is read
MANY_KEYS = {"deblur", "depth", "render"}  # under many surroundings: 10 to 25 s each
SECTIONS = [
    pytest.param(name, marks=pytest.mark.slow if name in MANY_KEYS else ())
    for name in ("", *(name for name, _ in Config().sections()))
]


@pytest.mark.slow
@pytest.mark.parametrize("section", SECTIONS)
def test_a_changed_key_makes_stale_exactly_what_it_changes(section, finished, without_weights, tmp_path):
    keys = [key for key in known_keys() if key.rpartition(".")[0] == section and key not in WHERE | ALIASES]
    seen, known = set(), None
    for around in SURROUNDINGS.get(section, [{}]):
        for key in keys:
            if key in around:
                continue
            pair = changed({**finished, **around}, key)
            assert pair is not None, f"{key}: no other value found under {around}"
            before, after = pair
            if before != known:  # it is the same for nearly all keys
                known, identities = before, {phase: identity_of(before, phase) for phase in SCENE_PHASES}
            for phase in ("index", "calibrate", "validate"):
                is_same = settings_for(before, phase) == settings_for(after, phase)
                assert is_same is not matters(before, key, phase), (key, phase, around)
            for phase in SCENE_PHASES:
                check_state(before, after, key, phase, tmp_path, around, identities[phase])
            seen.add(key)
    assert seen == set(keys)


def check_state(
    before: Config, after: Config, key: str, phase: str, folder: Path, around: Any, identity: Any
) -> None:
    """Write a record under the one settings and look at it under the other."""
    today = identity_of(after, phase)
    scene = dataclasses.replace(DatasetLayout.of(before).scene("a"), dataset_root=folder)
    for place in scene.phase_folders(phase):
        place.mkdir(parents=True, exist_ok=True)
    document = {"record_version": RECORD_VERSION, **identity.document()}
    document |= {"files": {}, "flags": {}, "warnings": [], "details": {}}
    scene.done(phase).write_bytes(seal(document, {}))
    assert phase_state(scene, identity).state is State.COMPLETE
    state = phase_state(scene, today)
    if matters(before, key, phase) or matters(after, key, phase):
        assert state.state is State.STALE, (key, phase, around)
        named = [line.partition(":")[0] for line in today.differences(identity.document())]
        assert key in named, (key, phase, named)
    else:
        assert state.state is State.COMPLETE, (key, phase, around, state.reason)


def test_another_seed_leaves_sharp_frames_alone_that_no_noise_made(finished, capsys):
    keys = {"raw_root": "data.raw_root", "out_root": "data.out_root", "depth_root": "depth.depth_root"}
    flags = [word for flag, key in keys.items() for word in (f"--{flag}", finished[key])]
    numbers = ["--min_frames", "2", "--n_sets", "2", "--max_coc", "0.002", "--seed", "7"]
    assert cli.main(["run", "--no_pictures", *flags, *numbers]) == 3
    said = capsys.readouterr().err
    assert "seed: 42 -> 7" in said
    assert said.count("1 scenes need none") == 3, "2 and 3 are complete, 5 is stale"


def test_one_value_of_a_cluster_table_holds_for_every_phase():
    cluster = config.load(None, {"cluster.partition": "gpu,a100", "cluster.memory_gb": 0.5}).cluster
    assert set(cluster.partition.values()) == {"gpu,a100"} and set(cluster.memory_gb.values()) == {0.5}
    with pytest.raises(ConfigError, match="cluster.gpus"):
        config.load(None, {"cluster.gpus": "many"})
