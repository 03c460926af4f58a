"""The versions that records keep, and the logs that readers outside know by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from focusgen import config
from focusgen.dataset.layout import SceneLayout
from focusgen.dataset.records import Record
from focusgen.phases import versions
from focusgen.phases.versions import RENDER_VERSION, render_version
from tests.small import identity, put_record


def depth_record(root: Path, **details: object) -> Record:
    return put_record(SceneLayout(root, "a"), identity("depth"), details)


@pytest.mark.parametrize(
    ("backend", "snap", "details", "is_wrong_in_0_1_0"),
    [
        ("thin_lens", "auto", {"is_exact": True}, False),
        ("thin_lens", "auto", {"is_exact": False}, True),
        ("thin_lens", "auto", {}, False),  # a record that does not say it
        ("thin_lens", "on", {"is_exact": True}, True),
        ("thin_lens", "off", {"is_exact": False}, False),
        ("bokehnet", "on", {"is_exact": False}, False),  # it never snapped
    ],
)
def test_only_renders_that_an_older_release_drew_from_another_map_are_made_anew(
    tmp_path, backend, snap, details, is_wrong_in_0_1_0
):
    cfg = config.load(None, {"render.backend": backend, "render.depth_edge_snap": snap})
    assert render_version(cfg, depth_record(tmp_path, **details)) == RENDER_VERSION + is_wrong_in_0_1_0


def test_without_depth_nothing_is_known_to_be_wrong():
    assert render_version(config.load(None), None) == RENDER_VERSION


def test_published_versions_have_not_been_raised():
    """Raised, every scene of every data set is stale: that wants a line in the changelog, and this test."""
    assert (versions.DEBLUR_VERSION, versions.DEPTH_VERSION, versions.RENDER_VERSION) == (1, 1, 1)


def test_tables_begin_with_their_columns():
    for header in (versions.PSNR_HEADER, versions.PATCHES_HEADER):
        assert header.endswith("\n") and header.startswith("scene_id,frame,")
    logs = [getattr(versions, name) for name in dir(versions) if name.endswith("_LOG")]
    assert len(set(logs)) == len(logs) == 5
