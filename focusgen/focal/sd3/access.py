"""What a machine lacks for Stable Diffusion 3.5, said before anything is loaded."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from focusgen.base.errors import ConfigError
from focusgen.models.flux.environment import explain_download

LIBRARIES = ("diffusers", "peft", "accelerate")
FETCH_ADVICE = (
    "The weights are gated. Accept the licence at "
    "https://huggingface.co/stabilityai/stable-diffusion-3.5-medium, run `hf auth login` (or set HF_TOKEN), "
    "then `focusgen weights fetch sd35-medium --dest sd35` (or sd35-large), and give that folder: "
    "model.base_model in a training's settings."
)
LAYOUT_ADVICE = (
    "The folder must hold Stable Diffusion 3.5 as published, in the diffusers layout: transformer/, vae/ and "
    "scheduler/; no text encoder is needed."
)


def require_libraries() -> None:
    """Refuse to go on without the libraries.

    Raises:
        ConfigError: names them and the command that installs them.
    """
    missing = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"Stable Diffusion 3.5 needs {', '.join(missing)}, not installed here",
            "pip install 'focusgen[focal]'",
        )


@contextmanager
def explain_access(source: str) -> Iterator[None]:
    """Turn errors about gated, missing or damaged models into advice.

    Raises:
        ConfigError: no licence, no token, no network, no such folder or file.
    """
    if not Path(source).is_dir() and (source.startswith((".", "/", "~")) or source.count("/") != 1):
        raise ConfigError(f"{source}: neither a folder here nor a hub id", FETCH_ADVICE)
    with explain_download(source, fetch_advice=FETCH_ADVICE, layout_advice=LAYOUT_ADVICE):
        yield
