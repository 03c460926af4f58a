"""`focusgen focal export`: what cannot be written is refused before anything heavy is loaded."""

from pathlib import Path

import pytest

from focusgen.base.errors import ConfigError
from focusgen.commands.focal_export import main


@pytest.mark.parametrize(("name", "complaint"), [("net.pt", r"\.onnx"), ("gone/net.onnx", "no such folder")])
def test_a_name_that_cannot_be_is_refused(tmp_path: Path, name: str, complaint: str):
    with pytest.raises(ConfigError, match=complaint):
        main(["-o", str(tmp_path / name)])


def test_weights_that_are_missing_are_named(tmp_path: Path):
    with pytest.raises(ConfigError, match="gone.safetensors"):
        main(["-o", str(tmp_path / "n.onnx"), "--checkpoint", str(tmp_path / "gone.safetensors")])


@pytest.mark.slow
def test_an_export_says_only_what_it_wrote(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    pytest.importorskip("onnxscript")
    assert main(["-o", str(tmp_path / "n.onnx")]) == 0
    said = capfd.readouterr()
    assert said.err == "" and said.out.count("\n") == 1
