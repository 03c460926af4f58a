"""What an export holds: which frames go into which shard, fixed before the first byte is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from focusgen.base.checksums import checksum
from focusgen.base.errors import RefusedDataError
from focusgen.config.data import SPLITS
from focusgen.dataset.index import IndexEntry, read_index
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.packs import vouched_files
from focusgen.dataset.records import canonical, parse_json
from focusgen.dataset.vetting import VettedScene, vet
from focusgen.tools.export_samples import ExportScene, sample_document

TAR_BLOCK_BYTES = 512
JSON_BYTES = 2048  # of a sample's json member, about: a shard's size is an aim, not a promise
STAND_INS: Mapping[str, object] = {
    **dict.fromkeys(("fps", "fx", "fy", "cx", "cy"), 0.0),
    "breathing": False,
    "shot_cuts": [0],  # its first shot begins there
    "coc_limits": [0.0],
}
SPLIT_NAMES: Mapping[str, str] = {"train": "train", "val": "validation", "test": "test"}
"""What each split is called by Hugging Face's loaders."""


@dataclass(frozen=True)
class Member:
    """One file of a sample: its name behind the sample's key, and where its bytes are published.

    Attributes:
        source: relative to the scene's folder; None for flags of a frame that has no doubtful pixel.
    """

    name: str
    source: str | None


@dataclass(frozen=True)
class Shard:
    """The samples of one file: (scene, frame) in order; a scene may go on in the next shard."""

    name: str
    samples: tuple[tuple[str, int], ...]


class Wanted(NamedTuple):
    """What of a data set is passed on.

    Attributes:
        with_focus: labels too; without them they are recomputed from depth and lens.
        with_clean: renders before the sensor too, where they are kept.
        leave_out: scenes to do without.
    """

    with_focus: bool = True
    with_clean: bool = True
    leave_out: Sequence[str] = ()


EVERYTHING = Wanted()


@dataclass(frozen=True)
class ExportPlan:
    """Scenes, shards, and what each sample is made of.

    Attributes:
        has_flags: a scene has doubtful pixels, so that every sample has a member for them: readers of
            WebDataset want the same members in every sample.
        stand_ins: what a sample says where its scene has nothing to say and another one has: loaders take the
            types of all samples from the first few.
        left_out: scenes of the index that somebody did without.
        moving_sets: split -> lens sets whose focus moves in some scene of it, so that a stream knows from its
            first sample whether S_focus is one number or one a frame in all of its batches.
    """

    scenes: Mapping[str, ExportScene]
    shards: tuple[Shard, ...]
    with_focus: bool
    with_clean: bool
    has_flags: bool
    moving_sets: Mapping[str, tuple[int, ...]]
    left_out: tuple[str, ...] = ()
    stand_ins: Mapping[str, object] = field(default_factory=dict)

    def members(self, scene_id: str, frame: int) -> list[Member]:
        """Return the files of a sample, json left out."""
        scene = self.scenes[scene_id]
        found = [
            Member("sharp.png", f"frames_sharp/frame_{frame:04d}.png"),
            Member("depth.npz", f"depth_maps/depth_{frame:04d}.npz"),
        ]
        for k in range(scene.n_sets):
            found.append(Member(f"bokeh_{k:02d}.png", f"bokeh_renders/set_{k:02d}/bokeh_{frame:04d}.png"))
        for k in range(scene.n_sets if self.with_clean and scene.vetted.has_clean else 0):
            found.append(Member(f"clean_{k:02d}.png", f"clean_renders/set_{k:02d}/clean_{frame:04d}.png"))
        for k in range(scene.n_sets if self.with_focus else 0):
            found.append(Member(f"focus_{k:02d}.npz", f"focus_maps/set_{k:02d}/focus_{frame:04d}.npz"))
        if self.has_flags:
            flags = f"depth_maps/valid_{frame:04d}.png"
            found.append(Member("valid.png", flags if flags in scene.files else None))
        return found

    def digest(self, shard: Shard) -> str:
        """Return a checksum of all that a shard's bytes follow from."""
        inputs = []
        for scene_id, frame in shard.samples:
            scene = self.scenes[scene_id]
            entries = [
                (m.name, m.source and scene.files[m.source].xxh3_128) for m in self.members(scene_id, frame)
            ]
            inputs.append([scene_id, frame, entries, self.document(scene, frame)])
        return checksum(canonical({"name": shard.name, "samples": inputs}))

    def document(self, scene: ExportScene, frame: int) -> dict[str, object]:
        """Return what a sample's json member says."""
        said = sample_document(scene, frame)
        moving = self.moving_sets[scene.vetted.split]
        said |= {"moving_sets": list(moving)} if moving else {}
        return said | {key: value for key, value in self.stand_ins.items() if not said.get(key)}


def plan_samples(root: Path, wanted: Wanted = EVERYTHING) -> ExportPlan:
    """Return the plan of a validated data set, before any sample has its shard.

    Args:
        wanted: what of it.

    Raises:
        FocusgenError: a scene is not complete, not validated, stale or edited (`dataset.vetting.vet`).
        RefusedDataError: scenes have different numbers of lens sets, or only some have clean renders.
    """
    dataset = DatasetLayout(root, root / "scene_index.json")
    index = read_index(dataset)
    scenes: dict[str, ExportScene] = {}
    for split in SPLITS:
        for vetted in vet(root, split, leave_out=wanted.leave_out):
            scenes[vetted.scene_id] = _export_scene(vetted, index[vetted.scene_id])
    ordered = {scene_id: scenes[scene_id] for scene_id in index if scene_id in scenes}
    left_out = tuple(scene_id for scene_id in index if scene_id not in scenes)
    _check_sets(ordered)
    if wanted.with_clean:
        _check_clean(ordered)
    has_flags = any("/valid_" in name for scene in ordered.values() for name in scene.files)
    moving = _moving_sets(ordered)
    return ExportPlan(
        ordered,
        (),
        wanted.with_focus,
        wanted.with_clean,
        has_flags,
        moving,
        left_out,
        _stand_ins(ordered, moving),
    )


def into_shards(plan: ExportPlan, shard_bytes: int, ending: str) -> ExportPlan:
    """Return a plan whose samples are dealt out.

    Args:
        shard_bytes: about how large a shard is to be.
        ending: of a shard's name, "tar" or "parquet".
    """
    shards = [
        Shard(f"{split}-{number:05d}.{ending}", tuple(samples))
        for split in SPLITS
        for number, samples in enumerate(_packed(plan, split, shard_bytes))
    ]
    return replace(plan, shards=tuple(shards))


def _export_scene(vetted: VettedScene, entry: IndexEntry) -> ExportScene:
    metadata = parse_json(vetted.layout.metadata_json.read_bytes())
    return ExportScene(vetted, entry, metadata, vouched_files(vetted.layout))


def _moving_sets(scenes: Mapping[str, ExportScene]) -> dict[str, tuple[int, ...]]:
    moving: dict[str, set[int]] = {split: set() for split in SPLITS}
    for scene in scenes.values():
        lenses = scene.vetted.lenses
        moving[scene.vetted.split] |= {
            k for k, lens in enumerate(lenses) if lens.focus_distances_m is not None
        }
    return {split: tuple(sorted(sets)) for split, sets in moving.items()}


def _stand_ins(
    scenes: Mapping[str, ExportScene], moving_sets: Mapping[str, tuple[int, ...]]
) -> dict[str, object]:
    """Return key -> what stands for "unknown" or "none", for what only some scenes have."""
    said = [sample_document(scene, 0) for scene in scenes.values()]
    found = {key: value for key, value in STAND_INS.items() if any(document.get(key) for document in said)}
    return found | ({"moving_sets": [-1]} if any(moving_sets.values()) else {})


def _check_sets(scenes: Mapping[str, ExportScene]) -> None:
    counts = {scene.n_sets: scene_id for scene_id, scene in scenes.items()}
    if len(counts) > 1:
        text = ", ".join(f"{scene_id!r} has {n}" for n, scene_id in counts.items())
        raise RefusedDataError(
            f"scenes have different numbers of lens sets: {text}",
            "Readers of shards want the same members in every sample: phase 5 with one --n_sets makes them.",
        )


def _check_clean(scenes: Mapping[str, ExportScene]) -> None:
    kept = {scene.vetted.has_clean: scene_id for scene_id, scene in scenes.items()}
    if len(kept) > 1:
        raise RefusedDataError(
            f"scene {kept[True]!r} has clean_renders, {kept[False]!r} has none: readers of shards want the "
            "same members in every sample",
            "Render all with one render.keep_clean; focusgen export leaves them out with --without clean.",
        )


def _packed(plan: ExportPlan, split: str, shard_bytes: int) -> Iterator[list[tuple[str, int]]]:
    """Yield the samples of each shard of a split, in index order.

    A scene that fits into a shard lies in one, so that a stream meets all its windows; a larger one is cut.
    """
    samples: list[tuple[str, int]] = []
    n_bytes = 0
    for scene_id, scene in plan.scenes.items():
        if scene.vetted.split != split:
            continue
        sizes = [_sample_bytes(plan, scene, f) for f in range(scene.vetted.n_frames)]
        if samples and n_bytes + sum(sizes) > shard_bytes:
            yield samples
            samples, n_bytes = [], 0
        for frame, size in enumerate(sizes):
            if samples and n_bytes + size > shard_bytes:
                yield samples
                samples, n_bytes = [], 0
            samples.append((scene_id, frame))
            n_bytes += size
    if samples:
        yield samples


def cut_scenes(plan: ExportPlan) -> dict[str, int]:
    """Return scene -> bytes, of scenes that lie in several shards: a stream has no window across a cut."""
    shards_of = Counter(scene_id for shard in plan.shards for scene_id in {one for one, _ in shard.samples})
    return {
        scene_id: sum(_sample_bytes(plan, scene, f) for f in range(scene.vetted.n_frames))
        for scene_id, scene in plan.scenes.items()
        if shards_of[scene_id] > 1
    }


def _sample_bytes(plan: ExportPlan, scene: ExportScene, frame: int) -> int:
    total = TAR_BLOCK_BYTES + JSON_BYTES
    for member in plan.members(scene.vetted.scene_id, frame):
        size = scene.files[member.source].size if member.source else 0
        total += TAR_BLOCK_BYTES * (1 + -(-size // TAR_BLOCK_BYTES))
    return total


def frames_of(shards: Sequence[Shard]) -> int:
    """Return how many samples shards hold."""
    return sum(len(shard.samples) for shard in shards)
