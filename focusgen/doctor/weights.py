"""Weights and access to them, for the configured backends only; nothing here opens a connection."""

from __future__ import annotations

import json
import os
import struct
import zipfile
from pathlib import Path

from focusgen.base.names import display
from focusgen.config.graph import SCENE_PHASES, PhaseName
from focusgen.config.sections import Config
from focusgen.doctor.check import Check, Status
from focusgen.models.registry import backend_of, section_of, weight_files
from focusgen.models.weight_commands import command_for

GATED = {"black-forest-labs/FLUX.1-dev": "gated and non-commercial: accept its licence on its page first"}
LFS_POINTER = b"version https://git-lfs"
MAX_SAFETENSORS_HEADER_BYTES = 100 << 20


def check_weights(cfg: Config) -> list[Check]:
    """Look for every weight file and model folder that the configuration asks for."""
    checks = [_check_file(*found) for found in configured_files(cfg)]
    models = configured_models(cfg)
    checks += [check_model(setting, model_id) for setting, model_id in models.items()]
    if models:
        checks.append(_describe_access())
    if not checks:
        return [Check("weights", Status.OK, "the configured backends need none")]
    return checks


def configured_files(cfg: Config) -> list[tuple[str, Path, str]]:
    """Return (setting, file, the command that brings it there) of the single weight files."""
    files: list[tuple[str, Path, str]] = []
    for phase in SCENE_PHASES:
        settings = backend_of(cfg, phase).weight_settings
        for name, path in _declared_files(cfg, phase).items():
            setting = f"{phase}.{settings[name]}" if name in settings else f"{phase}: {name}"
            files.append((setting, path, command_for(cfg, phase, name, path)))
    return files


def _declared_files(cfg: Config, phase: PhaseName) -> dict[str, Path]:
    try:
        return {name: path for name, path in weight_files(cfg, phase).items() if path.suffix}
    except OSError:  # a missing file is what we are about to report
        return {}


def configured_models(cfg: Config) -> dict[str, str]:
    """Return {setting: hub id or folder}."""
    return {
        f"{phase}.model_id": str(section_of(cfg, phase).effective("model_id") or "")
        for phase in SCENE_PHASES
        if backend_of(cfg, phase).has_model_id
    }


def _check_file(setting: str, path: Path, advice: str) -> Check:
    problem = file_problem(path)
    shown = display(str(path))
    if problem:
        return Check(setting, Status.FAIL, f"{shown}: {problem}", advice)
    return Check(
        setting, Status.OK, f"{shown}: {path.stat().st_size / 2**20:.0f} MiB, whole by its own header"
    )


def file_problem(path: Path) -> str | None:
    """Say what is wrong with a weight file as far as its size and header tell, or None."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(len(LFS_POINTER))
    except OSError as error:
        return f"{error.strerror}"
    if size == 0:
        return "it is empty"
    if head == LFS_POINTER:
        return "it is a Git LFS pointer, not the weights (git lfs pull)"
    if path.suffix == ".safetensors":
        return _safetensors_problem(path, size)
    if path.suffix in (".pth", ".pt", ".ckpt") and not zipfile.is_zipfile(path):
        return "it is cut short, or no torch file of the zip kind"
    return None


def _safetensors_problem(path: Path, size: int) -> str | None:
    with path.open("rb") as file:
        start = file.read(8)
        n_header = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 2 <= n_header <= min(size - 8, MAX_SAFETENSORS_HEADER_BYTES):
            return "its header is damaged, or it is no safetensors file"
        try:
            header = json.loads(file.read(n_header))
            ends = [int(entry["data_offsets"][1]) for name, entry in header.items() if name != "__metadata__"]
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
            return "its header is damaged"
    wanted = 8 + n_header + max(ends, default=0)
    return None if size == wanted else f"it has {size} bytes, its header promises {wanted}"


def check_model(setting: str, model_id: str) -> Check:
    """Look for a model folder, or for a hub model in the cache."""
    shown = display(model_id)
    if not model_id:
        return Check(setting, Status.FAIL, "not set", f"Name a hub id or a folder: --{setting} ID")
    folder = Path(model_id).expanduser()
    if folder.is_dir():
        return _check_folder(setting, folder)
    if model_id.startswith((".", "/", "~")) or model_id.count("/") != 1:
        return Check(setting, Status.FAIL, f"{shown}: no such folder, and no hub id (owner/name)", "")
    snapshots = hub_cache() / f"models--{model_id.replace('/', '--')}" / "snapshots"
    if snapshots.is_dir() and any(snapshots.iterdir()):
        unfinished = list(snapshots.parent.glob("blobs/*.incomplete"))
        if not unfinished:
            return Check(setting, Status.OK, f"{shown}: in the cache {display(str(hub_cache()))}")
        return Check(
            setting, Status.WARN, f"{shown}: {len(unfinished)} files half downloaded", _download(model_id)
        )
    licence = GATED.get(model_id, "")
    detail = f"{shown}: not in the cache {display(str(hub_cache()))}" + (f" ({licence})" if licence else "")
    status = Status.FAIL if is_offline() else Status.WARN
    return Check(setting, status, detail, _download(model_id))


def _check_folder(setting: str, folder: Path) -> Check:
    shown = display(str(folder))
    if any((folder / name).is_file() for name in ("model_index.json", "config.json")):
        return Check(setting, Status.OK, f"{shown}: a local model")
    return Check(
        setting, Status.FAIL, f"{shown}: neither model_index.json nor config.json in it", "Name another."
    )


def _download(model_id: str) -> str:
    where = "on a machine with a network: " if is_offline() else ""
    return f"{where}hf download {display(model_id)}"


def hub_cache() -> Path:
    """Return the folder where hub models are cached, by the hub client's own rules."""
    explicit = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    return Path(explicit).expanduser() if explicit else _hub_home() / "hub"


def _hub_home() -> Path:
    home = os.environ.get("HF_HOME")
    if home:
        return Path(home).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "huggingface"


def is_offline() -> bool:
    """Say whether the hub client was told to stay offline."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def _describe_access() -> Check:
    token_file = Path(os.environ.get("HF_TOKEN_PATH") or _hub_home() / "token")
    if os.environ.get("HF_TOKEN") or os.environ.get("HUGGING_FACE_HUB_TOKEN"):
        token = "HF_TOKEN is set"
    else:
        token = "a token is stored" if token_file.is_file() else "no token"
    mode = "offline (HF_HUB_OFFLINE)" if is_offline() else "online"
    home = "HF_HOME is set" if os.environ.get("HF_HOME") else "HF_HOME is not set"
    scratch = os.environ.get("SCRATCH") or os.environ.get("SCRATCHDIR")
    cache = hub_cache()
    if scratch and cache.is_relative_to(Path.home()) and not cache.is_relative_to(scratch):
        detail = f"{mode}, {token}, cache {display(str(cache))} in the home folder"
        return Check(
            "hub access", Status.WARN, detail, 'Quotas are small there: export HF_HOME="$SCRATCH/huggingface"'
        )
    return Check("hub access", Status.INFO, f"{mode}, {token}, {home}, cache {display(str(cache))}")
