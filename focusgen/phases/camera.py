"""What metadata.json says of the camera beside its lenses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from focusgen.config import settings_for
from focusgen.dataset.footage import Footage
from focusgen.dataset.states import has_published
from focusgen.optics.view import View
from focusgen.phases.job import SceneJob

VIEW_KEYS = tuple(field.name for field in fields(View))


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
    render, view = job.cfg.render, _footage(job).view(job.scene_id)
    document: dict[str, Any] = {}
    if render.transfer != "gamma22" or not began_earlier(job):
        document["transfer"] = render.transfer
    for key in ("aperture", "highlights"):
        if render.has_effect(key) and f"render.{key}" in settings_for(job.cfg, "render"):
            document[key] = render.effective(key)
    if not render.sensor.is_perfect:
        document["sensor"] = render.sensor.model_dump(exclude_none=True)
    return document | (asdict(view) if view is not None else {})


def tied_to_footage(job: SceneJob) -> SceneJob:
    """Return the job with the lens that has the footage's view, if that is asked for."""
    return replace(job, cfg=_footage(job).tied(job.scene_id))


def _footage(job: SceneJob) -> Footage:
    return Footage(job.cfg, job.dataset, {job.scene_id: job.entry})


def check_view(metadata: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the footage's view, or with lenses that are said to have it."""
    keys = [key for key in VIEW_KEYS if key in metadata]
    missing = [key for key in VIEW_KEYS if key not in metadata]
    if keys and missing:
        return [f"metadata.json: {', '.join(keys)} without {', '.join(missing)}"]
    if keys and not min(metadata["fx"], metadata["fy"]) > 0:
        return ["metadata.json: fx, fy are not positive"]
    if metadata.get("lens_law", {}).get("focal_length") != "footage":
        return []
    if not keys:
        return ["metadata.json: lenses with the view of the footage, but no fx, fy, cx, cy"]
    focal_m = metadata["fx"] * metadata["sensor_width_mm"] / 1e3 / metadata["width"]
    return [
        f"metadata.json: set {number}: f is {lens_set['f']}, the view of the footage gives {focal_m}"
        for number, lens_set in enumerate(metadata["sets"])
        if not abs(lens_set["f"] / focal_m - 1.0) < 1e-9
    ]


def turned_sensor(metadata: Mapping[str, Any]) -> list[str]:
    """Return what to tell of a portrait whose blur an earlier release drew as if it were turned."""
    width, height = metadata.get("width", 0), metadata.get("height", 0)
    if width >= height or "transfer" in metadata or "sensor_width_mm" not in metadata:
        return []
    return [
        "a portrait of an older release: the sensor's long side lies along its width, so that blur is "
        f"{height / width:.2f} x that of a turned camera; labels fit the pictures"
    ]
