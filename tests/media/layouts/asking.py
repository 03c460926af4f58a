"""Settings of phase 1 for a folder."""

from pathlib import Path
from typing import Any

from focusgen.config.data import DataConfig


def data_of(root: Path, **more: Any) -> DataConfig:
    return DataConfig(raw_root=root, **more)
