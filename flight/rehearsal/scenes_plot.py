"""The ground that an invented site is built on: what is put down, where room is left, and the dice."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from flight.rehearsal.render_shapes import oriented, rectangle
from flight.rehearsal.world_things import Colour, PlanePoint, Ring

HALF_M: Final = 55.0
"""Half the side of a site, metres."""


class Plot:
    """A site under construction: what is put down, and where there is room left."""

    def __init__(self, random: np.random.Generator) -> None:
        self.random = random
        self.taken: list[Any] = []
        self.parts: dict[str, list[Any]] = {}
        self.number = 0

    def between(self, low: float, high: float) -> float:
        """Return a number from a range."""
        return float(self.random.uniform(low, high))

    def chance(self, share: float) -> bool:
        """Return true with this probability."""
        return bool(self.random.random() < share)

    def count(self, low: int, high: int) -> int:
        """Return a whole number, both ends possible."""
        return int(self.random.integers(low, high + 1))

    def spot(self) -> PlanePoint:
        """Return a place."""
        return self.between(-HALF_M, HALF_M), self.between(-HALF_M, HALF_M)

    def one_of(self, options: tuple[Any, ...]) -> Any:  # noqa: ANN401 - whatever the options are
        """Return one of the options."""
        return options[int(self.random.integers(len(options)))]

    def name(self, prefix: str) -> str:
        """Return an id that is not in use."""
        self.number += 1
        return f"{prefix}{self.number}"

    def colour(self, base: Colour, spread: int) -> Colour:
        """Return a colour near another."""
        tint = max(1, spread // 3)
        shift = self.random.integers(-tint, tint + 1, 3) + self.random.integers(-spread, spread + 1)
        red, green, blue = np.clip(np.array(base) + shift, 0, 255).tolist()
        return red, green, blue

    def any_colour(self) -> Colour:
        """Return a colour as paint has it: mostly not very bright."""
        red, green, blue = (self.random.uniform(20, 235, 3) * self.random.uniform(0.5, 1.0)).astype(int).tolist()
        return red, green, blue

    def fits(self, ring: Ring, gap_m: float = 0.3) -> bool:
        """Take a place if it is free; return whether it was."""
        import shapely

        shape = shapely.Polygon(ring).buffer(gap_m)
        if self.taken and bool(shapely.intersects(np.array(self.taken), shape).any()):
            return False
        self.taken.append(shape)
        return True

    def add(self, field: str, part: Any) -> None:  # noqa: ANN401 - any noun of the world
        """Put a part into the world."""
        self.parts.setdefault(field, []).append(part)

    def box(self, centre: PlanePoint, heading: float, length: float, width: float) -> Ring:
        """Return a turned rectangle."""
        ring = oriented(centre, heading, rectangle(-length / 2, length / 2, width / 2))
        return tuple((float(east), float(north)) for east, north in ring)
