"""Bodies of a procedural scene, the camera's path, and how a body lies before the camera.

World and camera frames: x right, y down, z forward, metres. Every body is a unit shape under an affine frame,
so that one intersection per kind serves any size and turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from focusgen.synth.texture import Material, Vector

Array = npt.NDArray[Any]
Kind = Literal["rectangle", "disc", "leaf", "ellipsoid", "box", "cylinder"]

FLAT_KINDS: frozenset[Kind] = frozenset({"rectangle", "disc", "leaf"})
ROUND_KINDS: frozenset[Kind] = frozenset({"disc", "leaf", "ellipsoid"})
"""Kinds that lie inside the unit ball, for a tight box around their image."""

NEAR_M = 0.05
"""Nothing of a scene may come closer to the camera; nearer hits are not hits."""

KEY_LIGHT: Vector = (-0.48, -0.72, -0.50)
"""Direction towards the light, in the world: from above left, behind the camera. Unit length within 1 %."""


@dataclass(frozen=True)
class Shape:
    """One body of a scene.

    Attributes:
        kind: rectangle, disc and leaf (pointed along y) lie in the body's xy plane; a cylinder stands along
            its y axis.
        centre_m: position in the world.
        half_m: half sizes along the body's axes; the third of a flat body is not used.
        material: its look.
        turn_deg: yaw, pitch, roll: about y, then x, then z.
        sway_m: amplitude of a slow periodic movement, per axis of the world.
        sway_frames: its period.
        sway_phase: its phase, radians.
        contacts: places (x, y, z, radius in metres, of the world) where something stands on this body and
            darkens it softly. Part of the texture, hence the same for every direction of view.
    """

    kind: Kind
    centre_m: Vector
    half_m: Vector
    material: Material
    turn_deg: Vector = (0.0, 0.0, 0.0)
    sway_m: Vector = (0.0, 0.0, 0.0)
    sway_frames: float = 40.0
    sway_phase: float = 0.0
    contacts: tuple[tuple[float, float, float, float], ...] = ()

    def centre_at(self, frame_index: int) -> Array:
        """Return where the centre is at a frame, float64."""
        angle = 2.0 * np.pi * frame_index / self.sway_frames + self.sway_phase
        centre: Array = np.asarray(self.centre_m) + np.asarray(self.sway_m) * np.sin(angle)
        return centre

    def half_sizes(self) -> Array:
        """Return the half sizes with a harmless third one for flat bodies."""
        a, b, c = self.half_m
        return np.array([a, b, 1.0 if self.kind in FLAT_KINDS else c])


@dataclass(frozen=True)
class Pose:
    """Where the camera stands: rotation (3, 3) from camera to world, position in the world, metres."""

    rotation: Array
    position_m: Array


@dataclass(frozen=True)
class CameraPath:
    """A hand-held camera: a pose and a slow bounded sway around it, the same for any number of frames.

    Attributes:
        position_m: middle of the path, in the world.
        yaw_deg: middle heading, to the right.
        pitch_deg: middle inclination, downwards.
        sway_m: amplitude per axis of the world.
        sway_deg: amplitude of yaw and pitch.
        period_frames: of the slowest component.
        phase: radians.
    """

    position_m: Vector = (0.0, 0.0, 0.0)
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    sway_m: Vector = (0.03, 0.01, 0.02)
    sway_deg: tuple[float, float] = (1.5, 0.6)
    period_frames: float = 60.0
    phase: float = 0.0

    def pose(self, frame_index: int) -> Pose:
        """Return where the camera stands at a frame."""
        angle = 2.0 * np.pi * frame_index / self.period_frames + self.phase
        waves = np.sin([angle, 1.7 * angle + 1.1, 0.8 * angle + 2.3])
        position_m = np.asarray(self.position_m) + np.asarray(self.sway_m) * waves
        yaw_deg = self.yaw_deg + self.sway_deg[0] * float(np.sin(0.9 * angle + 0.6))
        pitch_deg = self.pitch_deg + self.sway_deg[1] * float(np.sin(1.3 * angle + 4.0))
        return Pose(rotation_matrix(yaw_deg, pitch_deg), position_m)


@dataclass(frozen=True)
class PlacedShape:
    """A shape as one camera sees it: local = matrix @ camera + offset, and its box of slopes."""

    shape: Shape
    matrix: Array
    offset: Array
    light: Vector
    up: Vector
    slopes: tuple[float, float, float, float]
    depth_range_m: tuple[float, float]
    contacts: list[tuple[float, float, float, float]]


def rotation_matrix(yaw_deg: float, pitch_deg: float, roll_deg: float = 0.0) -> Array:
    """Return the rotation for a yaw to the right, a pitch downwards and a roll clockwise."""
    yaw, pitch, roll = np.deg2rad([yaw_deg, pitch_deg, roll_deg])
    cy, sy, cp, sp, cr, sr = (
        np.cos(yaw),
        np.sin(yaw),
        np.cos(pitch),
        np.sin(pitch),
        np.cos(roll),
        np.sin(roll),
    )
    about_y = np.array([[cy, 0.0, sy], [0.0, 1.0, 0.0], [-sy, 0.0, cy]])
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, cp, sp], [0.0, -sp, cp]])
    about_z = np.array([[cr, -sr, 0.0], [sr, cr, 0.0], [0.0, 0.0, 1.0]])
    product: Array = about_y @ about_x @ about_z
    return product


def place(shape: Shape, frame_index: int, pose: Pose) -> PlacedShape:
    """Return a shape as the camera at `pose` sees it at one frame."""
    turn = rotation_matrix(*shape.turn_deg)
    half = shape.half_sizes()
    to_local = turn.T / half[:, None]
    offset = to_local @ (pose.position_m - shape.centre_at(frame_index))
    in_camera = pose.rotation.T @ turn * half  # columns: half axes seen from the camera
    centre = pose.rotation.T @ (shape.centre_at(frame_index) - pose.position_m)
    slopes, depth_range_m = _extent(shape.kind, in_camera, centre)
    return PlacedShape(
        shape=shape,
        matrix=to_local @ pose.rotation,
        offset=offset,
        light=_vector(turn.T @ np.asarray(KEY_LIGHT)),
        up=_vector(turn.T @ np.array([0.0, -1.0, 0.0])),
        slopes=slopes,
        depth_range_m=depth_range_m,
        contacts=_local_contacts(shape, frame_index, turn),
    )


def _local_contacts(shape: Shape, frame_index: int, turn: Array) -> list[tuple[float, float, float, float]]:
    centre = shape.centre_at(frame_index)
    return [
        (*_vector(turn.T @ (np.array([x, y, z]) - centre)), radius_m) for x, y, z, radius_m in shape.contacts
    ]


def _extent(
    kind: Kind, axes: Array, centre: Array
) -> tuple[tuple[float, float, float, float], tuple[float, float]]:
    """Return the box of slopes (left, top, right, bottom) and the depth range that hold a body."""
    everywhere = (-np.inf, -np.inf, np.inf, np.inf)
    signs = np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)], dtype=float)
    if kind in FLAT_KINDS:
        signs[:, 2] = 0.0
    corners = signs @ axes.T + centre
    low, high = float(corners[:, 2].min()), float(corners[:, 2].max())
    if low < NEAR_M:
        return everywhere, (NEAR_M, max(high, 2.0 * NEAR_M))
    if kind in ROUND_KINDS:
        return _ellipse_slopes(axes * [1.0, 1.0, 0.0] if kind in FLAT_KINDS else axes, centre), (low, high)
    x, y = corners[:, 0] / corners[:, 2], corners[:, 1] / corners[:, 2]
    return (float(x.min()), float(y.min()), float(x.max()), float(y.max())), (low, high)


def _ellipse_slopes(axes: Array, centre: Array) -> tuple[float, float, float, float]:
    """Return the tight box around the image of an ellipsoid, from its dual conic."""
    dual = axes @ axes.T - np.outer(centre, centre)  # negative definite in its last entry: all of it in front
    bounds = []
    for axis in (0, 1):
        middle = dual[axis, 2] / dual[2, 2]
        spread = np.sqrt(max(middle * middle - dual[axis, axis] / dual[2, 2], 0.0))
        bounds.append((float(middle - spread), float(middle + spread)))
    return bounds[0][0], bounds[1][0], bounds[0][1], bounds[1][1]


def _vector(values: Array) -> Vector:
    a, b, c = values.tolist()
    return a, b, c
