"""Invents flat roofs: rows of roof lights, hatches, vents and plant, none of which is a vehicle.

From an oblique height a row of roof lights looks very much like a row of parked cars: as long, as wide, as bright,
as evenly spaced. Only what is on them differs. A site of this kind holds nothing that a detector looks for.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from flight.rehearsal.render_shapes import oriented
from flight.rehearsal.world import Building, Colour, Material, Patch, PlanePoint, RoofKind, Wall

if TYPE_CHECKING:
    from flight.rehearsal.scenes_site import Site

COVERINGS: Final[tuple[tuple[Material, Colour], ...]] = (
    (Material.CONCRETE, (120, 122, 126)),
    (Material.GRAVEL, (134, 130, 124)),
    (Material.ASPHALT, (96, 98, 102)),
    (Material.CONCRETE, (160, 158, 152)),
    (Material.SOIL, (128, 122, 118)),
    (Material.ASPHALT, (70, 72, 78)),
)


def strew_roof(site: Site) -> None:
    """Lay roof covering over the whole site and put on it what stands on roofs."""
    material, tone = site.one_of(COVERINGS)
    site.add(
        "patches", Patch(material=material, ring=site.box((0.0, 0.0), 0.0, 400, 400), colour=site.colour(tone, 16))
    )
    for _stain in range(site.count(4, 14)):
        other, stained = site.one_of(COVERINGS)
        ring = site.box(site.spot(), site.between(0, 360), site.between(1, 14), site.between(0.6, 7))
        site.add("patches", Patch(material=other, ring=ring, colour=site.colour(stained, 20)))
    for _snow in range(site.count(0, 6) if site.chance(0.5) else 0):
        site.add("patches", Patch(material=Material.PAVING, ring=_blot(site), colour=site.colour((232, 234, 238), 8)))
    heading = site.between(0, 360)
    for _row in range(site.count(3, 7)):
        _roof_lights(site, heading + site.one_of((0.0, 0.0, 90.0)))
    for _unit in range(site.count(10, 40)):
        _plant(site, heading)
    for _wall in range(site.count(1, 4)):
        centre, length = site.spot(), site.between(15, 70)
        ends = oriented(centre, heading + site.one_of((0.0, 90.0)), np.array([[-length / 2, 0.0], [length / 2, 0.0]]))
        path = tuple((float(east), float(north)) for east, north in ends)
        site.add("walls", Wall(path=path, height_m=site.between(0.3, 1.2), width_m=site.between(0.2, 0.5)))


def _roof_lights(site: Site, heading: float) -> None:
    """Put down a grid of like roof lights: boxes with a bright lid, flat, ridged or domed."""
    length, width, height = site.between(1.6, 4.6), site.between(1.0, 2.1), site.between(0.25, 0.9)
    lid = site.colour(
        site.one_of(((214, 218, 220), (190, 196, 200), (232, 232, 228), (150, 160, 168), (96, 110, 118))), 12
    )
    side = site.colour(site.one_of(((120, 122, 124), (84, 86, 90), (160, 160, 156), (200, 200, 196))), 14)
    shape = site.one_of((RoofKind.FLAT, RoofKind.GABLED, RoofKind.FLAT))
    along, across = length + site.between(0.8, 5), width + site.between(0.8, 6)
    centre, round_ones = site.spot(), site.chance(0.15)
    for column in range(site.count(1, 6)):
        for row in range(site.count(2, 7)):
            spot = oriented(centre, heading, np.array([[column * along, row * across]]))[0]
            place = (float(spot[0]), float(spot[1]))
            ring = site.box(place, heading, length, width)
            if round_ones:
                ring = _round(place, width / 2)
            if site.fits(ring, 0.1):
                _box(site, ring, height, shape, (site.colour(lid, 6), side))


def _plant(site: Site, heading: float) -> None:
    """Put down a vent, a cooler or a hatch."""
    centre, size = site.spot(), site.between(0.4, 2.6)
    ring = (
        site.box(centre, heading, size, size * site.between(0.4, 1.0)) if site.chance(0.7) else _round(centre, size / 2)
    )
    if site.fits(ring, 0.1):
        paint = site.colour((190, 190, 186), 40) if site.chance(0.7) else site.any_colour()
        _box(site, ring, site.between(0.3, 1.6), RoofKind.FLAT, (paint, site.colour((120, 120, 120), 30)))


def _box(
    site: Site, ring: tuple[PlanePoint, ...], height_m: float, roof: RoofKind, paints: tuple[Colour, Colour]
) -> None:
    part = Building(
        building_id=site.name("x"),
        ring=ring,
        height_m=height_m,
        roof=roof if len(ring) == 4 else RoofKind.FLAT,
        roof_colour=paints[0],
        wall_colour=paints[1],
    )
    site.add("buildings", part)


def _round(centre: PlanePoint, radius_m: float) -> tuple[PlanePoint, ...]:
    turns = [2 * math.pi * corner / 10 for corner in range(10)]
    return tuple((centre[0] + radius_m * math.cos(turn), centre[1] + radius_m * math.sin(turn)) for turn in turns)


def _blot(site: Site) -> tuple[PlanePoint, ...]:
    """Return a ragged patch: snow that is left, a puddle's edge."""
    (east, north), reach = site.spot(), site.between(0.6, 3)
    turns = [2 * math.pi * corner / 12 for corner in range(12)]
    return tuple(
        (east + reach * site.between(0.5, 1) * math.cos(turn), north + reach * site.between(0.3, 0.8) * math.sin(turn))
        for turn in turns
    )
