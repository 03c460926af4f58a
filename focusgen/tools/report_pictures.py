"""The pictures of the report: small JPEGs of each scene, and the histogram of all labels as SVG."""

from __future__ import annotations

import base64
import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import MissingUpstreamError, SceneError
from focusgen.dataset.layout import DatasetLayout, SceneLayout
from focusgen.dataset.lens_metadata import SetLens, sensor_width_mm, set_lenses
from focusgen.dataset.published import read_bokeh, read_depth, read_focus, read_sharp
from focusgen.dataset.records import parse_json, read_record
from focusgen.optics.balance import LABEL_BINS
from focusgen.optics.coc import Lens
from focusgen.optics.coverage import LabelCoverage, SeenSet, scene_coverage
from focusgen.optics.surfaces import Surfaces
from focusgen.phases.scene_depth import SceneDepth
from focusgen.tools.preview_scales import FOCUS_COLOURS, colour_table

WIDTH_PX, JPEG_QUALITY = 160, 80
MAX_BYTES_PER_SCENE = 60_000
MAX_SETS_SHOWN = 2
MAX_SCENES_COUNTED_ANEW = 100


@dataclass(frozen=True)
class Picture:
    """A small picture as a data URI."""

    caption: str
    uri: str
    width: int
    height: int


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
    """Return what the labels of the data set cover, exactly, from the counts that phase 3 kept.

    Scenes whose depth or lenses cannot be read do not count; None if there is no other. Where counts are
    lost (a copy without .focusgen) maps are counted anew, of so many scenes as a person waits for.
    """
    found, n_lost = list[LabelCoverage](), 0
    for scene_id in scene_ids:
        scene = dataset.scene(scene_id)
        is_lost = not scene.depth_counts_npz.exists()
        if is_lost and n_lost == MAX_SCENES_COUNTED_ANEW:
            continue
        n_lost += is_lost
        with contextlib.suppress(OSError, SceneError, ValueError, KeyError, TypeError):
            found.append(_coverage_of_scene(scene))
    total = LabelCoverage.of(found)
    return total if total.counts.any() else None


def _coverage_of_scene(scene: SceneLayout) -> LabelCoverage:
    record = read_record(scene.done("depth"))
    if record is None:
        raise MissingUpstreamError(f"scene {scene.scene_id!r}: no depth")
    counts = SceneDepth(scene, record).counts()
    metadata = parse_json(scene.metadata_json.read_bytes())
    width = int(metadata.get("width") or read_depth(scene, 0).shape[1])
    pixel_m = sensor_width_mm(metadata) / 1000.0 / width
    seen = [SeenSet(_lenses_of(lens), lens.max_coc_m, lens.coc_limit_m) for lens in set_lenses(metadata)]
    return scene_coverage(Surfaces.of(counts), seen, pixel_m)


def _lenses_of(lens: SetLens) -> tuple[Lens, ...]:
    """Return the lens of a set; where focus moves, at its first, middle and last frame."""
    last = len(lens.focus_distances_m or (0.0,)) - 1
    return tuple(lens.at(frame) for frame in sorted({0, (last + 1) // 2, last}))


def coverage_svg(coverage: LabelCoverage) -> str:
    """Return the histogram of labels as SVG text; equal counts, equal text."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "focusgen", "svg.fonttype": "path"}):
        figure = Figure(figsize=(7, 2.6), layout="constrained")
        axes = figure.add_subplot()
        edges = np.linspace(0, 1, LABEL_BINS + 1)
        axes.stairs(100 * coverage.counts / coverage.counts.sum(), edges, fill=True, color="#4878a8")
        axes.set(xlabel="label: 0 = blurred, 1 = in focus", ylabel="% of pixels", xlim=(0, 1))
        buffer = io.BytesIO()
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": None})  # type: ignore[no-untyped-call]
    text = buffer.getvalue().decode()
    return text[text.index("<svg") :]
