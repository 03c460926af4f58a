"""The table of backends: each name stands there and in no other module."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from focusgen.base.errors import ConfigError
from focusgen.config import load
from focusgen.config.backends import BUILT_IN, GROUPS, built_in, names_of

PACKAGE = Path(__file__).resolve().parents[2] / "focusgen"
# Published weights are called like the backends that read them; focal/ has a method of its own by that name.
OTHER_MEANINGS = {"models/weight_sources.py", "models/weights_hub.py", "commands/focal_infer.py"}


@pytest.mark.slow
def test_a_name_stands_in_the_table_alone():
    names = {backend.name for rows in BUILT_IN.values() for backend in rows}
    elsewhere = [
        f"{path.relative_to(PACKAGE)}:{node.lineno} {node.value!r}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path != PACKAGE / "config/backends.py"
        and path.relative_to(PACKAGE).as_posix() not in OTHER_MEANINGS
        and not re.search(
            r"focal(/|_|\.py)", path.relative_to(PACKAGE).as_posix()
        )  # its backends are its own
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in names
    ]
    assert not elsewhere, f"say BACKEND.name (focusgen.config.backends): {elsewhere}"


def test_sections_groups_and_defaults_belong_together():
    assert BUILT_IN.keys() == GROUPS.keys() == {"deblur", "depth", "render"}
    cfg = load()
    for section, rows in BUILT_IN.items():
        assert dict(cfg.sections())[section].effective("backend") == rows[0].name, "the first is the default"
        assert all(built_in(section, row.name) is row for row in rows)
        assert names_of(section)[: len(rows)] == [row.name for row in rows]


def test_a_near_name_is_suggested_and_another_section_s_is_told():
    with pytest.raises(
        ConfigError, match=r"render\.backend: .*did you mean bokehnet\?; choose from thin_lens"
    ):
        load(None, {"render.backend": "bokenet"})
    with pytest.raises(ConfigError, match=r"that is one for depth\.backend"):
        load(None, {"render.backend": "dryrun"})
