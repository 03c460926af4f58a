"""What metadata.json says of the camera beside its lenses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from focusgen.dataset.records import has_published
from focusgen.phases.job import SceneJob


def began_earlier(job: SceneJob) -> bool:
    """Say whether an earlier release began the scene: it is finished, and repaired, with that one's camera.

    Release 0.1.0 did not say the curve of its pictures, and laid the sensor's long side along the width of
    portraits too.
    """
    store = job.store
    if store.recall("camera") is not None:
        return False
    if job.scene.metadata_json.exists() or has_published(job.scene, "render"):
        return True
    store.remember("camera", 1)  # so that a repair of this scene knows it
    return False


def camera_document(job: SceneJob) -> dict[str, Any]:
    """Return the keys that a stranger needs to make the same pictures, beside lenses and sizes."""
    transfer = job.cfg.render.transfer
    return {} if transfer == "gamma22" and began_earlier(job) else {"transfer": transfer}


def turned_sensor(metadata: Mapping[str, Any]) -> list[str]:
    """Return what to tell of a portrait whose blur an earlier release drew as if it were turned."""
    width, height = metadata.get("width", 0), metadata.get("height", 0)
    if width >= height or "transfer" in metadata or "sensor_width_mm" not in metadata:
        return []
    return [
        "a portrait of an older release: the sensor's long side lies along its width, so that blur is "
        f"{height / width:.2f} x that of a turned camera; labels fit the pictures"
    ]
