"""Where a data set's footage lies, which of it is used, and how a run behaves."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Literal, get_args

from pydantic import field_validator

from focusgen.config.section import Section, refuse_blank_name, setting

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


_of_index = functools.partial(setting, affects=["index"])
_newer = functools.partial(_of_index, is_recorded_at_default=False)


class DataConfig(Section):
    """Where data lies and which of it is used."""

    raw_root: Path = setting(Path("data"), help="folder of videos, or of folders of images")
    out_root: Path = setting(Path("output"), help="the data set that is made")
    scene_index: Path | None = setting(None, help="scene_index.json; default <out_root>/scene_index.json")
    glob: str | None = _of_index(
        None, help="pattern of scene folders below raw_root, e.g. '*/*' for class/clip"
    )
    layout: Literal[
        "auto",
        "plain",
        "davis",
        "youtube_vos",
        "reds",
        "gopro",
        "vimeo90k",
        "kinetics",
        "tum",
        "kitti",
        "hypersim",
        "tartanair",
        "sintel",
        "scannet",
        "vkitti2",
        "replica",
        "rgbd",
    ] = _newer(
        "auto",
        help="how the data set in raw_root lies; auto: recognised, and said; plain: folders as they are",
    )
    clips: Path | None = _newer(
        None, help="CSV file path,start_s,end_s,scene_id,split,group (path suffices): these are the scenes"
    )
    split_file: tuple[Path, ...] | None = _newer(
        None,
        help="official splits: train.txt, val.txt, test.txt, their folder, or a CSV scene_id,split[,group]",
    )
    min_frames: int = _of_index(16, ge=1, help="a shorter scene is refused")
    max_frames: int | None = _of_index(
        None, ge=1, help="phase 1: fixes the length; later: a rehearsal, marked partial"
    )
    split_seed: int = _of_index(42, help="seed of the 80/10/10 split")
    split_by: Literal["scene", "group"] = _of_index(
        "scene", help="group: scenes of one parent folder, or of groups_csv, stay together"
    )
    groups_csv: Path | None = _of_index(
        None,
        when={"split_by": ["group"]},
        help="CSV file scene,group; default: the parent folder is the group",
    )
    follow_links: bool = _of_index(False, help="also read what links in raw_root name outside of it")
    shot_cut_threshold: float = _of_index(
        0.35, gt=0, le=1, help="histogram distance above which two frames are a shot cut"
    )
    group_writable: bool = setting(False, help="give the group write permission on everything published")

    _no_blank_name = field_validator("glob")(refuse_blank_name)

    @field_validator("split_file", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return (value,) if isinstance(value, (str, Path)) else value


class RunConfig(Section):
    """How a run behaves; nothing here changes published bytes."""

    device: str | None = setting(None, help="cuda, cuda:1, cpu; default: a GPU where the backend needs one")
    on_stale: Literal["fail", "redo", "keep"] = setting("fail", help="scenes made with other settings")
    workers: int = setting(2, ge=1, help="processes that decode in phases 1 and 6")
    auto_approve: bool = setting(False, help="let the run approve its own calibration; recorded as automatic")
    strict: bool = setting(False, help="phase 1: a refused scene makes the exit status 3")

    _no_blank_name = field_validator("device")(refuse_blank_name)


class StoreConfig(Section):
    """How finished scenes lie on the disk; nothing here changes published bytes."""

    pack: Literal["none", "scene"] = setting(
        "none", help="scene: each scene that phase 6 has passed becomes one tar, read in place"
    )


class ValidateConfig(Section):
    """Phase 6."""

    min_spearman: float = setting(
        0.5, ge=-1, le=1, help="agreement of measured blur and label, below it a warning"
    )
    temporal_pairs: int = setting(6, ge=0, help="frame pairs per scene for the temporal measures; 0: none")
    max_e_warp_ratio: float = setting(2.0, gt=0, help="E_warp of sharp over raw frames, above it a warning")
    min_sharpness_ratio: float = setting(0.9, gt=0, help="sharpness of sharp over raw, below it a warning")
    report: Path | None = setting(None, help="default <out_root>/logs/validation_report.json")
