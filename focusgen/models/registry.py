"""The model behind a backend's name, imported only when it is asked for; facts about it without any import.

The rows themselves are in `config.backends`, which settings and flags read too.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from focusgen.base.errors import ConfigError
from focusgen.base.names import display
from focusgen.config import Config, PhaseName
from focusgen.config.backends import BUILT_IN, Backend, built_in, installed
from focusgen.config.section import Section
from focusgen.models.protocols import BokehRenderer, Deblurrer, DepthModel
from focusgen.models.weight_sources import ALIASES, SOURCES


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
    """Return what is known of the backend that a phase is set to; no model is loaded.

    Raises:
        ConfigError: there is none of that name.
    """
    name = str(section_of(cfg, phase).effective("backend"))
    return built_in(phase, name) or installed_backend(phase, name)


def installed_backend(phase: PhaseName, name: str) -> Backend:
    """Return the backend that an installed package adds; the package is imported.

    Its entry point names a `Backend`, or just a factory `load(cfg, device)` where there are no weight files
    and no GPU is needed.

    Raises:
        ConfigError: there is none of that name, more than one, or it is broken; names the package.
    """
    found = installed(phase).get(name, ())
    if not found:
        raise ConfigError(
            f"{phase}.backend: {display(name)} is not installed here",
            f"Install the package that brings it, or choose another with --{phase}.backend.",
        )
    if len(found) > 1:
        packages = " and ".join(package_of(entry) for entry in found)
        raise ConfigError(
            f"{phase}.backend: {display(name)} is claimed by {packages}", "Uninstall one of them."
        )
    return _imported(phase, found[0])


def _imported(phase: PhaseName, entry: EntryPoint) -> Backend:
    try:
        value: object = entry.load()
    except (Exception, SystemExit) as error:  # a stranger's module may fail in any way
        raise _broken(phase, entry, f"{type(error).__name__}: {error}") from error
    if isinstance(value, Backend):
        if value.name != entry.name:
            raise _broken(phase, entry, f"its row is called {display(value.name)}")
        return value
    if callable(value):
        return Backend(entry.name, value)
    raise _broken(phase, entry, f"{entry.value} is {type(value).__name__}, neither a Backend nor a factory")


def _broken(phase: PhaseName, entry: EntryPoint, reason: str) -> ConfigError:
    name = f"{display(entry.name)} of the package {package_of(entry)}"
    return ConfigError(
        f"{phase}.backend: {name} is broken: {display(reason)}",
        f"Mend or uninstall the package, or choose another with --{phase}.backend.",
    )


def package_of(entry: EntryPoint) -> str:
    """Return "name version" of the package that an entry point came with."""
    return "unknown" if entry.dist is None else f"{entry.dist.name} {entry.dist.version}"


def installed_package(cfg: Config, phase: PhaseName) -> dict[str, str]:
    """Return {"package": "name version"} for an installed backend, {} for one of ours.

    Records keep it beside the digests of weights: another version may give other bytes.
    """
    name = str(section_of(cfg, phase).effective("backend")) if phase in BUILT_IN else ""
    if not name or built_in(phase, name) is not None:
        return {}
    return {"package": package_of(installed(phase)[name][0])}


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
    if name in ALIASES or name in SOURCES:
        return f"Get it with `focusgen weights fetch {name}`, or say where it is (focusgen config --explain)."
    return "Fetch it again from where it came; `focusgen weights fetch` brings only what this program knows."


def _factory(cfg: Config, phase: PhaseName) -> Callable[[Config, str | None], Any]:
    return _resolved(backend_of(cfg, phase).load)


def _resolved(reference: str | Callable[..., Any]) -> Callable[..., Any]:
    """Return a function, imported now where it is given as "module:name"."""
    if not isinstance(reference, str):
        return reference
    module, _, name = reference.partition(":")
    found: Callable[..., Any] = vars(importlib.import_module(module))[name]
    return found
