"""What phase 6 found in one scene."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from focusgen.base.finite import finite_only, non_finite_keys
from focusgen.base.names import shell_word

MAX_ERRORS_PER_SCENE = 200


@dataclass
class SceneReport:
    """What phase 6 found in one scene.

    Attributes:
        records: phase -> digest of the record that was checked.
        measures: may hold NaN until `settle`.
        flat_frames: frames whose sharp picture is one colour; phase 6 compares them with the raw ones.
    """

    scene_id: str
    split: str
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    n_frames: int = 0
    n_bytes: int = 0
    n_errors: int = 0
    is_rehearsal: bool = False
    max_coc_m: float | None = None
    measures: dict[str, Any] = field(default_factory=dict)
    records: dict[str, str] = field(default_factory=dict)
    flat_frames: list[int] = field(default_factory=list)

    def error(self, text: str) -> None:
        """Note what makes the scene fail; of very many errors the last line says how many there are more."""
        self.n_errors += 1
        if len(self.errors) < MAX_ERRORS_PER_SCENE:
            self.errors.append(text)
        else:
            more = self.n_errors - MAX_ERRORS_PER_SCENE + 1
            command = f"focusgen explain {shell_word(self.scene_id)}"
            self.errors[-1] = f"... and {more} more; {command} tells the state"

    def settle(self) -> None:
        """Leave no NaN behind: what could not be measured is None, and a warning says so."""
        unknown = list(non_finite_keys(self.measures))
        if unknown:
            self.measures = {key: finite_only(value) for key, value in self.measures.items()}
            self.warnings.append(f"not measured, for lack of anything to compare: {', '.join(unknown)}")
