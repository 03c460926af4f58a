"""A scene goes on with the lenses that it was begun with, though today's law would draw others."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from focusgen.base.files import publish_json
from focusgen.dataset.journals import METADATA_NOTE, reopen
from focusgen.dataset.lens_metadata import set_lenses
from focusgen.dataset.published import read_depth, read_focus
from focusgen.dataset.records import read_record
from focusgen.phases import render
from focusgen.phases.drawn_sets import draw_sets
from tests.phases.test_render import Painter, Scene


@pytest.fixture
def scene(tmp_path) -> Scene:
    return Scene(tmp_path)


@pytest.fixture
def other_law(monkeypatch) -> Callable[[], None]:
    """Return what lets all that follows draw other lenses for the same settings, as a later build may."""

    def draw_otherwise() -> None:
        def drawn(cfg, depth, entry, n):
            return draw_sets(cfg.model_copy(update={"seed": cfg.seed + 1}), depth, entry, n)

        monkeypatch.setattr(render, "draw_sets", drawn)

    return draw_otherwise


def stop_after_a_frame(scene: Scene) -> bytes:
    """Kill phase 5 after its first frame; return the metadata that it wrote."""

    def stop(frame: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scene.render(Painter(), redo=True, on_frame=stop)
    assert scene.layout.focus(1, 0).exists() and not scene.layout.focus(1, 1).exists()
    return scene.layout.metadata_json.read_bytes()


def forget_the_note(scene: Scene) -> None:
    """Make the notes those of a build that did not tell which metadata its labels are of."""
    notes = scene.layout.notes("render")
    kept = [line for line in notes.read_bytes().splitlines(True) if METADATA_NOTE.encode() not in line]
    notes.write_bytes(b"".join(kept))


def assert_all_labels_follow(scene: Scene) -> None:
    for number, lens in enumerate(set_lenses(scene.metadata)):
        for frame in range(3):
            label = lens.label(read_depth(scene.layout, frame), frame)
            assert np.array_equal(read_focus(scene.layout, number, frame), label), (number, frame)


@pytest.mark.parametrize("is_noted", [True, False])
def test_a_half_made_scene_keeps_its_lenses_and_its_frames(scene, other_law, is_noted):
    begun = stop_after_a_frame(scene)
    if not is_noted:
        forget_the_note(scene)
    other_law()
    painter = Painter()
    scene.render(painter)
    assert scene.layout.metadata_json.read_bytes() == begun
    assert sorted({frame for _, frames in painter.calls for frame in frames}) == [1, 2]
    assert_all_labels_follow(scene)


def test_a_repaired_scene_keeps_its_lenses_even_where_all_labels_are_lost(scene, other_law):
    record = scene.render(Painter(), redo=True)
    document = json.loads(json.dumps(record.document))
    document["run"]["notes"].pop(METADATA_NOTE)  # as an earlier build recorded it
    labels = [scene.layout.focus(number, frame) for number in range(2) for frame in range(3)]
    reopen(scene.layout, replace(record, document=document), labels)
    other_law()
    scene.render(Painter())
    assert read_record(scene.layout.done("render")).digest == record.digest
    assert_all_labels_follow(scene)


@pytest.mark.parametrize("damage", ["lost", "edited"])
def test_labels_of_lenses_that_nothing_tells_any_more_are_made_anew(scene, other_law, damage):
    stop_after_a_frame(scene)
    if damage == "lost":
        scene.layout.metadata_json.unlink()
    else:
        document = scene.metadata
        document["sets"][0]["S_focus"] *= 1.1
        publish_json(scene.layout.metadata_json, document)
    other_law()
    painter = Painter()
    scene.render(painter)
    assert sorted({frame for _, frames in painter.calls for frame in frames}) == [0, 1, 2]
    assert_all_labels_follow(scene)


def test_metadata_that_were_edited_midway_are_drawn_again(scene):
    begun = stop_after_a_frame(scene)
    document = scene.metadata
    document["sets"][0]["S_focus"] *= 1.1
    publish_json(scene.layout.metadata_json, document)
    scene.render(Painter())
    assert scene.layout.metadata_json.read_bytes() == begun
    assert_all_labels_follow(scene)


def test_a_scene_of_release_0_1_0_goes_on_without_the_limits_that_it_did_not_say(scene):
    stop_after_a_frame(scene)
    forget_the_note(scene)
    limited = scene.cfg(max_radius_px=0.001)
    document = scene.metadata
    scene.render(Painter(), limited, redo=True)
    assert "max_radius_px" in scene.metadata["sets"][0]
    begun = {**scene.metadata, "sets": document["sets"]}
    reopen(scene.layout, read_record(scene.layout.done("render")), [scene.layout.focus(0, 0)])
    publish_json(scene.layout.metadata_json, begun)
    scene.render(Painter(), limited)
    assert scene.metadata == begun
