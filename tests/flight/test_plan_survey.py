"""Surveys: crosshatch, oblique cameras, given directions, several parts; and shapes from vector files."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import shapely

from core.errors import InputRefused, PlanRefused
from core.points import GeoPoint, LocalPlane, from_plane, to_plane
from flight.exports.geojson import photo_footprints
from flight.flight_plan import FlightPlan, Leg, Severity
from flight.patrol import KeyArea, NoFlyZone, Patrol, Wind
from flight.plan import plan
from flight.planning.catalogue import read_catalogue
from flight.planning.shape_files import read_shape

HOME = GeoPoint(lon_deg=113.5, lat_deg=22.8)
PLANE = LocalPlane(origin=HOME)
FIELD = shapely.box(80, 80, 480, 330)


def on_earth(shape: shapely.Geometry) -> Any:
    return shapely.transform(shape, lambda p: from_plane(PLANE, p))


def patrol(shape: shapely.Geometry = FIELD, **settings: Any) -> Patrol:
    catalogue = read_catalogue()
    plain: dict[str, Any] = {"height_agl_m": 70.0, "speed_m_s": 8.0}
    return Patrol(
        name="survey",
        areas=(KeyArea(name="field", shape=on_earth(shape), **plain | settings),),
        aircraft=catalogue.aircraft["dji-m30t"],
        camera=catalogue.cameras["dji-m30t-wide"].camera,
        home=HOME,
        photo_interval_s=0.7,
    )


def courses(flight_plan: FlightPlan) -> set[int]:
    found = set()
    for sortie in flight_plan.sorties:
        points = to_plane(PLANE, [[w.position.lon_deg, w.position.lat_deg] for w in sortie.waypoints])
        for index, waypoint in enumerate(sortie.waypoints):
            if waypoint.leg is Leg.LINE:
                found.add(round(math.degrees(math.atan2(*(points[index] - points[index - 1])))) % 180)
    return found


def seen_share(flight_plan: FlightPlan, asked: Patrol) -> float:
    seen = shapely.union_all([shape for _n, _a, shape in photo_footprints(flight_plan, asked)])
    area = asked.areas[0].shape
    return float(seen.intersection(area).area / area.area)


def test_a_crosshatch_flies_a_second_set_across_the_first() -> None:
    first, second = sorted(courses(plan(patrol(crosshatch=True))))
    assert second - first == 90


def test_a_given_direction_is_flown() -> None:
    assert courses(plan(patrol(angle_deg=30.0))) == {30}


@pytest.mark.parametrize("pitch", [-90.0, -70.0, -60.0])
@pytest.mark.parametrize("overlaps", [(0.7, 0.6), (0.5, 0.1)])
def test_every_place_is_in_a_photograph_also_when_the_camera_looks_ahead(
    pitch: float, overlaps: tuple[float, float]
) -> None:
    asked = patrol(gimbal_pitch_deg=pitch, front_overlap=overlaps[0], side_overlap=overlaps[1])
    assert seen_share(plan(asked), asked) > 0.995


def test_a_camera_that_sees_the_horizon_is_refused() -> None:
    with pytest.raises(PlanRefused, match="horizon"):
        plan(patrol(gimbal_pitch_deg=-10.0))


def test_parts_apart_and_a_hole_are_seen_and_the_hole_is_not_asked_for() -> None:
    parts = shapely.MultiPolygon([shapely.box(80, 80, 300, 250), shapely.box(500, 300, 700, 480)])
    ring = shapely.box(80, 80, 480, 480).difference(shapely.box(200, 200, 400, 400))
    for shape in (parts, ring):
        asked = patrol(shape)
        assert seen_share(plan(asked), asked) > 0.995
    whole, hollow = plan(patrol(shapely.box(80, 80, 480, 480))), plan(patrol(ring))
    assert sum(s.photos for s in hollow.sorties) < sum(s.photos for s in whole.sorties)


def test_too_fine_a_picture_is_refused_and_not_begun() -> None:
    with pytest.raises(PlanRefused, match="lines of"):
        plan(patrol(shapely.box(80, 80, 5000, 5000), height_agl_m=1.0))


def test_broken_off_at_any_waypoint_there_is_battery_to_come_home() -> None:
    far = patrol(shapely.box(1500, 0, 2600, 700))
    zone = NoFlyZone(name="bar", shape=on_earth(shapely.box(900, -600, 1000, 900)))
    asked = replace(far, no_fly_zones=(zone,), wind=Wind(speed_m_s=7.0, from_deg=270.0))
    findings = {finding.code: finding for finding in plan(asked).findings}
    assert findings["way-home"].severity is Severity.PASS
    assert findings["no-fly"].severity is Severity.PASS


@pytest.mark.parametrize(("driver", "suffix"), [("GPKG", "gpkg"), ("ESRI Shapefile", "shp"), ("KML", "kml")])
def test_a_named_feature_is_read_from_vector_files_in_any_reference_system(
    tmp_path: Path, driver: str, suffix: str
) -> None:
    shape = on_earth(FIELD)
    table = geopandas.GeoDataFrame({"Name": ["tanks", "yard"]}, geometry=[shape, shape.buffer(0.001)], crs=4326)
    path = tmp_path / f"areas.{suffix}"
    (table if driver == "KML" else table.to_crs(32649)).to_file(path, driver=driver)
    read = read_shape(path, "tanks")
    assert np.allclose(read.bounds, shape.bounds, atol=1e-7)
    with pytest.raises(InputRefused, match="tanks, yard"):
        read_shape(path, "elsewhere")


def test_a_vector_file_without_a_reference_system_is_refused(tmp_path: Path) -> None:
    table = geopandas.GeoDataFrame({"Name": ["tanks"]}, geometry=[on_earth(FIELD)], crs=4326)
    table.to_file(tmp_path / "bare.shp")
    (tmp_path / "bare.prj").unlink()
    with pytest.raises(InputRefused, match="no reference system"):
        read_shape(tmp_path / "bare.shp", None)


def test_the_aircraft_looks_along_a_line_before_its_first_photograph() -> None:
    made = plan(patrol())
    stops = [stop for sortie in made.sorties for stop in sortie.waypoints]
    lines = [(before, line) for before, line in pairwise(stops) if line.leg is Leg.LINE and before.leg is Leg.TRANSIT]
    assert lines
    for before, line in lines:
        east, north = to_plane(LocalPlane(origin=before.position), [line.position.lon_deg, line.position.lat_deg])
        along = math.degrees(math.atan2(east, north)) % 360
        assert before.yaw_deg is not None
        assert abs((before.yaw_deg - along + 180) % 360 - 180) < 0.1
