"""Outlines on the ground against a container that is drawn into pictures from all sides."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import shapely

from core.points import to_plane
from geofence.attributing.attribute_footing import outline_on_ground
from geofence.gather import gather
from geofence.sighting import Sighting
from tests.geofence.drawn_container import FOOT, LENGTH_M, WIDTH_M, shot
from tests.geofence.locating import PLANE


def outline_of(seen: Sighting) -> shapely.Polygon:
    laid = outline_on_ground(seen)
    assert laid is not None
    return shapely.Polygon(laid.corners + to_plane(PLANE, [seen.point.lon_deg, seen.point.lat_deg]))


@pytest.mark.parametrize("azimuth", [0.0, 90.0, 180.0, 270.0])
@pytest.mark.parametrize("pitch", [-89.0, -70.0, -50.0])
def test_an_outline_holds_the_ground_that_a_container_stands_on_and_little_more(azimuth: float, pitch: float) -> None:
    (seen,) = gather([shot(azimuth, pitch, 0), shot(azimuth, pitch, 1)])
    outline, truth = outline_of(seen), shapely.Polygon(FOOT)
    assert outline.buffer(0.5).contains(truth)
    assert outline.area < 1.35 * truth.area


def test_a_container_that_stands_askew_is_bounded_loosely() -> None:
    (seen,) = gather([shot(0.0, -89.0, number, turn_deg=40.0) for number in range(2)])
    outline = outline_of(seen)
    turn = math.radians(40.0)
    about = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    assert outline.buffer(0.5).contains(shapely.Polygon(FOOT @ about.T))
    assert outline.area > 2 * LENGTH_M * WIDTH_M


def test_what_stands_on_a_roof_covers_none_of_the_ground_that_its_box_covers() -> None:
    (seen,) = gather([shot(0.0, -70.0, number) for number in range(2)])
    assert outline_on_ground(seen) is not None
    assert outline_on_ground(replace(seen, height_above_ground_m=8.0, height_sigma_m=1.0)) is None
