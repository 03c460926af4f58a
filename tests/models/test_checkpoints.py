"""What is inside a weight file: looked through tensor by tensor, whatever it is quantised to afterwards."""

from __future__ import annotations

import pytest
import safetensors.torch
import torch
from safetensors.torch import save_file
from torch import nn

from focusgen.base.errors import ConfigError
from focusgen.models.checkpoints import (
    check_file_finite,
    check_finite,
    load_strict,
    read_tensors,
    safetensors_bytes,
    safetensors_pieces,
)

GOOD = {"a.weight": torch.randn(8, 4), "b.bias": torch.zeros(3)}


def saved(path, tensors):
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save(tensors, path)
    return path


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("name", ["w.safetensors", "w.pth", "w.bin"])
def test_one_bad_value_is_found_at_any_place_and_precision(tmp_path, dtype, name):
    for value in (torch.nan, torch.inf, -torch.inf):
        weights = torch.linspace(-1e4, 1e4, 1000).to(dtype)
        check_file_finite(saved(tmp_path / name, {"first": weights, "second": weights * 2}))
        weights = weights.clone()
        weights[617] = value
        with pytest.raises(ConfigError, match=rf"{name}: key 'second': 1 of 1000 values are NaN or infinite"):
            check_file_finite(saved(tmp_path / name, {"first": GOOD["b.bias"], "second": weights}))


def test_values_whose_sum_overflows_are_finite(tmp_path):
    huge = torch.full((1000,), 3e38)
    check_finite({"huge": huge, "empty": torch.zeros(0)}, tmp_path)


def test_integers_are_refused_unless_they_may_stand_there(tmp_path):
    path = saved(tmp_path / "w.safetensors", {**GOOD, "position_ids": torch.arange(4)})
    check_file_finite(path, may_hold_integers=True)
    with pytest.raises(ConfigError, match=r"key 'position_ids' is torch\.int64, not floating point"):
        check_file_finite(path)


def test_a_damaged_file_is_named(tmp_path):
    path = saved(tmp_path / "w.safetensors", GOOD)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(ConfigError, match=r"w\.safetensors: not a readable safetensors file of \d+ bytes"):
        check_file_finite(path)


def test_strict_loading_fills_a_module_without_storage(tmp_path):
    with torch.device("meta"):
        module = nn.Linear(4, 8)
    tensors = {"weight": torch.randn(8, 4).half(), "bias": torch.ones(8)}
    load_strict(module, tensors, tmp_path)
    assert module.weight.dtype == torch.float32 and module.weight.device.type == "cpu"
    torch.testing.assert_close(module(torch.zeros(4)), torch.ones(8))


def test_tensors_come_back_as_they_were_saved(tmp_path):
    for name in ("w.safetensors", "w.pth"):
        found = read_tensors(saved(tmp_path / name, GOOD))
        assert found.keys() == GOOD.keys() and torch.equal(found["a.weight"], GOOD["a.weight"])


def test_equal_tensors_and_words_give_equal_bytes_and_are_read_by_the_library():
    tensors = {"b": torch.arange(6.0).reshape(2, 3).T, "a": torch.ones(3, dtype=torch.float16)}
    about = {"prompt": "a \u201cphoto\u201d\n\x00", "format": "x/1", "model": "FLUX", "n": "1"}
    made = {safetensors_bytes(tensors, dict(order)) for order in (about.items(), reversed(about.items()))}
    made |= {safetensors_bytes(tensors, about) for _ in range(10)}
    (data,) = made
    assert int.from_bytes(data[:8], "little") % 8 == 0
    found = safetensors.torch.load(data)
    assert found.keys() == tensors.keys() and all(torch.equal(found[key], tensors[key]) for key in tensors)


def test_pieces_of_a_file_are_the_file_whatever_kinds_of_numbers_are_in_it():
    tensors = {
        "b": torch.arange(6.0).reshape(2, 3).T,
        "a.w": torch.ones(3, dtype=torch.float16),
        "a.v": torch.full((3, 2), -1.5, dtype=torch.bfloat16),
        "n": torch.tensor(7),
        "none": torch.empty(0, 4),
        "is": torch.tensor([True, False]),
    }
    about = {"n": "1", "format": "x/1"}
    pieces = list(safetensors_pieces(tensors, about))
    assert b"".join(pieces) == safetensors_bytes(tensors, about) and len(pieces) == 1 + len(tensors)


def test_words_beside_tensors_come_back(tmp_path):
    about = {"prompt": "a \u201cphoto\u201d\n", "format": "x/1"}
    (tmp_path / "a.safetensors").write_bytes(safetensors_bytes({"a": torch.zeros(2)}, about))
    with safetensors.safe_open(tmp_path / "a.safetensors", "pt") as stored:
        assert stored.metadata() == about
