"""`focusgen ablate lenses`: one table of the laws on a data set, printed, as CSV and as JSON."""

from __future__ import annotations

import csv
import json

import pytest

from focusgen import cli
from tests.conftest import Rgbd

LAWS = ["random", "robust", "sweep", "balanced"]


@pytest.mark.slow
def test_the_laws_are_compared_on_all_scenes_or_one(rgbd: Rgbd, tmp_path, capsys):
    for name in ("a", "b"):
        rgbd.add_scene(name, width=160)
    assert rgbd.run("--n_sets", "3") == 0
    words = ["ablate", "lenses", *rgbd.flags("out_root")]
    assert cli.main([*words, "--csv", str(tmp_path / "t.csv"), "--json", str(tmp_path / "t.json")]) == 0
    told = capsys.readouterr().out
    assert [line.split()[0] for line in told.splitlines()[1:5]] == LAWS
    rows = list(csv.DictReader((tmp_path / "t.csv").open()))
    assert [row["law"] for row in rows] == LAWS and {float(row["sets"]) for row in rows} == {6.0}
    document = json.loads((tmp_path / "t.json").read_text())
    assert document["rows"][3]["entropy"] > document["rows"][0]["entropy"]
    assert (rgbd.out_root / "logs" / "ablate_lenses.png").is_file()
    assert cli.main(["ablate", "lenses", "b", *rgbd.flags("out_root"), "--csv", str(tmp_path / "b.csv")]) == 0
    assert {float(row["sets"]) for row in csv.DictReader((tmp_path / "b.csv").open())} == {3.0}
    assert (rgbd.out_root / "logs" / "ablate_lenses_b.png").is_file()
    capsys.readouterr()
    assert cli.main(["ablate", "lenses", "zebra", *rgbd.flags("out_root")]) == 2
    assert "zebra" in capsys.readouterr().err
    assert cli.main(["ablate", "sets", *rgbd.flags("out_root")]) == 2
    assert "focusgen ablate sets SCENE" in capsys.readouterr().err
