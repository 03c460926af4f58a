"""What an ablation measures is what the phases published: equal frames, sets and settings."""

from __future__ import annotations

import json
import shutil
import unicodedata

import numpy as np
import pytest

from focusgen import config
from focusgen.base.errors import ConfigError, StaleError
from focusgen.dataset.index import read_index
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.published import read_bokeh, read_focus, read_sharp
from focusgen.tools import ablate_scene as module
from focusgen.tools.ablate_scene import Asked, _lens_sets, ablate_scene, settings_of


def today(root, **values):
    return config.load(None, {"data.out_root": root, **values})


def a_scene(root) -> str:
    return next(iter(json.loads((root / "scene_index.json").read_text())))


def ask(root, what, n_frames=4, scene=None, now=None, **more):
    asked = Asked(what, scene or a_scene(root), n_frames, now or today(root), **more)
    return ablate_scene(settings_of(asked.today, None, {"data.out_root": root}, what), asked)


@pytest.fixture
def excerpt(monkeypatch):
    """Hand out the excerpt that phase 2 would be measured on, with its raw frames read."""

    def read(cfg, asked, excerpt, raw):
        frames = [excerpt.read_raw(frame) for frame in range(excerpt.n_frames)]
        truth = excerpt.read_truth and [excerpt.read_truth(frame) for frame in range(excerpt.n_frames)]
        return excerpt, frames, truth

    monkeypatch.setattr(module, "_phase_2", read)


def test_without_a_configuration_the_settings_are_those_that_made_the_data_set(finished):
    now, root = today(finished), {"data.out_root": finished}
    saved = settings_of(now, None, root, "sets")
    assert (now.render.n_sets, saved.render.n_sets) == (4, 2)
    assert settings_of(now, "base", root, "sets") is now, "a configuration that is given counts"
    assert settings_of(now, None, {**root, "render.n_sets": 7}, "sets").render.n_sets == 7
    assert saved.data.out_root == finished, "and the place is the one that was said"


@pytest.mark.slow
def test_the_sets_that_are_measured_are_those_that_phase_5_published(finished):
    cfg = settings_of(today(finished), None, {"data.out_root": finished}, "sets")
    scene_id, dataset = a_scene(finished), DatasetLayout.of(cfg)
    sets = _lens_sets(cfg, scene_id, read_index(dataset)[scene_id], 3)
    drawn = sets.start(2)
    assert len(drawn) == 2 and sets.n_frames == 3
    for k, draw in enumerate(drawn):
        picture, label = draw(2)
        assert np.array_equal(picture, read_bokeh(dataset.scene(scene_id), k, 2))
        assert np.array_equal(label, read_focus(dataset.scene(scene_id), k, 2))
    assert np.array_equal(sets.read_sharp(1), read_sharp(dataset.scene(scene_id), 1))


def test_frames_are_those_of_the_scene_and_no_more_than_it_has(_finished, finished, tmp_path, excerpt):
    shutil.copytree(_finished / "raw", tmp_path / "raw")
    scene = DatasetLayout(finished, finished / "scene_index.json").scene(a_scene(finished))
    found, frames, truth = ask(finished, "temporal", n_frames=99, truth_root=tmp_path / "raw")
    assert found.n_frames == len(frames) == 10
    assert all(np.array_equal(frames[n], read_sharp(scene, n)) for n in (0, 9)), "they are passed through"
    assert np.array_equal(truth[9], frames[9]) and not np.array_equal(truth[0], truth[9])
    assert ask(finished, "temporal", n_frames=3)[0].n_frames == 3
    with pytest.raises(ConfigError, match=f"{finished}: no scene '{scene.scene_id}'"):
        ask(finished, "window", truth_root=finished)


def test_only_cuts_within_the_excerpt_count(_finished, finished, tmp_path, excerpt):
    shutil.copytree(_finished / "raw", tmp_path / "raw")
    path = finished / "scene_index.json"
    index = json.loads(path.read_text())
    index[a_scene(finished)]["shot_cuts"] = [3, 6]
    path.write_text(json.dumps(index))
    (finished / ".focusgen/index_checksum.json").unlink()
    assert ask(finished, "temporal", n_frames=6)[0].shot_cuts == (3,)


def test_sharp_frames_of_other_settings_are_refused_unless_they_are_kept(finished, monkeypatch):
    monkeypatch.setattr(module, "ablate_sets", lambda sets, n_sets: list(n_sets))
    assert ask(finished, "sets") == [1, 2, 4, 8] and ask(finished, "sets", values=[3]) == [3]
    now = {"deblur.backend": "classical"}
    with pytest.raises(StaleError, match=r"\(deblur\) is stale: backend"):
        ask(finished, "sets", now=today(finished, **now))
    assert ask(finished, "sets", now=today(finished, **now, **{"run.on_stale": "keep"}))


def test_a_scene_is_found_by_the_other_form_of_its_accents(finished, monkeypatch):
    path, old = finished / "scene_index.json", a_scene(finished)
    new = unicodedata.normalize("NFC", "für")
    (finished / old).rename(finished / new)
    path.write_text(path.read_text().replace(f'"{old}": {{', f'"{new}": {{', 1))
    (finished / ".focusgen/index_checksum.json").unlink()
    looked_at = []
    monkeypatch.setattr(module, "_lens_sets", lambda cfg, scene_id, *_: looked_at.append(scene_id))
    monkeypatch.setattr(module, "ablate_sets", lambda *_, **__: None)
    ask(
        finished,
        "sets",
        scene=unicodedata.normalize("NFD", new),
        now=today(finished, **{"run.on_stale": "keep"}),
    )
    assert looked_at == [new]
