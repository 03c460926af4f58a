"""log.csv: cut where a training goes on, begun anew, and never shared by two kinds of training."""

from pathlib import Path

import pytest

from focusgen.base.errors import ConfigError
from focusgen.focal.training_log import check_kind, cut_log

COLUMNS = ("step", "total", "cpu_s")


@pytest.mark.parametrize(
    ("text", "step", "kept"),
    [
        ("step,total,cpu_s\n2,1,1\n4,1,1\n6,1,1\n", 4, ["2,1,1", "4,1,1"]),
        ("step,total,cpu_s\n2,1,1\n4,1", 4, ["2,1,1"]),  # a kill cut it short
        ("step,total,cpu_s\n2,1,1\n", 0, []),
        ("", 4, []),
        (None, 4, []),
    ],
)
def test_a_log_is_cut_where_training_goes_on(tmp_path: Path, text: str | None, step: int, kept: list[str]):
    path = tmp_path / "log.csv"
    if text is not None:
        path.write_text(text)
    check_kind(path, COLUMNS)
    cut_log(path, COLUMNS, step)
    assert path.read_text().splitlines() == [",".join(COLUMNS), *kept]


def test_the_log_of_another_kind_is_left_alone(tmp_path: Path):
    path = tmp_path / "log.csv"
    path.write_text("step,split,name,value\n1,val,abs_rel,0.3\n")
    with pytest.raises(ConfigError, match=r"log\.csv: another kind of network"):
        check_kind(path, COLUMNS)
