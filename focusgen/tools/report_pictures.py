"""The pictures of the report: small JPEGs of each scene, and the histogram of all labels as SVG."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import SceneError
from focusgen.dataset.layout import DatasetLayout, SceneLayout
from focusgen.dataset.lens_metadata import SetLens, set_lenses
from focusgen.dataset.published import read_bokeh, read_focus, read_sharp
from focusgen.dataset.records import parse_json
from focusgen.media.codecs import decode_npz
from focusgen.optics.coc import focus_table
from focusgen.tools.preview_scales import FOCUS_COLOURS, colour_table

WIDTH_PX, JPEG_QUALITY = 160, 80
MAX_BYTES_PER_SCENE = 60_000
BINS = 10
MAX_SETS_SHOWN = 2


@dataclass(frozen=True)
class Picture:
    """A small picture as a data URI."""

    caption: str
    uri: str
    width: int
    height: int


@dataclass(frozen=True)
class LabelCoverage:
    """How often each tenth of the label's range occurs, over all pixels of all sets."""

    counts: npt.NDArray[np.float64]

    @property
    def entropy(self) -> float:
        """Normalised: 1 where all tenths are equally frequent, 0 where one holds everything."""
        share = self.counts / self.counts.sum()
        present = share[share > 0]
        return float(-(present * np.log(present)).sum() / math.log(len(share)))

    def share_above(self, label: float) -> float:
        """Return the share of labels above one of the bins' edges."""
        return float(self.counts[round(label * BINS) :].sum() / self.counts.sum())

    def share_below(self, label: float) -> float:
        """Return the share of labels below one of the bins' edges."""
        return float(self.counts[: round(label * BINS)].sum() / self.counts.sum())


def pictures_of(scene: SceneLayout, n_frames: int) -> list[Picture]:
    """Return a scene's middle frame: sharp, and render and label of its first sets.

    What is missing or damaged is left out: the page says so beside it.
    """
    frame, found, n_bytes = n_frames // 2, list[Picture](), 0
    readers: list[tuple[str, Any]] = [("sharp", lambda: read_sharp(scene, frame))]
    for k in range(MAX_SETS_SHOWN):
        readers.append((f"render {k}", lambda k=k: read_bokeh(scene, k, frame)))
        readers.append((f"label {k}", lambda k=k: _painted(read_focus(scene, k, frame))))
    for caption, read in readers:
        try:
            picture = _small(caption, read())
        except SceneError:
            continue
        n_bytes += len(picture.uri)
        if n_bytes <= MAX_BYTES_PER_SCENE:
            found.append(picture)
    return found


def _painted(label: npt.NDArray[np.float16]) -> npt.NDArray[np.uint8]:
    index = np.rint(np.clip(label.astype(np.float32), 0, 1) * 255).astype(np.uint8)
    return np.asarray(colour_table(FOCUS_COLOURS)[index])


def _small(caption: str, rgb: npt.NDArray[np.uint8]) -> Picture:
    from PIL import Image

    image = Image.fromarray(rgb)
    image.thumbnail((WIDTH_PX, WIDTH_PX * 2))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY)
    uri = "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
    return Picture(caption, uri, *image.size)


def coverage_of(dataset: DatasetLayout, scene_ids: Sequence[str]) -> LabelCoverage | None:
    """Return how the labels of the data set are spread, exactly, from the counts that phase 3 kept.

    Scenes whose counts or lenses cannot be read do not count; None if there is no other.
    """
    total = np.zeros(BINS)
    for scene_id in scene_ids:
        scene = dataset.scene(scene_id)
        try:
            counts = decode_npz(scene.depth_counts_npz.read_bytes(), "counts").sum(axis=0)
            lenses = set_lenses(parse_json(scene.metadata_json.read_bytes()))
        except (OSError, SceneError, ValueError, KeyError, TypeError):
            continue
        for lens in lenses:
            total += _label_counts(counts, lens)
    return LabelCoverage(total) if total.any() else None


def _label_counts(counts: npt.NDArray[np.int64], lens: SetLens) -> npt.NDArray[np.float64]:
    """Return pixels per tenth of the label; where focus moves, of its first, middle and last frame."""
    distances_m = lens.focus_distances_m or ()
    frames = sorted({0, len(distances_m) // 2, max(len(distances_m) - 1, 0)})
    total = np.zeros(BINS)
    present = np.flatnonzero(counts)
    for frame in frames:
        labels = focus_table(lens.at(frame), lens.max_coc_m)[present].astype(np.float64)
        histogram, _ = np.histogram(labels, bins=BINS, range=(0, 1), weights=counts[present])
        total += histogram / len(frames)
    return total


def coverage_svg(coverage: LabelCoverage) -> str:
    """Return the histogram of labels as SVG text; equal counts, equal text."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "focusgen", "svg.fonttype": "path"}):
        figure = Figure(figsize=(7, 2.6), layout="constrained")
        axes = figure.add_subplot()
        edges = np.linspace(0, 1, BINS + 1)
        axes.stairs(100 * coverage.counts / coverage.counts.sum(), edges, fill=True, color="#4878a8")
        axes.set(xlabel="label: 0 = blurred, 1 = in focus", ylabel="% of pixels", xlim=(0, 1))
        buffer = io.BytesIO()
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": None})  # type: ignore[no-untyped-call]
    text = buffer.getvalue().decode()
    return text[text.index("<svg") :]
