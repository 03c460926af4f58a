"""Settings: refused by name, merged in order, read back as saved, and honest about what they change."""

from __future__ import annotations

from pathlib import Path

import pytest

from focusgen import config
from focusgen.base.errors import ConfigError, ExitCode
from focusgen.config import CONFIG_DIR, SCENE_PHASES, Config, from_document, settings_for


@pytest.fixture
def load_text(tmp_path):
    """Load a configuration given as text."""

    def load(text: str, **overrides: object) -> Config:
        path = tmp_path / "mine.yaml"
        path.write_text(text, encoding="utf-8")
        return config.load(path, {key.replace("__", "."): value for key, value in overrides.items()})

    return load


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "depth: {overlap_frames: 3}",
            r"mine.yaml, line 1: unknown key depth.overlap_frames; did you mean depth.overlap\?",
        ),
        ("overlap: 3", r"unknown key overlap; did you mean depth.overlap\?"),
        ("deepth: {}", r"unknown key deepth; did you mean depth\?"),
        ("zzz: 1", r"unknown key zzz; sections: data, deblur"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_one(load_text, text, message):
    with pytest.raises(ConfigError, match=message) as caught:
        load_text(text)
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("depth:\n  overlap: 3\n  overlap: 4\n", r"line 3: key 'overlap' stands twice"),
        ("depth:\n\toverlap: 3\n", "line 2: found character .* indent with spaces"),
        ("data: {glob: */*}", "line 1: .*put quotes around what begins with"),
        ("data:\n  raw_root: a: b\n", "line 2: mapping values .*put quotes around what holds ': '"),
        ("a: &x 1\nb: *x", "aliases"),
        ('!!python/object/apply:os.system ["true"]', "could not determine a constructor"),
        ("- 1", "a mapping, not a list"),
        ("{" * 5000, "recursion"),
        ("seed: {a: {b: {c: {d: {e: {f: {g: {h: {i: {j: {k: {l: {m: 1}}}}}}}}}}}}}", "nested deeper"),
        ("1: 2", "key 1 is not text"),
        ("defaults: base", "must be a list"),
        ("defaults: [nope]", "default 'nope' found neither"),
        ("defaults: [mine]", "form a loop"),
        ("# " + "x" * (1 << 20), "is no configuration"),
    ],
)
def test_a_file_that_is_no_plain_configuration_is_refused_by_name(load_text, text, message):
    with pytest.raises(ConfigError, match=rf"mine\.yaml[\s\S]*{message}"):
        load_text(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("render: {max_coc: .inf}", "render.max_coc: .*finite"),
        ("render: {max_coc: 0}", "render.max_coc: .*greater than 0"),
        ("lens: {focal_length_mm: [85, 24]}", "focal_length_mm: .*low <= high"),
        ("depth: {overlap: 200}", "overlap 200 is more than half of max_chunk 256"),
        ("deblur: {stride: 20}", "stride 20 is larger than window_size 16"),
        ("depth: {backend: midas}", "depth.backend: .*no such backend; choose from provided, dryrun, vda"),
        ("depth: 3", "depth: a section holds settings"),
        ("depth: {depth_root: ''}", "depth_root: is empty: give a path, or leave it out"),
        ("data: {out_root: ' '}", "out_root: is empty"),
        ("optics: {footage_focal_px: ''}", "footage_focal_px: is empty"),
        ("deblur: {model_id: ''}", "deblur.model_id: is empty: give a name"),
        ("render: {lora_weight: ' '}", "render.lora_weight: is empty"),
        ("run: {device: ''}", "run.device: is empty"),
        ("data: {glob: ''}", "data.glob: is empty"),
        ("data: {split_file: [a.csv, '']}", "split_file: is empty"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_key(load_text, text, message):
    with pytest.raises(ConfigError, match=message):
        load_text(text)


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_a_file_of_another_encoding_is_told_how_to_save_it(tmp_path, encoding):
    path = tmp_path / "own.yaml"
    path.write_bytes("# fünf\ndata: {min_frames: 5}\n".encode(encoding))
    with pytest.raises(ConfigError, match=r"own\.yaml: is no UTF-8 text") as caught:
        config.load(path)
    assert caught.value.advice == "Save it as UTF-8."


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yaml: no such file"):
        config.load(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="a folder, not"):
        config.load(tmp_path)


def test_every_problem_of_a_file_is_told_at_once(load_text):
    with pytest.raises(ConfigError) as caught:
        load_text("seed: x\nrender: {n_sets: 0, bogus: 1}")
    assert len(str(caught.value).splitlines()) == 3


def test_numbers_without_a_dot_in_front_of_the_exponent_are_numbers(load_text):
    assert load_text("render: {max_coc: 1e-3}").render.max_coc == 0.001


@pytest.mark.parametrize(("text", "number"), [("016", 16), ("0x10", 16), ("1_000", 1000), ("+7", 7)])
def test_whole_numbers_are_what_people_read(load_text, text, number):
    """YAML 1.1 takes 016 for 14."""
    assert load_text(f"data: {{min_frames: {text}}}").data.min_frames == number


@pytest.mark.parametrize("text", ["4:00:00", "04:00:00", "1:30"])
def test_a_time_of_the_day_is_no_number_of_hours(load_text, text):
    """YAML 1.1 takes 4:00:00 for 14,400, and jobs would ask for so many hours."""
    with pytest.raises(ConfigError, match=rf"cluster\.time_h: give a number, without a unit \(got '{text}'"):
        load_text(f"cluster: {{time_h: {text}}}")


def test_defaults_are_merged_key_by_key_and_a_flag_wins(load_text, tmp_path):
    (tmp_path / "ground.yaml").write_text("seed: 1\ndepth: {backend: dryrun, overlap: 4}\n")
    (tmp_path / "middle.yaml").write_text("defaults: [ground]\ndepth: {overlap: 8}\n")
    cfg = load_text(
        "defaults: [middle.yaml]\nrender: {n_sets: 2}\ndepth:\n", render__n_sets=7, data__max_frames=None
    )
    assert (cfg.seed, cfg.depth.backend, cfg.depth.overlap, cfg.render.n_sets) == (1, "dryrun", 8, 7)
    assert cfg.depth.max_chunk == 256 and cfg.data.max_frames is None


def test_settings_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Config().depth.overlap = 3  # type: ignore[misc]


def test_saved_settings_are_read_back_the_same(load_text):
    text = (
        "seed: 7\ndata: {raw_root: a b, max_frames: 20}\nlens: {f_number: [2, 4]}\nrender: {max_coc: 3.3e-4}"
    )
    cfg = load_text(text)
    assert load_text(config.dump(cfg)) == cfg


def test_every_shipped_configuration_loads():
    for path in sorted(CONFIG_DIR.glob("*.yaml")):
        config.load(path)


def test_only_what_matters_to_a_phase_makes_it_stale():
    plain, changed = Config(), from_document({"render": {"n_sets": 5}, "run": {"workers": 9}}, "test")
    for phase in SCENE_PHASES:
        assert (settings_for(plain, phase) == settings_for(changed, phase)) is (phase != "render")


def test_a_setting_without_effect_makes_nothing_stale():
    plain = Config()
    idle = from_document({"deblur": {"steps": 30, "window_size": 20}, "depth": {"input_size": 700}}, "test")
    assert settings_for(plain, "deblur") == settings_for(idle, "deblur")
    assert settings_for(plain, "depth") == settings_for(idle, "depth")
    assert not plain.deblur.has_effect("steps")
    assert from_document({"deblur": {"backend": "deblurnet"}}, "test").deblur.has_effect("steps")


def test_auto_counts_as_what_it_means():
    explicit = from_document({"deblur": {"temporal": "none"}}, "test")
    assert settings_for(explicit, "deblur") == settings_for(Config(), "deblur")
    assert from_document({"deblur": {"backend": "classical"}}, "test").deblur.effective("temporal") == "flow"


def test_every_field_says_what_it_changes():
    for name, section in Config().sections():
        for field, info in type(section).model_fields.items():
            extra = info.json_schema_extra
            assert isinstance(extra, dict) and info.description, f"{name}.{field}"
            unknown = set(extra["when"]) - set(type(section).model_fields)  # type: ignore[arg-type]
            assert not unknown, f"{name}.{field} depends on {unknown}"


def test_paths_stay_out_of_what_makes_stale(tmp_path):
    moved = from_document({"data": {"out_root": str(tmp_path), "raw_root": str(Path("/else"))}}, "test")
    for phase in (*SCENE_PHASES, "index", "calibrate", "validate"):
        assert settings_for(moved, phase) == settings_for(Config(), phase)


def test_the_defaults_of_base_are_those_of_the_fields():
    assert config.load() == Config()


@pytest.mark.parametrize("name", ["focal_length_mm", "f_number", "target_blur_px"])
def test_one_number_is_a_range_without_a_width(load_text, name):
    assert getattr(load_text(f"lens: {{{name}: 50}}").lens, name) == (50, 50)
    with pytest.raises(ConfigError, match=r"one number, or \[low, high\]"):
        load_text(f"lens: {{{name}: wide}}")
