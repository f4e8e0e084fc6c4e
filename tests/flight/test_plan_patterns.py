"""Corridor, perimeter, orbit, facade and points: the aircraft is where it must be and looks where it must look."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from core.errors import InputRefused, PlanRefused
from core.points import GeoPoint, LocalPlane, from_plane, to_plane
from flight.flight_plan import FlightPlan, Leg, Severity, Waypoint
from flight.patrol import KeyArea, NoFlyZone, Obstacle, Patrol, Pattern
from flight.plan import plan
from flight.planning.catalogue import read_catalogue

HOME = GeoPoint(lon_deg=113.5, lat_deg=22.8)
PLANE = LocalPlane(origin=HOME)
CATALOGUE = read_catalogue()


def on_earth(shape: shapely.Geometry) -> Any:
    return shapely.transform(shape, lambda p: from_plane(PLANE, p))


def patrol_for(shape: shapely.Geometry, pattern: Pattern, **settings: Any) -> Patrol:
    area = KeyArea(
        name="thing", shape=on_earth(shape), pattern=pattern, **{"speed_m_s": 5.0, "height_agl_m": 60.0} | settings
    )
    return Patrol(
        name="pattern",
        areas=(area,),
        aircraft=CATALOGUE.aircraft["dji-m30t"],
        camera=CATALOGUE.cameras["dji-m30t-wide"].camera,
        home=HOME,
        photo_interval_s=0.7,
    )


def lines_of(flight_plan: FlightPlan) -> list[tuple[np.ndarray, np.ndarray, Waypoint]]:
    found = []
    for sortie in flight_plan.sorties:
        points = to_plane(PLANE, [[w.position.lon_deg, w.position.lat_deg] for w in sortie.waypoints])
        for index, waypoint in enumerate(sortie.waypoints):
            if waypoint.leg is Leg.LINE:
                found.append((points[index - 1], points[index], waypoint))
    return found


def test_a_narrow_corridor_is_one_pass_along_its_line() -> None:
    line = shapely.LineString([(50, 100), (500, 100), (700, 400)])
    flown = shapely.MultiLineString([[a, b] for a, b, _w in lines_of(plan(patrol_for(line, Pattern.CORRIDOR)))])
    assert flown.length == pytest.approx(line.length, rel=1e-6)
    assert flown.hausdorff_distance(line) < 0.01


def test_a_wide_corridor_is_seen_over_its_whole_width() -> None:
    line = shapely.LineString([(50, 100), (600, 100)])
    patrol = patrol_for(line, Pattern.CORRIDOR, width_m=200.0)
    legs = lines_of(plan(patrol))
    half = patrol.camera.width_px / 2 * 60 / patrol.camera.focal_px
    seen = shapely.union_all([shapely.LineString([a, b]).buffer(half, cap_style="flat") for a, b, _w in legs])
    assert seen.buffer(1e-3).covers(line.buffer(99.9, cap_style="flat"))
    ys = sorted({round(float(a[1]), 3) for a, _b, _w in legs})
    overlap = 1 - (ys[1] - ys[0]) / (2 * half)
    assert overlap >= 0.6 - 1e-4


def test_a_perimeter_goes_round_outside_and_looks_in() -> None:
    site = shapely.box(100, 100, 300, 250)
    legs = lines_of(plan(patrol_for(site, Pattern.PERIMETER, standoff_m=20.0, gimbal_pitch_deg=-45.0)))
    flown = shapely.union_all([shapely.LineString([a, b]) for a, b, _w in legs])
    assert flown.length == pytest.approx(2 * (240 + 190), rel=1e-3)
    for a, b, waypoint in legs:
        assert waypoint.yaw_deg is not None
        look = np.array([math.sin(math.radians(waypoint.yaw_deg)), math.cos(math.radians(waypoint.yaw_deg))])
        assert site.distance(shapely.Point((a + b) / 2 + look * 21)) == 0


def test_an_orbit_keeps_its_distance_and_looks_at_the_middle() -> None:
    legs = lines_of(plan(patrol_for(shapely.Point(200, 200), Pattern.ORBIT, standoff_m=40.0, top_m=20.0, laps=2)))
    heights = {waypoint.height.metres for _a, _b, waypoint in legs}
    assert heights == {30.0, 60.0}
    for a, b, waypoint in legs:
        assert np.hypot(*((a + b) / 2 - 200)) >= 40 - 1e-6
        assert np.hypot(*(b - 200)) < 41
        to_centre = 200 - (a + b) / 2
        assert waypoint.yaw_deg == pytest.approx(math.degrees(math.atan2(*to_centre)) % 360, abs=0.1)
        down = math.degrees(math.atan2(waypoint.height.metres - 10, np.hypot(*to_centre)))
        assert waypoint.gimbal_pitch_deg == pytest.approx(-down, abs=1)


def test_a_facade_is_seen_from_bottom_to_top_and_the_building_is_never_crossed() -> None:
    building = shapely.box(100, 100, 160, 140)
    patrol = patrol_for(
        building, Pattern.FACADE, standoff_m=25.0, top_m=45.0, height_agl_m=60.0, gimbal_pitch_deg=-10.0
    )
    flight_plan = plan(patrol)
    tall = 2 * 25 * patrol.camera.height_px / 2 / patrol.camera.focal_px
    tiers = sorted({w.height.metres for _a, _b, w in lines_of(flight_plan)})
    levels = [height - 25 * math.tan(math.radians(10)) for height in tiers]
    assert levels[0] - tall / 2 <= 0.01
    assert levels[-1] + tall / 2 >= 45 - 0.01
    assert all(upper - lower <= tall * 0.4 + 0.01 for lower, upper in pairwise(levels))
    for sortie in flight_plan.sorties:
        way = shapely.LineString(to_plane(PLANE, [[w.position.lon_deg, w.position.lat_deg] for w in sortie.waypoints]))
        assert way.distance(building) >= patrol.limits.obstacle_distance_m - 0.01


def test_points_are_looked_at_from_their_standoff() -> None:
    spots = [(100.0, 100.0), (300.0, 80.0), (200.0, 300.0)]
    patrol = patrol_for(shapely.MultiPoint(spots), Pattern.POINTS, standoff_m=15.0, hover_s=5.0, height_agl_m=30.0)
    flight_plan = plan(patrol)
    stands = [
        (to_plane(PLANE, [w.position.lon_deg, w.position.lat_deg]), w)
        for sortie in flight_plan.sorties
        for w in sortie.waypoints
        if w.leg is Leg.LOOK
    ]
    assert lines_of(flight_plan) == []
    assert sum(sortie.photos for sortie in flight_plan.sorties) == 3
    for b, w in stands:
        spot = min(spots, key=lambda one: math.dist(one, b))
        assert w.yaw_deg == pytest.approx(math.degrees(math.atan2(spot[0] - b[0], spot[1] - b[1])) % 360, abs=0.01)
        assert w.gimbal_pitch_deg == pytest.approx(-math.degrees(math.atan2(30, 15)))
    assert sorted(min(range(3), key=lambda i: math.dist(spots[i], b)) for b, _w in stands) == [0, 1, 2]
    assert all(min(math.dist(spot, b) for spot in spots) == pytest.approx(15, abs=0.01) for b, _w in stands)
    assert all(w.hover_s == 5.0 for _b, w in stands)
    assert sum(sortie.duration_s for sortie in flight_plan.sorties) > 15


def test_a_point_inside_a_no_fly_zone_is_left_out_and_said() -> None:
    patrol = patrol_for(shapely.MultiPoint([(100, 100), (300, 300)]), Pattern.POINTS)
    zone = NoFlyZone(name="zone", shape=on_earth(shapely.box(280, 280, 320, 320)))
    findings = {finding.code: finding for finding in plan(replace(patrol, no_fly_zones=(zone,))).findings}
    assert findings["coverage"].severity is Severity.WARN
    assert "50" in findings["coverage"].text


def test_an_orbit_without_standoff_is_refused() -> None:
    with pytest.raises(PlanRefused, match="standoff"):
        plan(patrol_for(shapely.Point(200, 200), Pattern.ORBIT))


def test_low_flight_goes_round_a_stack_and_high_flight_over_it() -> None:
    field = shapely.box(50, 50, 250, 250)
    row = shapely.LineString([(110, 110), (190, 190)])  # two stacks and the pipe bridge between them
    stack = Obstacle(name="stacks", shape=on_earth(row), top_m=50.0)
    for height, kept in [(55.0, True), (90.0, False)]:
        patrol = replace(patrol_for(field, Pattern.SURVEY, height_agl_m=height), obstacles=(stack,))
        legs = lines_of(plan(patrol))
        nearest = min(shapely.LineString([a, b]).distance(row) for a, b, _w in legs)
        assert (nearest >= patrol.limits.obstacle_distance_m - 0.01) is kept


def hill(path: Path, *, covers_m: float = 2_000.0, crs: str | None = "EPSG:32649") -> Path:
    """A DEM of a 60 m hill beside home, UTM zone 49, 10 m pixels."""
    import rasterio
    from pyproj import Transformer
    from rasterio import Affine

    x, y = Transformer.from_crs("EPSG:4326", "EPSG:32649", always_xy=True).transform(HOME.lon_deg, HOME.lat_deg)
    size = int(2 * covers_m / 10)
    columns, rows = np.meshgrid(np.arange(size), np.arange(size))
    east, north = (columns + 0.5) * 10 - covers_m, covers_m - (rows + 0.5) * 10
    heights = 100 + 60 * np.exp(-((east - 400) ** 2 + (north - 300) ** 2) / (2 * 120**2))
    with rasterio.open(
        path, "w", driver="GTiff", width=size, height=size, count=1, dtype="float32", crs=crs,
        transform=Affine(10, 0, x - covers_m, 0, -10, y + covers_m),
    ) as raster:  # fmt: skip
        raster.write(heights.astype("float32"), 1)
    return path


def test_a_survey_over_a_hill_follows_it_within_the_tolerance(tmp_path: Path) -> None:
    patrol = replace(patrol_for(shapely.box(200, 100, 600, 500), Pattern.SURVEY), terrain=hill(tmp_path / "dem.tif"))
    flight_plan = plan(patrol)
    finding = next(finding for finding in flight_plan.findings if finding.code == "terrain")
    assert finding.severity is Severity.PASS
    for a, b, waypoint in lines_of(flight_plan):
        for point in (a, b, (a + b) / 2):
            ground = 60 * math.exp(-((point[0] - 400) ** 2 + (point[1] - 300) ** 2) / (2 * 120**2))
            if point is b:
                # convergence of the UTM grid turns the hill by some metres; the tolerance leaves room for it
                assert abs(waypoint.height.metres - ground - 60) < patrol.limits.terrain_tolerance_m + 2
    heights = [w.height.metres for sortie in flight_plan.sorties for w in sortie.waypoints]
    assert max(heights) > 110
    findings = {finding.code: finding for finding in flight_plan.findings}
    assert findings["ground-clearance"].severity is Severity.PASS
    assert findings["height-limit"].severity is Severity.PASS


def test_a_way_home_over_a_hill_clears_it_and_a_true_height_above_the_limit_fails(tmp_path: Path) -> None:
    behind = patrol_for(shapely.box(700, 450, 900, 600), Pattern.SURVEY, height_agl_m=20.0)
    asked = replace(behind, terrain=hill(tmp_path / "dem.tif"))
    findings = {finding.code: finding for finding in plan(asked).findings}
    assert findings["ground-clearance"].severity is Severity.PASS
    low = replace(asked, limits=replace(asked.limits, max_height_agl_m=60.0))
    assert {f.code: f.severity for f in plan(low).findings}["height-limit"] is Severity.FAIL


def test_a_steep_climb_begins_early_enough(tmp_path: Path) -> None:
    slow = replace(CATALOGUE.aircraft["dji-m30t"], climb_m_s=1.0, descent_m_s=1.0)
    patrol = replace(
        patrol_for(shapely.box(200, 100, 600, 500), Pattern.SURVEY),
        terrain=hill(tmp_path / "dem.tif"),
        aircraft=slow,
    )
    flight_plan = plan(patrol)
    for sortie in flight_plan.sorties:
        points = to_plane(PLANE, [[w.position.lon_deg, w.position.lat_deg] for w in sortie.waypoints])
        for i, waypoint in enumerate(sortie.waypoints):
            if waypoint.leg is Leg.LINE:
                rise = waypoint.height.metres - sortie.waypoints[i - 1].height.metres
                assert abs(rise) / (math.dist(points[i], points[i - 1]) / waypoint.speed_m_s) <= 1.0 + 1e-6


def test_ground_that_the_raster_does_not_know_is_refused(tmp_path: Path) -> None:
    patrol = patrol_for(shapely.box(200, 100, 600, 500), Pattern.SURVEY)
    with pytest.raises(PlanRefused, match="says nothing about ground"):
        plan(replace(patrol, terrain=hill(tmp_path / "small.tif", covers_m=300)))
    with pytest.raises(InputRefused, match="no reference system"):
        plan(replace(patrol, terrain=hill(tmp_path / "bare.tif", crs=None)))


@pytest.mark.parametrize("distance_m", [10.0, 15.0, 25.0, 40.0])
def test_the_way_keeps_its_distance_from_masts_and_lines_all_round(distance_m: float) -> None:
    asked = patrol_for(shapely.box(50, 50, 450, 400), Pattern.SURVEY)
    mast, wire = shapely.Point(250, 220), shapely.LineString([(80, 300), (160, 380)])
    obstacles = tuple(
        Obstacle(name=name, shape=on_earth(shape), top_m=120) for name, shape in (("mast", mast), ("wire", wire))
    )
    limits = replace(asked.limits, obstacle_distance_m=distance_m)
    flight_plan = plan(replace(asked, obstacles=obstacles, limits=limits))
    finding = next(finding for finding in flight_plan.findings if finding.code == "no-fly")
    assert finding.severity is Severity.PASS
    for sortie in flight_plan.sorties:
        way = shapely.LineString(to_plane(PLANE, [[w.position.lon_deg, w.position.lat_deg] for w in sortie.waypoints]))
        assert min(way.distance(mast), way.distance(wire)) >= distance_m - 1e-6


def test_a_facade_nearer_than_the_distance_to_obstacles_is_refused() -> None:
    asked = patrol_for(shapely.box(100, 100, 130, 120), Pattern.FACADE, standoff_m=8.0, top_m=30.0, height_agl_m=30.0)
    with pytest.raises(PlanRefused, match=r"thing: its standoff of 8 m is nearer than the 10 m"):
        plan(asked)
