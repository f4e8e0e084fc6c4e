"""Footprints on level ground follow from similar triangles."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from flight.camera import Orientation
from flight.planning.catalogue import read_catalogue
from flight.planning.footprint import footprint, ground_extent_m

CAMERA = read_catalogue().cameras["demo-12mp"].camera


def test_a_nadir_footprint_is_the_picture_scaled_by_height_over_focal_length() -> None:
    outline = footprint(CAMERA, Orientation(yaw_deg=0, pitch_deg=-90, roll_deg=0), 100.0)
    assert outline is not None
    half = np.array([2000.0, 1500.0]) * 100.0 / CAMERA.focal_px
    assert outline == pytest.approx(np.array([[-1, 1], [1, 1], [1, -1], [-1, -1]]) * half)


def test_a_turn_of_the_aircraft_turns_the_footprint_clockwise() -> None:
    outline = footprint(CAMERA, Orientation(yaw_deg=90, pitch_deg=-90, roll_deg=0), 100.0)
    assert outline is not None
    assert outline[:, 0].max() == pytest.approx(1500 * 100 / CAMERA.focal_px)  # the picture's top now looks east


def test_an_oblique_footprint_lies_ahead_and_widens() -> None:
    outline = footprint(CAMERA, Orientation(yaw_deg=0, pitch_deg=-60, roll_deg=0), 100.0)
    assert outline is not None
    centre = shapely.Polygon(outline).centroid
    assert centre.y > 57.7  # beyond 100 m · tan 30°, because the far half is longer
    assert np.ptp(outline[:2, 0]) > np.ptp(outline[2:, 0])
    across, along = ground_extent_m(CAMERA, -60, 100.0) or (0, 0)
    assert across == pytest.approx(np.ptp(outline[2:, 0]))
    assert along > 2 * 1500 * 100 / CAMERA.focal_px


def test_a_picture_with_the_horizon_has_no_footprint() -> None:
    assert footprint(CAMERA, Orientation(yaw_deg=0, pitch_deg=-20, roll_deg=0), 100.0) is None
    assert ground_extent_m(CAMERA, -20, 100.0) is None


def test_a_camera_on_the_ground_is_a_callers_mistake() -> None:
    with pytest.raises(ValueError, match="above the ground"):
        footprint(CAMERA, Orientation(yaw_deg=0, pitch_deg=-90, roll_deg=0), 0.0)
