"""A long vehicle boxed twice is one thing; two vehicles side by side are two, however their boxes overlap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from core.points import from_plane
from detection.detection import Box, Detection
from flight.camera import project
from flight.track import orientation_of
from geofence.fix import Fix
from geofence.gather import gather
from geofence.locate import locate
from geofence.locating.ground import FlatAtTakeoff
from tests.geofence.locating import CAMERA, PLANE, pose

FLAT = FlatAtTakeoff(sigma_m=0.5)
Rectangle = tuple[float, float, float, float, float]  # east, north, length, width, bearing


def corners(rectangle: Rectangle) -> np.ndarray:
    east, north, length, width, bearing = rectangle
    along = np.array([math.sin(math.radians(bearing)), math.cos(math.radians(bearing))])
    across = np.array([along[1], -along[0]])
    return np.array(
        [
            [east, north] + sign * along * length / 2 + side * across * width / 2
            for sign, side in ((1, 1), (1, -1), (-1, -1), (-1, 1))
        ]
    )


def frame(
    rectangles: Sequence[Rectangle], *, at: int, yaw: float = 0.0, east: float = 0.0, north: float = 0.0
) -> list[Fix]:
    """Fixes of things on the ground, boxed along the image's axes as a detector boxes them."""
    lon, lat = from_plane(PLANE, [east, north])
    camera_pose = pose(
        yaw=yaw, pitch=-90, seconds=2.0 * at, point=replace(PLANE.origin, lon_deg=float(lon), lat_deg=float(lat))
    )
    orientation = orientation_of(camera_pose)
    assert orientation is not None
    fixes = []
    for rectangle in rectangles:
        ground = np.column_stack([corners(rectangle) - [east, north], np.full(4, -100.0)])
        pixels = project(CAMERA, orientation, ground)
        (left, top), (right, bottom) = pixels.min(axis=0), pixels.max(axis=0)
        seen = Detection(
            frame_id=f"f{at}",
            label="vehicle",
            score=0.9,
            box=Box(left_px=left, top_px=top, right_px=right, bottom_px=bottom),
            weight_sha256="0" * 64,
        )
        found = locate(seen, pose=camera_pose, camera=CAMERA, ground=FLAT, captured_at=camera_pose.captured_at)
        assert isinstance(found, Fix)
        fixes.append(found)
    return fixes


TANKER: Rectangle = (0.0, 0.0, 12.0, 2.5, 90.0)
CAB: Rectangle = (4.5, 0.0, 3.0, 2.5, 90.0)
REAR: Rectangle = (-2.0, 0.0, 8.0, 2.5, 90.0)
FRONT: Rectangle = (2.5, 0.0, 7.0, 2.5, 90.0)


def test_a_tanker_boxed_whole_and_by_its_cab_in_one_frame_is_one_thing() -> None:
    sightings = gather(frame([TANKER, CAB], at=0))
    assert len(sightings) == 1
    assert len(sightings[0].fixes) == 2
    # The whole box places it; the cab does not draw it forward.
    alone = gather(frame([TANKER], at=0))[0]
    assert sightings[0].point == alone.point
    assert sightings[0].covariance == alone.covariance


def test_a_tanker_boxed_by_halves_now_and_then_is_one_thing() -> None:
    fixes = [
        fix
        for at in range(5)
        for fix in frame([FRONT, REAR] if at == 2 else [TANKER], at=at, east=2.0 * at, north=-4.0)
    ]
    sightings = gather(fixes)
    assert len(sightings) == 1
    assert len(sightings[0].fixes) == 6
    assert sightings[0].passes == 1
    assert sightings[0].moving is False


@pytest.mark.parametrize("bearing", [90.0, 45.0, 20.0])
def test_two_lorries_side_by_side_are_two_whatever_their_bearing(bearing: float) -> None:
    across = math.radians(bearing + 90)
    other: Rectangle = (3.6 * math.sin(across), 3.6 * math.cos(across), 12.0, 2.5, bearing)
    first: Rectangle = (0.0, 0.0, 12.0, 2.5, bearing)
    fixes = [fix for at in range(4) for fix in frame([first, other], at=at, east=2.0 * at)]
    assert len(gather(fixes)) == 2
    assert len(gather(frame([first, other], at=0))) == 2


def test_a_car_in_the_corner_of_an_askew_lorrys_box_is_a_thing_of_its_own() -> None:
    lorry: Rectangle = (0.0, 0.0, 14.0, 2.5, 45.0)
    car: Rectangle = (2.6, -2.6, 4.0, 1.7, 45.0)
    fixes = [fix for at in range(4) for fix in frame([lorry, car], at=at, east=2.0 * at)]
    assert len(gather(fixes)) == 2
    assert len(gather(frame([lorry, car], at=0))) == 2


def test_a_row_of_cars_bumper_to_bumper_keeps_its_count() -> None:
    row: list[Rectangle] = [(4.9 * i, 0.0, 4.6, 1.8, 90.0) for i in range(6)]
    fixes = [fix for at in range(3) for fix in frame(row, at=at, east=2.0 * at, yaw=30.0 * at)]
    assert len(gather(fixes)) == 6


def test_a_car_that_takes_a_lorrys_place_later_is_another_thing() -> None:
    later = [replace(fix, captured_at=fix.captured_at.replace(hour=9)) for fix in frame([CAB], at=7)]
    assert len(gather([*frame([TANKER], at=0), *later])) == 2


def test_size_tells_a_lorry_from_the_car_beside_it_when_both_places_are_possible() -> None:
    """Everything moved by half the distance of two neighbours between two looks: only sizes tell which is which."""
    lorry: Rectangle = (0.0, 0.0, 12.0, 2.5, 0.0)
    car: Rectangle = (3.0, 0.0, 4.5, 1.8, 0.0)
    shifted = [(rectangle[0] - 1.6, *rectangle[1:]) for rectangle in (lorry, car)]
    sightings = gather([*frame([lorry, car], at=0), *frame(shifted, at=1)])
    lengths = [
        {round(math.dist(fix.outline_m[0], fix.outline_m[2])) for fix in sighting.fixes} for sighting in sightings
    ]
    assert all(len(kind) == 1 for kind in lengths), lengths
