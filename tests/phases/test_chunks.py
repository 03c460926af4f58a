"""Depth in chunks: one scale, a linear crossfade, and a residual that is measured on what is published."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import Identity
from focusgen.dataset.scene_store import PhaseStore
from focusgen.optics.windows import Chunk, plan_chunks
from focusgen.phases.chunks import Depth, covering_chunk, crossfaded
from focusgen.phases.depth_estimates import seams

SHAPE = (24, 32)


def truth(frame: int) -> Depth:
    """A slanted wall that comes nearer."""
    return np.linspace(2.0, 6.0, SHAPE[1], dtype=np.float32)[None].repeat(SHAPE[0], 0) - np.float32(
        0.02 * frame
    )


class Model:
    """The truth times a factor per chunk, with whatever a test does to a frame of a chunk."""

    def __init__(self, *factors: float, spoil=lambda depth_m, chunk, frame: depth_m) -> None:
        self.factors, self.spoil = factors, spoil
        self.starts: list[int] = []

    def __call__(self, chunk: Chunk) -> Iterator[Depth]:
        number = len(self.starts)
        self.starts.append(chunk.start)
        for frame in chunk.frames():
            yield self.spoil(truth(frame) * np.float32(self.factors[number]), number, frame)


def run(
    model: Model, *, align: bool = True, n: int = 10, known: dict[int, Any] | None = None, first: int = 0
):
    seams: dict[int, Any] = dict(known or {})
    chunks = plan_chunks(n, 6, 2)
    stream = crossfaded(chunks, first, model, align=align, recall=seams.get, remember=seams.__setitem__)
    return dict(stream), seams


def off_by(depth_m: Depth, frame: int) -> float:
    return float(np.max(np.abs(depth_m / truth(frame) - 1)))


def test_a_chunk_on_another_scale_is_brought_to_that_of_the_one_before_it():
    depth, seams = run(Model(1.0, 1.25))
    assert list(depth) == list(range(10))
    assert max(off_by(depth_m, frame) for frame, depth_m in depth.items()) < 1e-6
    assert seams[1]["frame"] == 4
    assert seams[1]["step"] == pytest.approx(0.25) and seams[1]["scale"] == pytest.approx(0.8)
    assert seams[1]["residual"] < 1e-6


def test_scales_hang_on_the_first_chunk_of_all():
    depth, seams = run(Model(1.0, 1.25, 0.5), n=14)
    assert off_by(depth[13], 13) < 1e-6
    assert seams[2]["scale"] == pytest.approx(2.0)


def test_the_scale_is_a_median_that_a_moving_thing_does_not_move():
    def spoil(depth_m: Depth, chunk: int, frame: int) -> Depth:
        if chunk == 1:
            depth_m[:, :12] *= 3.0  # 3 of 8 columns
        return depth_m

    depth, seams = run(Model(1.0, 1.25, spoil=spoil))
    assert seams[1]["scale"] == pytest.approx(0.8)
    assert seams[1]["residual"] == pytest.approx(3 / 8 * (1 - 1 / 3), rel=1e-5)  # of the maps as blended
    assert np.max(np.abs(depth[9][:, 12:] / truth(9)[:, 12:] - 1)) < 1e-6


def test_an_alignment_gone_wrong_shows_in_the_residual(monkeypatch):
    monkeypatch.setattr("focusgen.phases.chunks._median_log_ratio", lambda old, new: np.log(1.25))
    _, seams = run(Model(1.0, 1.25))  # in the wrong direction: 1.25 * 1.25
    assert seams[1]["residual"] == pytest.approx(1 - 1 / 1.25**2, rel=1e-5)


def test_unaligned_chunks_keep_their_scale_and_say_how_far_they_are_apart():
    depth, seams = run(Model(1.0, 1.25), align=False)
    assert seams[1]["scale"] == 1.0 and seams[1]["step"] == pytest.approx(0.25)
    assert seams[1]["residual"] == pytest.approx(0.2)
    assert np.allclose(depth[9], truth(9) * 1.25)


def test_the_older_chunk_fades_out_while_the_newer_fades_in():
    depth, _ = run(Model(1.0, 1.3), align=False)
    # two shared frames: the newer one counts a third, then two thirds
    assert depth[4] == pytest.approx(truth(4) * (1 + 0.3 / 3), rel=1e-5)
    assert depth[5] == pytest.approx(truth(5) * (1 + 0.6 / 3), rel=1e-5)


def test_where_one_chunk_has_a_hole_the_other_speaks_alone():
    def spoil(depth_m: Depth, chunk: int, frame: int) -> Depth:
        if frame == 4:
            depth_m[0, chunk] = np.nan
            depth_m[1, 1] = np.nan
        return depth_m

    depth, _ = run(Model(1.0, 1.25, spoil=spoil))
    assert np.isnan(depth[4][1, 1]) and np.count_nonzero(np.isnan(depth[4])) == 1
    assert depth[4][0, :2] == pytest.approx(truth(4)[0, :2], rel=1e-6)


def test_chunks_that_share_no_measured_pixel_are_left_as_they_are():
    depth, seams = run(Model(1.0, 1.25, spoil=lambda d, chunk, frame: d * np.nan if chunk == 0 else d))
    assert seams[1] == {"frame": 4, "step": 0.0, "scale": 1.0, "residual": 0.0}
    assert np.allclose(depth[9], truth(9) * 1.25)


def test_a_start_in_the_middle_gives_the_same_bytes_and_keeps_what_is_known_of_seams():
    whole, seams = run(Model(1.0, 1.25, 0.9), n=14)
    first = covering_chunk(plan_chunks(14, 6, 2), 7)
    again, kept = run(Model(1.25, 0.9), n=14, known={1: {**seams[1], "residual": 0.5}}, first=first)
    assert list(again) == list(range(4, 14))
    assert all(np.array_equal(again[frame], whole[frame]) for frame in range(6, 14))
    assert kept[1]["residual"] == 0.5 and kept[2] == seams[2]


def test_seams_are_kept_by_shot_and_chunk_those_of_a_killed_older_run_too(tmp_path):
    identity = Identity("depth", "a", "dryrun", 1, {}, {}, {}, 9)
    with PhaseStore(DatasetLayout(tmp_path, tmp_path / "scene_index.json").scene("a"), identity) as store:
        for key, scale in (
            ("2/11", 1.0),
            ("2/1", 2.0),
            ("1000002", 3.0),
            ("10/1", 4.0),
            ("2", 5.0),
            ("0/2", 6.0),
        ):
            store.remember(f"seam/{key}", {"scale": scale})
        job = type("Job", (), {"store": store})
        assert [(*place, seam["scale"]) for place, seam in seams(job).items()] == [
            *((0, 2, 6.0), (1, 2, 3.0), (2, 1, 2.0), (2, 11, 1.0), (10, 1, 4.0)),
        ]


def test_infinite_depth_of_a_later_chunk_spoils_neither_scale_nor_residual():
    def spoil(depth_m: Depth, chunk: int, frame: int) -> Depth:
        if chunk == 1:
            depth_m[:4] = np.inf  # sky that only this chunk sees
        return depth_m

    depth, seams = run(Model(1.0, 1.25, spoil=spoil))
    assert seams[1]["scale"] == pytest.approx(0.8) and seams[1]["residual"] < 1e-6
    assert np.allclose(depth[9][4:], truth(9)[4:], rtol=1e-6)


def test_a_seam_that_an_earlier_life_measured_is_not_written_again():
    _, seams = run(Model(1.0, 1.25, 0.5), n=14)
    marked = {**seams, 2: {**seams[2], "residual": 123.0}}
    _, after = run(Model(1.25, 0.5), n=14, known=marked, first=1)
    assert after == marked
