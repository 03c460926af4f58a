"""Classical results that are kept: the same bits, found once, never those of another stack."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from focusgen.base.errors import StorageError
from focusgen.focal.sd3 import priors
from focusgen.focal.sd3.priors import Prior, kept_prior, prior_of
from focusgen.focal.stack import FocalStack


@pytest.fixture
def stack() -> FocalStack:
    rng = np.random.default_rng(0)
    return FocalStack(rng.integers(0, 255, (3, 16, 24, 3), np.uint8), np.array([2.0, 1.0, 0.5]), 4.0)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[FocalStack]:
    """Note each stack whose result is really looked for."""
    seen: list[FocalStack] = []
    monkeypatch.setattr(priors, "prior_of", lambda stack: seen.append(stack) or prior_of(stack))
    return seen


def same(one: Prior, other: Prior) -> bool:
    return all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_kept_result_is_the_result_to_the_bit_and_found_once(stack, found, tmp_path):
    first, second = (kept_prior(stack, tmp_path / "priors") for _ in range(2))
    assert same(first, prior_of(stack)) and same(second, first)
    assert len(found) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda s: replace(s, radius_px_m=4.1),
        lambda s: replace(s, radius_px_m=None),
        lambda s: replace(s, diopters=s.diopters * 1.01),
        lambda s: replace(s, slices=s.slices[:, ::-1]),
        lambda s: FocalStack(s.slices[:2], s.diopters[:2], s.radius_px_m),
    ],
)
def test_another_lens_focus_picture_or_choice_of_slices_is_another_result(stack, found, tmp_path, change):
    kept_prior(stack, tmp_path)
    other = change(stack)
    assert same(kept_prior(other, tmp_path), prior_of(other)) and len(found) == 2


def test_a_torn_file_is_found_anew(stack, found, tmp_path):
    whole = kept_prior(stack, tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:200])
    assert same(kept_prior(stack, tmp_path), whole) and len(found) == 2
    assert same(kept_prior(stack, tmp_path), whole) and len(found) == 2


def test_without_a_folder_nothing_is_written(stack, found, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kept_prior(stack, None), kept_prior(stack, None)
    assert len(found) == 2 and not list(tmp_path.iterdir())


def test_a_folder_that_takes_no_results_says_how_to_go_on_without(stack, tmp_path):
    (tmp_path / "priors").touch()
    with pytest.raises(StorageError, match="priors") as caught:
        kept_prior(stack, tmp_path / "priors")
    assert "--override data.keep_priors=false" in caught.value.advice
