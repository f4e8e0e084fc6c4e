"""Over random ugly outlines a plan keeps every promise, or a refusal says why; nothing else comes out."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import shapely
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from core.errors import PlanRefused
from core.points import GeoPoint, LocalPlane, from_plane, to_plane
from flight.flight_plan import FlightPlan, Leg
from flight.patrol import KeyArea, NoFlyZone, Patrol
from flight.plan import plan
from flight.planning.catalogue import read_catalogue

CATALOGUE = read_catalogue()
HOMES = (GeoPoint(lon_deg=113.5, lat_deg=22.8), GeoPoint(lon_deg=179.9995, lat_deg=-16.8))  # the second by Taveuni
METRES = st.floats(min_value=-600, max_value=600, allow_nan=False, width=32)
CORNERS = st.lists(st.tuples(METRES, METRES), min_size=3, max_size=9)


def ring_of(corners: list[tuple[float, float]], kind: str) -> shapely.Polygon | None:
    """An outline of some ugly kind from random corners; None where no ring can be written."""
    points = np.array(corners)
    if kind == "star":
        middle = points.mean(axis=0)
        points = points[np.argsort(np.arctan2(*(points - middle).T))]
    elif kind == "spike":
        points = np.concatenate([points[0] + np.array([[0.0, 0.0], [400.0, 0.01], [0.0, 0.02]]), points[1:]])
    elif kind == "duplicates":
        points = np.repeat(points, 2, axis=0)
    elif kind == "tiny":
        points = points / 1000
    elif kind == "flat":
        points = points * [1.0, 1e-7]
    elif kind == "empty":
        return shapely.Polygon()
    return shapely.Polygon(points)


KINDS = st.sampled_from(["star", "star", "star", "bow-tie", "spike", "duplicates", "tiny", "flat", "empty"])


def patrol_at(home: GeoPoint, shape: shapely.Geometry, zones: list[shapely.Geometry]) -> Patrol:
    plane = LocalPlane(origin=home)

    def on_earth(local: shapely.Geometry) -> shapely.Polygon:
        return shapely.transform(local, lambda p: from_plane(plane, p)) if not local.is_empty else local

    return Patrol(
        name="ugly",
        areas=(KeyArea(name="area", shape=on_earth(shape), height_agl_m=90.0, speed_m_s=8.0),),
        aircraft=CATALOGUE.aircraft["dji-m30t"],
        camera=CATALOGUE.cameras["dji-m30t-wide"].camera,
        home=home,
        no_fly_zones=tuple(NoFlyZone(name=str(i), shape=on_earth(zone)) for i, zone in enumerate(zones)),
        photo_interval_s=0.7,
    )


def check_promises(patrol: Patrol, flight_plan: FlightPlan) -> None:
    plane = LocalPlane(origin=patrol.home)

    def local(shape: shapely.Geometry) -> shapely.Geometry:
        return shapely.transform(shape, lambda p: to_plane(plane, p))

    zones = [local(zone.shape) for zone in patrol.no_fly_zones]
    seen = []
    for sortie in flight_plan.sorties:
        path = to_plane(plane, [[w.position.lon_deg, w.position.lat_deg] for w in sortie.waypoints])
        way = shapely.LineString(path)
        assert all(way.distance(zone) >= patrol.limits.no_fly_margin_m - 1e-3 for zone in zones)
        assert sortie.battery_used <= 1 - patrol.limits.battery_reserve + 1e-9
        assert np.hypot(*path[0]) < 1e-3
        assert np.hypot(*path[-1]) < 1e-3
        for (a, b), waypoint in zip(pairwise(path), sortie.waypoints[1:], strict=True):
            if waypoint.leg is Leg.LINE:
                assert waypoint.photo_spacing_m is not None
                assert waypoint.speed_m_s * patrol.photo_interval_s <= waypoint.photo_spacing_m + 1e-6
                scale = waypoint.height.metres / patrol.camera.focal_px
                ahead = (b - a) / np.hypot(*(b - a)) * patrol.camera.height_px / 2 * scale
                line = shapely.LineString([a - ahead, b + ahead])
                seen.append(line.buffer(patrol.camera.width_px / 2 * scale, cap_style="flat"))
    area = local(patrol.areas[0].shape)
    asked = area.difference(shapely.union_all(zones)) if zones else area
    if not zones:
        assert shapely.union_all(seen).intersection(asked).area >= 0.995 * asked.area
        assert flight_plan.covered_share > 0.995


@settings(max_examples=35, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(
    corners=CORNERS,
    kind=KINDS,
    holes=st.lists(st.tuples(METRES, METRES, st.floats(min_value=5, max_value=120)), max_size=3),
    home=st.sampled_from(HOMES),
)
def test_a_plan_keeps_its_promises_or_is_refused(
    corners: list[tuple[float, float]], kind: str, holes: list[tuple[float, float, float]], home: GeoPoint
) -> None:
    shape = ring_of(corners, kind)
    zones = [shapely.Point(x, y).buffer(r, quad_segs=2) for x, y, r in holes]
    patrol = patrol_at(home, shape, zones)
    try:
        flight_plan = plan(patrol)
    except PlanRefused as refused:
        note(str(refused))
        return
    check_promises(patrol, flight_plan)


@settings(max_examples=5, deadline=None)
@given(corners=CORNERS, wind=st.floats(min_value=0, max_value=11), course=st.floats(min_value=0, max_value=359))
def test_a_plan_is_the_same_each_time(corners: list[tuple[float, float]], wind: float, course: float) -> None:
    shape = ring_of(corners, "star")
    patrol = patrol_at(HOMES[0], shape, [])
    patrol = replace(patrol, wind=replace(patrol.wind, speed_m_s=wind, from_deg=course))
    try:
        first = plan(patrol)
    except PlanRefused:
        return
    assert plan(patrol) == first
    assert math.isfinite(first.sorties[0].duration_s)
