"""A plan keeps its promises, measured independently of the planner, or it is refused with the reason."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import shapely

from core.errors import InputRefused, PlanRefused
from core.points import GeoPoint, LocalPlane, from_plane, to_plane
from flight.exports.qgc import write_plan
from flight.flight_plan import FlightPlan, Leg, Severity
from flight.patrol import Approval, KeyArea, Limits, NoFlyZone, Patrol
from flight.plan import plan
from flight.planning.catalogue import read_catalogue
from flight.planning.plan_file import read_plan_file, write_plan_file

HOME = GeoPoint(lon_deg=113.5, lat_deg=22.8)
PLANE = LocalPlane(origin=HOME)


def on_earth(shape: shapely.Geometry) -> shapely.Polygon:
    return shapely.transform(shape, lambda east_north: from_plane(PLANE, east_north))


def patrol_over(
    shape: shapely.Geometry, *zones: shapely.Geometry, permitted: shapely.Geometry | None = None, height: float = 80.0
) -> Patrol:
    catalogue = read_catalogue()
    return Patrol(
        name="test",
        areas=(KeyArea(name="area", shape=on_earth(shape), height_agl_m=height, speed_m_s=8.0),),
        aircraft=catalogue.aircraft["generic-arducopter"],
        camera=catalogue.cameras["demo-12mp"].camera,
        home=HOME,
        no_fly_zones=tuple(NoFlyZone(name=f"zone {i}", shape=on_earth(zone)) for i, zone in enumerate(zones)),
        permitted=None if permitted is None else on_earth(permitted),
        photo_interval_s=1.0,
    )


def ways(flight_plan: FlightPlan) -> list[shapely.LineString]:
    return [
        shapely.LineString(to_plane(PLANE, [[w.position.lon_deg, w.position.lat_deg] for w in sortie.waypoints]))
        for sortie in flight_plan.sorties
    ]


def photographed(flight_plan: FlightPlan, patrol: Patrol) -> shapely.Geometry:
    """The ground under photographs taken every spacing along the lines, by the footprint's plain trigonometry."""
    seen = []
    for sortie in flight_plan.sorties:
        points = to_plane(PLANE, [[w.position.lon_deg, w.position.lat_deg] for w in sortie.waypoints])
        for (a, b), w in zip(pairwise(points), sortie.waypoints[1:], strict=True):
            if w.leg is not Leg.LINE:
                continue
            step = w.photo_spacing_m or math.inf
            along = (b - a) / math.hypot(*(b - a))
            half = (
                np.array([patrol.camera.height_px, patrol.camera.width_px])
                / 2
                * w.height.metres
                / patrol.camera.focal_px
            )
            for d in np.append(np.arange(0, math.hypot(*(b - a)), step), math.hypot(*(b - a))):
                c = a + along * d
                across = np.array([-along[1], along[0]])
                corners = [
                    c + along * half[0] * i + across * half[1] * j for i, j in ((1, 1), (1, -1), (-1, -1), (-1, 1))
                ]
                seen.append(shapely.Polygon(corners))
    return shapely.union_all(seen)


FIELD = shapely.box(100, 100, 700, 500)
HOLE = shapely.box(300, 220, 420, 340)


def test_a_field_with_a_no_fly_hole_is_seen_whole_and_the_hole_is_never_entered() -> None:
    patrol = patrol_over(FIELD, HOLE)
    flight_plan = plan(patrol)
    for way in ways(flight_plan):
        assert way.distance(HOLE) >= patrol.limits.no_fly_margin_m - 1e-3
    asked = FIELD.difference(HOLE)
    assert photographed(flight_plan, patrol).intersection(asked).area / asked.area > 0.999
    assert flight_plan.covered_share > 0.995
    graver = {f.code for f in flight_plan.findings if f.severity is not Severity.PASS and not f.code.startswith("law")}
    assert graver == {"terrain"}


def test_the_permitted_airspace_is_never_left_on_the_way_home_either() -> None:
    bent = shapely.Polygon(
        [(-100, -100), (900, -100), (900, 600), (700, 600), (700, 100), (100, 100), (100, 600), (-100, 600)]
    )
    patrol = patrol_over(shapely.box(740, 200, 860, 560), permitted=bent)
    for way in ways(plan(patrol)):
        assert bent.contains(way)
        assert way.distance(bent.exterior) >= patrol.limits.no_fly_margin_m - 1e-3


def test_an_area_behind_a_closed_ring_is_refused() -> None:
    ring = shapely.Point(400, 300).buffer(300).difference(shapely.Point(400, 300).buffer(250))
    with pytest.raises(PlanRefused, match="no way leads to any"):
        plan(patrol_over(shapely.box(350, 250, 450, 350), ring))


def test_home_in_a_no_fly_zone_is_refused() -> None:
    with pytest.raises(PlanRefused, match="home lies in a no-fly zone"):
        plan(patrol_over(FIELD, shapely.box(-50, -50, 50, 50)))


def test_a_zone_above_the_flight_does_not_matter() -> None:
    patrol = patrol_over(FIELD)
    zone = NoFlyZone(name="approach", shape=on_earth(HOLE), floor_m=150.0)
    assert plan(replace(patrol, no_fly_zones=(zone,))).covered_share > 0.999


def test_every_sortie_of_a_large_area_comes_home_with_its_reserve() -> None:
    patrol = patrol_over(shapely.box(0, 100, 1800, 1300), height=60.0)
    flight_plan = plan(patrol)
    assert len(flight_plan.sorties) > 2
    for sortie in flight_plan.sorties:
        assert sortie.battery_used <= 1 - patrol.limits.battery_reserve + 1e-9
        assert sortie.waypoints[0].position == sortie.waypoints[-1].position
    assert flight_plan.covered_share > 0.995


def test_an_area_beyond_one_battery_is_refused() -> None:
    far = patrol_over(shapely.box(9_000, 0, 9_100, 100))
    with pytest.raises(PlanRefused, match="one battery"):
        plan(far)


def test_speed_is_lowered_to_what_the_camera_can_follow() -> None:
    patrol = replace(patrol_over(FIELD, height=30.0), photo_interval_s=3.0)
    lines = [w for sortie in plan(patrol).sorties for w in sortie.waypoints if w.leg is Leg.LINE]
    assert all(w.photo_spacing_m is not None and w.speed_m_s * 3.0 <= w.photo_spacing_m + 1e-9 for w in lines)
    assert lines[0].speed_m_s < 8.0


def test_too_high_is_found_and_failed() -> None:
    findings = {finding.code: finding for finding in plan(patrol_over(FIELD, height=150.0)).findings}
    assert findings["height-limit"].severity is Severity.FAIL


def test_a_flight_outside_its_approved_window_fails() -> None:
    approval = Approval(
        number="7",
        starts_at=datetime(2026, 10, 1, 0, tzinfo=UTC),
        ends_at=datetime(2026, 10, 1, 8, tzinfo=UTC),
        max_height_agl_m=120.0,
    )
    patrol = patrol_over(FIELD)
    patrol = replace(patrol, approval=approval, areas=(replace(patrol.areas[0], airspace=("hazmat",)),))
    for hour, verdict in [(2, Severity.PASS), (9, Severity.FAIL)]:
        findings = plan(patrol, at=datetime(2026, 10, 1, hour, tzinfo=UTC)).findings
        assert [f.severity for f in findings if f.code.endswith("approval-window")] == [verdict]


def test_the_same_patrol_gives_the_same_plan_and_the_file_gives_it_back(tmp_path: Path) -> None:
    patrol = patrol_over(FIELD, HOLE)
    first = plan(patrol)
    assert plan(patrol) == first
    write_plan_file(first, tmp_path / "plan.json")
    assert read_plan_file(tmp_path / "plan.json") == first


def test_a_plan_file_of_another_form_or_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    write_plan_file(plan(patrol_over(FIELD)), path)
    whole = path.read_text()
    for text in (whole[:-20], whole.replace("plan/1", "plan/9"), whole.replace('"home"', '"hom"'), "[]"):
        path.write_text(text)
        with pytest.raises(InputRefused):
            read_plan_file(path)


def test_a_qgroundcontrol_plan_holds_the_mission_and_the_fence(tmp_path: Path) -> None:
    patrol = patrol_over(FIELD, HOLE)
    flight_plan = plan(patrol)
    (path,) = write_plan(flight_plan, tmp_path / "field.plan", patrol=patrol)
    document = json.loads(path.read_text())
    commands = [item["command"] for item in document["mission"]["items"]]
    assert commands[0] == 22
    assert commands[-1] == 21
    places = [item for item in document["mission"]["items"] if item["command"] in {16, 21, 22}]
    assert len(places) == len(flight_plan.sorties[0].waypoints)
    second = flight_plan.sorties[0].waypoints[1].position
    assert places[1]["params"][4] == round(second.lat_deg, 7)  # as the link sends it, in 1e-7 degrees
    triggers = [item["params"][0] for item in document["mission"]["items"] if item["command"] == 206]
    assert triggers[0] > 0
    assert triggers[-1] == 0
    assert [ring["inclusion"] for ring in document["geoFence"]["polygons"]] == [False]


def test_limits_refuse_nonsense() -> None:
    with pytest.raises(ValueError, match="reserve"):
        Limits(battery_reserve=0.0)


def test_a_pocket_that_no_way_leads_to_is_left_out_and_said() -> None:
    pocket = shapely.Point(600, 400).buffer(70)
    patrol = patrol_over(FIELD, pocket.buffer(20).difference(pocket))
    flight_plan = plan(patrol)
    for way in ways(flight_plan):
        assert way.distance(pocket) > 0
    coverage = next(finding for finding in flight_plan.findings if finding.code == "coverage")
    assert coverage.severity is Severity.WARN
    assert 0.85 < flight_plan.covered_share < 0.98


def test_an_area_that_cannot_be_reached_fails_a_patrol_of_several() -> None:
    ring = shapely.Point(1500, 300).buffer(300).difference(shapely.Point(1500, 300).buffer(250))
    patrol = patrol_over(FIELD, ring)
    inner = replace(patrol.areas[0], name="inner", shape=on_earth(shapely.box(1450, 250, 1550, 350)))
    findings = plan(replace(patrol, areas=(*patrol.areas, inner))).findings
    assert [f.severity for f in findings if f.code == "coverage"] == [Severity.PASS, Severity.FAIL]
