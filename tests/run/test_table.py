"""What each scene phase loads, runs and logs; the table agrees with the graph."""

from __future__ import annotations

import pytest

from focusgen import config
from focusgen.config import SCENE_PHASES
from focusgen.dataset.layout import SceneLayout
from focusgen.phases import versions
from focusgen.run.table import PHASES
from tests.small import identity, put_record


def test_every_scene_phase_has_one_line_by_its_name():
    assert tuple(PHASES) == SCENE_PHASES
    assert all(name == spec.name for name, spec in PHASES.items())


def test_no_two_phases_write_one_log():
    logs = [name for spec in PHASES.values() for name, _ in spec.logs]
    assert len(set(logs)) == len(logs) == 5
    headers = dict(entry for spec in PHASES.values() for entry in spec.logs)
    assert headers[versions.PSNR_LOG] == versions.PSNR_HEADER and headers[versions.SANITY_LOG] == ""


@pytest.mark.parametrize(("phase", "is_raised"), [("deblur", False), ("depth", False), ("render", True)])
def test_only_renders_of_moved_edges_have_a_version_of_their_own(tmp_path, phase, is_raised):
    """Release 0.1.0 moved the edges of predicted depth where nobody said otherwise."""
    record = put_record(SceneLayout(tmp_path, "a"), identity("depth"), {"is_exact": False})
    spec = PHASES[phase]
    found = spec.version_for(config.load(None), lambda name: record if name == "depth" else None)
    assert found == spec.algorithm_version + is_raised
    assert spec.version_for(config.load(None), lambda name: None) == spec.algorithm_version
