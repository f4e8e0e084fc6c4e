"""Key areas as ground: a corridor as wide as it is to be seen, a point as a disc, and who looked at them."""

from __future__ import annotations

from pathlib import Path

import pytest
from shapely import LineString, Point, box

from flight.patrol import KeyArea, Pattern
from flight.planning.patrol_file import read_patrol
from maps.coverage import area_km2
from maps.planned_areas import ground_of, planned_areas

DEMO = Path(__file__).resolve().parents[2] / "missions/demo/patrol.yaml"
A_KM_EAST = 1 / 102.5  # degrees, at 23 north


def test_a_corridor_is_as_wide_as_it_is_to_be_seen() -> None:
    line = LineString([(113.0, 23.0), (113.0 + A_KM_EAST, 23.0)])
    area = KeyArea(name="road", shape=line, pattern=Pattern.CORRIDOR, height_agl_m=60, width_m=40, speed_m_s=8)
    assert area_km2(ground_of(area)) == pytest.approx(0.040 + 0.00126, rel=0.02)  # and the rounded ends


def test_a_point_is_a_small_disc() -> None:
    area = KeyArea(name="tank", shape=Point(113.0, 23.0), pattern=Pattern.POINTS, height_agl_m=60, speed_m_s=8)
    assert area_km2(ground_of(area)) * 1e6 == pytest.approx(3.1416 * 25, rel=0.02)


def test_each_area_stands_once_with_the_share_that_was_seen() -> None:
    patrol = read_patrol(DEMO)
    first = patrol.areas[0].shape
    west, south, east, north = first.bounds
    listed = planned_areas([patrol, patrol], [first, box(0, 0, 1, 1), box(west, south, (west + east) / 2, north)])
    assert [one.name for one in listed] == [area.name for area in patrol.areas]
    assert {one.patrol for one in listed} == {patrol.name}
    assert listed[0].looked[0] == (0, pytest.approx(1.0, abs=0.01))
    assert listed[0].looked[1][0] == 2
    assert 0.2 < listed[0].looked[1][1] < 0.8
