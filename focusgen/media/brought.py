"""What comes with a scene beside its frames: depth, a camera, a group and a split, as a layout knows them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict


@dataclass(frozen=True)
class Camera:
    """A pinhole camera in pixels, the centre of the first pixel at 0.

    Attributes:
        fx, fy, cx, cy: focal lengths and principal point.
        size: (width, height) of the pictures that the numbers belong to; None for those of the scene.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    size: tuple[int, int] | None = None

    def seen_at(self, width: int, height: int) -> Camera:
        """Return the same camera for pictures of another size."""
        if self.size in (None, (width, height)):
            return Camera(self.fx, self.fy, self.cx, self.cy, (width, height))
        assert self.size is not None
        across, down = width / self.size[0], height / self.size[1]
        return Camera(
            self.fx * across,
            self.fy * down,
            (self.cx + 0.5) * across - 0.5,
            (self.cy + 0.5) * down - 0.5,
            (width, height),
        )

    def is_of_pictures(self, width: int, height: int) -> bool:
        """Say whether it may have taken pictures of a size: its axis goes through their middle half.

        False for the camera of pictures that were resized since, where nobody says from which size.
        """
        seen = self.seen_at(width, height)
        return width / 4 <= seen.cx + 0.5 <= 3 * width / 4 and height / 4 <= seen.cy + 0.5 <= 3 * height / 4

    def document(self) -> dict[str, float]:
        """Return {"fx", "fy", "cx", "cy"}, pixels of the raw frames."""
        return {"fx": self.fx, "fy": self.fy, "cx": self.cx, "cy": self.cy}


class DepthDocument(TypedDict, total=False):
    """The JSON form of `BroughtDepth`; what is None is left out."""

    path: str
    files: list[str]
    units_per_metre: float
    focal_per_width: float
    frame_from_depth: list[float]
    far_from_m: float
    is_unit_assumed: bool


@dataclass(frozen=True)
class BroughtDepth:
    """Depth files that a layout brought.

    Attributes:
        folder: where they lie.
        files: one for each frame, in the order of the frames; none where `folder` is what may lie below
            `depth_root`, a folder or one file, and is paired and counted as there.
        units_per_metre: of whole numbers; None for floats in metres.
        focal_per_width: the files hold distances along rays of a camera whose focal length is this part of
            the map's width; None for depth along the axis.
        frame_from_depth: (ax, bx, ay, by) where the depth camera sees another cut of the same view: frame
            pixel (x, y) shows depth pixel (ax x + bx, ay y + by); None where the maps cover the frames.
        far_from_m: from which number on the files mean the sky, in metres; None where they mark none.
        is_unit_assumed: others record in this form, too, so that a person may know another unit.
    """

    folder: Path
    files: tuple[str, ...] = ()
    units_per_metre: float | None = None
    focal_per_width: float | None = None
    frame_from_depth: tuple[float, float, float, float] | None = None
    far_from_m: float | None = None
    is_unit_assumed: bool = False

    @property
    def as_given(self) -> tuple[Path, str]:
        """What stands for `depth_root` and a scene's name below it, where no files are listed."""
        return self.folder.parent, self.folder.stem if self.folder.is_file() else self.folder.name

    def document(self, root: Path, n_frames: int) -> DepthDocument:
        """Return the JSON form for the first frames, with the folder relative to the raw root."""
        found: DepthDocument = {
            "path": self.folder.relative_to(root).as_posix(),
            "files": list(self.files[:n_frames]),
        }
        if self.units_per_metre is not None:
            found["units_per_metre"] = self.units_per_metre
        if self.focal_per_width is not None:
            found["focal_per_width"] = self.focal_per_width
        if self.frame_from_depth is not None:
            found["frame_from_depth"] = list(self.frame_from_depth)
        if self.far_from_m is not None:
            found["far_from_m"] = self.far_from_m
        if self.is_unit_assumed:
            found["is_unit_assumed"] = True
        return found

    @classmethod
    def of(cls, document: DepthDocument, root: Path) -> BroughtDepth:
        """Return what a JSON form says, below a raw root."""
        moved = document.get("frame_from_depth", [])
        return cls(
            root / document["path"],
            tuple(document["files"]),
            document.get("units_per_metre"),
            document.get("focal_per_width"),
            None if len(moved) != 4 else (moved[0], moved[1], moved[2], moved[3]),
            document.get("far_from_m"),
            document.get("is_unit_assumed", False),
        )


@dataclass(frozen=True)
class Brought:
    """What is known of a scene beside its frames.

    Attributes:
        layout: name of the layout that knows it.
        depth: None where there is none.
        camera: None where nobody says.
        group: scenes of one group stay in one split; None where each stands alone.
        split: the official one; None where nothing official says.
        notes: what a person should know.
    """

    layout: str
    depth: BroughtDepth | None = None
    camera: Camera | None = None
    group: str | None = None
    split: str | None = None
    notes: tuple[str, ...] = ()

    def document(self, root: Path, n_frames: int, size: tuple[int, int]) -> dict[str, object]:
        """Return what the index keeps of it in `source`."""
        found: dict[str, object] = {"layout": self.layout}
        if self.depth is not None:
            found["depth"] = self.depth.document(root, n_frames)
        if self.camera is not None and self.camera.is_of_pictures(*size):
            found["camera"] = self.camera.seen_at(*size).document()
        if self.group is not None:
            found["group"] = self.group
        return found
