"""What a card says of the labels: how each follows from depth and lens, and by what depth was made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from focusgen.config.graph import SCENE_PHASES
from focusgen.dataset.layout import SceneLayout
from focusgen.dataset.lens_metadata import SetLens
from focusgen.dataset.records import read_record

_COC = {
    "paper": "coc = (f * f / (N * S)) * np.abs(d - S) / d",
    "exact": "coc = (f * f / (N * (S - f))) * np.abs(d - S) / d",
}
FLAGS = "1 patched, 2 raised, 4 far,\n8 saturated, 16 extrapolated, 32 depth edge"
"""What the numbers of a mask of doubtful depth mean."""


@dataclass(frozen=True)
class Steps:
    """How to say what only some lens sets take, in the words of the files that a reader has."""

    formulas: str
    moves: str
    breathing: str
    limits: str


_BREATHING = """ renders and labels show the middle of
sharp frame and depth, enlarged by m: d of pixel (x, y) is that of column
`floor(cx + (x - cx) / m + 0.5)`, cx = (width - 1) / 2, and so for rows."""

OF_FILES = Steps(
    "\n`formula` of a scene's `metadata.json` says which of them is its own.",
    "\nWhere a set has `S_focus_per_frame`, S of frame t is the t-th of these numbers.",
    "\nOf sets with `magnification` m (`magnification_per_frame` where focus moves)," + _BREATHING,
    """
The renderer drew no larger blur than `max_radius_px` of some sets in `metadata.json`, and their labels
stop with it:
`np.minimum(coc, 2 * max_radius_px * (sensor_width_mm / 1000) / width)` stands in the place of `coc`.""",
)
OF_SAMPLES = Steps(
    "\n`formula` of its `json` says which of them is a sample's own.",
    "\nFocus moves in some sets: `S_focus` is that of the sample's own frame.",
    "\nWhere the `json` says `breathing`, m = S / (S - f), at least 1:" + _BREATHING,
    "\nWhere `coc_limits` of the `json` has a number above 0 for set k, `np.minimum(coc, coc_limits[k])`\n"
    "stands in the place of `coc`.",
)


def label_lines(lenses: Iterable[SetLens], steps: Steps = OF_FILES) -> list[str]:
    """Return how a label is recomputed: the formula of these lens sets, and the steps that only some take."""
    found = list(lenses)
    formulas = sorted({one.lens.formula for one in found}, reverse=True) or ["paper"]
    lines = [
        "",
        *(f'    {_COC[name]:52} # d: float32 of the saved depth; "{name}" formula' for name in formulas),
        "    focus_map = (1.0 - np.clip(coc / max_coc, 0.0, 1.0)).astype(np.float16)",
        "",
        "f, N, S, max_coc: Python floats (`float(...)` of what a loader gives), or last bits differ.",
    ]
    told = {
        steps.formulas: len(formulas) > 1,
        steps.moves: any(one.focus_distances_m for one in found),
        steps.breathing: any(one.breathes for one in found),
        steps.limits: any(one.coc_limit_m for one in found),
    }
    return [*lines, *(text for text, is_taken in told.items() if is_taken)]


@dataclass(frozen=True)
class MadeBy:
    """What the scenes of a data set were made by.

    Attributes:
        backends: of sharp frames, depth and renders, by name.
        n_inexact: scenes whose edges of depth are not those of the picture.
        n_guided_by_label: scenes whose renders were guided by labels and not by the lens' blur in pixels.
    """

    backends: Mapping[str, Sequence[str]]
    n_inexact: int
    n_guided_by_label: int = 0

    @property
    def sentence(self) -> str:
        """Say it in one."""
        sharp, depth, renders = (" and ".join(self.backends[phase]) for phase in SCENE_PHASES)
        return f"Backends: sharp frames {sharp}, depth {depth}, renders {renders}."

    def lines(self) -> list[str]:
        """Return what a reader may trust."""
        found = [f"{self.sentence} A label is exact given its depth."]
        if self.n_inexact:
            found += [
                f"Depth of {self.n_inexact} scenes is estimated or measured: its edges are not the "
                "picture's, and metres are as good as it is."
            ]
        if self.n_guided_by_label:
            found += [
                f"Renders of {self.n_guided_by_label} scenes were guided by their labels (`render.guidance: "
                "normalised`): blur follows the label in order, its size in pixels need not be the lens'."
            ]
        return [*found, ""]


def made_by(scenes: Iterable[SceneLayout]) -> MadeBy:
    """Return it as the records of scenes say."""
    names: defaultdict[str, set[str]] = defaultdict(set)
    n_inexact = n_guided_by_label = 0
    for scene in scenes:
        for phase in SCENE_PHASES:
            record = read_record(scene.done(phase))
            if record is not None:
                names[phase].add(str(record.document["backend"]))
                n_inexact += phase == "depth" and record.details.get("is_exact") is False
                n_guided_by_label += record.document["settings"].get("render.guidance") == "normalised"
    return MadeBy({phase: sorted(names[phase]) for phase in SCENE_PHASES}, n_inexact, n_guided_by_label)
