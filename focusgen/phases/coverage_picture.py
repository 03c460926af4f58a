"""The picture of label_coverage.json: the histogram of labels of each law, the configured one in front."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from focusgen.base.files import make_folder, publish, publish_json
from focusgen.dataset.layout import DatasetLayout
from focusgen.phases import figures
from focusgen.phases.coc_picture import REHEARSAL

COLOURS = {"random": "#777777", "robust": "#c0802f", "sweep": "#602080", "balanced": "#4878a8"}


def write_coverage(dataset: DatasetLayout, document: Mapping[str, Any]) -> None:
    """Write label_coverage.json and its picture."""
    make_folder(dataset.logs)
    publish_json(dataset.label_coverage_json, document)
    publish(dataset.label_coverage_png, coverage_png(document))


def coverage_png(document: Mapping[str, Any]) -> bytes:
    """Return label_coverage.json as a picture."""
    laws = {name: law for name, law in document["laws"].items() if law is not None}
    figure = figures.new_figure(9, 2.6 * max(1, len(laws)))
    panels: Any = figure.subplots(max(1, len(laws)), 1, squeeze=False, sharex=True, sharey=True)[:, 0]
    for panel, (name, law) in zip(panels, laws.items(), strict=False):
        is_configured = name == document["configured"]
        edges = np.linspace(0, 1, len(law["histogram"]) + 1)
        panel.stairs(100 * np.array(law["histogram"]), edges, fill=True, color=COLOURS[name])
        panel.set_title(f"{name}{' (configured)' if is_configured else ''}: {law_words(law)}", fontsize=8)
        panel.set(ylabel="% of pixels", xlim=(0, 1))
    panels[-1].set_xlabel("label: 0 = blurred, 1 = in focus")
    if document.get("is_rehearsal"):
        figure.suptitle(REHEARSAL)
    return figures.png_of(figure, dpi=100)


def law_words(law: Mapping[str, Any]) -> str:
    """Return one line on what the labels of a law cover."""
    return (
        f"entropy {law['entropy']:.2f}; {100 * law['share_above_0.8']:.0f} % above .8; of {law['sets']} sets "
        f"{law['sets_below_5_percent_in_focus']} hardly in focus, "
        f"{law['sets_with_mean_label_outside_0.2_to_0.8']} with a mean outside .2 to .8; all deciles "
        f"sharp in {law['scenes_with_all_deciles']} of {law['scenes']} scenes"
    )
