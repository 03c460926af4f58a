"""Command-line flags, made from the settings that they set: one type, one default, one help text."""

from __future__ import annotations

import dataclasses
import difflib
import re
import sys
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import tyro

from focusgen import config
from focusgen.base.errors import ConfigError
from focusgen.config import Config, PhaseName, Section
from focusgen.config.retired import RETIRED_KEYS

PHASE_FLAGS: dict[PhaseName, dict[str, str]] = {
    "index": {
        "raw_root": "data.raw_root",
        "glob": "data.glob",
        "min_frames": "data.min_frames",
        "max_frames": "data.max_frames",
        "split_seed": "data.split_seed",
        "workers": "run.workers",
        "strict": "run.strict",
    },
    "deblur": {
        "raw_root": "data.raw_root",
        "backend": "deblur.backend",
        "steps": "deblur.steps",
        "window_size": "deblur.window_size",
        "stride": "deblur.stride",
        "resize_long_side": "deblur.resize_long_side",
        "disable_tiling": "deblur.disable_tiling",
        "model_id": "deblur.model_id",
        "lora_path": "deblur.lora_path",
        "lora_weight": "deblur.lora_weight",
        "max_frames": "data.max_frames",
        "seed": "seed",
    },
    "depth": {
        "backend": "depth.backend",
        "depth_root": "depth.depth_root",
        "depth_scale": "depth.depth_scale",
        "checkpoint": "depth.checkpoint",
        "model_id": "depth.model_id",
        "input_size": "depth.input_size",
        "fp32": "depth.fp32",
        "max_chunk": "depth.max_chunk",
        "overlap": "depth.overlap",
        "max_frames": "data.max_frames",
    },
    "calibrate": {
        "sample_fraction": "calibrate.sample_fraction",
        "n_lens_sets": "calibrate.n_lens_sets",
        "output_stats": "calibrate.output_stats",
        "output_plot": "calibrate.output_plot",
        "max_coc": "render.max_coc",
        "seed": "seed",
        "auto_approve": "run.auto_approve",
    },
    "render": {
        "backend": "render.backend",
        "max_coc": "render.max_coc",
        "n_sets": "render.n_sets",
        "steps": "render.steps",
        "disable_tiling": "render.disable_tiling",
        "model_id": "render.model_id",
        "lora_path": "render.lora_path",
        "lora_weight": "render.lora_weight",
        "max_frames": "data.max_frames",
        "seed": "seed",
        "auto_approve": "run.auto_approve",
    },
    "validate": {"report": "validate.report", "workers": "run.workers"},
}
DATA_SET_FLAGS = {"out_root": "data.out_root", "scene_index": "data.scene_index"}
SCRIPT_FLAGS = DATA_SET_FLAGS | {"raw_root": "data.raw_root"}
SCENE_FLAGS = {"device": "run.device", "on_stale": "run.on_stale"}
RUN_FLAGS = {
    "raw_root": "data.raw_root",
    "depth_root": "depth.depth_root",
    "max_coc": "render.max_coc",
    "n_sets": "render.n_sets",
    "min_frames": "data.min_frames",
    "max_frames": "data.max_frames",
    "glob": "data.glob",
    "resize_long_side": "deblur.resize_long_side",
    "seed": "seed",
    "workers": "run.workers",
    "strict": "run.strict",
    "auto_approve": "run.auto_approve",
}

Extra = tuple[str, Any, Any, str]
"""(name, type, default, help) of a flag that is no setting."""

REQUIRED: Any = object()
"""Default of a flag that must be given."""

CONFIG_FLAG: Extra = ("config", str | None, None, "YAML file, or a shipped name (base, davis, demo, rgbd)")
SCENE_IDX_FLAG: Extra = ("scene_idx", int | None, None, "the i-th scene of the index; default: all pending")


def flags_class(name: str, settings: Mapping[str, str], extras: Sequence[Extra] = ()) -> type:
    """Return a dataclass with one field per flag, for `parse`; settings default to None: not given."""
    fields: list[Any] = []
    for flag, kind, default, help_text in extras:
        field = dataclasses.field() if default is REQUIRED else dataclasses.field(default=default)
        note = tyro.conf.arg(help=help_text, metavar=_metavar(kind), help_behavior_hint="")
        fields.append((flag, Annotated[kind, note], field))
    for flag, key in settings.items():
        kind, help_text, default = _setting_of(key)
        if kind is bool:
            fields.append(
                (flag, Annotated[bool, tyro.conf.arg(help=help_text)], dataclasses.field(default=False))
            )
            continue
        hint = "" if default is None else f"(default: {default})"
        note = tyro.conf.arg(help=help_text, help_behavior_hint=hint, metavar=_metavar(kind))
        fields.append((flag, Annotated[kind | None, note], dataclasses.field(default=None)))
    return dataclasses.make_dataclass(name, fields, frozen=True)


def _metavar(kind: Any) -> str | None:
    """Return how a value is shown in --help: a word for its type, its choices, nothing for a switch."""
    kind = _without_none(kind)
    if get_origin(kind) is Literal:
        return "{" + ",".join(str(choice) for choice in get_args(kind)) + "}"
    return {str: "TEXT", int: "N", float: "X", Path: "PATH"}.get(kind)


def _without_none(kind: Any) -> Any:
    if get_origin(kind) in (Union, types.UnionType):
        return next(arg for arg in get_args(kind) if arg is not type(None))
    return kind


def _setting_of(key: str) -> tuple[Any, str, Any]:
    """Return (type without None, help, default) of a dotted setting."""
    model: Any = Config
    section, _, name = key.rpartition(".")
    if section:
        model = type(getattr(Config(), "validate_" if section == "validate" else section))
    info = model.model_fields[name]
    return _without_none(info.annotation), str(info.description), info.default


def parse(flags: type, argv: Sequence[str], *, prog: str, doc: str) -> tuple[Any, dict[str, Any]]:
    """Return (parsed flags, dotted overrides), e.g. `--depth.backend dryrun` beside the named flags.

    Exits with status 2 on a wrong flag, 0 after --help; `-` and `_` mean the same in a flag.
    """
    rest, dotted = split_dotted(list(argv))
    description = _paragraphs(doc) + "\n\nAny setting can be given as --section.key VALUE (focusgen config)."
    parsed: Any = tyro.cli(
        flags,
        args=rest,
        prog=prog,
        description=description,
        use_underscores=True,
        config=(tyro.conf.FlagCreatePairsOff,),
    )
    return parsed, dotted


def _paragraphs(doc: str) -> str:
    """Keep the Reads, Writes and Usage lines of a script's docstring apart: tyro joins lines."""
    return re.sub(r"\n(Reads|Writes|Usage) +", r"\n\n\1: ", doc.strip())


def split_dotted(argv: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """Take `--section.key VALUE` and `--section.key=VALUE` out of an argument list.

    Raises:
        ConfigError: an unknown key (with the nearest one), or no value.
    """
    rest: list[str] = []
    dotted: dict[str, Any] = {}
    words = iter(argv)
    for word in words:
        key, has_value, value = word[2:].partition("=")
        key = key.replace("-", "_")
        if not word.startswith("--") or "." not in key:
            rest.append(word)
            continue
        if key not in config.known_keys() and key not in RETIRED_KEYS:
            near = difflib.get_close_matches(key, config.known_keys(), n=1)
            raise ConfigError(f"unknown setting --{key}", f"Did you mean --{near[0]}?" if near else "")
        if not has_value:
            value = next(words, "")
            if not value:
                raise ConfigError(f"--{key} needs a value")
        dotted[key] = config.parse_value(key, value)
    return rest, dotted


def overrides_of(parsed: Any, settings: Mapping[str, str]) -> dict[str, Any]:
    """Return the dotted overrides of the flags that were given."""
    given = {key: getattr(parsed, flag) for flag, key in settings.items()}
    return {key: value for key, value in given.items() if value is not None and value is not False}


def report_without_effect(cfg: Config, parsed: Any, settings: Mapping[str, str]) -> None:
    """Say on stderr, one line each, which given flags do nothing under the chosen settings."""
    sections: dict[str, Section] = dict(cfg.sections())
    for flag, key in settings.items():
        value = getattr(parsed, flag)
        section, _, name = key.rpartition(".")
        if value in (None, False) or not section or sections[section].has_effect(name):
            continue
        chosen = ", ".join(
            f"{section}.{sibling} = {sections[section].effective(sibling)}"
            for sibling in sections[section].effect(name).when
        )
        print(f"note: --{flag} has no effect with {chosen}", file=sys.stderr)
