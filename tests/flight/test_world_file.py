"""The world's file: what is written reads back equal, and mistakes are refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputRefused
from core.points import GeoPoint, LocalPlane, to_plane
from flight.rehearsal.world import Light, World, truths, without
from flight.rehearsal.world_file import read_world, world_text
from flight.rehearsal.world_things import (
    Building,
    Container,
    DrumStack,
    Heap,
    Lamp,
    Marking,
    MarkingKind,
    Material,
    Patch,
    Person,
    Planted,
    Plume,
    PlumeKind,
    RoofKind,
    Tank,
    Tent,
    Tree,
    Vehicle,
    VehicleKind,
    Wall,
    is_convex,
)

ORIGIN = GeoPoint(lon_deg=113.58, lat_deg=22.76)
metres = st.floats(-500, 500, allow_nan=False).map(lambda number: round(number, 3))
places = st.tuples(metres, metres)
colours = st.tuples(*[st.integers(0, 255)] * 3)
planted = st.none() | st.builds(Planted, hazard=st.just("H13"), site_code=st.just("S"), zone_id=st.just("Z1"))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    vehicles = draw(
        st.lists(
            st.builds(
                Vehicle,
                vehicle_id=st.just(""),
                kind=st.sampled_from(VehicleKind),
                centre=places,
                heading_deg=st.floats(0, 360),
                length_m=st.floats(3, 12),
                width_m=st.floats(1, 3),
                height_m=st.floats(1, 4),
                colour=colours,
                planted=planted,
            ),
            max_size=4,
        )
    )
    from dataclasses import replace

    return World(
        name=draw(st.text(min_size=1, max_size=12).filter(str.isprintable)),
        origin=ORIGIN,
        seed=draw(st.integers(0, 99)),
        light=Light(azimuth_deg=draw(st.floats(0, 360)), elevation_deg=draw(st.floats(10, 90))),
        patches=(Patch(material=draw(st.sampled_from(Material)), ring=((0.0, 0.0), (9.0, 0.0), (9.0, 9.0))),),
        markings=(Marking(kind=MarkingKind.DASHED, path=(draw(places), draw(places))),),
        buildings=(
            Building(building_id="b", ring=((0.0, 0.0), (9.0, 0.0), (9.0, 9.0)), height_m=5.0, roof=RoofKind.GABLED),
        ),
        tanks=(Tank(tank_id="t", centre=draw(places), radius_m=4.0, height_m=5.0),),
        walls=(Wall(path=(draw(places), draw(places)), height_m=2.0),),
        trees=(Tree(centre=draw(places), radius_m=2.0, height_m=4.0),),
        containers=(Container(container_id="c", centre=draw(places), heading_deg=0.0, planted=draw(planted)),),
        vehicles=tuple(replace(vehicle, vehicle_id=f"v{index}") for index, vehicle in enumerate(vehicles)),
        drums=(DrumStack(stack_id="d", centre=draw(places), heading_deg=3.0, columns=2, rows=3),),
        heaps=(Heap(heap_id="h", centre=draw(places), heading_deg=1.0, length_m=3.0, width_m=2.0),),
        tents=(Tent(tent_id="k", centre=draw(places), heading_deg=1.0, planted=draw(planted)),),
        people=(Person(person_id="m", centre=draw(places)),),
        lamps=(Lamp(centre=draw(places)),),
        plumes=(
            Plume(plume_id="p", kind=PlumeKind.SMOKE, centre=draw(places), radius_m=2.0, height_m=9.0, drift_deg=5.0),
        ),
    )


@settings(max_examples=25, deadline=None)
@given(worlds())
def test_a_written_world_reads_back_equal(tmp_path_factory: pytest.TempPathFactory, world: World) -> None:
    path = tmp_path_factory.mktemp("w") / "world.yaml"
    path.write_text(world_text(world), encoding="utf-8")
    assert read_world(path) == world


@settings(max_examples=25, deadline=None)
@given(worlds())
def test_truths_are_exactly_the_planted_things(world: World) -> None:
    expected = [vehicle.vehicle_id for vehicle in world.vehicles if vehicle.planted]
    found = truths(world)
    assert [truth.thing_id for truth in found if truth.label == "vehicle"] == expected
    assert {truth.thing_id: truth.label for truth in found if truth.label != "vehicle"} == {
        thing_id: label
        for thing_id, label, expected_of in (
            ("c", "container", world.containers[0].planted),
            ("k", "tent", world.tents[0].planted),
        )
        if expected_of
    }
    for truth in found:
        (thing,) = [
            thing
            for thing in (*world.vehicles, *world.containers, *world.tents)
            if truth.thing_id in {getattr(thing, name, None) for name in ("vehicle_id", "container_id", "tent_id")}
        ]
        back = to_plane(LocalPlane(origin=ORIGIN), [truth.position.lon_deg, truth.position.lat_deg])
        assert back == pytest.approx(thing.centre, abs=1e-4)


HEAD = "skywarden: world/1\nname: w\norigin: {lon: 113.58, lat: 22.76}\n"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "is not a world file"),
        ("skywarden: patrol/1\n", "is not a world file"),
        ("a: [", "is not YAML"),
        ("- 1\n", "is not a world file"),
        ("skywarden: world/1\nname: w\n", "origin"),
        (HEAD + "vehicels: []\n", "vehicels"),
        (HEAD + "light: {elevation_deg: 2}\n", "between 5 and 90"),
        (HEAD + "tanks: [{tank_id: t, centre: [0, 0], radius_m: -1, height_m: 3}]\n", "positive"),
        (HEAD.replace("lat: 22.76", "lat: 99"), "latitude"),
        (HEAD.replace("lat: 22.76", "latitude: 22"), "lon"),
        (
            HEAD
            + "vehicles:\n"
            + "- {vehicle_id: v, kind: car, centre: [0, 0], heading_deg: 0, length_m: 4, width_m: 2, height_m: 1, "
            "colour: [1, 2, 3], planted: {hazard: H13, site_code: '', zone_id: Z}}\n",
            "planted",
        ),
        (HEAD + "buildings: [{building_id: b, ring: [[0,0],[9,0],[1,1],[0,9]], height_m: 3}]\n", "convex"),
    ],
)
def test_a_faulty_world_is_refused_with_its_fault(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "world.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputRefused) as refused:
        read_world(path)
    assert fault in str(refused.value)
    assert str(path) in str(refused.value)


def test_a_missing_world_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="cannot be read"):
        read_world(tmp_path / "none.yaml")


@settings(max_examples=15, deadline=None)
@given(worlds())
def test_what_was_put_right_is_gone_and_nothing_else(world: World) -> None:
    gone = {truth.thing_id for truth in truths(world)} | {"h", "p"}
    after = without(world, gone)
    assert truths(after) == ()
    assert not after.plumes
    assert not after.heaps
    assert {vehicle.vehicle_id for vehicle in after.vehicles} == {v.vehicle_id for v in world.vehicles} - gone
    assert after.buildings == world.buildings
    with pytest.raises(ValueError, match="nothing movable"):
        without(world, {"b"})


def test_two_things_with_one_id_are_no_world() -> None:
    tank = Tank(tank_id="t", centre=(0.0, 0.0), radius_m=1.0, height_m=1.0)
    with pytest.raises(ValueError, match="one id"):
        World(name="w", origin=ORIGIN, tanks=(tank, tank))


def test_convexity() -> None:
    assert is_convex(((0, 0), (4, 0), (4, 4), (0, 4)))
    assert is_convex(((0, 4), (4, 4), (4, 0), (0, 0)))
    assert not is_convex(((0, 0), (4, 0), (1, 1), (0, 4)))
    assert not is_convex(((0, 0), (1, 0), (2, 0)))
