"""Boxes lie on what is drawn, and hidden things are known to be hidden."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.points import GeoPoint
from flight.camera import Camera, Orientation
from flight.rehearsal.render import prepare, render
from flight.rehearsal.render_truth import SeenThing, seen_things
from flight.rehearsal.world import Light, World
from flight.rehearsal.world_things import (
    Building,
    Container,
    DrumStack,
    Heap,
    Material,
    Person,
    Plume,
    PlumeKind,
    StackKind,
    Tank,
    Tent,
    Vehicle,
    VehicleKind,
)

ORIGIN = GeoPoint(lon_deg=113.58, lat_deg=22.76)
CAMERA = Camera(model="x", width_px=800, height_px=600, focal_px=560.0, centre_x_px=400, centre_y_px=300, source="test")
NADIR = Orientation(yaw_deg=0, pitch_deg=-90, roll_deg=0)
# Overcast, so that shadows do not mix with what is drawn.
BARE = World(name="bare", origin=ORIGIN, ground=Material.CONCRETE, light=Light(ambient=1.0, haze=0.0))
CAR = Vehicle(
    vehicle_id="car", kind=VehicleKind.CAR, centre=(8.0, 5.0), heading_deg=25.0, length_m=4.6, width_m=1.8,
    height_m=1.5, colour=(200, 20, 20),
)  # fmt: skip

THINGS = [
    ({"vehicles": (CAR,)}, "car"),
    ({"vehicles": (replace(CAR, kind=VehicleKind.TANKER, length_m=11.0, width_m=2.5, height_m=3.5),)}, "truck"),
    ({"drums": (DrumStack(stack_id="d", centre=(8.0, 5.0), heading_deg=10.0, columns=5, rows=3),)}, "drums"),
    (
        {
            "drums": (
                DrumStack(stack_id="d", centre=(8.0, 5.0), heading_deg=10.0, columns=3, rows=2, kind=StackKind.IBC),
            )
        },
        "drums",
    ),
    ({"tanks": (Tank(tank_id="t", centre=(8.0, 5.0), radius_m=4.0, height_m=6.0, colour=(20, 20, 20)),)}, "tank"),
    ({"containers": (Container(container_id="c", centre=(8.0, 5.0), heading_deg=70.0),)}, "container"),
    ({"tents": (Tent(tent_id="k", centre=(8.0, 5.0), heading_deg=40.0, length_m=6.0),)}, "tent"),
    ({"heaps": (Heap(heap_id="h", centre=(8.0, 5.0), heading_deg=0.0, length_m=6.0, width_m=4.0),)}, "debris"),
    ({"people": (Person(person_id="p", centre=(8.0, 5.0), clothes=(180, 20, 20)),)}, "person"),
]


def only(found: tuple[SeenThing, ...]) -> SeenThing:
    (thing,) = found
    return thing


@pytest.mark.parametrize(("parts", "label"), THINGS)
@pytest.mark.parametrize("orientation", [NADIR, Orientation(yaw_deg=10, pitch_deg=-55, roll_deg=3)])
def test_a_box_holds_what_is_drawn_and_little_else(
    parts: dict[str, object], label: str, orientation: Orientation
) -> None:
    place = (0.0, 0.0, 40.0) if orientation is NADIR else (2.0, -22.0, 40.0)
    scene = prepare(replace(BARE, **parts))
    thing = only(seen_things(scene, CAMERA, orientation, place))
    assert thing.label == label
    assert thing.visible_share > 0.9
    change = np.abs(
        render(scene, CAMERA, orientation, place).astype(int) - render(prepare(BARE), CAMERA, orientation, place)
    ).max(axis=2)
    rows, columns = np.nonzero(change > 24)
    drawn = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    box = (thing.left_px, thing.top_px, thing.right_px, thing.bottom_px)
    across = min(drawn[2], box[2]) - max(drawn[0], box[0])
    down = min(drawn[3], box[3]) - max(drawn[1], box[1])
    both = max(0.0, across) * max(0.0, down)
    union = (drawn[2] - drawn[0]) * (drawn[3] - drawn[1]) + (box[2] - box[0]) * (box[3] - box[1]) - both
    assert both / union > (0.5 if label == "person" else 0.75)


def test_what_a_building_hides_is_not_seen() -> None:
    wall = Building(building_id="b", ring=((-10.0, 20.0), (10.0, 20.0), (10.0, 24.0), (-10.0, 24.0)), height_m=15.0)
    low, eye = Orientation(yaw_deg=0, pitch_deg=-30, roll_deg=0), (0.0, -15.0, 25.0)
    behind = replace(CAR, centre=(0.0, 30.0))
    assert seen_things(prepare(replace(BARE, buildings=(wall,), vehicles=(behind,))), CAMERA, low, eye) == ()
    before = replace(CAR, centre=(0.0, 12.0))
    thing = only(seen_things(prepare(replace(BARE, buildings=(wall,), vehicles=(before,))), CAMERA, low, eye))
    assert thing.visible_share > 0.9


def test_a_thing_at_the_edge_is_cut_to_the_image() -> None:
    half = 40.0 * 400 / 560
    thing = only(
        seen_things(
            prepare(replace(BARE, vehicles=(replace(CAR, centre=(half, 0.0)),))), CAMERA, NADIR, (0.0, 0.0, 40.0)
        )
    )
    assert thing.right_px == 800
    assert 0.25 < thing.visible_share < 0.75


def test_smoke_is_where_the_image_changes() -> None:
    plume = Plume(plume_id="s", kind=PlumeKind.SMOKE, centre=(0.0, 0.0), radius_m=3.0, height_m=8.0, drift_deg=90.0)
    scene = prepare(replace(BARE, ground=Material.ASPHALT, plumes=(plume,)))
    thing = only(seen_things(scene, CAMERA, NADIR, (0.0, 0.0, 60.0), time_s=2.0))
    bare = render(prepare(replace(BARE, ground=Material.ASPHALT)), CAMERA, NADIR, (0.0, 0.0, 60.0))
    change = np.abs(render(scene, CAMERA, NADIR, (0.0, 0.0, 60.0), time_s=2.0).astype(int) - bare).max(axis=2) > 20
    inside = change[int(thing.top_px) : int(thing.bottom_px), int(thing.left_px) : int(thing.right_px)]
    assert thing.label == "smoke"
    assert inside.sum() > 0.8 * change.sum()
    assert inside.mean() > 0.25
    later = render(scene, CAMERA, NADIR, (0.0, 0.0, 60.0), time_s=5.0)
    assert np.abs(later.astype(int) - render(scene, CAMERA, NADIR, (0.0, 0.0, 60.0), time_s=2.0)).max() > 20


def test_a_distorting_camera_has_no_boxes() -> None:
    with pytest.raises(ValueError, match="without distortion"):
        seen_things(prepare(BARE), replace(CAMERA, distortion=(0.1, 0, 0, 0, 0)), NADIR, (0.0, 0.0, 40.0))
