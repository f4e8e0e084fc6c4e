"""Haze grows with distance, night takes light away, lamps give it back where they stand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.points import GeoPoint
from flight.camera import Camera, Orientation, project
from flight.rehearsal.render import prepare, render
from flight.rehearsal.render_air import CELL_PX, grid_on_ground
from flight.rehearsal.render_view import view_of
from flight.rehearsal.world import Light, World
from flight.rehearsal.world_things import Lamp, Material, Plume, PlumeKind

ORIGIN = GeoPoint(lon_deg=113.58, lat_deg=22.76)
CAMERA = Camera(model="x", width_px=800, height_px=600, focal_px=560.0, centre_x_px=400, centre_y_px=300, source="test")
NADIR = Orientation(yaw_deg=0, pitch_deg=-90, roll_deg=0)
CLEAR = World(name="w", origin=ORIGIN, ground=Material.ASPHALT, light=Light(haze=0.0))
NIGHT = replace(CLEAR, light=Light(haze=0.0, ambient=1.0, dark=0.9))


def test_the_grid_lies_on_the_ground_where_the_camera_sees_it() -> None:
    orientation, eye = Orientation(yaw_deg=40, pitch_deg=-50, roll_deg=5), np.array([10.0, 20.0, 80.0])
    places, distance = grid_on_ground(view_of(CAMERA, orientation, (10.0, 20.0, 80.0)))
    offsets = np.concatenate([places, np.zeros((*places.shape[:2], 1))], axis=-1) - eye
    pixels = project(CAMERA, orientation, offsets)
    rows, columns = np.indices(distance.shape)
    assert pixels[..., 0] == pytest.approx((columns - 0.5) * CELL_PX, abs=0.01)
    assert pixels[..., 1] == pytest.approx((rows - 0.5) * CELL_PX, abs=0.01)
    assert distance == pytest.approx(np.linalg.norm(offsets, axis=-1))


def test_haze_brightens_what_is_far_more_than_what_is_near() -> None:
    low = Orientation(yaw_deg=0, pitch_deg=-20, roll_deg=0)
    clear = render(prepare(CLEAR), CAMERA, low, (0.0, 0.0, 40.0)).astype(float)
    hazy = render(prepare(replace(CLEAR, light=Light(haze=0.3))), CAMERA, low, (0.0, 0.0, 40.0)).astype(float)
    gain = (hazy - clear).mean(axis=(1, 2))
    assert gain[560:].mean() > 5
    assert gain[200:240].mean() > 2.5 * gain[560:].mean()


def test_looking_down_haze_is_as_the_formula_says() -> None:
    clear = render(prepare(CLEAR), CAMERA, NADIR, (0.0, 0.0, 100.0)).mean()
    hazy = render(prepare(replace(CLEAR, light=Light(haze=0.2))), CAMERA, NADIR, (0.0, 0.0, 100.0)).mean()
    assert hazy == pytest.approx(clear * 0.79 + 205 * 0.21, abs=1.5)  # a little over 0.2: corners are farther


def test_a_lamp_lights_the_ground_under_it() -> None:
    dark = render(prepare(NIGHT), CAMERA, NADIR, (0.0, 0.0, 60.0)).astype(float)
    day = render(prepare(CLEAR), CAMERA, NADIR, (0.0, 0.0, 60.0)).astype(float)
    assert dark.mean() < 0.15 * day.mean()
    lamp = Lamp(centre=(12.0, -8.0), height_m=6.0, strength=0.9)
    lit = render(prepare(replace(NIGHT, lamps=(lamp,))), CAMERA, NADIR, (0.0, 0.0, 60.0)).astype(float)
    gain = (lit - dark).sum(axis=2)
    peak = project(CAMERA, NADIR, np.array([12.0, -8.0, -60.0]))
    rows, columns = np.nonzero(gain > gain.max() * 0.7)
    assert np.hypot(columns.mean() - peak[0], rows.mean() - peak[1]) < 10
    assert gain[:40, :40].mean() < 0.1 * gain.max()


def test_fire_shines_in_the_dark() -> None:
    fire = Plume(plume_id="f", kind=PlumeKind.FIRE, centre=(0.0, 0.0), radius_m=2.0, height_m=3.0, drift_deg=0.0)
    pixels = render(prepare(replace(NIGHT, plumes=(fire,))), CAMERA, NADIR, (0.0, 0.0, 60.0))
    assert pixels[..., 2].max() > 230
    assert np.median(pixels) < 25


@pytest.mark.parametrize("fault", [{"dark": 1.0}, {"haze": -0.1}, {"exposure": 0.0}, {"elevation_deg": 3.0}])
def test_impossible_light_is_a_mistake(fault: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="light"):
        Light(**fault)
