"""The exact command that brings a weight file to where the configuration looks for it."""

from __future__ import annotations

from pathlib import Path

from focusgen.config import Config, PhaseName
from focusgen.config.backends import VDA
from focusgen.models.registry import backend_of, section_of, weight_advice
from focusgen.models.weight_sources import SOURCES

FLUX_FOLDER = "checkpoints/flux"


def command_for(cfg: Config, phase: PhaseName, name: str, path: Path) -> str:
    """Return what to type, with what to know before.

    Args:
        cfg: the configuration that looks for the file.
        phase: whose backend needs it.
        name: of the file, as `registry.weight_files` calls it.
        path: where it is looked for.
    """
    backend = backend_of(cfg, phase).name
    if name == "flux/lora" and backend in SOURCES:
        return f"focusgen weights fetch {backend} --dest {path.parent}"
    if name == "flux/prompt":
        return _embed(cfg, phase, path)
    if name.startswith("flux/"):
        return (
            f"focusgen weights fetch flux --dest {FLUX_FOLDER}, and then --{phase}.model_id {FLUX_FOLDER} "
            f"(24 GB, gated: accept the licence at {SOURCES['flux'].url} and run `hf auth login` first)"
        )
    known = [source for source, published in SOURCES.items() if path.name in published.files]
    fetch = f"focusgen weights fetch {known[0]} --dest {path.parent}" if known else weight_advice(name)
    other = _of_another_size(name, path)
    return f"say --depth.checkpoint {other}, which lies there, or: {fetch}" if other else fetch


def _of_another_size(name: str, path: Path) -> Path | None:
    """Return a published file of Video Depth Anything that lies where another one is looked for."""
    if name != VDA.name or path.exists():
        return None
    sizes = [file for source, known in SOURCES.items() if source.startswith(VDA.name) for file in known.files]
    return next((path.with_name(file) for file in sizes if path.with_name(file).is_file()), None)


def _embed(cfg: Config, phase: PhaseName, path: Path) -> str:
    section = section_of(cfg, phase)
    fields = type(section).model_fields
    cache = f" --{phase}.prompt_cache {path.parent}" if path.parent != fields["prompt_cache"].default else ""
    model_id = section.effective("model_id")
    return f"focusgen weights prompts --model_id {model_id}{cache} (once, where FLUX.1-dev can be read)"
