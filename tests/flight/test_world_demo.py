"""The demo district: its files agree with one another and with the script that makes them."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from shapely import MultiPoint, Point, Polygon
from shapely.geometry import shape

from core.points import LocalPlane, to_plane
from flight.rehearsal.render_things import stack_ring
from flight.rehearsal.render_vehicles import outline
from flight.rehearsal.world import World, point_of, truths
from flight.rehearsal.world_file import read_world

DEMO = Path(__file__).resolve().parents[2] / "missions" / "demo"
GB_32100 = "0123456789ABCDEFGHJKLMNPQRTUWXY"


@pytest.fixture(scope="module")
def world() -> World:
    return read_world(DEMO / "world.yaml")


@pytest.fixture(scope="module")
def sites() -> list[dict[str, Any]]:
    return list(json.loads((DEMO / "sites.geojson").read_text(encoding="utf-8"))["features"])


@pytest.fixture(scope="module")
def zones() -> list[dict[str, Any]]:
    return list(json.loads((DEMO / "zones.geojson").read_text(encoding="utf-8"))["features"])


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_district", DEMO / "make_district.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_files_are_what_the_script_writes(maker: ModuleType) -> None:
    for name, text in maker.files().items():
        assert (DEMO / name).read_text(encoding="utf-8") == text, f"{name} was changed by hand"


def test_every_code_has_its_check_character(sites: list[dict[str, Any]]) -> None:
    codes = [feature["properties"]["code"] for feature in sites]
    assert len(set(codes)) == len(codes) >= 8
    for code in codes:
        assert len(code) == 18
        # GB 32100-2015: the check character makes the weighted sum with powers of 3 a multiple of 31.
        total = sum(GB_32100.index(letter) * pow(3, place, 31) for place, letter in enumerate(code))
        last = GB_32100.index(code[-1])
        assert (total - last * pow(3, 17, 31) + last) % 31 == 0


def test_sites_do_not_overlap_and_some_share_a_fence(sites: list[dict[str, Any]]) -> None:
    shapes = [shape(feature["geometry"]) for feature in sites]
    shared = 0
    for index, one in enumerate(shapes):
        assert one.is_valid
        for other in shapes[index + 1 :]:
            assert one.intersection(other).area * 1.1e10 < 1.0  # square degrees to square metres, roughly
            shared += one.distance(other) * 1e5 < 0.1
    assert shared >= 5


def test_zones_lie_in_their_sites(sites: list[dict[str, Any]], zones: list[dict[str, Any]]) -> None:
    of_code = {feature["properties"]["code"]: shape(feature["geometry"]) for feature in sites}
    assert len({feature["properties"]["zone_id"] for feature in zones}) == len(zones)
    for feature in zones:
        code = feature["properties"]["site_code"]
        if code is not None:
            assert of_code[code].buffer(1e-8).covers(shape(feature["geometry"]))


def test_planted_vehicles_stand_wholly_where_they_are_said_to(
    world: World, sites: list[dict[str, Any]], zones: list[dict[str, Any]]
) -> None:
    of_code = {feature["properties"]["code"]: shape(feature["geometry"]) for feature in sites}
    of_zone = {feature["properties"]["zone_id"]: feature for feature in zones}
    planted = [vehicle for vehicle in world.vehicles if vehicle.planted]
    assert len(planted) >= 6
    assert len({vehicle.planted.site_code for vehicle in planted if vehicle.planted}) >= 5
    for vehicle in planted:
        assert vehicle.planted is not None
        corners = MultiPoint(
            [(p.lon_deg, p.lat_deg) for p in (point_of(world, (float(e), float(n))) for e, n in outline(vehicle))]
        )
        zone = of_zone[vehicle.planted.zone_id]
        assert zone["properties"]["site_code"] == vehicle.planted.site_code
        assert of_code[vehicle.planted.site_code].covers(corners)
        assert shape(zone["geometry"]).covers(corners)


def test_innocent_vehicles_stand_in_no_zone_that_forbids_them(world: World, zones: list[dict[str, Any]]) -> None:
    forbidden = [
        shape(feature["geometry"])
        for feature in zones
        if feature["properties"]["zone_type"] in {"fire_lane", "exclusion", "fire_separation", "tank_farm", "dike"}
    ]
    innocent = [vehicle for vehicle in world.vehicles if vehicle.planted is None]
    assert len(innocent) >= 15
    for vehicle in innocent:
        corners = [point_of(world, (float(e), float(n))) for e, n in outline(vehicle)]
        body = Polygon([(point.lon_deg, point.lat_deg) for point in corners])
        assert not any(zone.intersects(body) for zone in forbidden), vehicle.vehicle_id


def test_innocent_drums_stand_where_drums_belong(world: World, zones: list[dict[str, Any]]) -> None:
    allowed = [
        shape(feature["geometry"])
        for feature in zones
        if feature["properties"]["zone_type"] in {"storage", "tank_farm", "loading"}
    ]
    for stack in world.drums:
        corners = [point_of(world, (float(e), float(n))) for e, n in stack_ring(stack)]
        body = Polygon([(point.lon_deg, point.lat_deg) for point in corners])
        assert (stack.planted is not None) != any(zone.covers(body) for zone in allowed), stack.stack_id


def test_nothing_stands_in_anything(world: World) -> None:
    solids = [(vehicle.vehicle_id, Polygon(outline(vehicle))) for vehicle in world.vehicles]
    solids += [(building.building_id, Polygon(building.ring)) for building in world.buildings]
    solids += [(tank.tank_id, Point(tank.centre).buffer(tank.radius_m)) for tank in world.tanks]
    for index, (name, one) in enumerate(solids):
        for other_name, other in solids[index + 1 :]:
            assert not one.intersects(other), f"{name} stands in {other_name}"


def test_no_fly_ground_lies_inside_the_patrolled_area(world: World) -> None:
    no_fly = json.loads((DEMO / "nofly.geojson").read_text(encoding="utf-8"))["features"]
    plane = LocalPlane(origin=world.origin)
    ring = to_plane(plane, no_fly[0]["geometry"]["coordinates"][0])
    assert (ring[:, 0] > 0).all()
    assert (ring[:, 0] < 600).all()
    assert (ring[:, 1] < 400).all()


def test_only_the_worlds_own_file_knows_the_truth(world: World) -> None:
    for name in ("sites.geojson", "zones.geojson", "nofly.geojson", "patrol.yaml"):
        text = (DEMO / name).read_text(encoding="utf-8")
        assert "planted" not in text
        assert not any(truth.thing_id in text for truth in truths(world))
