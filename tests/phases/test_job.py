"""What a phase is handed: spans of frames, and the cuts that lie within them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from focusgen import config
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.scene_store import PhaseStore
from focusgen.phases.job import SceneJob, runs_of
from tests.small import entry, identity


@pytest.mark.parametrize(
    ("frames", "spans"),
    [
        ([], []),
        ([0], [(0, 1)]),
        ([7], [(7, 8)]),
        ([0, 1, 2], [(0, 3)]),
        ([0, 2, 4], [(0, 1), (2, 3), (4, 5)]),
        ([1, 2, 5, 6, 9], [(1, 3), (5, 7), (9, 10)]),
    ],
)
def test_consecutive_frames_are_one_span(frames, spans):
    assert runs_of(frames) == spans


@given(st.sets(st.integers(0, 40)))
def test_spans_are_the_frames_and_never_touch(frames):
    spans = runs_of(sorted(frames))
    assert [frame for start, stop in spans for frame in range(start, stop)] == sorted(frames)
    assert all(before[1] < after[0] for before, after in zip(spans, spans[1:], strict=False))


@pytest.mark.parametrize(
    ("n_frames", "cuts"), [(10, (3, 7, 9)), (9, (3, 7)), (7, (3,)), (4, (3,)), (3, ()), (1, ())]
)
def test_a_rehearsal_knows_only_the_cuts_within_it(tmp_path: Path, n_frames, cuts):
    dataset = DatasetLayout(tmp_path, tmp_path / "i.json")
    one = entry(10, shot_cuts=(3, 7, 9))
    with PhaseStore(dataset.scene("ü"), identity(scene_id="ü", n_frames=n_frames)) as store:
        job = SceneJob(config.load(None), dataset, "ü", one, store, n_frames, lambda frame: None)
        assert job.shot_cuts == cuts
        assert job.scene == dataset.scene("ü")
        job.on_note("nobody listens")
