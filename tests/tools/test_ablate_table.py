"""A table of measurements says the same on the terminal, as CSV, as JSON and in its picture."""

from __future__ import annotations

import csv
import io
import json

import cv2
import pytest

from focusgen.tools.ablate_table import Table

TABLE = Table(
    "temporal, bear",
    (
        {"strategy": "none", "e_warp": 40.25, "psnr_db": float("inf"), "seconds": 0.0},
        {"strategy": "flow", "e_warp": 2.2512345, "psnr_db": 32.9, "seconds": 0.125},
    ),
)


def test_the_terminal_shows_aligned_columns_each_row_by_its_name():
    lines = TABLE.text().splitlines()
    assert [line.split()[0] for line in lines] == ["strategy", "none", "flow"]
    assert lines[2].split() == ["flow", "2.251", "32.9", "0.125"]
    ends = [[i for i, c in enumerate(line + " ") if c == " " and line[: i + 1].strip()] for line in lines]
    assert len({len(line) for line in lines}) == 1 and ends


def test_csv_holds_every_digit():
    rows = list(csv.DictReader(io.StringIO(TABLE.csv())))
    assert [row["strategy"] for row in rows] == ["none", "flow"]
    assert float(rows[1]["e_warp"]) == 2.2512345


def test_json_holds_null_where_a_number_is_not_finite():
    document = json.loads(TABLE.json())
    assert document["title"] == "temporal, bear"
    assert document["rows"][0]["psnr_db"] is None and document["rows"][1]["psnr_db"] == 32.9


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_all_that_was_asked_for_is_saved_and_nothing_else(tmp_path, ending):
    TABLE.save(csv_path=tmp_path / "t.csv", plot_path=tmp_path / f"t.{ending}")
    assert {path.name for path in tmp_path.iterdir()} == {"t.csv", f"t.{ending}"}
    assert (tmp_path / "t.csv").read_text() == TABLE.csv()
    if ending == "png":
        picture = cv2.imread(str(tmp_path / "t.png"))
        assert picture is not None and picture.std() > 1
    else:
        assert "<svg" in (tmp_path / "t.svg").read_text()
