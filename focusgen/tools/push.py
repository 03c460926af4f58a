"""Uploads an export with its card to the Hugging Face hub; resumable, since the hub knows what it has."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import yaml

from focusgen.base.checksums import file_sha256
from focusgen.base.errors import ConfigError
from focusgen.dataset.layout import EXPORT_STATE, MANIFEST

HUB_MAX_FILE_BYTES, HUB_MAX_FOLDER_FILES = 200 * 10**9, 10_000  # of the hub's storage limits


@dataclass(frozen=True)
class Upload:
    """What goes to the hub.

    Attributes:
        files: (path relative to the folder, bytes), by name.
        licence: as the card says it.
    """

    folder: Path
    files: tuple[tuple[str, int], ...]
    licence: str

    @property
    def n_bytes(self) -> int:
        """All of them together."""
        return sum(size for _, size in self.files)


def plan_export_upload(folder: Path) -> Upload:
    """Return what of an export would be uploaded.

    Raises:
        ConfigError: no finished export, a file is not the one of its manifest, or the card says no licence.
    """
    expected = _manifest(folder)
    files = []
    for name, sha256 in expected.items():
        path = folder / name
        if not path.is_file() or file_sha256(path) != sha256:
            raise ConfigError(f"{path}: not the file of {MANIFEST}", "Run the same focusgen export again.")
        files.append((name, path.stat().st_size))
    too_large = [name for name, size in files if size > HUB_MAX_FILE_BYTES]
    if too_large:
        raise ConfigError(
            f"{folder / too_large[0]}: the hub takes 200 GB a file",
            "Run focusgen export again with a smaller --shard_mb.",
        )
    files.append((MANIFEST, (folder / MANIFEST).stat().st_size))
    return Upload(folder, tuple(sorted(files)), _licence(folder / "README.md"))


def plan_data_set(root: Path) -> Upload:
    """Return what of a data set with its card would be uploaded: all that a loader needs.

    Raises:
        ConfigError: no card, no licence in it, or more files in a folder than the hub takes.
    """
    licence = _licence(root / "README.md")
    files = [
        (path.relative_to(root).as_posix(), path.stat().st_size)
        for path in sorted(root.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(root).parts)
    ]
    folders = Counter(name.rpartition("/")[0] for name, _ in files)
    folder, n_files = max(folders.items(), key=lambda item: item[1])
    if n_files > HUB_MAX_FOLDER_FILES:
        raise ConfigError(
            f"{root / folder}: {n_files} files; the hub takes {HUB_MAX_FOLDER_FILES} in a folder",
            "Pass on shards instead: focusgen export webdataset, then focusgen push --dest DIR.",
        )
    return Upload(root, tuple(files), licence)


def _manifest(folder: Path) -> dict[str, str]:
    path = folder / MANIFEST
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path}: no such file: not a finished export",
            "focusgen export webdataset --out_root OUT --dest DIR makes one.",
        ) from error
    found = {}
    for line in lines:
        sha256, _, name = line.partition("  ")
        found[name] = sha256
    return found


def _licence(readme: Path) -> str:
    """Return the licence of a card's front matter.

    Raises:
        ConfigError: there is no card, or it names none.
    """
    text = readme.read_text(encoding="utf-8") if readme.exists() else ""
    head = text.split("\n---\n", 1)[0].removeprefix("---\n") if text.startswith("---\n") else ""
    matter = yaml.safe_load(head) or {}
    licence = matter.get("license_name") or matter.get("license")
    if not licence:
        raise ConfigError(
            f"{readme}: names no licence",
            "focusgen card or focusgen export with --source_license ID writes it.",
        )
    return str(licence)


def upload(plan: Upload, repo: str) -> str:
    """Upload an export and return the address of its page.

    What the hub has already is not sent again. The token comes from the environment or the hub's own login,
    never from a flag.

    Raises:
        ConfigError: the hub refuses, or cannot be reached.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    api = HfApi()
    try:
        api.create_repo(repo, repo_type="dataset", exist_ok=True, private=True)
        api.upload_folder(
            repo_id=repo,
            repo_type="dataset",
            folder_path=plan.folder,
            allow_patterns=[name for name, _ in plan.files],
            ignore_patterns=[EXPORT_STATE],
        )
    except (HfHubHTTPError, LocalTokenNotFoundError, OSError) as error:
        raise ConfigError(
            f"the hub did not take {repo}: {str(error).splitlines()[0]}",
            "Log in with `hf auth login`, or set HF_TOKEN; then start the same command again: it goes on.",
        ) from error
    return f"https://huggingface.co/datasets/{repo}"
