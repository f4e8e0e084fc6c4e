"""Draws what stands on the ground apart from vehicles: buildings, tanks, walls, containers, drums, trees."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from flight.rehearsal.render_canvas import Canvas, Face, fixed_point, paint_faces, paint_lines, prism_faces, shaded
from flight.rehearsal.render_vehicles import oriented, rectangle
from flight.rehearsal.render_view import Floats, pixels_of
from flight.rehearsal.world import Building, Colour, Container, DrumStack, RoofKind, Tank, Tree, Wall

UP: Final = (0.0, 0.0, 1.0)
DRUM_RADIUS_M: Final = 0.29
DRUM_HEIGHT_M: Final = 0.88


def circle(centre: tuple[float, float], radius_m: float, corners: int) -> Floats:
    """Return the (corners, 2) points of a circle."""
    angles = np.linspace(0, 2 * math.pi, corners, endpoint=False)
    return np.column_stack([centre[0] + radius_m * np.cos(angles), centre[1] + radius_m * np.sin(angles)])


def darker(colour: Colour, share: float) -> Colour:
    """Return a colour with a share of its brightness taken away."""
    return tuple(max(0, min(255, round(part * (1 - share)))) for part in colour)  # type: ignore[return-value]


def _towards(colour: Colour, other: Colour, share: float) -> Colour:
    """Return a colour moved a share of the way to another."""
    return tuple(round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))  # type: ignore[return-value]


def paint_building(canvas: Canvas, building: Building, seed: int) -> None:
    """Paint a building: walls with windows, its roof, and what stands on the roof."""
    ring = np.asarray(building.ring, dtype=np.float64)
    height = building.height_m
    paint_faces(canvas, prism_faces(ring, (0.0, height), (building.wall_colour, None), canvas))
    _windows(canvas, ring, height)
    if canvas.view.place[2] <= height:
        return
    if building.roof is RoofKind.GABLED and len(ring) == 4:
        _gabled(canvas, ring, height, building.roof_colour)
    else:
        roof = np.column_stack([ring, np.full(len(ring), height)])
        paint_faces(canvas, [(roof, shaded(building.roof_colour, UP, canvas.light))])
    random = np.random.default_rng((seed, *building.building_id.encode()))
    if building.roof is RoofKind.FLAT:
        _parapet(canvas, ring, height, building.roof_colour)
        _machines(canvas, ring, height, random)
    else:
        _ribs(canvas, ring, height, building, random)


def _sides(ring: Floats) -> tuple[Floats, Floats, Floats]:
    """Return a corner and the two edge vectors of a four-cornered ring, the longer first."""
    first, second = ring[1] - ring[0], ring[-1] - ring[0]
    return (ring[0], first, second) if np.hypot(*first) >= np.hypot(*second) else (ring[0], second, first)


def _windows(canvas: Canvas, ring: Floats, height: float) -> None:
    """Paint rows of windows, one row a storey, on the walls that the camera sees."""
    middle = ring.mean(axis=0)
    glass = shaded((96, 104, 110), UP, canvas.light, gain=0.75)
    faces: list[Face] = []
    for start, end in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        along = end - start
        length = float(np.hypot(*along))
        normal = np.array([along[1], -along[0]])
        if normal @ (start - middle) < 0:
            normal = -normal
        if length < 6 or normal @ (canvas.view.place[:2] - start) <= 0:
            continue
        unit = along / length
        for sill in np.arange(1.1, height - 1.6, 3.6):
            for place in np.arange(1.5, length - 3.5, 4.6):
                a, b = start + unit * place, start + unit * (place + 2.4)
                faces.append((np.array([[*a, sill], [*b, sill], [*b, sill + 1.4], [*a, sill + 1.4]]), glass))
    paint_faces(canvas, faces)


def _gabled(canvas: Canvas, ring: Floats, height: float, colour: Colour) -> None:
    corner, long, short = _sides(ring)
    rise = min(2.2, float(np.hypot(*short)) * 0.1)
    ridge = [np.append(corner + short / 2, height + rise), np.append(corner + short / 2 + long, height + rise)]
    faces: list[Face] = []
    for base in (corner, corner + short):
        low = [np.append(base, height), np.append(base + long, height)]
        quad = np.stack([low[0], low[1], ridge[1], ridge[0]])
        normal = np.cross(quad[1] - quad[0], quad[3] - quad[0])
        normal = normal / np.linalg.norm(normal) * (1 if normal[2] > 0 else -1)
        faces.append((quad, shaded(colour, normal, canvas.light)))
    paint_faces(canvas, faces)


def _ribs(canvas: Canvas, ring: Floats, height: float, building: Building, random: np.random.Generator) -> None:
    """Paint a metal roof's ribs, its rust and its skylights."""
    if len(ring) != 4:
        return
    corner, long, short = _sides(ring)
    length = float(np.hypot(*long))
    rise = min(2.2, float(np.hypot(*short)) * 0.1) if building.roof is RoofKind.GABLED else 0.0
    step = 0.5 / length
    halves = ((0.0, 0.5), (0.5, 1.0)) if rise else ((0.0, 1.0),)

    def on_roof(along: float, across: float, lift: float = 0.02) -> Floats:
        share = 1 - abs(2 * across - 1)
        return np.append(corner + long * along + short * across, height + rise * share + lift)

    ribs = [[on_roof(along, low), on_roof(along, high)] for along in np.arange(step, 1, step) for low, high in halves]
    paint_lines(canvas, np.array(ribs), shaded(darker(building.roof_colour, 0.07), UP, canvas.light), 0.08)
    faces: list[Face] = []
    light_strip = _towards(building.roof_colour, (205, 212, 210), 0.38)
    for along in np.arange(0.08, 0.95, 9.0 / length):
        for low, high in halves:
            if random.random() < 0.75:
                a, b = low + (high - low) * 0.06, low + (high - low) * 0.94
                wide = 0.7 / length
                quad = np.stack(
                    [on_roof(along, a), on_roof(along + wide, a), on_roof(along + wide, b), on_roof(along, b)]
                )
                faces.append((quad, shaded(light_strip, UP, canvas.light)))
    for _sheet in range(int(random.integers(3, 9))):  # sheets replaced or faded: a rib wide, eaves to ridge
        along, wide = round(random.random() * 0.97 / step) * step, step
        low, high = halves[int(random.integers(len(halves)))]
        quad = np.stack(
            [on_roof(along, low), on_roof(along + wide, low), on_roof(along + wide, high), on_roof(along, high)]
        )
        faces.append((quad, shaded(darker(building.roof_colour, random.uniform(-0.06, 0.08)), UP, canvas.light)))
    paint_faces(canvas, faces)


def _parapet(canvas: Canvas, ring: Floats, height: float, colour: Colour) -> None:
    inner = ring.mean(axis=0) + (ring - ring.mean(axis=0)) * 0.975
    rim = np.column_stack([np.roll(inner, 0, axis=0), np.full(len(ring), height + 0.01)])
    segments = np.stack([rim, np.roll(rim, -1, axis=0)], axis=1)
    paint_lines(canvas, segments, shaded(darker(colour, 0.28), UP, canvas.light), 0.22)


def _machines(canvas: Canvas, ring: Floats, height: float, random: np.random.Generator) -> None:
    """Put air conditioning units, hatches and pipes on a flat roof."""
    if len(ring) != 4:
        return
    corner, long, short = _sides(ring)
    heading = math.degrees(math.atan2(long[0], long[1]))
    area = float(np.hypot(*long) * np.hypot(*short))
    boxes = []
    for _unit in range(int(np.clip(area / 90, 1, 14))):
        place = corner + long * random.uniform(0.1, 0.9) + short * random.uniform(0.15, 0.85)
        boxes.append((place, random.uniform(0.5, 1.3), random.uniform(0.4, 0.9)))
    for place, long_half, wide_half in sorted(
        boxes, key=lambda box: -float(np.hypot(*(box[0] - canvas.view.place[:2])))
    ):
        outline = oriented((place[0], place[1]), heading, rectangle(-long_half, long_half, wide_half))
        shadow = np.column_stack([outline + np.array([0.5, -0.5]), np.full(4, height + 0.01)])
        paint_faces(canvas, [(shadow, shaded((110, 110, 110), UP, canvas.light, lit=False))])
        paint_faces(canvas, prism_faces(outline, (height, height + 0.9), ((150, 152, 152), (182, 184, 184)), canvas))
        fan = np.column_stack([circle((place[0], place[1]), wide_half * 0.6, 12), np.full(12, height + 0.92)])
        paint_faces(canvas, [(fan, shaded((88, 90, 92), UP, canvas.light))])


def paint_tank(canvas: Canvas, tank: Tank) -> None:
    """Paint a storage tank: shell, roof with seams, stairs and a rail."""
    corners = 40
    ring = circle(tank.centre, tank.radius_m, corners)
    faces = prism_faces(ring, (0.0, tank.height_m), (tank.colour, None), canvas)
    top = tank.height_m
    if canvas.view.place[2] > top:
        rise = tank.radius_m * 0.08
        middle = np.array([*tank.centre, top + rise])
        rim = np.column_stack([ring, np.full(corners, top)])
        for first, second in zip(rim, np.roll(rim, -1, axis=0), strict=True):
            normal = np.cross(first - middle, second - middle)
            normal = normal / np.linalg.norm(normal) * (1 if normal[2] > 0 else -1)
            faces.append((np.stack([middle, first, second]), shaded(tank.colour, normal, canvas.light)))
    paint_faces(canvas, faces)
    rim = np.column_stack([ring, np.full(corners, top + 0.02)])
    paint_lines(
        canvas,
        np.stack([rim, np.roll(rim, -1, axis=0)], axis=1),
        shaded(darker(tank.colour, 0.3), UP, canvas.light),
        0.12,
    )
    turn = np.linspace(0.6, 2.4, 14)
    stair = np.column_stack(
        [
            tank.centre[0] + (tank.radius_m + 0.4) * np.cos(turn),
            tank.centre[1] + (tank.radius_m + 0.4) * np.sin(turn),
            np.linspace(0.2, top, 14),
        ]
    )
    paint_lines(
        canvas, np.stack([stair[:-1], stair[1:]], axis=1), shaded((120, 122, 120), UP, canvas.light), 0.5, limit_px=20
    )
    hatch = circle((tank.centre[0] + tank.radius_m * 0.6, tank.centre[1]), 0.45, 12)
    paint_faces(canvas, prism_faces(hatch, (top, top + 0.5), ((150, 150, 150), (176, 176, 176)), canvas))


def paint_wall(canvas: Canvas, wall: Wall, ring: Floats) -> None:
    """Paint one straight piece of a wall."""
    paint_faces(canvas, prism_faces(ring, (0.0, wall.height_m), (wall.colour, wall.colour), canvas))


def container_ring(container: Container) -> Floats:
    """Return the (4, 2) outline of a container."""
    box = rectangle(-container.length_m / 2, container.length_m / 2, container.width_m / 2)
    return oriented(container.centre, container.heading_deg, box)


def paint_container(canvas: Canvas, container: Container, *, lit: bool) -> None:
    """Paint a container with its corrugations."""
    ring = container_ring(container)
    height = container.height_m
    paint_faces(
        canvas, prism_faces(ring, (0.0, height), (darker(container.colour, 0.1), container.colour), canvas, lit=lit)
    )
    places = np.arange(-container.length_m / 2 + 0.3, container.length_m / 2, 0.55)
    half = container.width_m / 2 * 0.96
    ends = np.array([[[place, -half], [place, half]] for place in places]).reshape(-1, 2)
    flat = oriented(container.centre, container.heading_deg, ends)
    ribs = np.column_stack([flat, np.full(len(flat), height + 0.01)]).reshape(-1, 2, 3)
    paint_lines(canvas, ribs, shaded(darker(container.colour, 0.2), UP, canvas.light, lit=lit), 0.12)


def drum_ring(stack: DrumStack) -> Floats:
    """Return the (4, 2) outline of a drum stack."""
    pitch = DRUM_RADIUS_M * 2.08
    box = rectangle(-stack.columns * pitch / 2, stack.columns * pitch / 2, stack.rows * pitch / 2)
    return oriented(stack.centre, stack.heading_deg, box)


def paint_drums(canvas: Canvas, stack: DrumStack, *, lit: bool) -> None:
    """Paint each drum of a stack, the farthest first."""
    pitch = DRUM_RADIUS_M * 2.08
    grid = np.array(
        [
            [(column - (stack.columns - 1) / 2) * pitch, (row - (stack.rows - 1) / 2) * pitch]
            for column in range(stack.columns)
            for row in range(stack.rows)
        ]
    )
    places = oriented(stack.centre, stack.heading_deg, grid)
    random = np.random.default_rng((*stack.stack_id.encode(), 7))
    faces: list[Face] = []
    for index in np.argsort(-np.hypot(*(places - canvas.view.place[:2]).T)):
        centre = (float(places[index][0]), float(places[index][1]))
        colour = darker(stack.colour, float(random.uniform(-0.18, 0.25)))
        top = DRUM_HEIGHT_M * stack.layers
        faces.extend(prism_faces(circle(centre, DRUM_RADIUS_M, 10), (0.0, top), (colour, colour), canvas, lit=lit))
        lid = np.column_stack([circle(centre, DRUM_RADIUS_M * 0.8, 8), np.full(8, top)])
        faces.append((lid, shaded(darker(colour, -0.2), UP, canvas.light, lit=lit)))
        bung = np.column_stack([circle((centre[0] + 0.15, centre[1]), 0.05, 5), np.full(5, top + 0.01)])
        faces.append((bung, shaded((210, 210, 205), UP, canvas.light, lit=lit)))
    paint_faces(canvas, faces)


def paint_tree(canvas: Canvas, tree: Tree, seed: int) -> None:
    """Paint a crown of leaf clumps, darker below and brighter towards the sun."""
    import cv2

    key = (seed, round(tree.centre[0] * 100) & 0xFFFFFF, round(tree.centre[1] * 100) & 0xFFFFFF)
    random = np.random.default_rng(key)
    clumps = int(np.clip(26 * tree.radius_m, 24, 110))
    angle, reach = random.uniform(0, 2 * math.pi, clumps), np.sqrt(random.uniform(0, 1, clumps))
    lift = (1 - reach**2) * 0.5 + random.uniform(0.0, 0.25, clumps)
    order = np.argsort(lift)
    places = np.column_stack(
        [
            tree.centre[0] + tree.radius_m * reach * np.cos(angle) * 0.85,
            tree.centre[1] + tree.radius_m * reach * np.sin(angle) * 0.85,
            tree.height_m * (0.45 + 0.7 * np.clip(lift, 0, 0.78)),
        ]
    )[order]
    flat = pixels_of(canvas.view, places)
    radius_px = tree.radius_m * 0.26 * canvas.view.focal_px / max(1.0, canvas.view.place[2] - tree.height_m / 2)
    tone = random.uniform(0.85, 1.15)
    sun = math.radians(canvas.light.azimuth_deg)
    towards = np.cos(angle[order] - (math.pi / 2 - sun)) * reach[order]
    for index, spot in enumerate(flat):
        if np.isnan(spot).any():
            continue
        bright = tone * (0.62 + 0.45 * lift[order][index] + 0.16 * towards[index]) * random.uniform(0.9, 1.1)
        leaf = (58 * bright, 112 * bright, 86 * bright)
        size = max(1, round(radius_px * random.uniform(0.6, 1.1) * 16))
        centre = fixed_point(spot[None])[0]
        cv2.circle(canvas.pixels, (int(centre[0]), int(centre[1])), size, leaf, -1, cv2.LINE_AA, 4)
