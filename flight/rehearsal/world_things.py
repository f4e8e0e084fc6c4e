"""The things of a rehearsal world: ground, paint, buildings, tanks, vehicles, stores, people, plumes, lamps.

Positions are metres east and north in the world's plane, heights metres above its flat ground; a heading is clockwise
from north, and a thing's length lies along it. A thing validates itself; what it looks like is the renderer's affair.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

PlanePoint = tuple[float, float]
"""East and north, metres."""

Ring = tuple[PlanePoint, ...]
"""The corners of a simple polygon, the first not repeated."""

Colour = tuple[int, int, int]
"""Red, green and blue in sRGB, 0 to 255."""


class Material(StrEnum):
    """What a patch of ground is made of."""

    GRASS = "grass"
    ASPHALT = "asphalt"
    CONCRETE = "concrete"
    GRAVEL = "gravel"
    SOIL = "soil"
    WATER = "water"
    PAVING = "paving"


class RoofKind(StrEnum):
    """What a roof looks like from above."""

    CORRUGATED = "corrugated"
    FLAT = "flat"
    GABLED = "gabled"


class VehicleKind(StrEnum):
    """The body of a vehicle."""

    CAR = "car"
    VAN = "van"
    TRUCK = "truck"
    TANKER = "tanker"
    BUS = "bus"


class MarkingKind(StrEnum):
    """How a painted line is drawn."""

    SOLID = "solid"
    DASHED = "dashed"
    HATCHED = "hatched"  # closed ring filled with diagonal bars


class StackKind(StrEnum):
    """What a stack of vessels consists of."""

    DRUM = "drum"  # 200-litre drums on end
    IBC = "ibc"  # 1000-litre caged totes
    CYLINDER = "cylinder"  # gas cylinders on end


class Posture(StrEnum):
    """How a person holds the body."""

    STANDING = "standing"
    WALKING = "walking"
    SITTING = "sitting"


class PlumeKind(StrEnum):
    """What rises from a plume."""

    SMOKE = "smoke"
    FIRE = "fire"


def finite(owner: str, *numbers: float) -> None:
    """Refuse numbers that are no places or sizes, in the name of what has them. Raises ``ValueError``."""
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"{owner}: positions and sizes are finite")


def _positive(owner: str, *numbers: float) -> None:
    if not all(math.isfinite(number) and number > 0 for number in numbers):
        raise ValueError(f"{owner}: sizes are positive")


def _is_colour(owner: str, colour: Colour) -> None:
    if not all(0 <= part <= 255 for part in colour):
        raise ValueError(f"{owner}: a colour is three numbers from 0 to 255")


def _is_ring(owner: str, ring: Ring, least: int = 3) -> None:
    if len(ring) < least:
        raise ValueError(f"{owner}: an outline has at least {least} points")
    finite(owner, *(number for point in ring for number in point))


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """What a planted thing is expected to become.

    Attributes:
        hazard: Hazard code expected of it ("H13").
        site_code: Code of the enterprise on whose ground it stands.
        zone_id: The zone it stands in.
    """

    hazard: str
    site_code: str
    zone_id: str

    def __post_init__(self) -> None:
        if not (self.hazard and self.site_code and self.zone_id):
            raise ValueError("a planted thing names its hazard, its site and its zone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """A patch of ground; later patches lie over earlier ones.

    Attributes:
        material: What it is made of.
        ring: Its outline.
        colour: Its colour, or None for the material's own.
    """

    material: Material
    ring: Ring
    colour: Colour | None = None

    def __post_init__(self) -> None:
        _is_ring("patch", self.ring)
        if self.colour is not None:
            _is_colour("patch", self.colour)


@dataclass(frozen=True, slots=True, kw_only=True)
class Marking:
    """Paint on the ground.

    Attributes:
        kind: How it is drawn.
        path: The line's points; for HATCHED the ring that the bars fill.
        width_m: Width of the line or bar.
        colour: sRGB.
    """

    kind: MarkingKind = MarkingKind.SOLID
    path: Ring
    width_m: float = 0.15
    colour: Colour = (225, 225, 220)

    def __post_init__(self) -> None:
        _is_ring("marking", self.path, 3 if self.kind is MarkingKind.HATCHED else 2)
        _positive("marking", self.width_m)
        _is_colour("marking", self.colour)


@dataclass(frozen=True, slots=True, kw_only=True)
class Building:
    """A prism with upright walls.

    Attributes:
        building_id: Its id.
        ring: Its footprint, convex.
        height_m: To the eaves.
        roof: What its roof looks like.
        roof_colour, wall_colour: sRGB.
    """

    building_id: str
    ring: Ring
    height_m: float
    roof: RoofKind = RoofKind.FLAT
    roof_colour: Colour = (150, 150, 148)
    wall_colour: Colour = (190, 186, 178)

    def __post_init__(self) -> None:
        _is_ring(self.building_id, self.ring)
        _positive(self.building_id, self.height_m)
        _is_colour(self.building_id, self.roof_colour)
        _is_colour(self.building_id, self.wall_colour)
        if not is_convex(self.ring):
            raise ValueError(f"{self.building_id}: a footprint is convex; make a building of several prisms")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tank:
    """An upright cylinder: a storage tank."""

    tank_id: str
    centre: PlanePoint
    radius_m: float
    height_m: float
    colour: Colour = (226, 228, 228)

    def __post_init__(self) -> None:
        finite(self.tank_id, *self.centre)
        _positive(self.tank_id, self.radius_m, self.height_m)
        _is_colour(self.tank_id, self.colour)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wall:
    """A low wall along a line: a fence, a kerb, a dike."""

    path: Ring
    height_m: float
    width_m: float = 0.25
    colour: Colour = (176, 172, 165)

    def __post_init__(self) -> None:
        _is_ring("wall", self.path, 2)
        _positive("wall", self.height_m, self.width_m)
        _is_colour("wall", self.colour)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A tree or bush: a crown over the ground."""

    centre: PlanePoint
    radius_m: float
    height_m: float

    def __post_init__(self) -> None:
        finite("tree", *self.centre)
        _positive("tree", self.radius_m, self.height_m)


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A shipping container or a stack of them."""

    container_id: str
    centre: PlanePoint
    heading_deg: float
    length_m: float = 6.06
    width_m: float = 2.44
    height_m: float = 2.59
    colour: Colour = (40, 78, 128)
    planted: Planted | None = None

    def __post_init__(self) -> None:
        finite(self.container_id, *self.centre, self.heading_deg)
        _positive(self.container_id, self.length_m, self.width_m, self.height_m)
        _is_colour(self.container_id, self.colour)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vehicle:
    """A road vehicle standing on the ground.

    Attributes:
        vehicle_id: Its stable id.
        kind: Its body.
        centre: The middle of its outline on the ground.
        heading_deg: Where its bonnet points.
        length_m, width_m, height_m: Outside measures.
        colour: Paint, sRGB.
        planted: What it is expected to become, or None for an innocent one.
    """

    vehicle_id: str
    kind: VehicleKind
    centre: PlanePoint
    heading_deg: float
    length_m: float
    width_m: float
    height_m: float
    colour: Colour
    planted: Planted | None = None

    def __post_init__(self) -> None:
        finite(self.vehicle_id, *self.centre, self.heading_deg)
        _positive(self.vehicle_id, self.length_m, self.width_m, self.height_m)
        _is_colour(self.vehicle_id, self.colour)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrumStack:
    """Drums, totes or gas cylinders in rows.

    Attributes:
        stack_id: Its stable id.
        centre, heading_deg: Where it stands and how its rows run.
        columns, rows: Vessels along and across the heading.
        layers: Vessels on one another.
        kind: What the vessels are.
        colour: Paint, sRGB.
        mixed: Share of the vessels that have some other paint, in [0, 1].
        missing: Share of the places that are empty, in [0, 0.5].
        covered: Share of its length under a tarpaulin, in [0, 0.8].
        palleted: Whether each vessel stands on a pallet.
        planted: What it is expected to become, or None.
    """

    stack_id: str
    centre: PlanePoint
    heading_deg: float
    columns: int
    rows: int
    layers: int = 1
    kind: StackKind = StackKind.DRUM
    colour: Colour = (32, 74, 150)
    mixed: float = 0.0
    missing: float = 0.0
    covered: float = 0.0
    palleted: bool = False
    planted: Planted | None = None

    def __post_init__(self) -> None:
        finite(self.stack_id, *self.centre, self.heading_deg)
        if not (0 <= self.mixed <= 1 and 0 <= self.missing <= 0.5 and 0 <= self.covered <= 0.8):
            raise ValueError(f"{self.stack_id}: shares of a stack are out of range")
        _positive(self.stack_id, self.columns, self.rows, self.layers)
        _is_colour(self.stack_id, self.colour)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heap:
    """A heap of rubbish or building debris, elliptical; ``tone`` makes it of one stuff: soil, sand, rubble, timber."""

    heap_id: str
    centre: PlanePoint
    heading_deg: float
    length_m: float
    width_m: float
    height_m: float = 1.0
    tone: Colour | None = None
    planted: Planted | None = None

    def __post_init__(self) -> None:
        finite(self.heap_id, *self.centre, self.heading_deg)
        _positive(self.heap_id, self.length_m, self.width_m, self.height_m)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tent:
    """A canopy with a pitched cover on posts."""

    tent_id: str
    centre: PlanePoint
    heading_deg: float
    length_m: float = 3.0
    width_m: float = 3.0
    height_m: float = 3.0
    colour: Colour = (40, 84, 160)
    planted: Planted | None = None

    def __post_init__(self) -> None:
        finite(self.tent_id, *self.centre, self.heading_deg)
        _positive(self.tent_id, self.length_m, self.width_m, self.height_m)
        _is_colour(self.tent_id, self.colour)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person.

    Attributes:
        person_id: Its id.
        centre, heading_deg: Where the person is and faces.
        height_m: Body height when upright.
        head: Colour of hair, hat or helmet.
        clothes: Colour of the upper body.
        trousers: Colour of the legs.
        pose: How the person holds the body.
    """

    person_id: str
    centre: PlanePoint
    heading_deg: float = 0.0
    height_m: float = 1.7
    head: Colour = (36, 30, 28)
    clothes: Colour = (70, 84, 120)
    trousers: Colour = (52, 54, 62)
    pose: Posture = Posture.STANDING

    def __post_init__(self) -> None:
        finite(self.person_id, *self.centre, self.heading_deg)
        _positive(self.person_id, self.height_m)
        _is_colour(self.person_id, self.head)
        _is_colour(self.person_id, self.clothes)
        _is_colour(self.person_id, self.trousers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plume:
    """Smoke drifting off, or fire, from a spot on the ground."""

    plume_id: str
    kind: PlumeKind
    centre: PlanePoint
    radius_m: float
    height_m: float
    drift_deg: float
    planted: Planted | None = None

    def __post_init__(self) -> None:
        finite(self.plume_id, *self.centre, self.drift_deg)
        _positive(self.plume_id, self.radius_m, self.height_m)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lamp:
    """A lamp over the ground, which shines at night.

    Attributes:
        centre: Where it stands.
        height_m: Above the ground.
        strength: Brightness of the ground under it, 1 for as bright as day.
        colour: sRGB.
    """

    centre: PlanePoint
    height_m: float = 8.0
    strength: float = 0.8
    colour: Colour = (255, 214, 160)

    def __post_init__(self) -> None:
        finite("lamp", *self.centre)
        _positive("lamp", self.height_m, self.strength)
        _is_colour("lamp", self.colour)


def is_convex(ring: Ring) -> bool:
    """Return whether a ring's corners all turn the same way (straight ones allowed)."""
    signs = set()
    for index, (x1, y1) in enumerate(ring):
        x2, y2 = ring[(index + 1) % len(ring)]
        x3, y3 = ring[(index + 2) % len(ring)]
        cross = (x2 - x1) * (y3 - y2) - (y2 - y1) * (x3 - x2)
        if abs(cross) > 1e-9:
            signs.add(cross > 0)
    return len(signs) == 1
