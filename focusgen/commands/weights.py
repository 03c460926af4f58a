"""Fetch published weights, check those at hand, or store the prompts' embeddings.

    focusgen weights fetch vda-vits --dest checkpoints       download, verify, record, print the licence
    focusgen weights check vda --path FILE                   compare with the record; offline
    focusgen weights prompts --model_id FOLDER               embeddings, so that no job loads T5 and CLIP

Names: vda (large), vda-vits, vda-vitb, vda-vitl, flux, deblurnet, bokehnet.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import tyro

from focusgen import config
from focusgen.base.errors import ConfigError
from focusgen.config import flags

Words = Annotated[tuple[str, ...], tyro.conf.Positional]

EXTRAS: list[flags.Extra] = [
    (
        "action",
        Annotated[Literal["fetch", "check", "prompts"], tyro.conf.Positional],
        flags.REQUIRED,
        "what to do",
    ),
    ("name", Words, (), "which weights"),
    ("dest", Path, Path("checkpoints"), "fetch: folder that the files go to"),
    ("path", Path | None, None, "check: the file or folder; default: --dest"),
    ("revision", str | None, None, "fetch: commit, tag or branch of the repository"),
    ("accept", bool, False, "check: it was replaced on purpose; record what it is now"),
    ("model_id", str | None, None, "prompts: hub id or folder of FLUX.1-dev; default: the configuration's"),
    flags.CONFIG_FLAG,
]
SETTINGS = {"device": "run.device"}


def main(argv: Sequence[str]) -> int:
    """Run `focusgen weights`."""
    flag_set = flags.flags_class("WeightsFlags", SETTINGS, EXTRAS)
    parsed, dotted = flags.parse(flag_set, argv, prog="focusgen weights", doc=__doc__ or "")
    chosen = {f"{section}.model_id": parsed.model_id for section in ("deblur", "render")}
    cfg = config.load(parsed.config, {**flags.overrides_of(parsed, SETTINGS), **chosen, **dotted})
    if parsed.action == "prompts":
        return _prompts(cfg)
    if len(parsed.name) != 1:
        raise ConfigError(
            f"focusgen weights {parsed.action} needs one name", "Names: focusgen weights --help"
        )
    from focusgen.models import weights_hub

    if parsed.action == "fetch":
        weights_hub.fetch(parsed.name[0], parsed.dest, revision=parsed.revision)
    else:
        weights_hub.check(parsed.name[0], parsed.path or parsed.dest, accept=parsed.accept)
    return 0


def _prompts(cfg: config.Config) -> int:
    from focusgen.models.flux.prompts import encode_configured_prompts

    for path in encode_configured_prompts(cfg, device=cfg.run.device or "cpu"):
        print(path)
    return 0
