"""Parked or passing, told from few looks: a pose's errors make no parked car drive, and hide none that does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.points import from_plane
from flight.camera import project
from flight.track import orientation_of
from geofence.fix import Fix
from geofence.gather import gather
from geofence.locate import locate
from geofence.locating.error_budget import DeviceClass, class_budget
from geofence.locating.ground import FlatAtTakeoff
from geofence.sighting import Sighting
from tests.geofence.drawn_roofs import Pass, Thing, fly
from tests.geofence.locating import CAMERA, PLANE, pose, seen

BUDGET = class_budget(DeviceClass.GNSS)
SIGMA = np.array(
    [
        BUDGET.horizontal_m,
        BUDGET.horizontal_m,
        BUDGET.vertical_m,
        BUDGET.yaw_deg,
        BUDGET.pitch_deg,
        BUDGET.tilt_deg,
    ]
)
GROUND = FlatAtTakeoff(sigma_m=0.5)


def looks(rng: np.random.Generator, *, count: int, every_s: float, speed_m_s: float) -> list[Sighting]:
    """Return what is gathered from a flight of a few looks at one car; the camera flies on at 6 m/s."""
    common = np.sqrt(BUDGET.common_share) * SIGMA * rng.normal(0, 1, 6)
    fixes = []
    for number in range(count):
        at_s = number * every_s
        east, north = 6.0 * at_s, -50.0
        lon, lat = from_plane(PLANE, [east, north])
        truth = pose(
            yaw=0, pitch=-60, seconds=at_s, point=replace(PLANE.origin, lon_deg=float(lon), lat_deg=float(lat))
        )
        orientation = orientation_of(truth)
        assert orientation is not None
        u, v = project(CAMERA, orientation, [speed_m_s * at_s - east, 10.0 - north, -100.0]) + rng.normal(0, 1, 2)
        off = common + np.sqrt(1 - BUDGET.common_share) * SIGMA * rng.normal(0, 1, 6)
        lon, lat = from_plane(PLANE, [east + off[0], north + off[1]])
        stated = pose(
            yaw=off[3], pitch=-60 + off[4], roll=off[5], height_m=100 + off[2], seconds=at_s, sigma=None,
            point=replace(PLANE.origin, lon_deg=float(lon), lat_deg=float(lat)),
        )  # fmt: skip
        found = locate(
            seen(float(u), float(v), frame=f"f{number}", label="spill"),
            pose=stated,
            camera=CAMERA,
            ground=GROUND,
            captured_at=stated.captured_at,
        )
        assert isinstance(found, Fix)
        fixes.append(found)
    return list(gather(fixes))


@pytest.mark.parametrize(("count", "every_s"), [(2, 1.0), (2, 4.0), (3, 2.0), (6, 1.0)])
def test_a_parked_car_hardly_ever_drives(count: int, every_s: float) -> None:
    rng = np.random.default_rng(count)
    found = [looks(rng, count=count, every_s=every_s, speed_m_s=0.0) for _ in range(150)]
    assert sum(any(sighting.moving for sighting in each) for each in found) <= 2
    # 99 % of differences lie within the gate; the others are counted twice.
    assert sum(len(each) > 1 for each in found) <= 8
    assert all(
        sighting.dwell_s == pytest.approx((count - 1) * every_s)
        for each in found
        if len(each) == 1
        for sighting in each
    )


@pytest.mark.parametrize(("count", "speed"), [(3, 10.0), (5, 8.0)])
def test_a_passing_car_is_moving_after_a_few_looks(count: int, speed: float) -> None:
    rng = np.random.default_rng(9)
    found = [looks(rng, count=count, every_s=1.0, speed_m_s=speed) for _ in range(60)]
    one = [each[0] for each in found if len(each) == 1]
    assert len(one) >= 54
    assert sum(bool(sighting.moving) for sighting in one) >= 54
    speeds = [sighting.velocity_m_s[0] for sighting in one if sighting.velocity_m_s]
    assert np.median(speeds) == pytest.approx(speed, abs=0.5)


def test_a_car_that_passes_between_two_photographs_is_never_called_parked() -> None:
    """Photographs every four seconds follow nothing: looks at three places, of none of which is known more."""
    rng = np.random.default_rng(4)
    for _ in range(30):
        found = looks(rng, count=3, every_s=4.0, speed_m_s=9.0)
        assert len(found) == 3
        assert all(sighting.moving is None and sighting.dwell_s == 0 for sighting in found)


@pytest.mark.parametrize("every_s", [0.25, 0.5, 1.0, 1.4])
@pytest.mark.parametrize("way", [(8.0, 0.0), (0.0, 8.0), (0.0, -8.0), (-6.0, 5.0)])
def test_one_moving_car_is_one_thing_however_closely_frames_follow(every_s: float, way: tuple[float, float]) -> None:
    """At four frames a second each look hardly moves: pieces that look parked were what came of it."""
    rng = np.random.default_rng(6)
    shots = int(8 / every_s) + 1
    middle_s = (shots - 1) * every_s / 2
    run = Pass(pitch_deg=-70, every_s=every_s, speed_m_s=4.0, shots=shots)
    whole = parked = 0
    for _ in range(8):
        east, north = rng.uniform(-8, 8, 2) - middle_s * np.array(way)
        fixes, _truth = fly([Thing(name="car", east_m=east, north_m=north, velocity_m_s=way)], [run], rng)
        sightings = gather(fixes)
        whole += len(sightings) == 1 and sightings[0].moving is True
        parked += sum(sighting.moving is False for sighting in sightings)
        if len(sightings) == 1 and sightings[0].velocity_m_s:
            assert sightings[0].velocity_m_s == pytest.approx(way, abs=2.5)
    assert whole >= 7
    assert parked <= 1
