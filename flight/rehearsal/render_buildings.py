"""Makes the meshes of buildings: walls with windows, and roofs with what is on them."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from flight.rehearsal.render_canvas import (
    UP,
    Face,
    Lines,
    Mesh,
    at_height,
    level_face,
    mesh_of,
    prism_faces,
    shaded,
    sun_direction,
    upward,
)
from flight.rehearsal.render_shapes import circle, darker, mixed, oriented, rectangle
from flight.rehearsal.render_view import Floats
from flight.rehearsal.world import Light
from flight.rehearsal.world_things import Building, Colour, RoofKind

GLASS: Final[Colour] = (96, 104, 110)
SKYLIGHT: Final[Colour] = (205, 212, 210)
RIB_STEP_M: Final = 0.5
UNIT_HEIGHT_M: Final = 0.9
LEAST_ROOF_M2: Final = 25.0
"""A smaller flat roof has no units on it."""


def building_pieces(building: Building, light: Light, seed: int) -> list[Mesh | Lines]:
    """Return a building's walls, windows, roof and roof furniture, in painting order."""
    ring = np.asarray(building.ring, dtype=np.float64)
    random = np.random.default_rng((seed, *building.building_id.encode()))
    pieces: list[Mesh | Lines] = [
        mesh_of(prism_faces(ring, (0.0, building.height_m), (building.wall_colour, None), light)),
        mesh_of(_windows(ring, building.height_m, light)),
    ]
    if len(ring) != 4:
        return [*pieces, mesh_of([level_face(ring, building.height_m, building.roof_colour, light)])]
    if building.roof is RoofKind.FLAT:
        return pieces + _flat_roof(ring, building, light, random)
    return pieces + _metal_roof(ring, building, light, random)


def _windows(ring: Floats, height: float, light: Light) -> list[Face]:
    """Return rows of windows, one row a storey, on every wall long enough."""
    middle = ring.mean(axis=0)
    glass = shaded(GLASS, UP, light, gain=0.75)
    faces: list[Face] = []
    for start, end in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        along = end - start
        length = float(np.hypot(*along))
        if length < 6:
            continue
        normal = np.array([along[1], -along[0], 0.0]) / length
        if normal[:2] @ (start - middle) < 0:
            normal = -normal
        unit = along / length
        for sill in np.arange(1.1, height - 1.6, 3.6):
            for place in np.arange(1.5, length - 3.5, 4.6):
                a, b = start + unit * place, start + unit * (place + 2.4)
                quad = np.array([[*a, sill], [*b, sill], [*b, sill + 1.4], [*a, sill + 1.4]])
                faces.append((quad, normal, glass))
    return faces


def _sides(ring: Floats) -> tuple[Floats, Floats, Floats]:
    """Return a corner and the two edge vectors of a four-cornered ring, the longer first."""
    first, second = ring[1] - ring[0], ring[-1] - ring[0]
    return (ring[0], first, second) if np.hypot(*first) >= np.hypot(*second) else (ring[0], second, first)


def _metal_roof(ring: Floats, building: Building, light: Light, random: np.random.Generator) -> list[Mesh | Lines]:
    """Return slopes, ribs, skylights and replaced sheets of a metal roof."""
    corner, long, short = _sides(ring)
    length = float(np.hypot(*long))
    rise = min(2.2, float(np.hypot(*short)) * 0.1) if building.roof is RoofKind.GABLED else 0.0
    halves = ((0.0, 0.5), (0.5, 1.0)) if rise else ((0.0, 1.0),)

    def on_roof(along: float, across: float, lift: float = 0.0) -> Floats:
        share = 1 - abs(2 * across - 1)
        return np.append(corner + long * along + short * across, building.height_m + rise * share + lift)

    def strip(along: float, wide: float, low: float, high: float) -> Floats:
        ends = ((along, low), (along + wide, low), (along + wide, high), (along, high))
        return np.stack([on_roof(a, b, 0.02) for a, b in ends])

    pieces: list[Mesh | Lines] = []
    if rise:
        outward = np.append(long / length, 0.0)
        gables = [
            (np.stack([on_roof(end, 0), on_roof(end, 0.5), on_roof(end, 1)]), outward * sign)
            for end, sign in ((0, -1), (1, 1))
        ]
        pieces.append(mesh_of([(gable, way, shaded(building.wall_colour, way, light)) for gable, way in gables]))
    step = RIB_STEP_M / length
    for low, high in halves:
        slope = np.stack([on_roof(0, low), on_roof(1, low), on_roof(1, high), on_roof(0, high)])
        normal = upward(slope)
        pieces.append(mesh_of([(slope, normal, shaded(building.roof_colour, normal, light))]))
        ribs = np.array([[on_roof(a, low, 0.02), on_roof(a, high, 0.02)] for a in np.arange(step, 1, step)])
        rib_colour = shaded(darker(building.roof_colour, 0.07), normal, light)
        pieces.append(Lines(segments=ribs, colour=rib_colour, width_m=0.08, normal=normal))
        inset = (high - low) * 0.06
        clear = shaded(mixed(building.roof_colour, SKYLIGHT, 0.38), normal, light)
        sheets: list[Face] = [
            (strip(float(along), 0.7 / length, low + inset, high - inset), normal, clear)
            for along in np.arange(0.08, 0.95, 9.0 / length)
            if random.random() < 0.75
        ]
        for _sheet in range(int(random.integers(2, 6))):  # replaced or faded: a rib wide, eaves to ridge
            along = math.floor(random.random() * 0.97 / step) * step
            colour = darker(building.roof_colour, float(random.uniform(-0.06, 0.08)))
            sheets.append((strip(along, step, low, high), normal, shaded(colour, normal, light)))
        pieces.append(mesh_of(sheets))
    return pieces


def _flat_roof(ring: Floats, building: Building, light: Light, random: np.random.Generator) -> list[Mesh | Lines]:
    """Return a flat roof with its parapet, its stair house and air conditioning units."""
    height, colour = building.height_m, building.roof_colour
    corner, long, short = _sides(ring)
    inner = ring.mean(axis=0) + (ring - ring.mean(axis=0)) * 0.975
    rim = at_height(inner, height + 0.01)
    parapet = np.stack([rim, np.roll(rim, -1, axis=0)], axis=1)
    pieces: list[Mesh | Lines] = [
        mesh_of([level_face(ring, height, colour, light)]),
        Lines(segments=parapet, colour=shaded(darker(colour, 0.28), UP, light), width_m=0.22, normal=UP),
    ]
    heading = math.degrees(math.atan2(long[0], long[1]))
    area = float(np.hypot(*long) * np.hypot(*short))
    if area < LEAST_ROOF_M2:  # a crate or a roof light: a lid within its rim, and no room for anything on it
        lid = ring.mean(axis=0) + (ring - ring.mean(axis=0)) * random.uniform(0.7, 0.9)
        tone = darker(colour, float(random.uniform(-0.15, 0.1)))
        return [*pieces, mesh_of([level_face(lid, height + 0.02, tone, light)])]
    faces = _stains(ring, building, light, random)
    sun = sun_direction(light)
    cast = -sun[:2] / sun[2] * UNIT_HEIGHT_M * 0.8  # the part of its shadow that a unit does not hide itself
    taken: list[Floats] = []
    for _unit in range(int(np.clip(area / 90, 1, 14))):
        place = corner + long * random.uniform(0.1, 0.9) + short * random.uniform(0.15, 0.85)
        long_half, wide_half = random.uniform(0.5, 1.3), random.uniform(0.4, 0.9)
        if any(np.hypot(*(place - other)) < 3.2 for other in taken):
            continue
        taken.append(place)
        outline = oriented((place[0], place[1]), heading, rectangle(-long_half, long_half, wide_half))
        shadow = at_height(outline + cast, height + 0.01)
        faces.append((shadow, UP, shaded(darker(colour, 0.1), UP, light, lit=False)))
        faces += prism_faces(outline, (height, height + UNIT_HEIGHT_M), ((150, 152, 152), (182, 184, 184)), light)
        faces.append(level_face(circle((place[0], place[1]), wide_half * 0.6, 12), height + 0.92, (88, 90, 92), light))
    return [*pieces, mesh_of(faces)]


def _stains(ring: Floats, building: Building, light: Light, random: np.random.Generator) -> list[Face]:
    """Return where rain has stood and coating was mended: uneven patches, a little darker or lighter than the roof."""
    corner, long, short = _sides(ring)
    breadth = float(np.hypot(*short))
    stains = []
    for _stain in range(int(random.integers(8, 20))):
        middle = corner + long * random.uniform(0.2, 0.8) + short * random.uniform(0.2, 0.8)
        reach = breadth * random.uniform(0.03, 0.13)
        outline = circle((middle[0], middle[1]), 1.0, 11) - middle
        rough = middle + outline * reach * random.uniform(0.5, 1.3, (11, 1))
        tone = darker(building.roof_colour, float(random.uniform(-0.05, 0.07)))
        stains.append(level_face(rough, building.height_m + 0.005, tone, light))
    return stains
