"""The child that imports: it goes on behind a module that fails, and says which one it was at."""

from __future__ import annotations

import sys
from pathlib import Path

from focusgen.doctor import import_probe


def test_the_probe_goes_on_behind_a_module_that_fails(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "lacks_gl.py").write_text("raise ImportError('libGL.so.1:\\n cannot open')")
    (tmp_path / "goes_away.py").write_text("raise SystemExit")
    assert import_probe.main(["lacks_gl", "goes_away", "json"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "focusgen-try lacks_gl",
        "focusgen-bad lacks_gl libGL.so.1: cannot open",
        "focusgen-try goes_away",
        "focusgen-bad goes_away SystemExit",
        "focusgen-try json",
    ]
    for name in ("lacks_gl", "goes_away"):
        sys.modules.pop(name, None)
