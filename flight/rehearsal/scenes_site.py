"""Invents industrial sites at random, for training: no two alike, each the same for the same seed.

Domain randomisation (Tobin and others, arXiv 1703.06907): ground, paint, light, heights and the mix of things vary far
more than in any one district, so that what a detector learns is the things themselves. Nothing overlaps, and a good
part of the clutter (boxes on roofs, hatchings, crates, white slabs) is there to be mistaken for something and is not.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from core.points import GeoPoint
from flight.rehearsal.render_shapes import oriented
from flight.rehearsal.render_things import VESSELS
from flight.rehearsal.scenes_plot import HALF_M, Plot
from flight.rehearsal.scenes_yard import strew_yard
from flight.rehearsal.world import Light, World
from flight.rehearsal.world_things import (
    Building,
    Colour,
    Container,
    DrumStack,
    Heap,
    Lamp,
    Marking,
    MarkingKind,
    Material,
    Patch,
    Person,
    PlanePoint,
    Plume,
    PlumeKind,
    RoofKind,
    StackKind,
    Tank,
    Tent,
    Tree,
    Vehicle,
    VehicleKind,
    Wall,
)

BODIES: Final = {  # lengths, widths, heights
    VehicleKind.CAR: ((3.6, 5.1), (1.6, 1.98), (1.4, 1.85)),
    VehicleKind.VAN: ((4.4, 6.4), (1.7, 2.1), (1.9, 2.7)),
    VehicleKind.TRUCK: ((5.8, 13.0), (2.1, 2.55), (2.6, 4.0)),
    VehicleKind.TANKER: ((8.0, 13.5), (2.3, 2.55), (3.0, 3.9)),
    VehicleKind.BUS: ((7.5, 12.5), (2.2, 2.55), (2.8, 3.4)),
}
COMMON_PAINTS: Final[tuple[Colour, ...]] = (
    (236, 237, 236), (226, 227, 228), (190, 192, 195), (140, 144, 148),
    (98, 102, 106), (62, 64, 68), (40, 42, 46), (28, 29, 32),
)  # fmt: skip
ROOFS: Final[tuple[Colour, ...]] = (
    (66, 112, 166), (158, 160, 160), (186, 188, 186), (96, 138, 112),
    (150, 84, 70), (120, 122, 124), (196, 176, 150), (84, 90, 100),
)  # fmt: skip


def random_world(seed: int, *, is_busy: bool = False) -> World:
    """Return a site that nobody has seen before, the same for the same seed.

    Args:
        seed: Settles everything.
        is_busy: Add people in many poses, piles of goods of every look, and what is easily taken for them, as
            :mod:`flight.rehearsal.scenes_yard` strews them.
    """
    site = Plot(np.random.default_rng((seed, 1)))
    _fill_site(site)
    light = _light(site)
    if is_busy:
        strew_yard(site)
    return World(
        name=f"site {seed}",
        origin=GeoPoint(lon_deg=113.58, lat_deg=22.76),
        seed=seed % 3,  # few textures, kept in memory: making one takes longer than an image
        ground=site.one_of((Material.GRASS, Material.SOIL, Material.CONCRETE, Material.GRAVEL, Material.ASPHALT)),
        light=light,
        **{field: tuple(parts) for field, parts in site.parts.items()},
    )


def _fill_site(site: Plot) -> None:
    _ground(site)
    _roads(site)
    for build in (_buildings, _tanks, _container_yard, _parking, _loose_vehicles, _goods, _people, _clutter, _trees):
        build(site)
    if site.chance(0.3):
        _plumes(site)


def _light(site: Plot) -> Light:
    if site.chance(0.08):
        for _lamp in range(site.count(2, 14)):
            height, tone = site.between(5, 14), site.one_of(((255, 214, 160), (255, 190, 110), (225, 235, 255)))
            site.add("lamps", Lamp(centre=site.spot(), height_m=height, strength=site.between(0.5, 1.1), colour=tone))
        return Light(ambient=0.95, dark=site.between(0.6, 0.92), haze=0.0, exposure=site.between(1.0, 1.4))
    overcast = site.chance(0.3)
    return Light(
        azimuth_deg=site.between(0, 360),
        elevation_deg=site.between(18, 82),
        ambient=site.between(0.8, 0.97) if overcast else site.between(0.35, 0.65),
        exposure=site.between(0.8, 1.25),
        haze=site.between(0, 0.06) if site.chance(0.7) else site.between(0.06, 0.3),
    )


def _ground(site: Plot) -> None:
    for _patch in range(site.count(3, 7)):
        material = site.one_of(tuple(Material))
        base = {
            Material.GRASS: (104, 116, 66), Material.ASPHALT: (108, 108, 109), Material.CONCRETE: (165, 162, 154),
            Material.GRAVEL: (150, 142, 128), Material.SOIL: (146, 122, 94), Material.WATER: (62, 84, 82),
            Material.PAVING: (176, 164, 148),
        }[material]  # fmt: skip
        ring = site.box(site.spot(), site.between(0, 360), site.between(15, 90), site.between(10, 60))
        site.add("patches", Patch(material=material, ring=ring, colour=site.colour(base, 26)))


def _roads(site: Plot) -> None:
    for _road in range(site.count(1, 2)):
        heading, width = site.one_of((0.0, 90.0)) + site.between(-8, 8), site.between(6, 15)
        centre = site.spot()
        grey = site.between(74, 140)
        tone = (int(grey), int(grey), int(grey * 1.02))
        ring = site.box(centre, heading, 500, width)
        site.add("patches", Patch(material=Material.ASPHALT, ring=ring, colour=tone))
        for across, kind in (
            (0.0, MarkingKind.DASHED),
            (width / 2 - 0.4, MarkingKind.SOLID),
            (0.4 - width / 2, MarkingKind.SOLID),
        ):
            ends = oriented(centre, heading, np.array([[-HALF_M * 1.6, across], [HALF_M * 1.6, across]]))
            path = tuple((float(east), float(north)) for east, north in ends)
            paint = site.one_of(((225, 225, 220), (214, 172, 52)))
            site.add("markings", Marking(kind=kind, path=path, width_m=site.between(0.1, 0.2), colour=paint))
        for _car in range(site.count(1, 7)):
            lane = site.between(1.2, max(1.3, width / 2 - 1.2)) * site.one_of((-1, 1))
            spot = oriented(centre, heading, np.array([[site.between(-HALF_M, HALF_M), lane]]))[0]
            turned = heading if lane > 0 else heading + 180
            _vehicle(site, (float(spot[0]), float(spot[1])), turned + site.between(-3, 3))


def _vehicle(site: Plot, centre: PlanePoint, heading: float, kind: VehicleKind | None = None) -> None:
    mix = (
        (VehicleKind.CAR,) * 6
        + (VehicleKind.VAN,) * 2
        + (VehicleKind.TRUCK,) * 3
        + (VehicleKind.TANKER, VehicleKind.BUS)
    )
    body = kind or site.one_of(mix)
    length, width, height = (site.between(*span) for span in BODIES[body])
    ring = site.box(centre, heading, length, width)
    if not site.fits(ring, 0.15):
        return
    paint = site.colour(site.one_of(COMMON_PAINTS), 8) if site.chance(0.68) else site.any_colour()
    site.add(
        "vehicles",
        Vehicle(
            vehicle_id=site.name("v"),
            kind=body,
            centre=centre,
            heading_deg=heading,
            length_m=length,
            width_m=width,
            height_m=height,
            colour=paint,
        ),
    )


def _buildings(site: Plot) -> None:
    for _building in range(site.count(1, 4)):
        centre, heading = site.spot(), site.one_of((0.0, 90.0, site.between(0, 90)))
        ring = site.box(centre, heading, site.between(8, 40), site.between(6, 22))
        if site.fits(ring, 2.0):
            site.add(
                "buildings",
                Building(
                    building_id=site.name("b"),
                    ring=ring,
                    height_m=site.between(3, 16),
                    roof=site.one_of(tuple(RoofKind)),
                    roof_colour=site.colour(site.one_of(ROOFS), 22),
                    wall_colour=site.colour((190, 186, 178), 30),
                ),
            )


def _tanks(site: Plot) -> None:
    for _farm in range(site.count(0, 2)):
        (east, north), radius = site.spot(), site.between(1.5, 11)
        pitch, colour = radius * site.between(2.3, 3.2), site.colour((214, 216, 214), 30)
        for column in range(site.count(1, 3)):
            for row in range(site.count(1, 2)):
                centre = (east + column * pitch, north + row * pitch)
                if site.fits(site.box(centre, 0, radius * 2, radius * 2), 0.6):
                    height = site.between(0.6, 1.6) * radius + 1.5
                    site.add(
                        "tanks",
                        Tank(tank_id=site.name("t"), centre=centre, radius_m=radius, height_m=height, colour=colour),
                    )


def _container_yard(site: Plot) -> None:
    for _yard in range(site.count(0, 2)):
        centre, heading = site.spot(), site.between(0, 360)
        length = site.one_of((6.06, 12.19))
        for column in range(site.count(1, 6)):
            for row in range(site.count(1, 3)):
                local = np.array([[row * (length + site.between(0.1, 1.0)), column * site.between(2.5, 3.4)]])
                spot = oriented(centre, heading, local)[0]
                place = (float(spot[0]), float(spot[1]))
                if site.fits(site.box(place, heading, length, 2.44), 0.02):
                    site.add(
                        "containers",
                        Container(
                            container_id=site.name("c"),
                            centre=place,
                            heading_deg=heading,
                            length_m=length,
                            height_m=2.59 * site.count(1, 3),
                            colour=site.colour(site.any_colour(), 10),
                        ),
                    )


def _parking(site: Plot) -> None:
    for _row in range(site.count(0, 3)):
        centre, heading = site.spot(), site.one_of((0.0, 90.0, site.between(0, 360)))
        pitch, share = site.between(2.4, 3.0), site.between(0.25, 0.95)
        stalls, kind = (
            site.count(4, 14),
            site.one_of((VehicleKind.CAR, VehicleKind.CAR, VehicleKind.CAR, VehicleKind.TRUCK)),
        )
        depth = 5.2 if kind is VehicleKind.CAR else 12.0
        pitch = pitch if kind is VehicleKind.CAR else pitch + 1.4
        is_marked = site.chance(0.7)
        for stall in range(stalls):
            ends = oriented(
                centre, heading, np.array([[-depth / 2, (stall - 0.5) * pitch], [depth / 2, (stall - 0.5) * pitch]])
            )
            if is_marked:
                site.add("markings", Marking(path=tuple((float(e), float(n)) for e, n in ends), width_m=0.12))
            if site.chance(share):
                local = np.array([[site.between(-0.4, 0.4), stall * pitch + site.between(-0.15, 0.15)]])
                spot = oriented(centre, heading, local)[0]
                turned = heading + site.one_of((0, 180)) + site.between(-4, 4)
                _vehicle(site, (float(spot[0]), float(spot[1])), turned, None if site.chance(0.1) else kind)


def _loose_vehicles(site: Plot) -> None:
    for _car in range(site.count(2, 12)):
        _vehicle(site, site.spot(), site.between(0, 360))


def _goods(site: Plot) -> None:
    for _stack in range(site.count(1, 8)):
        kind = site.one_of(tuple(StackKind))
        pitch, _height = VESSELS[kind]
        centre, heading = site.spot(), site.between(0, 360)
        columns, rows = site.count(2, 10), site.count(1, 6)
        if site.fits(site.box(centre, heading, columns * pitch, rows * pitch)):
            layers = 1 if kind is StackKind.CYLINDER else site.count(1, 3)
            colour = site.one_of(
                ((32, 74, 150), (150, 40, 36), (40, 110, 70), (60, 60, 62), (190, 160, 40), site.any_colour())
            )
            site.add(
                "drums",
                DrumStack(
                    stack_id=site.name("d"),
                    centre=centre,
                    heading_deg=heading,
                    columns=columns,
                    rows=rows,
                    layers=layers,
                    kind=kind,
                    colour=colour,
                ),
            )
    for _heap in range(site.count(0, 4)):
        centre, heading, length, width = site.spot(), site.between(0, 360), site.between(2, 11), site.between(1.5, 7)
        if site.fits(site.box(centre, heading, length, width)):
            height = site.between(0.4, 2.2)
            heap_id = site.name("h")
            site.add(
                "heaps",
                Heap(
                    heap_id=heap_id, centre=centre, heading_deg=heading, length_m=length, width_m=width, height_m=height
                ),
            )
    for _tent in range(site.count(0, 4)):
        centre, heading, length = site.spot(), site.between(0, 360), site.between(2.5, 12)
        width = min(length, site.between(2.5, 6))
        if site.fits(site.box(centre, heading, length, width)):
            colour = site.one_of(((40, 84, 160), (170, 40, 36), (226, 228, 226), (44, 110, 74), site.any_colour()))
            tent_id, height = site.name("k"), site.between(2.4, 4)
            site.add(
                "tents",
                Tent(
                    tent_id=tent_id,
                    centre=centre,
                    heading_deg=heading,
                    length_m=length,
                    width_m=width,
                    height_m=height,
                    colour=colour,
                ),
            )


def _people(site: Plot) -> None:
    for _group in range(site.count(0, 5)):
        east, north = site.spot()
        for _person in range(site.count(1, 8)):
            centre = (east + site.between(-5, 5), north + site.between(-5, 5))
            if site.fits(site.box(centre, 0, 0.5, 0.5), 0.05):
                head = site.one_of(
                    ((36, 30, 28), (20, 20, 22), (226, 196, 40), (210, 60, 40), (230, 230, 228), (50, 90, 170))
                )
                site.add(
                    "people",
                    Person(
                        person_id=site.name("p"),
                        centre=centre,
                        heading_deg=site.between(0, 360),
                        height_m=site.between(1.5, 1.9),
                        head=head,
                        clothes=site.any_colour(),
                    ),
                )


def _clutter(site: Plot) -> None:
    for _crate in range(site.count(4, 22)):
        centre, heading = site.spot(), site.between(0, 360)
        length, width = site.between(0.6, 6.0), site.between(0.5, 2.6)
        if site.chance(0.4):
            ring = site.box(centre, heading, length, width)
            tone = site.colour(site.one_of(((225, 225, 220), (214, 172, 52), (70, 70, 72), (180, 176, 168))), 14)
            site.add("patches", Patch(material=Material.PAVING, ring=ring, colour=tone))
        elif site.fits(site.box(centre, heading, length, width)):
            site.add(
                "buildings",
                Building(
                    building_id=site.name("x"),
                    ring=site.box(centre, heading, length, width),
                    height_m=site.between(0.15, 2.4),
                    roof=RoofKind.CORRUGATED
                    if site.chance(0.2)
                    else RoofKind.GABLED
                    if site.chance(0.1)
                    else RoofKind.FLAT,
                    roof_colour=site.colour(site.any_colour(), 10)
                    if site.chance(0.5)
                    else site.colour((170, 168, 164), 40),
                    wall_colour=site.any_colour(),
                ),
            )
    for _wall in range(site.count(0, 5)):
        centre, heading, length = site.spot(), site.between(0, 360), site.between(8, 60)
        if site.fits(site.box(centre, heading, length, 0.4)):
            ends = oriented(centre, heading, np.array([[-length / 2, 0.0], [length / 2, 0.0]]))
            path = tuple((float(east), float(north)) for east, north in ends)
            site.add("walls", Wall(path=path, height_m=site.between(0.4, 2.6), width_m=site.between(0.15, 0.4)))
    for _hatch in range(site.count(0, 3)):
        ring = site.box(site.spot(), site.between(0, 360), site.between(3, 14), site.between(2, 7))
        tone = site.one_of(((214, 172, 52), (225, 225, 220), (176, 52, 44)))
        site.add("markings", Marking(kind=MarkingKind.HATCHED, path=ring, width_m=site.between(0.12, 0.3), colour=tone))


def _trees(site: Plot) -> None:
    for _tree in range(site.count(2, 22)):
        centre, radius = site.spot(), site.between(0.6, 4.0)
        if site.fits(site.box(centre, 0, radius * 2, radius * 2)):
            site.add("trees", Tree(centre=centre, radius_m=radius, height_m=radius * site.between(1.4, 2.6)))


def _plumes(site: Plot) -> None:
    for _plume in range(site.count(1, 2)):
        (east, north), drift = site.spot(), site.between(0, 360)
        radius = site.between(1.2, 6)
        has_fire, has_smoke = site.one_of(((True, True), (False, True), (True, False)))
        if has_fire:
            height = radius * site.between(0.6, 1.6)
            _plume_at(site, PlumeKind.FIRE, (east, north), (radius * 0.6, height, drift))
        if has_smoke:
            height = radius * site.between(2.5, 7)
            turn = math.radians(drift)
            centre = (east + math.sin(turn) * 0.4, north + math.cos(turn) * 0.4)
            _plume_at(site, PlumeKind.SMOKE, centre, (radius, height, drift))


def _plume_at(site: Plot, kind: PlumeKind, centre: PlanePoint, shape: tuple[float, float, float]) -> None:
    radius, height, drift = shape
    plume_id = site.name(kind.value)
    plume = Plume(plume_id=plume_id, kind=kind, centre=centre, radius_m=radius, height_m=height, drift_deg=drift)
    site.add("plumes", plume)
