"""A yard in the morning and a week later in the afternoon: a container came, a stain grew, shadows wandered."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from core.points import GeoPoint
from flight.camera import Camera
from flight.rehearsal.render_shapes import circle
from flight.rehearsal.world import World
from flight.rehearsal.world_things import Building, Container, Material, Patch, Tree, Vehicle, VehicleKind

ORIGIN = GeoPoint(lon_deg=113.58, lat_deg=22.76)
CAMERA = Camera(model="t", width_px=720, height_px=600, focal_px=560, centre_x_px=360, centre_y_px=300, source="test")
MORNING, AFTERNOON = (datetime(2026, 10, day, hour, tzinfo=UTC) for day, hour in ((1, 2), (8, 7)))
SMALL, LARGE = 1.2, 2.8


def ring(west: float, south: float, east: float, north: float) -> tuple[tuple[float, float], ...]:
    return ((west, south), (east, south), (east, north), (west, north))


def stain(radius: float) -> Patch:
    corners = tuple((float(x), float(y)) for x, y in circle((-9.0, 9.0), radius, 20))
    return Patch(material=Material.ASPHALT, ring=corners, colour=(58, 55, 50))


STANDING = World(
    name="yard",
    origin=ORIGIN,
    ground=Material.CONCRETE,
    patches=(
        Patch(material=Material.GRASS, ring=ring(-40, -40, 40, -14)),
        Patch(material=Material.SOIL, ring=ring(15, -14, 40, 40)),
        Patch(material=Material.GRAVEL, ring=ring(-40, 14, 0, 40)),
    ),
    buildings=(Building(building_id="old", ring=ring(7, 8, 14, 15), height_m=5.0),),
    trees=(
        Tree(centre=(-14.0, -8.0), radius_m=2.0, height_m=5.0),
        Tree(centre=(2.0, 16.0), radius_m=1.5, height_m=4.0),
    ),
    containers=(Container(container_id="stays", centre=(12.0, -3.0), heading_deg=20.0),),
    vehicles=(
        Vehicle(
            vehicle_id="v1",
            kind=VehicleKind.CAR,
            centre=(-2.0, -17.0),
            heading_deg=70.0,
            length_m=4.6,
            width_m=1.8,
            height_m=1.5,
            colour=(180, 30, 30),
        ),
    ),
)
BEFORE = replace(STANDING, patches=(*STANDING.patches, stain(SMALL)))
AFTER = replace(
    STANDING,
    patches=(*STANDING.patches, stain(LARGE)),
    containers=(*STANDING.containers, Container(container_id="new", centre=(0.0, -4.0), heading_deg=60.0)),
)
