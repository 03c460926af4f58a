"""All settings, section by section, and which of them change the bytes of a phase.

Every field declares the phases whose output it changes (`affects`); that is what makes a finished scene
stale when the field changes, and what leaves it alone when it does not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pydantic import Field, model_validator

from focusgen.config.backends import built_in
from focusgen.config.cluster import ClusterConfig
from focusgen.config.data import DataConfig, RunConfig, StoreConfig, ValidateConfig
from focusgen.config.deblur import DeblurConfig
from focusgen.config.depth import DepthConfig
from focusgen.config.graph import PhaseName
from focusgen.config.lens import CalibrateConfig, LensConfig, OpticsConfig
from focusgen.config.render import RenderConfig
from focusgen.config.section import Section, setting


class Config(Section):
    """All settings of a run."""

    seed: int = setting(42, affects=["deblur", "calibrate", "render"], help="seed of lenses and noise")
    data: DataConfig = DataConfig()
    deblur: DeblurConfig = DeblurConfig()
    depth: DepthConfig = DepthConfig()
    optics: OpticsConfig = OpticsConfig()
    lens: LensConfig = LensConfig()
    calibrate: CalibrateConfig = CalibrateConfig()
    render: RenderConfig = RenderConfig()
    validate_: ValidateConfig = Field(default=ValidateConfig(), alias="validate")
    store: StoreConfig = StoreConfig()
    run: RunConfig = RunConfig()
    cluster: ClusterConfig = ClusterConfig()

    @model_validator(mode="after")
    def _footage_is_known(self) -> Config:
        if self.lens.focal_length == "footage" and self.optics.footage_focal_px is None:
            raise ValueError(
                "lens.focal_length: footage needs optics.footage_focal_px: a number, exif, a CSV"
            )
        return self

    def sections(self) -> Iterator[tuple[str, Section]]:
        """Yield (key, section) in file order."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, Section):
                yield name.rstrip("_"), value


def settings_for(cfg: Config, phase: PhaseName) -> dict[str, Any]:
    """Return the settings that matter to the bytes of one phase, as {"deblur.steps": 8, ...}.

    A field whose `when` does not hold is left out, so that changing it makes nothing stale; so is the default
    of a field that older records do not know.
    """
    relevant: dict[str, Any] = {}
    if seed_matters(cfg, phase):
        relevant["seed"] = cfg.seed
    for section_name, section in cfg.sections():
        for name, info in type(section).model_fields.items():
            effect = section.effect(name)
            if phase in effect.affects and section.has_effect(name):
                value = section.effective(name)
                if value == info.default and not effect.is_recorded_at_default:
                    continue
                relevant[f"{section_name}.{name}"] = _as_recorded(value)
    if phase == "calibrate" and cfg.calibrate.lenses == "law" and cfg.lens.law == "sweep":
        relevant["render.n_sets"] = cfg.render.n_sets  # how many share the range decides where each lies
    return relevant


def _as_recorded(value: object) -> object:
    """Return a value as a record gives it back."""
    if value is None or type(value) in (str, bool, int, float):
        return value  # most are; a run asks a hundred times
    return json.loads(json.dumps(value, default=str))


def unrecorded_defaults(phase: PhaseName) -> dict[str, Any]:
    """Return the values that a record means for the settings of a phase that it may leave out."""
    return {
        f"{section_name}.{name}": info.default
        for section_name, section in Config().sections()
        for name, info in type(section).model_fields.items()
        if phase in section.effect(name).affects and not section.effect(name).is_recorded_at_default
    }


def seed_matters(cfg: Config, phase: PhaseName) -> bool:
    """Say whether a phase draws anything: lenses, or noise (in phase 2 only some backends do)."""
    draws = phase in Config.effect("seed").affects
    backend = built_in("deblur", cfg.deblur.backend)
    return draws and (phase != "deblur" or backend is None or backend.draws_noise)
