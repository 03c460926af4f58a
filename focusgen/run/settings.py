"""The settings of each phase's last run, kept beside what they made, and which settings count today."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from focusgen import config
from focusgen.base.errors import ApprovalError, ConfigError
from focusgen.base.files import make_folder, publish
from focusgen.config import GRAPH, SCENE_PHASES, Config, PhaseName, settings_for
from focusgen.config.paths import find_paths, keep_paths
from focusgen.config.section import Section
from focusgen.dataset.layout import DatasetLayout
from focusgen.phases.approval import is_replaced_m
from focusgen.run.max_coc import with_max_coc


def save_config(cfg: Config, phase: PhaseName) -> None:
    """Keep the resolved settings beside the outputs that they made."""
    path, data = DatasetLayout.of(cfg).config_yaml(phase), config.dump(keep_paths(cfg)).encode()
    if not path.exists() or path.read_bytes() != data:
        make_folder(path.parent)
        publish(path, data)


def saved_config(dataset: DatasetLayout, phase: PhaseName) -> Config | None:
    """Return the settings of the phase's last run, None if it never ran.

    Raises:
        ConfigError: the file that keeps them is damaged; says what to do.
    """
    path = dataset.config_yaml(phase)
    if not path.exists():
        return None
    try:
        return find_paths(_parsed(path, path.read_bytes()), dataset.root)
    except ConfigError as error:
        way_out = (
            f"It keeps the settings of the last run of phase {phase}: delete it, and those of today count."
        )
        raise ConfigError(error.message, way_out) from error


@functools.lru_cache(maxsize=16)
def _parsed(path: Path, data: bytes) -> Config:
    """Return the settings in a file of these bytes: every phase asks for those of all others."""
    return config.from_document(config.read_yaml(path), str(path))


def with_overrides(cfg: Config, overrides: Mapping[str, Any]) -> Config:
    """Return settings with dotted overrides on top."""
    document = cfg.model_dump(mode="json", by_alias=True)
    for dotted, value in overrides.items():
        *groups, name = dotted.split(".")
        place = document
        for group in groups:
            place = place[group]
        place[name] = value
    return config.from_document(document, "the data set's own settings")


@dataclass(frozen=True)
class Expected:
    """What the record of a phase is compared with.

    Attributes:
        said: settings that somebody said now; of an adopted scene, which nobody knows how it was made, no
            others count.
    """

    cfg: Config
    said: frozenset[str] = frozenset()


def expected_by_status(dataset: DatasetLayout, today: Config | None) -> dict[PhaseName, Expected]:
    """Return what status, explain and resubmit compare with: `today`, or each phase's own last settings."""
    found: dict[PhaseName, Expected] = {}
    for phase in SCENE_PHASES:
        cfg = today or saved_config(dataset, phase)
        if cfg is not None:
            if phase == "render":
                cfg = _with_max_coc_of_today(dataset, cfg, is_said=today is not None)
            found[phase] = Expected(cfg, frozenset(said_keys(cfg) if today is not None else ()))
    return found


def _with_max_coc_of_today(dataset: DatasetLayout, cfg: Config, *, is_said: bool) -> Config:
    """Return settings with max_coc; that of an approval which was replaced since counts no more."""
    value_m = cfg.render.max_coc
    if value_m is not None and (is_said or not is_replaced_m(dataset, value_m)):
        return cfg
    return _with_any_max_coc(dataset, with_overrides(cfg, {"render.max_coc": None}))


def _with_any_max_coc(dataset: DatasetLayout, cfg: Config) -> Config:
    """Return what a run would use today; where it would stop for approval, what the last run used."""
    saved = saved_config(dataset, "render")
    try:
        return with_max_coc(cfg, recorded_m=saved.render.max_coc if saved else None)
    except ApprovalError:
        return cfg  # never run, never approved: there is nothing to compare with


def expected_by_run(dataset: DatasetLayout, given: Config) -> dict[PhaseName, Expected]:
    """Return what a run compares earlier phases with: what is said now, else their own last settings.

    A job file says at each phase what that phase needs (`--backend vda` at phase 3 alone), so a default that
    nobody wrote down today means nothing to the phases before.
    """
    found: dict[PhaseName, Expected] = {}
    for phase in SCENE_PHASES:
        saved = saved_config(dataset, phase)
        cfg = given if saved is None else overlaid(saved, given)
        if phase == "render" and cfg.render.max_coc is None:  # a plan says null: the approved one, then
            cfg = _with_any_max_coc(dataset, cfg)
        said = frozenset(said_keys(given)) & settings_for(cfg, phase).keys()
        if saved is not None or said:  # else nobody knows or says any: only the links can differ
            found[phase] = Expected(cfg, said)
    return found


def expected_in_run(given: Config) -> dict[PhaseName, Expected]:
    """Return what the phases of one run compare earlier ones with: its settings, as these did themselves.

    Those of the run before may have been for a single scene.
    """
    said = frozenset(said_keys(given))
    return {phase: Expected(given, said & settings_for(given, phase).keys()) for phase in ("deblur", "depth")}


def overlaid(saved: Config, given: Config) -> Config:
    """Return `saved` with every setting that `given` says on top."""
    sections = dict(given.sections())
    update: dict[str, Section] = {}
    for name, section in saved.sections():
        values = {field: getattr(sections[name], field) for field in _said(sections[name])}
        update["validate_" if name == "validate" else name] = section.model_copy(update=values)
    return saved.model_copy(update=update)


def said_keys(given: Config) -> Iterator[str]:
    """Yield the dotted settings that a configuration file or a flag says; the run's seed is not among them.

    `--seed` of phase 5 is about lenses; what noise phase 2 drew is phase 2's business.
    """
    for name, section in given.sections():
        yield from (f"{name}.{field}" for field in _said(section))


def _said(section: Section) -> list[str]:
    """Return the fields that were given; a path at its default (configs/base.yaml) says nothing."""
    fields = type(section).model_fields
    return [
        name
        for name in fields
        if name in section.model_fields_set
        and (section.effect(name).affects or getattr(section, name) != fields[name].default)
    ]


def with_last_settings(cfg: Config, phases: Sequence[PhaseName]) -> Config:
    """Return the settings of a plan of `phases`: those before them stand in it as they last ran.

    A plan holds every setting, so what nobody said at its submission would count as said on the nodes.
    """
    dataset = DatasetLayout.of(cfg)
    for phase in SCENE_PHASES:
        saved = saved_config(dataset, phase) if phase not in phases else None
        if saved is not None and any(phase in GRAPH[later].upstream for later in phases):
            cfg = cfg.model_copy(update={phase: getattr(overlaid(saved, cfg), phase)})
    return cfg
