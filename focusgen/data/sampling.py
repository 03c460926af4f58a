"""Which windows are drawn how often: rare labels as often as common ones."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import WeightedRandomSampler

from focusgen.data.windows import FocusDataset, read_frame
from focusgen.optics.balance import LABEL_BINS


def balanced_sampler(
    dataset: FocusDataset, *, n_samples: int | None = None, seed: int = 0
) -> WeightedRandomSampler:
    """Return a sampler under which every tenth of the label's range is seen about equally often.

    The labels of a window are counted on its middle frame, at every fourth pixel. A window weighs the mean,
    over its pixels, of one over how common their label is in the whole data set.

    Args:
        dataset: map-style; its depth maps are read once, here.
        n_samples: drawn per epoch; None for as many as there are items.
        seed: of the draws.

    Raises:
        ValueError: the data set has no item to draw.
    """
    if not len(dataset):
        raise ValueError("no item to draw: the split is empty, or every scene is shorter than a window")
    histograms = np.stack([_label_histogram(dataset, index) for index in range(len(dataset))])
    common = histograms.mean(axis=0)
    rarity = np.divide(1.0, common, out=np.zeros_like(common), where=common > 0)
    weights = histograms @ rarity
    generator = torch.Generator().manual_seed(seed)
    n_drawn = len(dataset) if n_samples is None else n_samples
    return WeightedRandomSampler(weights.tolist(), n_drawn, generator=generator)


def _label_histogram(dataset: FocusDataset, index: int) -> npt.NDArray[np.float64]:
    scene, start, set_index = dataset.item(index)
    frame, lens = start + dataset.window // 2, scene.lenses[set_index]
    depth_m = np.ascontiguousarray(read_frame(scene, set_index, "depth", frame)[::4, ::4])
    labels = lens.label(depth_m, frame)
    counts, _ = np.histogram(labels.astype(np.float64), bins=LABEL_BINS, range=(0.0, 1.0))
    return np.asarray(counts / counts.sum())
