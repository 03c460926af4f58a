"""The lens sets of a scene as they are drawn: lenses by the law, and the ways that their focus goes."""

from __future__ import annotations

from dataclasses import dataclass

from focusgen.base.seeds import derive_seed, scene_seed
from focusgen.config import Config
from focusgen.dataset.index import IndexEntry
from focusgen.optics.coc import Lens
from focusgen.optics.focus_motion import FocusPath
from focusgen.optics.lenses import LensDraw
from focusgen.phases.focus_moves import MovingLens, move_focus
from focusgen.phases.lens_law import LensLaws, draw_lenses
from focusgen.phases.scene_depth import SceneDepth

MOVING_LAW_LENSES = 512  # that stand for the law, at most, where each has many distances of its own


@dataclass(frozen=True)
class DrawnSets:
    """The lens sets of a scene.

    Attributes:
        moving: the lenses with their ways.
        n_redrawn: draws that the law threw away.
        lacking: what they lack that the law or the motion promises, one line each.
    """

    moving: tuple[MovingLens, ...]
    n_redrawn: int
    lacking: tuple[str, ...]

    @property
    def lenses(self) -> tuple[Lens, ...]:
        """The lenses as the first frame has them."""
        return tuple(one.lens for one in self.moving)

    @property
    def paths(self) -> tuple[FocusPath | None, ...]:
        """The ways of their focus, None where it rests."""
        return tuple(one.path for one in self.moving)

    @classmethod
    def of(cls, drawn: LensDraw, moving: tuple[MovingLens, ...]) -> DrawnSets:
        """Return the sets of a draw of the law."""
        remarks = [
            f"set_{index:02d}: {one.path.kind}: {text}"
            for index, one in enumerate(moving)
            if one.path is not None
            for text in one.path.remarks
        ]
        return cls(moving, drawn.n_redrawn, (*drawn.lacking, *remarks))


def draw_sets(cfg: Config, depth: SceneDepth, entry: IndexEntry, n: int) -> DrawnSets:
    """Return n lens sets of a scene, as calibration and rendering have them.

    Raises:
        SceneError: the law finds no lens, or focus has nothing to move over.
    """
    drawn = draw_lenses(cfg, depth, n)
    seed = scene_seed(cfg.seed, depth.scene.scene_id, "motion")
    return DrawnSets.of(drawn, move_focus(cfg, depth, entry, drawn.lenses, seed))


def law_sets(cfg: Config, depth: SceneDepth, entry: IndexEntry) -> DrawnSets:
    """Return lens sets that stand for the law itself in a scene, whatever the scene's name and the seed.

    Raises:
        SceneError: as `draw_sets`.
    """
    drawn = LensLaws(cfg, depth).whole()
    lenses = drawn.lenses if cfg.lens.motion == "fixed" else drawn.lenses[:MOVING_LAW_LENSES]
    return DrawnSets.of(drawn, move_focus(cfg, depth, entry, lenses, derive_seed(0, "law", "motion")))
