"""Print the resolved settings as YAML, or with --explain every key with its meaning and what it affects."""

from __future__ import annotations

from collections.abc import Sequence

from focusgen import config
from focusgen.config import flags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen config`."""
    extras: list[flags.Extra] = [
        flags.CONFIG_FLAG,
        ("explain", bool, False, "every key: meaning, default, phases it affects"),
    ]
    flag_set = flags.flags_class("ConfigFlags", flags.DATA_SET_FLAGS, extras)
    parsed, dotted = flags.parse(flag_set, argv, prog="focusgen config", doc=__doc__ or "")
    cfg = config.load(parsed.config, {**flags.overrides_of(parsed, flags.DATA_SET_FLAGS), **dotted})
    print(_explain(cfg) if parsed.explain else config.dump(cfg), end="")
    return 0


def _explain(cfg: config.Config) -> str:
    lines = []
    for section_name, section in cfg.sections():
        for name, info in type(section).model_fields.items():
            affects = ", ".join(section.effect(name).affects) or "no published byte"
            value = getattr(section, name)
            lines.append(f"{section_name}.{name} = {value}\n    {info.description}; affects {affects}\n")
    return "".join(lines)
