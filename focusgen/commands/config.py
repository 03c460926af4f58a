"""Print the resolved settings as YAML, or with --explain every key with its meaning and what it affects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from focusgen import config
from focusgen.commands.groups import DataSetFlags
from focusgen.config.flags import option, parse


@dataclass(frozen=True)
class ConfigFlags(DataSetFlags):
    """Which settings, and how they are printed."""

    explain: bool = option(False, "every key: meaning, default, phases it affects")


FLAGS = ConfigFlags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen config`."""
    parsed = parse(FLAGS, argv, prog="focusgen config", doc=__doc__)
    given = parsed.flags
    cfg = config.load(given.config, parsed.overrides)
    print(_explain(cfg) if given.explain else config.dump(cfg), end="")
    return 0


def _explain(cfg: config.Config) -> str:
    lines = []
    for section_name, section in cfg.sections():
        for name, info in type(section).model_fields.items():
            affects = ", ".join(section.effect(name).affects) or "no published byte"
            value = getattr(section, name)
            lines.append(f"{section_name}.{name} = {value}\n    {info.description}; affects {affects}\n")
    return "".join(lines)
