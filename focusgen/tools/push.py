"""Uploads an export or a data set to the Hugging Face hub; resumable, since the hub knows what it has.

What is sent is listed by name; what else lies in the folder (notes, a backup, a login) stays and is said.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from focusgen import __version__
from focusgen.base.checksums import file_sha256
from focusgen.base.errors import ConfigError, CorruptInputError
from focusgen.base.names import INTERNAL
from focusgen.config.graph import SCENE_PHASES
from focusgen.dataset.layout import MANIFEST, DatasetLayout
from focusgen.dataset.packs import PACKED, is_packed
from focusgen.models.hub_errors import hub_errors
from focusgen.run.table import PHASES
from focusgen.tools.card import refuse_old_card
from focusgen.tools.export_plan import Wanted, plan_samples
from focusgen.tools.export_samples import ExportScene
from focusgen.tools.front_matter import licence_in
from focusgen.tools.scene_preview import preview_paths

HUB_MAX_FILE_BYTES, HUB_MAX_FOLDER_ENTRIES = 200 * 10**9, 10_000  # of the hub's storage limits

FILES_PER_COMMIT = 1000
"""The most that huggingface_hub itself puts into one: larger ones time out, and end with nothing."""
SENT_LAST = frozenset({"README.md", "scene_index.json", MANIFEST})


@dataclass(frozen=True)
class LeftBehind:
    """A file that is not sent, or a folder of such files; its name ends with a slash."""

    name: str
    n_files: int
    n_bytes: int


@dataclass(frozen=True)
class Upload:
    """What goes to the hub.

    Attributes:
        files: (path relative to the folder, bytes), by name.
        licence: as the card says it.
        left_behind: what lies there and is none of it, the largest first.
    """

    folder: Path
    files: tuple[tuple[str, int], ...]
    licence: str
    left_behind: tuple[LeftBehind, ...] = ()

    @property
    def n_bytes(self) -> int:
        """All of them together."""
        return sum(size for _, size in self.files)


def plan_export_upload(folder: Path, also: Sequence[str] = ()) -> Upload:
    """Return what of an export would be uploaded.

    Args:
        folder: of the export.
        also: names of files and folders in it that its owner put there and wants sent, too.

    Raises:
        ConfigError: no finished export, a file is not the one of its manifest, or the card says no licence.
    """
    expected = _manifest(folder)
    for name, sha256 in expected.items():
        path = folder / name
        if not path.is_file() or file_sha256(path) != sha256:
            raise ConfigError(f"{path}: not the file of {MANIFEST}", "Run the same focusgen export again.")
    return _upload(folder, [*expected, MANIFEST], also)


def plan_data_set(root: Path, also: Sequence[str] = (), leave_out: Sequence[str] = ()) -> Upload:
    """Return what of a data set would be uploaded: what phases, card and report made, with their records.

    Args:
        also: names of files and folders in it that its owner put there and wants sent, too.
        leave_out: scenes to do without, as its card does.

    Raises:
        ConfigError: no card, no licence in it, or more files in a folder than the hub takes.
        FocusgenError: the data set is not complete, phase 6 has not passed it as it is, or its card is older.
    """
    _licence(root / "README.md")  # before anything else is looked at
    plan = plan_samples(root, Wanted(leave_out=leave_out))
    refuse_old_card(root, plan)
    dataset = DatasetLayout(root, root / "scene_index.json")
    paths = [*_papers(dataset), *(path for scene in plan.scenes.values() for path in _files(dataset, scene))]
    found = _upload(root, (path.relative_to(root).as_posix() for path in paths), also)
    _refuse_full_folder(found)
    return found


def _papers(dataset: DatasetLayout) -> Iterator[Path]:
    """Yield what lies beside the scenes and is theirs."""
    logs = (dataset.logs / name for phase in PHASES.values() for name, _ in phase.logs)
    yield from (path for path in (*dataset.papers(), *logs) if path.is_file())


def _files(dataset: DatasetLayout, scene: ExportScene) -> Iterator[Path]:
    """Yield the files of a scene with its records, and its previews where there are any."""
    layout = dataset.scene(scene.vetted.scene_id)  # below the folder as it was given
    is_tar = is_packed(layout)
    yield from (layout.split_txt, *(layout.done(phase) for phase in SCENE_PHASES))
    yield from (layout.root / name for name in scene.files if not (is_tar and PACKED.search(name)))
    yield from (layout.pack_tar, layout.pack_index) if is_tar else ()
    for lens_set in range(scene.n_sets):
        previews = preview_paths(dataset.previews, layout.scene_id, lens_set)
        yield from (path for path in previews if path.is_file())


def _upload(folder: Path, ours: Iterable[str], also: Sequence[str]) -> Upload:
    names = sorted({*ours, *_asked_for(folder, also)})
    files = tuple((name, _size(folder / name)) for name in names)
    too_large = [name for name, size in files if size > HUB_MAX_FILE_BYTES]
    if too_large:
        raise ConfigError(
            f"{folder / too_large[0]}: the hub takes 200 GB a file",
            "Run focusgen export again with a smaller --shard_mb.",
        )
    return Upload(folder, files, _licence(folder / "README.md"), _left_behind(folder, names))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError as error:
        raise CorruptInputError(f"{path}: no such file", "focusgen repair redoes it.") from error


def _asked_for(folder: Path, also: Sequence[str]) -> Iterator[str]:
    """Yield the files that somebody wants sent, too.

    Raises:
        ConfigError: there is none of that name in the folder.
    """
    for name in also:
        path = folder / name
        if Path(name).is_absolute() or ".." in Path(name).parts or not path.exists():
            raise ConfigError(f"--also {name}: not in {folder}", "Name a file or folder as seen from there.")
        inside = path.rglob("*") if path.is_dir() else [path]
        yield from (one.relative_to(folder).as_posix() for one in inside if one.is_file())


def _left_behind(folder: Path, names: Sequence[str]) -> tuple[LeftBehind, ...]:
    """Return what lies in a folder and is not sent, the largest first; a folder of only that is one."""
    known = {*names, *(parent for name in names for parent in _folders_above(name))}
    sizes: dict[str, list[int]] = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        top, _, rest = name.partition("/")
        is_one = path.is_symlink() or not path.is_dir()
        if is_one and not top.startswith(INTERNAL) and name not in known:
            unit = f"{top}/" if rest and top not in known else name
            sizes.setdefault(unit, []).append(path.lstat().st_size)
    left = (LeftBehind(name, len(of_name), sum(of_name)) for name, of_name in sizes.items())
    return tuple(sorted(left, key=lambda one: (-one.n_bytes, one.name)))


def _folders_above(name: str) -> Iterator[str]:
    while name := name.rpartition("/")[0]:
        yield name


def _refuse_full_folder(found: Upload) -> None:
    """Refuse what the hub would refuse, before hours of sending.

    Raises:
        ConfigError: names the folder.
    """
    names = [name for name, _ in found.files]
    entries = Counter(name.rpartition("/")[0] for name in names)
    entries[""] = len({name.partition("/")[0] for name in names})
    folder, n_entries = max(entries.items(), key=lambda item: item[1])
    if n_entries > HUB_MAX_FOLDER_ENTRIES:
        raise ConfigError(
            f"{found.folder / folder}: {n_entries} entries; the hub takes {HUB_MAX_FOLDER_ENTRIES} a folder",
            "Pass on shards instead: focusgen export webdataset, then focusgen push --dest DIR.",
        )


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


def _parts_of(names: Sequence[str]) -> list[list[str]]:
    """Return the files of each commit; last what tells a reader that all others are there."""
    ordered = sorted(names, key=lambda name: name in SENT_LAST)
    return [ordered[n : n + FILES_PER_COMMIT] for n in range(0, len(ordered), FILES_PER_COMMIT)]


def upload(plan: Upload, repo: str) -> str:
    """Upload an export and return the address of its page.

    What the hub has already is not sent again, nor what the commits before an interruption took. The token
    comes from the environment or the hub's own login, never from a flag.

    Raises:
        ConfigError: the hub refuses, or cannot be reached.
    """
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HFValidationError

    api = HfApi()
    try:
        api.create_repo(repo, repo_type="dataset", exist_ok=True, private=True)
        # Not by patterns: a name may hold their letters, and what was listed is what is sent.
        parts = _parts_of([name for name, _ in plan.files])
        for number, names in enumerate(parts, 1):
            files = [CommitOperationAdd(name, plan.folder / name) for name in names]
            which = f" ({number} of {len(parts)})" if len(parts) > 1 else ""
            message = f"focusgen {__version__}{which}"
            api.create_commit(repo, files, repo_type="dataset", commit_message=message)
    except HFValidationError as error:
        raise ConfigError(f"--repo {repo}: {error}", "Name it ORG/NAME, as its page has it.") from error
    except hub_errors() as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ConfigError(
            f"the hub did not take {repo}: {reason}",
            "Log in with `hf auth login`, or set HF_TOKEN; then start the same command again: it goes on.",
        ) from error
    return f"https://huggingface.co/datasets/{repo}"
