"""What a run tells the outside."""

from __future__ import annotations

from focusgen.config.graph import PhaseName


class Observer:
    """What a run tells the outside; the silent default. `focusgen.run.console` shows it to people."""

    def phase_started(self, phase: PhaseName, n_scenes: int, n_frames: int, n_settled: int) -> None:
        """Called once per phase with the work ahead, and the scenes that need none."""

    def scene_started(self, scene_id: str, n_frames: int) -> None:
        """Called as a scene is taken up."""

    def frame_done(self, scene_id: str, frame: int) -> None:
        """Called after each frame."""

    def scene_note(self, scene_id: str, text: str) -> None:
        """Called with something about a scene that a person should read, good or bad."""

    def scene_ended(self, scene_id: str, outcome: str, message: str = "") -> None:
        """Called with complete, kept, partial, stale or a failure class."""

    def waiting(self, scene_id: str, holder: str) -> None:
        """Called while another process holds the scene; `holder` says which."""
