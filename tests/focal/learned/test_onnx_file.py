"""The ONNX file gives the network's numbers, for sizes that it was not exported with."""

from pathlib import Path

import numpy as np
import pytest
import torch

from focusgen.base.errors import ConfigError
from focusgen.focal.learned import onnx_file
from focusgen.focal.learned.batches import tensors
from focusgen.focal.learned.guess import kept_guess
from focusgen.focal.learned.network import FocalNet
from focusgen.focal.learned.onnx_file import INPUTS, OUTPUTS, export_onnx
from focusgen.focal.learned.shape import NetworkShape
from focusgen.focal.learned.volume import evidence_of
from focusgen.focal.stack import FocalStack


@pytest.mark.slow
def test_onnxruntime_gives_the_same_numbers(tmp_path: Path):
    for package in (*onnx_file.NEEDED, "onnxruntime"):
        pytest.importorskip(package, reason=f"{package} is not installed: pip install 'focusgen[onnx]'")
    import onnxruntime

    torch.manual_seed(0)
    net = FocalNet(NetworkShape((8, 8, 16, 16), 4, 4)).eval()
    for layer in (net.logit, net.mend[-1]):
        torch.nn.init.normal_(layer.weight, std=0.1)
    export_onnx(net, tmp_path / "net.onnx", {"steps": "7"})
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    assert session.get_modelmeta().custom_metadata_map["steps"] == "7"
    for height, width, n in ((32, 48, 2), (80, 64, 5)):
        slices = np.random.default_rng(n).integers(0, 255, (n, height, width, 3)).astype(np.uint8)
        stack = FocalStack(slices, np.linspace(2.0, 0.4, n), 5.0)
        given = tensors(evidence_of(stack, kept_guess(stack, None)))
        with torch.inference_mode():
            ours = net(*given)
        named = {name: part.numpy() for name, part in zip(INPUTS, given, strict=True)}
        theirs = session.run(list(OUTPUTS), named)
        for name, a, b in zip(OUTPUTS, ours, theirs, strict=True):
            assert np.abs(a.numpy() - b).max() <= 1e-4, name


def test_missing_packages_are_named_with_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(onnx_file, "NEEDED", ("onnx_that_nobody_has",))
    with pytest.raises(ConfigError, match=r"onnx_that_nobody_has") as error:
        export_onnx(FocalNet(NetworkShape((8, 8, 16, 16), 4, 4)), tmp_path / "net.onnx")
    assert "focusgen[onnx]" in error.value.advice
