"""What metadata.json says of the camera beside its lenses."""

from __future__ import annotations

from typing import Any

from focusgen.dataset.records import has_published
from focusgen.phases.job import SceneJob


def camera_document(job: SceneJob) -> dict[str, Any]:
    """Return the keys that a stranger needs to make the same pictures, beside lenses and sizes."""
    return _transfer(job)


def _transfer(job: SceneJob) -> dict[str, Any]:
    """Return the curve of the pictures; nothing for scenes that a release began which did not say it."""
    transfer, store = job.cfg.render.transfer, job.store
    if transfer == "gamma22" and store.recall("transfer") is None:
        if job.scene.metadata_json.exists() or has_published(job.scene, "render"):
            return {}
        store.remember("transfer", transfer)  # so that a repair of this scene says it again
    return {"transfer": transfer}
