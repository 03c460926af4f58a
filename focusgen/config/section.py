"""What a group of settings is made of: a frozen section of declared fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from focusgen.config.graph import PhaseName


def setting(
    default: Any,
    *,
    affects: Sequence[PhaseName] = (),
    when: Mapping[str, Sequence[Any]] | None = None,
    help: str,
    **constraints: Any,
) -> Any:
    """Declare one settings field.

    Args:
        default: its value where no file says otherwise; written here and nowhere else.
        affects: phases whose published bytes it changes; () for paths, logging, speed.
        when: sibling field -> values under which it has any effect at all.
        help: one line for people.
        constraints: pydantic's own (gt, ge, le, ...).
    """
    extra: dict[str, Any] = {"affects": list(affects), "when": {k: list(v) for k, v in (when or {}).items()}}
    return Field(default, description=help, json_schema_extra=extra, **constraints)


class Section(BaseModel):
    """A frozen group of settings; an unknown key is refused by name."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    def effective(self, name: str) -> Any:
        """Return a field's value after `auto` was resolved; sections override where they have an auto."""
        return getattr(self, name)
