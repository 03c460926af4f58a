"""Frames as rows of Parquet: the published bytes, one column per file."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

from focusgen.base.errors import ConfigError
from focusgen.tools.export_samples import ExportScene

if TYPE_CHECKING:
    import pyarrow


class ParquetWriter:
    """One row per frame: sharp, depth, bokeh_00 ..., focus_00 ... as bytes, and what the json member says.

    Uncompressed, since PNG and NPZ are; pages carry checksums, since Parquet notices no flipped bit without.
    """

    def __init__(self, file: io.BufferedWriter, *, row_group_frames: int) -> None:
        self._file, self._row_group_frames = file, row_group_frames
        self._rows: list[dict[str, object]] = []
        self._writer: pyarrow.parquet.ParquetWriter | None = None

    def add(self, scene: ExportScene, frame: int, members: Mapping[str, bytes]) -> None:
        """Collect one row; a full group is written."""
        row: dict[str, object] = {"scene": scene.vetted.scene_id, "frame": frame, "split": scene.vetted.split}
        for name, data in members.items():
            row[name.partition(".")[0]] = data.decode() if name == "json" else data
        self._rows.append(row)
        if len(self._rows) == self._row_group_frames:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not self._rows:
            return
        kinds = {"frame": pa.int64(), "scene": pa.string(), "split": pa.string(), "json": pa.string()}
        schema = pa.schema([(name, kinds.get(name, pa.binary())) for name in self._rows[0]])
        if self._writer is None:
            self._writer = pq.ParquetWriter(
                self._file, schema, compression="none", use_dictionary=False, write_page_checksum=True
            )
        self._writer.write_table(pa.Table.from_pylist(self._rows, schema=schema))
        self._rows = []

    def close(self) -> None:
        """Write the last group and the footer."""
        self._flush()
        if self._writer is not None:
            self._writer.close()


def require_pyarrow() -> None:
    """Refuse before any work if pyarrow is not installed.

    Raises:
        ConfigError: says how to install it.
    """
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise ConfigError("Parquet needs pyarrow", "pip install 'focusgen[hub]'") from error
