"""Fetch published weights, check those at hand, or store the prompts' embeddings.

    focusgen weights fetch vda-vits --dest checkpoints       download, verify, record, print the licence
    focusgen weights check vda --path FILE                   compare with the record; offline
    focusgen weights prompts --model_id FOLDER               embeddings, so that no job loads T5 and CLIP
    focusgen weights prompts sd35-medium --model_id FOLDER   the empty prompt for focal train, into --dest

Names: vda (large), vda-vits, vda-vitb, vda-vitl, flux, deblurnet, bokehnet,
sd35-medium, sd35-large (transformer, vae and schedule; gated).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from focusgen import config
from focusgen.base.errors import ConfigError
from focusgen.commands.groups import CONFIG_HELP
from focusgen.config.flags import Flags, option, parse, positional, required_positional, sets


@dataclass(frozen=True)
class WeightsFlags(Flags):
    """What to do with which weights."""

    action: Literal["fetch", "check", "prompts"] = required_positional("what to do")
    name: tuple[str, ...] = positional((), "which weights")
    dest: Path = option(Path("checkpoints"), "fetch, prompts sd35-*: folder that the files go to")
    path: Path | None = option(None, "check: the file or folder; default: --dest")
    revision: str | None = option(None, "fetch: commit, tag or branch of the repository")
    accept: bool = option(False, "check: it was replaced on purpose; record what it is now")
    model_id: str | None = option(
        None, "prompts: hub id or folder of the model; default: the configuration's, or the published one"
    )
    config: str | None = option(None, CONFIG_HELP)
    device: str | None = sets("run.device")


FLAGS = WeightsFlags
SD35 = ("sd35-medium", "sd35-large")


def main(argv: Sequence[str]) -> int:
    """Run `focusgen weights`."""
    parsed = parse(FLAGS, argv, prog="focusgen weights", doc=__doc__)
    given = parsed.flags
    chosen = {f"{section}.model_id": given.model_id for section in ("deblur", "render")}
    cfg = config.load(given.config, {**chosen, **parsed.overrides})
    if given.action == "prompts":
        return _prompts(given, cfg)
    if len(given.name) != 1:
        raise ConfigError(f"focusgen weights {given.action} needs one name", "Names: focusgen weights --help")
    from focusgen.models import weights_hub

    if given.action == "fetch":
        weights_hub.fetch(given.name[0], given.dest, revision=given.revision)
    else:
        weights_hub.check(given.name[0], given.path or given.dest, accept=given.accept)
    return 0


def _prompts(given: WeightsFlags, cfg: config.Config) -> int:
    device = cfg.run.device or "cpu"
    if given.name:
        from focusgen.models.weight_sources import SOURCES

        if len(given.name) > 1 or given.name[0] not in SD35:
            raise ConfigError(
                f"focusgen weights prompts {' '.join(given.name)}: no such prompts",
                f"Without a name: FLUX's prompts. With one: {', '.join(SD35)}.",
            )
        from focusgen.focal.sd3.prompt import embed_empty_prompt

        source = given.model_id or SOURCES[given.name[0]].repo_id
        print(embed_empty_prompt(source, given.dest, device))
        return 0
    from focusgen.models.flux.prompts import encode_configured_prompts

    for path in encode_configured_prompts(cfg, device=device):
        print(path)
    return 0
