"""The picture of phase 4: what it marks, found again in its pixels, and what it says of invented depth."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from focusgen import cli
from focusgen.base.errors import CorruptInputError
from focusgen.optics.coc import Lens
from focusgen.optics.stats import CocHistogram, depth_counts
from focusgen.phases.approval import approve
from focusgen.phases.coc_picture import CocBins, draw_histogram
from tests.conftest import Rgbd

pytestmark = pytest.mark.usefixtures("drawn")
GREEN, RED = (0x1A, 0x7F, 0x37), (0xB0, 0x30, 0x30)
STATS = {
    **dict.fromkeys(("p50", "p90", "p95", "p99")),
    "recommended_max_coc": 4e-4,
    "in_px": {},
    "lenses": [],
    "scenes": ["a"],
    "n_values": 100,
}


@pytest.fixture
def bins() -> CocBins:
    histogram = CocHistogram()
    histogram.add(depth_counts(np.linspace(1, 9, 5000).astype(np.float16)), Lens(0.05, 1.4, 2.0))
    return CocBins.of(histogram)


def column_of(path, colour) -> float | None:
    """Return where a picture's curve area has a tall line of a colour, as a share of the width."""
    picture = cv2.imread(str(path))[:, :, ::-1].astype(int)
    tall = (np.abs(picture - colour).max(-1) < 24).sum(0) > 0.3 * picture.shape[0]
    return float(np.flatnonzero(tall).mean() / picture.shape[1]) if tall.any() else None


@pytest.mark.slow
def test_the_recommended_and_the_approved_value_are_marked_where_they_lie(bins, tmp_path):
    path = tmp_path / "histogram.png"
    draw_histogram(bins, STATS, path)
    recommended = column_of(path, RED)
    assert recommended is not None and column_of(path, GREEN) is None
    draw_histogram(bins, STATS, path, approved_m=1e-4)
    approved = column_of(path, GREEN)
    assert approved is not None and approved < recommended - 0.05
    draw_histogram(bins, STATS | {"recommended_max_coc": None}, path)
    assert column_of(path, RED) is None


def test_bins_are_kept_for_an_approval_and_damage_is_named(bins, tmp_path):
    path = tmp_path / "bins.npz"
    assert CocBins.load(path) is None
    bins.save(path)
    kept = CocBins.load(path)
    assert kept is not None and kept.counts.tolist() == bins.counts.tolist()
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CorruptInputError, match="bins.npz: damaged"):
        CocBins.load(path)


@pytest.mark.slow
def test_an_approval_draws_its_value_into_the_picture_of_the_data_set(rgbd: Rgbd):
    rgbd.add_scene("a", width=320)
    flags = ["--min_frames", "2", "--workers", "1", *rgbd.flags("raw_root", "depth_root", "out_root")]
    assert cli.main(["run", "--no_pictures", *flags]) == 4
    path = rgbd.out_root / "logs" / "coc_histogram.png"
    assert column_of(path, GREEN) is None
    approve(rgbd.config(), 2e-4)
    assert column_of(path, GREEN) is not None


@pytest.mark.slow
def test_invented_depth_is_called_a_rehearsal(rgbd: Rgbd, monkeypatch):
    from matplotlib.axes import Axes

    titles = []
    real = Axes.set
    monkeypatch.setattr(Axes, "set", lambda self, **kw: (titles.append(kw.get("title")), real(self, **kw))[1])
    rgbd.add_scene("a", width=320)
    flags = ["--min_frames", "2", "--workers", "1", *rgbd.flags("raw_root", "out_root")]
    cli.main(["run", "--no_pictures", *flags, "--backend", "dryrun"])
    assert json.loads((rgbd.out_root / "logs" / "coc_stats.json").read_text())["is_rehearsal"] is True
    assert any("REHEARSAL" in str(title) for title in titles)
