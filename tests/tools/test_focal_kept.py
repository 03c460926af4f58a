"""Results that are kept: the same bytes, distances, lens and settings, and files as they were written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from focusgen.focal.infer import InferOptions, StackResult
from focusgen.focal.slice_files import StackFiles
from focusgen.focal.told_lens import LensFlags
from focusgen.tools import focal_kept
from focusgen.tools.focal_kept import MADE_OF, digest_of, kept_result, settings_digest
from focusgen.tools.focal_outputs import write_result


@pytest.fixture
def files(tmp_path: Path) -> StackFiles:
    for name in ("0.png", "1.png"):
        (tmp_path / name).write_bytes(name.encode())
    return StackFiles("s", (tmp_path / "0.png", tmp_path / "1.png"))


def digest(files: StackFiles, distances_m: Any = (1.0, 2.0), lens: Any = None, **options: Any) -> str | None:
    return digest_of(
        files, distances_m, lens or LensFlags(50.0, 2.0), settings_digest(InferOptions(**options))
    )


def test_whatever_changes_a_result_changes_the_digest(files, tmp_path):
    first = digest(files)
    weights = tmp_path / "w.safetensors"
    weights.write_bytes(b"1")
    given = [digest(files, checkpoint=weights)]
    weights.write_bytes(b"2")
    given += [digest(files, checkpoint=weights), digest(files, checkpoint=tmp_path)]
    others = [
        *(given[:2]),
        digest(files, [1.0, 2.5]),
        digest(files, None),
        digest(files, lens=LensFlags(50.0, 2.8)),
        digest(files, quality="best"),
        digest(files, quality="best", device="cuda"),
        digest(files, aligns=False),
        digest(files, backend="classical"),
        digest(StackFiles("s", files.paths[::-1])),
        digest(StackFiles("s", files.paths, ("other.png",))),
    ]
    files.paths[1].write_bytes(b"1.pnG")  # of the same size
    others.append(digest(files))
    assert len({first, *others}) == len(others) + 1
    assert given[1] == given[2]  # a folder of a training is its weights


def test_what_changes_no_result_changes_no_digest(files, tmp_path):
    first = digest(files)
    for path in files.paths:
        path.rename(tmp_path / "moved")
        (tmp_path / "moved").rename(path)
        path.touch()
    assert digest(StackFiles("t", files.paths), [1.0, 2.0], device="cuda") == first


@pytest.mark.parametrize("name", ["__version__", "RESULTS_VERSION"])
def test_another_version_is_another_result(files, monkeypatch, name):
    first = digest(files)
    monkeypatch.setattr(focal_kept, name, "9")
    assert digest(files) != first


def test_a_slice_that_cannot_be_read_has_no_digest_and_nothing_is_kept_for_it(files, tmp_path):
    files.paths[0].unlink()
    assert digest(files) is None
    written(tmp_path, None)
    assert kept_result(tmp_path, "s", None) is None


def written(folder: Path, made_of: str | None) -> StackResult:
    numbers = np.random.default_rng(0)
    depth, confidence = numbers.random((2, 6, 8), np.float32)
    rgb = numbers.integers(0, 65536, (6, 8, 3)).astype(np.uint16)
    index = numbers.integers(0, 3, (6, 8)).astype(np.uint16)
    result = StackResult(depth, confidence, rgb, index, False, {"unit": "relative", MADE_OF: made_of})
    write_result(folder, "s", result)
    return result


def test_a_result_that_is_kept_is_the_one_that_was_written(tmp_path):
    found, kept = written(tmp_path, "x"), kept_result(tmp_path, "s", "x")
    assert kept is not None and not kept.is_metric and kept.metadata[MADE_OF] == "x"
    for one, other in zip(found[:4], kept[:4], strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    assert kept_result(tmp_path, "s", "y") is None and kept_result(tmp_path, "t", "x") is None


@pytest.mark.parametrize(
    "kind", ["depth.npy", "depth.png", "all_in_focus.png", "confidence.npy", "slice.png"]
)
def test_a_file_that_is_gone_or_another_is_no_kept_result(tmp_path, kind):
    written(tmp_path, "x")
    path = tmp_path / f"s_{kind}"
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert kept_result(tmp_path, "s", "x") is None
    path.write_bytes(data)
    assert kept_result(tmp_path, "s", "x") is not None
    path.unlink()
    assert kept_result(tmp_path, "s", "x") is None


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"made_of": "x"}', '{"made_of": "x", "files": []}', "\xff"]
)
def test_metadata_of_another_kind_are_no_kept_result(tmp_path, text):
    written(tmp_path, "x")
    (tmp_path / "s_metadata.json").write_bytes(text.encode("latin-1"))
    assert kept_result(tmp_path, "s", "x") is None


def test_metadata_of_older_versions_are_no_kept_result(tmp_path):
    written(tmp_path, "x")
    path = tmp_path / "s_metadata.json"
    older = {
        key: value for key, value in json.loads(path.read_text()).items() if key not in (MADE_OF, "files")
    }
    path.write_text(json.dumps(older))
    assert kept_result(tmp_path, "s", "x") is None
