"""Write the small focal network as an ONNX file, for programs that have no torch.

Inputs and outputs are those of `focusgen.focal.learned.network`; the evidence that it reads is what numpy and
OpenCV make in `focusgen.focal.learned.volume`. Needs the extra `onnx`.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from focusgen.base.errors import ConfigError
from focusgen.commands.focal import ALIASES, renamed
from focusgen.config.flags import Flags, option, parse


@dataclass(frozen=True)
class ExportFlags(Flags):
    """Which weights, and where to."""

    output: Path = option(Path("focal_small.onnx"), "file to write (-o)")
    checkpoint: Path | None = option(None, "weights to export; default: those that ship")


FLAGS = ExportFlags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen focal export`."""
    flags = parse(FLAGS, renamed(argv, ALIASES), prog="focusgen focal export", doc=__doc__).flags
    if flags.output.suffix != ".onnx":
        raise ConfigError(f"--output {flags.output}: give a name that ends in .onnx")
    if not flags.output.resolve().parent.is_dir():
        raise ConfigError(f"--output {flags.output}: there is no such folder", "Make it first.")
    from focusgen.focal.learned.onnx_file import INPUTS, OUTPUTS, export_onnx
    from focusgen.focal.learned.weights import SHIPPED, load_trained, weights_notes

    weights = flags.checkpoint or SHIPPED
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's exporter about itself; what it wrote is tested
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        export_onnx(load_trained(weights), flags.output, weights_notes(weights))
    print(f"{flags.output}: {', '.join(INPUTS)} -> {', '.join(OUTPUTS)}")
    return 0
