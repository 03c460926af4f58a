from pathlib import Path

from focusgen.media.brought import Brought
from focusgen.media.layouts.layout import place


def test_a_place_is_named_as_the_root_sees_it_even_if_it_is_the_root(tmp_path: Path):
    brought = Brought("x")
    assert place(tmp_path, tmp_path / "a" / "rgb", "a", brought).label == "a/rgb/"
    assert place(tmp_path, tmp_path, "a", brought).label == f"{tmp_path.name}/"
    assert place(tmp_path, tmp_path / "c\x1b.mp4", "c", brought, kind="video").label == "c\\x1b.mp4"
