"""Strews an invented site with people and goods, and with what is easily taken for them.

From above a person is a dozen pixels, and so is a bollard, a bin or a shrub. A detector tells them apart only when it
was shown both, in every pose, clothing and light; and a stack of drums only when it was also shown half covered,
with gaps, on pallets, and of mixed paint.
"""

from __future__ import annotations

import math
from typing import Final

from flight.rehearsal.render_things import VESSELS
from flight.rehearsal.scenes_plot import Plot
from flight.rehearsal.world_things import (
    Building,
    Colour,
    DrumStack,
    Heap,
    Person,
    PlanePoint,
    Posture,
    RoofKind,
    StackKind,
    Tent,
    Tree,
)

CLOTHES: Final[tuple[Colour, ...]] = (
    (36, 42, 60), (52, 66, 100), (64, 86, 140), (40, 40, 44), (86, 88, 92), (128, 130, 130), (222, 222, 218),
    (240, 110, 30), (206, 220, 60), (160, 40, 40), (70, 90, 60), (150, 130, 100), (190, 150, 150), (96, 150, 190),
)  # fmt: skip
TROUSERS: Final[tuple[Colour, ...]] = (
    (34, 36, 44), (52, 54, 62), (44, 56, 86), (70, 84, 112), (96, 86, 72), (150, 140, 120), (206, 204, 198),
)  # fmt: skip
HEADS: Final[tuple[Colour, ...]] = (
    (24, 22, 22), (36, 30, 28), (70, 54, 42), (226, 196, 40), (210, 60, 40), (230, 230, 228), (50, 90, 170),
    (196, 160, 130), (90, 90, 90),
)  # fmt: skip
HEAPS: Final[tuple[Colour, ...]] = (
    (150, 122, 88), (196, 178, 140), (120, 116, 112), (168, 160, 150), (132, 96, 62), (80, 78, 76), (204, 200, 192),
)  # fmt: skip
AWNINGS: Final[tuple[Colour, ...]] = (
    (40, 84, 160), (170, 40, 36), (226, 228, 226), (44, 110, 74), (206, 170, 60), (90, 94, 100), (120, 160, 200),
)  # fmt: skip


def strew_yard(site: Plot) -> None:
    """Put people, goods and their look-alikes on a site, wherever there is room."""
    for _group in range(site.count(3, 9)):
        _group_of_people(site)
    for _stack in range(site.count(4, 10)):
        _stack_of_vessels(site)
    for _heap in range(site.count(2, 5)):
        _heap_of_stuff(site)
    for _tent in range(site.count(1, 4)):
        _awning(site)
    for _post in range(site.count(25, 70)):
        _look_alike(site)


def _group_of_people(site: Plot) -> None:
    """Put a few people together: a crew, a queue, a crowd, or one alone."""
    (east, north), spread = site.spot(), site.between(0.7, 7)
    crew = site.one_of(CLOTHES) if site.chance(0.3) else None  # work clothes
    for _person in range(site.one_of((1, 1, 2, 2, 3, 4, 6, 9, 14))):
        centre = (east + site.between(-spread, spread), north + site.between(-spread, spread))
        if not site.fits(site.box(centre, 0, 0.42, 0.42), 0.02):
            continue
        pose = site.one_of(
            (Posture.STANDING, Posture.STANDING, Posture.WALKING, Posture.WALKING, Posture.WALKING, Posture.SITTING)
        )
        site.add(
            "people",
            Person(
                person_id=site.name("p"),
                centre=centre,
                heading_deg=site.between(0, 360),
                height_m=site.between(1.5, 1.9),
                head=site.colour(site.one_of(HEADS), 12),
                clothes=site.colour(crew or site.one_of(CLOTHES), 16) if site.chance(0.85) else site.any_colour(),
                trousers=site.colour(site.one_of(TROUSERS), 12),
                pose=pose,
            ),
        )


def _stack_of_vessels(site: Plot) -> None:
    """Put down drums, totes or cylinders: a neat block, or one with gaps, mixed paint, pallets or a tarpaulin."""
    kind = site.one_of((StackKind.DRUM, StackKind.DRUM, StackKind.IBC, StackKind.CYLINDER))
    pitch = VESSELS[kind][0]
    centre, heading = site.spot(), site.between(0, 360)
    few = kind is StackKind.IBC
    columns, rows = (site.count(1, 5), site.count(1, 3)) if few else (site.count(2, 9), site.count(1, 5))
    if not site.fits(site.box(centre, heading, columns * pitch, rows * pitch)):
        return
    paint = site.one_of(((32, 74, 150), (24, 96, 170), (150, 40, 36), (40, 110, 70), (50, 50, 52), (206, 206, 200)))
    site.add(
        "drums",
        DrumStack(
            stack_id=site.name("d"),
            centre=centre,
            heading_deg=heading,
            columns=columns,
            rows=rows,
            layers=1 if kind is StackKind.CYLINDER else site.one_of((1, 1, 2)),
            kind=kind,
            colour=site.colour(paint, 16) if site.chance(0.8) else site.any_colour(),
            mixed=site.between(0.1, 0.9) if site.chance(0.35) else 0.0,
            missing=site.between(0.05, 0.35) if site.chance(0.3) else 0.0,
            covered=site.between(0.2, 0.6) if columns > 2 and site.chance(0.2) else 0.0,
            palleted=site.chance(0.35),
        ),
    )


def _heap_of_stuff(site: Plot) -> None:
    centre, heading = site.spot(), site.between(0, 360)
    length = site.between(1.2, 8)
    width = length * site.between(0.45, 1.0)
    if site.fits(site.box(centre, heading, length, width)):
        site.add(
            "heaps",
            Heap(
                heap_id=site.name("h"),
                centre=centre,
                heading_deg=heading,
                length_m=length,
                width_m=width,
                height_m=site.between(0.25, 1.6),
                tone=site.colour(site.one_of(HEAPS), 18) if site.chance(0.6) else None,
            ),
        )


def _awning(site: Plot) -> None:
    centre, heading, length = site.spot(), site.between(0, 360), site.between(2, 8)
    width = length * site.between(0.5, 1.0)
    if site.fits(site.box(centre, heading, length, width)):
        site.add(
            "tents",
            Tent(
                tent_id=site.name("k"),
                centre=centre,
                heading_deg=heading,
                length_m=length,
                width_m=width,
                height_m=site.between(2.0, 3.6),
                colour=site.colour(site.one_of(AWNINGS), 16),
            ),
        )


def _look_alike(site: Plot) -> None:
    """Put down what a small detector takes for a person or a drum: posts, bins, cones, crates, shrubs."""
    centre, heading = site.spot(), site.between(0, 360)
    if site.chance(0.25):
        radius = site.between(0.25, 0.9)
        if site.fits(site.box(centre, 0, radius * 2, radius * 2)):
            site.add("trees", Tree(centre=centre, radius_m=radius, height_m=radius * site.between(1.2, 2.4)))
        return
    size, height = site.between(0.12, 0.7), site.between(0.1, 1.4)
    width = size * site.between(0.4, 1)
    ring = _round(centre, size / 2) if site.chance(0.5) else site.box(centre, heading, size, width)
    if site.fits(site.box(centre, heading, size, size), 0.05):
        site.add(
            "buildings",
            Building(
                building_id=site.name("x"),
                ring=ring,
                height_m=height,
                roof=RoofKind.FLAT,
                roof_colour=site.any_colour() if site.chance(0.6) else site.colour((150, 150, 148), 50),
                wall_colour=site.any_colour(),
            ),
        )


def _round(centre: PlanePoint, radius_m: float) -> tuple[PlanePoint, ...]:
    turns = [2 * math.pi * corner / 8 for corner in range(8)]
    return tuple((centre[0] + radius_m * math.cos(turn), centre[1] + radius_m * math.sin(turn)) for turn in turns)
