"""Where the relative paths of a list start: folders that were said, the environment, and beside the list."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from focusgen.base.names import existing_form

VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")


@dataclass(frozen=True)
class Roots:
    """Where relative paths start.

    Attributes:
        folders: kind ("default", "all_in_focus", "depth", "focal_stack") -> folders, tried in turn.
        source: preset whose folders these are: those of the environment go before them, its own variable's
            too. Folders that were said outright ("") go before the environment.
    """

    folders: Mapping[str, Sequence[str]] = field(default_factory=dict)
    source: str = ""

    @classmethod
    def of(
        cls, given: str | Sequence[str] | Mapping[str, str | Sequence[str]] | None, source: str = ""
    ) -> Roots:
        """Return roots of a text, a list of fallbacks, or a map of kinds."""
        if given is None:
            return cls({}, source)
        kinds = given if isinstance(given, Mapping) else {"default": given}
        return cls({k: [v] if isinstance(v, str) else [str(x) for x in v] for k, v in kinds.items()}, source)

    def candidates(self, path: str, kind: str, beside: Path) -> list[Path]:
        """Return where a path may lie, best first."""
        expanded = expand(path)
        if expanded is None:
            return []
        if Path(expanded).is_absolute():
            return [existing_form(Path(expanded))]
        names = [f"{kind.upper()}_DATA_ROOT", "FOCALDIFFUSION_DATA_ROOT"]
        if self.source:
            names.insert(1, f"{self.source.upper()}_DATA_ROOT")
        environment = [os.environ[name] for name in names if os.environ.get(name)]
        said = [*self.folders.get(kind, ()), *self.folders.get("default", ())]
        found = [expand(root) for root in (environment + said if self.source else said + environment)]
        roots = [Path(root) for root in found if root is not None]
        return [existing_form(root / expanded) for root in (*roots, beside)]


def expand(text: str) -> str | None:
    """Return a text with `~` and `${VAR}` replaced; None where a variable is not set."""
    names = [first or second for first, second in VARIABLE.findall(text)]
    if any(not os.environ.get(name) for name in names):
        return None
    return os.path.expanduser(VARIABLE.sub(lambda found: os.environ[found[1] or found[2]], text))
