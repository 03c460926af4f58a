"""What a sample of an export says of its scene, its frame and its lenses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from focusgen.base.checksums import FileEntry
from focusgen.dataset.index import IndexEntry
from focusgen.dataset.lens_metadata import sensor_width_mm
from focusgen.dataset.vetting import VettedScene


@dataclass(frozen=True)
class ExportScene:
    """A vetted scene with all that its samples say of it.

    Attributes:
        entry: of the index.
        metadata: metadata.json.
        files: path relative to the scene -> size and checksum that its records vouch for.
    """

    vetted: VettedScene
    entry: IndexEntry
    metadata: Mapping[str, object]
    files: Mapping[str, FileEntry]

    @property
    def n_sets(self) -> int:
        """Lens sets."""
        return len(self.vetted.lenses)


def sample_document(scene: ExportScene, frame: int) -> dict[str, object]:
    """Return what a sample says of itself in words and numbers: all that a label is recomputed from."""
    vetted, metadata = scene.vetted, scene.metadata
    return {
        "scene": vetted.scene_id,
        "frame": frame,
        "n_frames": vetted.n_frames,
        "split": vetted.split,
        "width": vetted.width,
        "height": vetted.height,
        "fps": _float(scene.entry.source.get("fps")),
        "shot_cuts": list(vetted.shot_cuts),
        "lenses": lenses_at(scene, frame),
        "focus_moves": [lens.focus_distances_m is not None for lens in vetted.lenses],
        "formula": metadata.get("formula", "paper"),
        **_coc_limits(vetted),
        **({"breathing": True} if metadata.get("breathing") else {}),
        "sensor_width_mm": _float(sensor_width_mm(metadata)),
        **{key: _float(metadata[key]) for key in ("fx", "fy", "cx", "cy") if key in metadata},
        "backends": metadata.get("backends"),
        "source": scene.entry.source.get("path"),
        "ingest_digest": scene.entry.ingest_digest,
    }


def _coc_limits(scene: VettedScene) -> dict[str, list[float]]:
    """Return the CoC in metres at which the label of each set stops with the renderer, 0.0 for none."""
    limits_m = [lens.coc_limit_m or 0.0 for lens in scene.lenses]
    return {"coc_limits": limits_m} if any(limits_m) else {}


def _float(number: Any) -> float | None:
    """Return a number as one with a point: loaders refuse 24.5 where the first was 24."""
    return None if number is None else float(number)


def lenses_at(scene: ExportScene, frame: int) -> list[dict[str, float]]:
    """Return the lens of each set at a frame, in metres."""
    return [
        {
            "f": set_lens.lens.focal_length_m,
            "N": set_lens.lens.f_number,
            "S_focus": set_lens.at(frame).focus_distance_m,
            "max_coc": set_lens.max_coc_m,
        }
        for set_lens in scene.vetted.lenses
    ]
