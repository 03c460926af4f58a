"""The model behind a backend's name, imported only when it is asked for; facts about it without any import.

The rows themselves are in `config.backends`, which settings and flags read too.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from focusgen.base.errors import ConfigError
from focusgen.config import Config, PhaseName
from focusgen.config.backends import BUILT_IN, Backend, built_in
from focusgen.config.section import Section
from focusgen.models.protocols import BokehRenderer, Deblurrer, DepthModel


def load_deblurrer(cfg: Config, *, device: str | None = None) -> Deblurrer:
    """Return the deblurrer that `deblur.backend` names.

    Raises:
        ConfigError: the backend cannot run here; says what is missing.
    """
    model: Deblurrer = _factory(cfg, "deblur")(cfg, device)
    return model


def load_depth_model(cfg: Config, *, device: str | None = None) -> DepthModel:
    """Return the depth model that `depth.backend` names.

    Raises:
        ConfigError: the backend cannot run here; says what is missing.
    """
    model: DepthModel = _factory(cfg, "depth")(cfg, device)
    return model


def load_renderer(cfg: Config, *, device: str | None = None) -> BokehRenderer:
    """Return the renderer that `render.backend` names.

    Raises:
        ConfigError: the backend cannot run here; says what is missing.
    """
    model: BokehRenderer = _factory(cfg, "render")(cfg, device)
    return model


def backend_of(cfg: Config, phase: PhaseName) -> Backend:
    """Return what is known of the backend that a phase is set to; nothing of it is loaded.

    Raises:
        ConfigError: there is none of that name.
    """
    name = str(section_of(cfg, phase).effective("backend"))
    backend = built_in(phase, name)
    if backend is None:
        raise ConfigError(
            f"{phase}.backend: {name} is not part of this version of focusgen",
            f"Choose another with --{phase}.backend, or update focusgen.",
        )
    return backend


def section_of(cfg: Config, phase: PhaseName) -> Section:
    """Return the settings of a phase."""
    return dict(cfg.sections())[phase]


def needs_gpu(cfg: Config, phase: PhaseName) -> bool:
    """Say whether a phase must be given a GPU to run as it is set.

    `--device cpu` takes the need away, and `--device cuda` gives it to a backend that only gains by one.
    """
    device = cfg.run.device or ""
    if phase not in BUILT_IN or device.startswith("cpu"):
        return False
    backend = backend_of(cfg, phase)
    return backend.needs_gpu or (backend.can_use_gpu and device.startswith("cuda"))


def backends_that_need_a_gpu(cfg: Config) -> list[str]:
    """Return ["deblur.backend deblurnet", ...] of the settings that ask for a GPU."""
    return [f"{phase}.backend {backend_of(cfg, phase).name}" for phase in BUILT_IN if needs_gpu(cfg, phase)]


def weight_files(cfg: Config, phase: PhaseName) -> dict[str, Path]:
    """Return {name: file} of the weights that a phase's bytes depend on, without loading them."""
    if phase not in BUILT_IN:
        return {}
    backend = backend_of(cfg, phase)
    if backend.weight_files is not None:
        return dict(_resolved(backend.weight_files)(cfg))
    section = section_of(cfg, phase)
    return {name: Path(section.effective(setting)) for name, setting in backend.weight_settings.items()}


def weight_advice(name: str) -> str:
    """Return what to do when a file of `weight_files` is not there."""
    if name.startswith("flux/"):
        from focusgen.models.flux.files import weight_advice as flux_advice

        return flux_advice(name)
    return "focusgen doctor says what is missing; focusgen weights fetch brings what is published."


def _factory(cfg: Config, phase: PhaseName) -> Callable[[Config, str | None], Any]:
    return _resolved(backend_of(cfg, phase).load)


def _resolved(reference: str | Callable[..., Any]) -> Callable[..., Any]:
    """Return a function, imported now where it is given as "module:name"."""
    if not isinstance(reference, str):
        return reference
    module, _, name = reference.partition(":")
    found: Callable[..., Any] = vars(importlib.import_module(module))[name]
    return found
