"""Which weights are published where, and under which licence."""

from __future__ import annotations

from dataclasses import dataclass

from focusgen.base.errors import ConfigError


@dataclass(frozen=True)
class WeightSource:
    """Published weights.

    Attributes:
        repo_id: on the Hugging Face hub.
        files: names in the repository; patterns with * for a folder of a pipeline.
        licence: its short name.
        is_commercial: the licence allows commercial use.
        is_gated: the licence must be accepted on the hub first.
    """

    repo_id: str
    files: tuple[str, ...]
    licence: str
    is_commercial: bool
    is_gated: bool = False

    @property
    def url(self) -> str:
        """The page of the repository, where the licence stands."""
        return f"https://huggingface.co/{self.repo_id}"

    @property
    def is_folder(self) -> bool:
        """More than a single file."""
        return len(self.files) != 1 or "*" in self.files[0]


_NON_COMMERCIAL = "CC-BY-NC-4.0"


def _vda(size: str, encoder: str, licence: str) -> WeightSource:
    return WeightSource(
        f"depth-anything/Metric-Video-Depth-Anything-{size}",
        (f"metric_video_depth_anything_{encoder}.pth",),
        licence,
        is_commercial=licence != _NON_COMMERCIAL,
    )


def _sd35(size: str) -> WeightSource:
    return WeightSource(
        f"stabilityai/stable-diffusion-3.5-{size}",
        ("model_index.json", "scheduler/*", "transformer/*", "vae/*"),
        "Stability AI Community License, up to a million dollars of yearly revenue",
        is_commercial=True,
        is_gated=True,
    )


SOURCES = {
    "vda-vits": _vda("Small", "vits", "Apache-2.0"),
    "vda-vitb": _vda("Base", "vitb", _NON_COMMERCIAL),
    "vda-vitl": _vda("Large", "vitl", _NON_COMMERCIAL),
    "flux": WeightSource(
        "black-forest-labs/FLUX.1-dev",
        ("model_index.json", "scheduler/*", "text_encoder*/*", "tokenizer*/*", "transformer/*", "vae/*"),
        "FLUX.1-dev Non-Commercial License",
        is_commercial=False,
        is_gated=True,
    ),
    "sd35-medium": _sd35("medium"),
    "sd35-large": _sd35("large"),
    "deblurnet": WeightSource(
        "nycu-cplab/Genfocus-Model", ("deblurNet.safetensors",), "Apache-2.0", is_commercial=True
    ),
    "bokehnet": WeightSource(
        "nycu-cplab/Genfocus-Model", ("bokehNet.safetensors",), "Apache-2.0", is_commercial=True
    ),
}

ALIASES = {"vda": "vda-vitl"}
"""The configuration's default checkpoint."""


def find_source(name: str) -> WeightSource:
    """Return the published weights of a name.

    Raises:
        ConfigError: no such name; lists them.
    """
    source = SOURCES.get(ALIASES.get(name, name))
    if source is None:
        raise ConfigError(f"no weights called {name!r}", f"Known: {', '.join([*ALIASES, *SOURCES])}.")
    return source


def vda_licence(encoder: str) -> str:
    """Return the licence of the official weights of one size."""
    return SOURCES[f"vda-{encoder}"].licence


def licence_text(source: WeightSource) -> str:
    """Return what a person must know before using weights."""
    use = "commercial use allowed" if source.is_commercial else "NO commercial use"
    gate = "; gated: the licence must be accepted on that page first" if source.is_gated else ""
    return f"{source.repo_id}: licence {source.licence} ({use}), {source.url}{gate}"
