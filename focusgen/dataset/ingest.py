"""What phase 1 saw of a scene's raw files: a checksum of each, so that a bit that flips later is noticed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from focusgen.base.checksums import checksum, file_checksum
from focusgen.base.errors import CorruptInputError
from focusgen.base.files import json_bytes
from focusgen.config import Config
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import canonical, parse_json
from focusgen.media.scenes import RawScene

if TYPE_CHECKING:
    from focusgen.dataset.index import IndexEntry

TAKE_AGAIN = "Run phase 1 again, with each raw file of the scene in its place."
DECODER_VERSION = 2
"""Raised when a kind of file decodes otherwise than before: phase 1 then looks at every scene once more."""


def read_manifest(dataset: DatasetLayout, scene_id: str, entry: IndexEntry) -> dict[str, str]:
    """Return raw file name -> xxh3_128, as phase 1 took it.

    Raises:
        CorruptInputError: missing, or not what the index vouches for.
    """
    return dict(read_whole_manifest(dataset, scene_id, entry)["files"])


def raw_source(
    raw_root: Path, dataset: DatasetLayout, scene_id: str, entry: IndexEntry
) -> tuple[RawScene, dict[str, str]]:
    """Return a scene's raw files, which are all there, and phase 1's checksums of them.

    Raises:
        CorruptInputError: one is gone, or nobody took checksums.
    """
    raw = entry.raw_scene(scene_id, raw_root)
    digests = read_manifest(dataset, scene_id, entry)
    folder = raw.path.parent if raw.kind == "video" else raw.path
    gone = [path for path in (raw.path, *(folder / name for name in digests)) if not path.exists()]
    if gone:
        raise CorruptInputError(
            f"scene {scene_id!r}: {gone[0]}: no such source",
            "Put it back, or give --raw_root the folder where the raw files lie now: "
            "without them phase 2 makes nothing anew.",
        )
    return raw, digests


def was_cut_short(dataset: DatasetLayout, scene_id: str, entry: IndexEntry) -> bool:
    """Say whether max_frames ended the scene, so that its source has more frames than the index."""
    limit = read_whole_manifest(dataset, scene_id, entry)["settings"]["max_frames"]
    return limit is not None and entry.n_frames == int(limit)


def read_whole_manifest(dataset: DatasetLayout, scene_id: str, entry: IndexEntry) -> dict[str, Any]:
    """Return the manifest: {"files", "shot_cuts", "settings", "checksum"}; "decoding", "part" if they matter.

    Raises:
        CorruptInputError: missing, or not what the index vouches for.
    """
    path = dataset.scene(scene_id).ingest_json
    try:
        data = path.read_bytes()
        manifest: dict[str, Any] = parse_json(data)
        body = {key: value for key, value in manifest.items() if key != "checksum"}
        is_whole = manifest["checksum"] == checksum(canonical(body)) and data == json_bytes(manifest)
        if is_whole and _manifest_digest(manifest) == entry.ingest_digest and _is_of(manifest, entry):
            return manifest
    except FileNotFoundError as error:
        raise CorruptInputError(f"{path}: gone, and with it phase 1's raw checksums", TAKE_AGAIN) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptInputError(f"{path}: damaged: {error!r}", TAKE_AGAIN) from error
    raise CorruptInputError(f"{path}: not the manifest that the index vouches for", TAKE_AGAIN)


def _is_of(manifest: Mapping[str, Any], entry: IndexEntry) -> bool:
    """Say whether a line of the index, which a person may have edited, tells of the same frames."""
    said = (list(entry.shot_cuts), list(entry.decoding), entry.part)
    if said != (manifest["shot_cuts"], manifest.get("decoding", []), manifest.get("part")):
        return False
    is_listed = entry.source.get("kind") == "images" and manifest["files"]  # a video is one file
    return not is_listed or list(manifest["files"]) == list(entry.frames)


def changed_files(raw: RawScene, digests: Mapping[str, str]) -> list[str]:
    """Return the raw files that are gone or whose bytes are not those that phase 1 saw."""
    folder = raw.path.parent if raw.kind == "video" else raw.path
    changed = []
    for name, expected in digests.items():
        try:
            if file_checksum(folder / name) != expected:
                changed.append(name)
        except OSError:
            changed.append(name)
    return changed


def manifest_of(cfg: Config, raw: RawScene, entry: IndexEntry) -> dict[str, Any] | None:
    """Return the manifest of an indexed scene, taken anew; None if its raw files are others than indexed."""
    names = raw.files if raw.kind == "video" else entry.frames
    folder = raw.path.parent if raw.kind == "video" else raw.path
    try:
        files = {name: file_checksum(folder / name) for name in names}
    except OSError:
        return None
    manifest, digest = new_manifest(cfg, files, entry.shot_cuts, entry.decoding, entry.part)
    return manifest if digest == entry.ingest_digest else None


def ingest_settings(cfg: Config) -> dict[str, Any]:
    """Return the settings that decide which frames phase 1 sees, and by which decoder."""
    return {
        "max_frames": cfg.data.max_frames,
        "shot_cut_threshold": cfg.data.shot_cut_threshold,
        "decoder": DECODER_VERSION,
    }


def _manifest_digest(manifest: Mapping[str, Any]) -> str:
    """Digest what the frames are; the settings that led there may change without changing them."""
    body = {key: manifest[key] for key in ("files", "shot_cuts", "decoding", "part") if key in manifest}
    return checksum(canonical(body))


def new_manifest(
    cfg: Config,
    files: Mapping[str, str],
    shot_cuts: Sequence[int],
    decoding: Sequence[str] = (),
    part: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Any], str]:
    """Return (manifest, digest) of raw files: checksums, rules of decoding, which part of a video it is."""
    manifest: dict[str, Any] = {
        "files": dict(files),
        "shot_cuts": list(shot_cuts),
        "settings": ingest_settings(cfg),
    }
    if decoding:
        manifest["decoding"] = list(decoding)
    if part is not None:
        manifest["part"] = dict(part)
    manifest["checksum"] = checksum(canonical(manifest))
    return manifest, _manifest_digest(manifest)


def unknown_ingest_digest() -> str:
    """Return the digest of scenes whose raw frames nobody knows (adopted ones): equal does not mean same."""
    return _manifest_digest({"files": {}, "shot_cuts": []})
