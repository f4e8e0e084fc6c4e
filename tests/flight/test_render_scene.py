"""Rendered images show the world where the house's camera says it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from core.points import GeoPoint
from flight.camera import Camera, Orientation, project
from flight.rehearsal.render import prepare, render
from flight.rehearsal.world import Light, World
from flight.rehearsal.world_things import Building, Material, Patch, Tank, Vehicle, VehicleKind

ORIGIN = GeoPoint(lon_deg=113.58, lat_deg=22.76)
CAMERA = Camera(
    model="x", width_px=1000, height_px=750, focal_px=700.0, centre_x_px=500, centre_y_px=375, source="test"
)
NADIR = Orientation(yaw_deg=0, pitch_deg=-90, roll_deg=0)
BARE = World(name="bare", origin=ORIGIN, ground=Material.ASPHALT, light=Light(haze=0.0))


def vehicle(east: float, north: float, colour: tuple[int, int, int], **more: float) -> Vehicle:
    sizes = {"heading_deg": 0.0, "length_m": 4.6, "width_m": 1.8, "height_m": 1.5} | more
    return Vehicle(vehicle_id=f"v{east}{north}", kind=VehicleKind.CAR, centre=(east, north), colour=colour, **sizes)


def redness(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    return pixels[..., 2].astype(float) - pixels[..., :2].max(axis=2)


@pytest.mark.parametrize(
    "orientation",
    [
        NADIR,
        Orientation(yaw_deg=70, pitch_deg=-90, roll_deg=0),
        Orientation(yaw_deg=200, pitch_deg=-60, roll_deg=8),
        Orientation(yaw_deg=-100, pitch_deg=-45, roll_deg=-12),
    ],
)
def test_a_red_car_is_where_the_camera_model_says(orientation: Orientation) -> None:
    place = (10.0, -20.0, 60.0)
    sight = np.array([np.sin(np.radians(orientation.yaw_deg)), np.cos(np.radians(orientation.yaw_deg))])
    reach = 60.0 / np.tan(np.radians(-orientation.pitch_deg)) if orientation.pitch_deg > -89 else 0.0
    centre = np.array(place[:2]) + sight * reach + [3.0, 2.0]
    world = replace(BARE, vehicles=(vehicle(float(centre[0]), float(centre[1]), (220, 10, 10)),))
    pixels = render(prepare(world), CAMERA, orientation, place)
    rows, columns = np.nonzero(redness(pixels) > 60)
    seen = np.array([columns.mean() + 0.5, rows.mean() + 0.5])
    expected = project(CAMERA, orientation, np.array([*centre, 0.9]) - np.array(place))
    assert len(rows) > 100
    assert np.hypot(*(seen - expected)) < 6  # half a metre: the paint is not spread evenly about the middle


def test_a_distorting_lens_bends_the_image_as_the_camera_model_says() -> None:
    lens = replace(CAMERA, distortion=(-0.12, 0.02, 0.001, -0.0008, 0.0), centre_x_px=506.0, centre_y_px=371.0)
    place = (0.0, 0.0, 60.0)
    for east, north in ((-32.0, 22.0), (30.0, -24.0), (-5.0, 4.0)):
        world = replace(
            BARE, patches=(Patch(material=Material.WATER, ring=_square(east, north, 2.0)),), ground=Material.PAVING
        )
        pixels = render(prepare(world), lens, NADIR, place)
        assert pixels.shape == (750, 1000, 3)
        rows, columns = np.nonzero(pixels[..., 2] < 110)
        expected = project(lens, NADIR, np.array([east, north, 0.0]) - np.array(place))
        assert np.hypot(columns.mean() + 0.5 - expected[0], rows.mean() + 0.5 - expected[1]) < 0.5


def _square(east: float, north: float, half: float) -> tuple[tuple[float, float], ...]:
    return (
        (east - half, north - half),
        (east + half, north - half),
        (east + half, north + half),
        (east - half, north + half),
    )


def test_the_same_call_gives_the_same_image_and_another_seed_another_noise() -> None:
    scene = prepare(replace(BARE, vehicles=(vehicle(0, 0, (240, 240, 240)),)))
    one, again, other = (render(scene, CAMERA, NADIR, (0.0, 0.0, 50.0), seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert np.abs(one.astype(int) - other).mean() < 6


def test_shadows_fall_away_from_the_sun() -> None:
    light = Light(azimuth_deg=90.0, elevation_deg=45.0, haze=0.0)  # morning: shadows to the west
    block = Building(building_id="b", ring=_square(0, 0, 4.0), height_m=8.0)
    pixels = render(prepare(replace(BARE, light=light, buildings=(block,))), CAMERA, NADIR, (0.0, 0.0, 70.0)).mean(
        axis=2
    )
    west, east = (
        pixels[365:385, int(column) - 5 : int(column) + 5].mean() for column in (500 - 8.0 * 10, 500 + 8.0 * 10)
    )
    assert west < east * 0.75


def test_what_is_behind_a_tank_is_hidden_and_what_is_before_it_is_not() -> None:
    tank = Tank(tank_id="t", centre=(0.0, 30.0), radius_m=6.0, height_m=14.0)
    eye, low = (0.0, -20.0, 20.0), Orientation(yaw_deg=0, pitch_deg=-20, roll_deg=0)
    for north, is_seen in ((46.0, False), (16.0, True)):
        world = replace(BARE, tanks=(tank,), vehicles=(vehicle(0.0, north, (220, 10, 10), heading_deg=90.0),))
        pixels = render(prepare(world), CAMERA, low, eye)
        assert bool((redness(pixels) > 60).sum() > 80) is is_seen


def test_every_body_is_drawn_in_any_order_of_the_file() -> None:
    bodies = tuple(
        Vehicle(
            vehicle_id=kind.value,
            kind=kind,
            centre=(index * 6.0 - 12, 0.0),
            heading_deg=20.0,
            length_m=9.0 if index > 1 else 5.0,
            width_m=2.2,
            height_m=3.0 if index > 1 else 1.7,
            colour=(200, 40, 40),
        )
        for index, kind in enumerate(VehicleKind)
    )
    eye = (0.0, -6.0, 45.0)
    forward = render(prepare(replace(BARE, vehicles=bodies)), CAMERA, NADIR, eye)
    backward = render(prepare(replace(BARE, vehicles=bodies[::-1])), CAMERA, NADIR, eye)
    assert np.array_equal(forward, backward)
    change = np.abs(forward.astype(float) - render(prepare(BARE), CAMERA, NADIR, eye)).max(axis=2)
    for body in bodies:
        spot = project(CAMERA, NADIR, np.array([*body.centre, body.height_m]) - np.array(eye))
        x, y = int(spot[0]), int(spot[1])
        assert change[y - 12 : y + 12, x - 12 : x + 12].mean() > 30, body.vehicle_id


def test_an_oblique_view_ends_in_sky() -> None:
    pixels = render(prepare(BARE), CAMERA, Orientation(yaw_deg=30, pitch_deg=-5, roll_deg=0), (0.0, 0.0, 40.0))
    assert pixels[:150].mean() > pixels[600:].mean() + 40
