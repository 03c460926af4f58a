"""The opening of a lens, as its blur shows it: a disc, the polygon of its blades, a cat's eye off the axis.

Shapes are in units of the radius of the disc that f and N give; polygons have the area of that disc, since
N says how much light comes in. A surface beyond the focus plane shows the shape upright, one before it shows
it turned by half a turn, as rays cross in the focus plane.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["disc", "polygon", "cat_eye"]
BLADES = (3, 24)
_WRITTEN = re.compile(r"(disc|polygon|cat_eye)(?:\(([^()]*)\))?")


@dataclass(frozen=True)
class Aperture:
    """A shape of the opening.

    Attributes:
        blades: sides of the polygon.
        rotation_deg: by how much its first corner is turned from the right towards the bottom.
        strength: of the cat's eye: how far the rim of the barrel has moved over the opening in the corner of
            the frame, in radii; nothing in its centre.
    """

    kind: Kind = "disc"
    blades: int = 0
    rotation_deg: float = 0.0
    strength: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Aperture:
        """Return the aperture that is written as disc, polygon(6), polygon(6, 15) or cat_eye(0.6).

        Raises:
            ValueError: it is none of these.
        """
        match = _WRITTEN.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is not disc, polygon(BLADES, ROTATION) or cat_eye(STRENGTH)")
        try:
            numbers = [float(word) for word in (match[2] or "").split(",") if word.strip()]
        except ValueError:
            raise ValueError(f"{text!r}: {match[2]!r} are no numbers") from None
        return cls._of(match[1], numbers, text)

    @classmethod
    def _of(cls, kind: str, numbers: list[float], text: str) -> Aperture:
        if kind == "disc" and not numbers:
            return cls()
        if kind == "polygon" and 1 <= len(numbers) <= 2:
            blades, rotation_deg = [*numbers, 0.0][:2]
            if blades in range(BLADES[0], BLADES[1] + 1) and math.isfinite(rotation_deg):
                return cls("polygon", blades=int(blades), rotation_deg=rotation_deg)
            raise ValueError(f"{text!r}: a polygon has {BLADES[0]} to {BLADES[1]} blades")
        if kind == "cat_eye" and len(numbers) == 1:
            if 0.0 < numbers[0] <= 1.0:
                return cls("cat_eye", strength=numbers[0])
            raise ValueError(f"{text!r}: the strength of a cat's eye is above 0 and at most 1")
        raise ValueError(f"{text!r}: {kind} takes other numbers: disc, polygon(6, 15), cat_eye(0.6)")

    def __str__(self) -> str:
        """Return how it is written."""
        if self.kind == "polygon":
            return f"polygon({self.blades}, {self.rotation_deg:g})"
        return f"cat_eye({self.strength:g})" if self.kind == "cat_eye" else "disc"

    @property
    def reach(self) -> float:
        """Distance of its farthest point from the centre."""
        if self.kind != "polygon":
            return 1.0
        corner = 2.0 * math.pi / self.blades
        return math.sqrt(2.0 * math.pi / (self.blades * math.sin(corner)))

    def contains(self, x: Any, y: Any, field: tuple[Any, Any] = (0.0, 0.0)) -> Any:
        """Say which points of the lens let light through to a place of the frame.

        Args:
            x: of the lens, to the right of the picture, radii; numpy or torch.
            y: down.
            field: (x, y) of the place from the centre of the frame, 1 in its corner.
        """
        if self.kind == "polygon":
            return self._between_blades(x, y)
        inside = x * x + y * y <= 1.0
        if self.kind == "cat_eye":
            rim_x, rim_y = x - self.strength * field[0], y - self.strength * field[1]
            inside = inside & (rim_x * rim_x + rim_y * rim_y <= 1.0)
        return inside

    def _between_blades(self, x: Any, y: Any) -> Any:
        half_corner = math.pi / self.blades
        edge = self.reach * math.cos(half_corner)
        inside = None
        for blade in range(self.blades):
            angle = math.radians(self.rotation_deg) + (2 * blade + 1) * half_corner
            is_within = x * math.cos(angle) + y * math.sin(angle) <= edge
            inside = is_within if inside is None else inside & is_within
        return inside


DISC = Aperture()
