"""Uploads an export with its card to the Hugging Face hub; resumable, since the hub knows what it has."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from focusgen import __version__
from focusgen.base.checksums import file_sha256
from focusgen.base.errors import ConfigError
from focusgen.dataset.layout import DONE, EXPORT_STATE, MANIFEST
from focusgen.models.hub_errors import hub_errors
from focusgen.tools.card import refuse_old_card
from focusgen.tools.export_plan import plan_export
from focusgen.tools.front_matter import licence_in

HUB_MAX_FILE_BYTES, HUB_MAX_FOLDER_FILES = 200 * 10**9, 10_000  # of the hub's storage limits


@dataclass(frozen=True)
class Upload:
    """What goes to the hub.

    Attributes:
        files: (path relative to the folder, bytes), by name.
        licence: as the card says it.
        left_behind: what lies there and is none of it.
    """

    folder: Path
    files: tuple[tuple[str, int], ...]
    licence: str
    left_behind: tuple[str, ...] = ()

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
    strangers = {path.name for path in folder.iterdir()} - {EXPORT_STATE, *(name for name, _ in files)}
    return Upload(folder, tuple(sorted(files)), _licence(folder / "README.md"), tuple(sorted(strangers)))


def plan_data_set(root: Path) -> Upload:
    """Return what of a data set with its card would be uploaded: all that a loader needs, records too.

    Raises:
        ConfigError: no card, no licence in it, or more files in a folder than the hub takes.
        FocusgenError: the data set is not complete, phase 6 has not passed it as it is, or its card is older.
    """
    licence = _licence(root / "README.md")
    refuse_old_card(root, plan_export(root, shard_bytes=1 << 62, ending="tar"))
    files = [
        (path.relative_to(root).as_posix(), path.stat().st_size)
        for path in sorted(root.rglob("*"))
        if path.is_file() and not any(_is_hidden(part) for part in path.relative_to(root).parts)
    ]
    folders = Counter(name.rpartition("/")[0] for name, _ in files)
    folder, n_files = max(folders.items(), key=lambda item: item[1])
    if n_files > HUB_MAX_FOLDER_FILES:
        raise ConfigError(
            f"{root / folder}: {n_files} files; the hub takes {HUB_MAX_FOLDER_FILES} in a folder",
            "Pass on shards instead: focusgen export webdataset, then focusgen push --dest DIR.",
        )
    return Upload(root, tuple(files), licence)


def _is_hidden(name: str) -> bool:
    return name.startswith(".") and name != DONE


def _manifest(folder: Path) -> dict[str, str]:
    """Return name -> sha256 of the files of an export; never of one that lies elsewhere."""
    path = folder / MANIFEST
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path}: no such file: not a finished export",
            "focusgen export webdataset --out_root OUT --dest DIR makes one.",
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: damaged: {error}", "Run the same focusgen export again.") from error
    matches = [re.fullmatch(r"([0-9a-f]{64})  ([^/]+)", line) for line in lines]
    if not all(matches):
        raise ConfigError(
            f"{path}: damaged: line {matches.index(None) + 1}", "Run the same focusgen export again."
        )
    return {match[2]: match[1] for match in matches if match}


def _licence(readme: Path) -> str:
    """Return the licence of a card's front matter.

    Raises:
        ConfigError: there is no card, or it names none.
    """
    licence = licence_in(readme)
    if not licence:
        raise ConfigError(
            f"{readme}: names no licence",
            "focusgen card or focusgen export with --source_license ID writes it.",
        )
    return licence


def upload(plan: Upload, repo: str) -> str:
    """Upload an export and return the address of its page.

    What the hub has already is not sent again. The token comes from the environment or the hub's own login,
    never from a flag.

    Raises:
        ConfigError: the hub refuses, or cannot be reached.
    """
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HFValidationError

    api = HfApi()
    try:
        api.create_repo(repo, repo_type="dataset", exist_ok=True, private=True)
        # Not by patterns: a name may hold their letters, and what was listed is what is sent.
        files = [CommitOperationAdd(name, plan.folder / name) for name, _ in plan.files]
        api.create_commit(repo, files, repo_type="dataset", commit_message=f"focusgen {__version__}")
    except HFValidationError as error:
        raise ConfigError(f"--repo {repo}: {error}", "Name it ORG/NAME, as its page has it.") from error
    except hub_errors() as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ConfigError(
            f"the hub did not take {repo}: {reason}",
            "Log in with `hf auth login`, or set HF_TOKEN; then start the same command again: it goes on.",
        ) from error
    return f"https://huggingface.co/datasets/{repo}"
