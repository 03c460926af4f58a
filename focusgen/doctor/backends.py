"""Backends of installed packages: which there are, and which of them are broken."""

from __future__ import annotations

from importlib.metadata import EntryPoint

from focusgen.base.errors import ConfigError
from focusgen.base.names import display
from focusgen.config import Config, PhaseName
from focusgen.config.backends import BUILT_IN, built_in, installed
from focusgen.doctor.check import Check, Status
from focusgen.models.registry import installed_backend, package_of, section_of


def check_backends(cfg: Config) -> list[Check]:
    """Import every backend that an installed package adds, and say which cannot be used."""
    return [
        _judge(cfg, phase, name, entries)
        for phase in BUILT_IN
        for name, entries in sorted(installed(phase).items())
    ]


def _judge(cfg: Config, phase: PhaseName, name: str, entries: tuple[EntryPoint, ...]) -> Check:
    title = f"{phase} {display(name)}"
    packages = " and ".join(package_of(entry) for entry in entries)
    if built_in(phase, name) is not None:
        detail = f"{packages}: its name is that of a backend of focusgen, which is used instead"
        return Check(title, Status.WARN, detail, "Ask for another name in that package, or uninstall it.")
    try:
        backend = installed_backend(phase, name)
    except ConfigError as error:
        is_chosen = section_of(cfg, phase).effective("backend") == name
        return Check(title, Status.FAIL if is_chosen else Status.WARN, error.message, error.advice)
    where = "on a GPU" if backend.needs_gpu else "without a GPU"
    return Check(title, Status.OK, f"a backend of {packages}, {where}")


def without_broken(cfg: Config) -> Config:
    """Return the settings with our first backend in place of one that cannot be imported.

    The other checks go on with them: what else is wrong should be known at once.
    """
    for phase in BUILT_IN:
        section = section_of(cfg, phase)
        name = str(section.effective("backend"))
        if built_in(phase, name) is not None:
            continue
        try:
            installed_backend(phase, name)
        except ConfigError:
            sound = section.model_copy(update={"backend": BUILT_IN[phase][0].name})
            cfg = cfg.model_copy(update={phase: sound})
    return cfg
