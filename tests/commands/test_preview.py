"""`focusgen preview`: a scene that cannot be shown is named, and the others are drawn all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from focusgen import cli
from focusgen.base.errors import StaleError, StorageError
from focusgen.tools import scene_preview
from tests.small import entry, write_index


@pytest.fixture
def preview(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return the command over scenes a, b and c, of which b raises an error."""
    write_index(tmp_path, {name: entry(2) for name in "abc"})

    def run(error: Exception, *words: str) -> int:
        def draw(cfg, scene_id, *_, **how):
            if scene_id == "b":
                raise error
            return [Path(f"{scene_id}.png")]

        monkeypatch.setattr(scene_preview, "preview_scene", draw)
        return cli.main(["preview", *words, "--out_root", str(tmp_path)])

    return run


def test_one_scene_that_cannot_be_shown_keeps_none_of_the_others_from_it(preview, capsys):
    assert preview(StaleError("scene 'b': stale", "Run phase 5 again.")) == 3
    told = capsys.readouterr()
    assert told.out.split() == ["a.png", "c.png"] and "scene 'b': stale\nRun phase 5 again." in told.err
    assert preview(StaleError("stale"), "a", "c") == 0


def test_a_full_disk_ends_it_at_once(preview, capsys):
    assert preview(StorageError("previews: No space left on device")) == 3
    told = capsys.readouterr()
    assert told.out.split() == ["a.png"] and "No space left" in told.err
