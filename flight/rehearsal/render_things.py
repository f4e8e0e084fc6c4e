"""Makes the meshes of what stands on the ground apart from buildings and vehicles."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from flight.rehearsal.render_canvas import (
    UP,
    Canvas,
    Face,
    Lines,
    Mesh,
    at_height,
    fixed_point,
    level_face,
    mesh_of,
    prism_faces,
    shaded,
    upward,
)
from flight.rehearsal.render_shapes import circle, darker, mixed, oriented, rectangle
from flight.rehearsal.render_view import Floats, pixels_of
from flight.rehearsal.world import Light
from flight.rehearsal.world_things import (
    Colour,
    Container,
    DrumStack,
    Heap,
    Person,
    Posture,
    StackKind,
    Tank,
    Tent,
    Tree,
    Wall,
)

VESSELS: Final = {  # pitch in a stack, height of one (metres)
    StackKind.DRUM: (0.60, 0.88),
    StackKind.IBC: (1.25, 1.16),
    StackKind.CYLINDER: (0.27, 1.45),
}


def tank_pieces(tank: Tank, light: Light) -> list[Mesh | Lines]:
    """Return a storage tank: shell, conical roof, rail, stair and hatch."""
    corners, top = 40, tank.height_m
    ring = circle(tank.centre, tank.radius_m, corners)
    faces = prism_faces(ring, (0.0, top), (tank.colour, None), light)
    peak = np.array([*tank.centre, top + tank.radius_m * 0.08])
    rim = at_height(ring, top)
    for first, second in zip(rim, np.roll(rim, -1, axis=0), strict=True):
        sector = np.stack([peak, first, second])
        normal = upward(sector)
        faces.append((sector, normal, shaded(tank.colour, normal, light)))
    rail = np.stack([rim, np.roll(rim, -1, axis=0)], axis=1)
    turn = np.linspace(0.6, 2.4, 14)
    reach = tank.radius_m + 0.4
    stair = np.column_stack(
        [tank.centre[0] + reach * np.cos(turn), tank.centre[1] + reach * np.sin(turn), np.linspace(0.2, top, 14)]
    )
    outward = np.array([math.cos(1.5), math.sin(1.5), 0.0])
    hatch = circle((tank.centre[0] + tank.radius_m * 0.6, tank.centre[1]), 0.45, 12)
    return [
        mesh_of(faces),
        Lines(segments=rail, colour=shaded(darker(tank.colour, 0.3), UP, light), width_m=0.12, normal=UP),
        Lines(
            segments=np.stack([stair[:-1], stair[1:]], axis=1),
            colour=shaded((120, 122, 120), UP, light),
            width_m=0.5,
            normal=outward,
            limit_px=20,
        ),
        mesh_of(prism_faces(hatch, (top, top + 0.5), ((150, 150, 150), (176, 176, 176)), light)),
    ]


def wall_rings(wall: Wall) -> list[Floats]:
    """Return the thin (4, 2) rectangles that a wall is made of."""
    rings = []
    for start, end in zip(wall.path, wall.path[1:], strict=False):
        a, b = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
        along = (b - a) / max(1e-9, float(np.hypot(*(b - a))))
        across = np.array([-along[1], along[0]]) * wall.width_m / 2
        rings.append(np.stack([a - across, b - across, b + across, a + across]))
    return rings


def wall_pieces(wall: Wall, ring: Floats, light: Light) -> list[Mesh | Lines]:
    """Return one straight piece of a wall."""
    return [mesh_of(prism_faces(ring, (0.0, wall.height_m), (wall.colour, wall.colour), light))]


def container_ring(container: Container) -> Floats:
    """Return the (4, 2) outline of a container."""
    box = rectangle(-container.length_m / 2, container.length_m / 2, container.width_m / 2)
    return oriented(container.centre, container.heading_deg, box)


def container_pieces(container: Container, light: Light, *, lit: bool) -> list[Mesh | Lines]:
    """Return a container with its corrugations."""
    height = container.height_m
    colours = (darker(container.colour, 0.1), container.colour)
    places = np.arange(-container.length_m / 2 + 0.3, container.length_m / 2, 0.55)
    half = container.width_m / 2 * 0.96
    ends = np.array([[[place, -half], [place, half]] for place in places]).reshape(-1, 2)
    ribs = at_height(oriented(container.centre, container.heading_deg, ends), height + 0.01).reshape(-1, 2, 3)
    rib_colour = shaded(darker(container.colour, 0.2), UP, light, lit=lit)
    return [
        mesh_of(prism_faces(container_ring(container), (0.0, height), colours, light, lit=lit)),
        Lines(segments=ribs, colour=rib_colour, width_m=0.12, normal=UP),
    ]


def stack_height_m(stack: DrumStack) -> float:
    """Return the height of a stack's top."""
    return VESSELS[stack.kind][1] * stack.layers


def stack_ring(stack: DrumStack) -> Floats:
    """Return the (4, 2) outline of a stack."""
    pitch = VESSELS[stack.kind][0]
    box = rectangle(-stack.columns * pitch / 2, stack.columns * pitch / 2, stack.rows * pitch / 2)
    return oriented(stack.centre, stack.heading_deg, box)


def stack_pile(stack: DrumStack, light: Light, *, lit: bool) -> tuple[Floats, list[Mesh]]:
    """Return the (N, 2) places of a stack's vessels, and a mesh for each."""
    pitch = VESSELS[stack.kind][0]
    grid = np.array(
        [
            [(column - (stack.columns - 1) / 2) * pitch, (row - (stack.rows - 1) / 2) * pitch]
            for column in range(stack.columns)
            for row in range(stack.rows)
        ]
    )
    places = oriented(stack.centre, stack.heading_deg, grid)
    random = np.random.default_rng((*stack.stack_id.encode(), 7))
    meshes = []
    kept = []
    sheet_ends = stack.columns * pitch * (0.5 - stack.covered)
    for place, (along, _across) in zip(places, grid.tolist(), strict=True):
        centre = (float(place[0]), float(place[1]))
        colour = darker(stack.colour, float(random.uniform(-0.18, 0.2)))
        if stack.mixed and random.random() < stack.mixed:
            colour = VESSEL_PAINTS[int(random.integers(len(VESSEL_PAINTS)))]
        if (stack.covered and along > sheet_ends) or (stack.missing and random.random() < stack.missing):
            continue
        kept.append(place)
        if stack.kind is StackKind.IBC:
            meshes.append(mesh_of(_tote(centre, stack, colour, light, lit=lit)))
        else:
            meshes.append(mesh_of(_drum(centre, stack, colour, light, lit=lit)))
    if stack.covered:
        kept.append(_sheet_ring(stack).mean(axis=0))
        meshes.append(_sheet(stack, random, light, lit=lit))
    return np.array(kept).reshape(-1, 2), meshes


VESSEL_PAINTS: Final[tuple[Colour, ...]] = (
    (32, 74, 150), (24, 96, 170), (150, 40, 36), (40, 110, 70), (40, 40, 42),
    (206, 206, 200), (190, 160, 40), (120, 76, 54), (150, 152, 154),
)  # fmt: skip
SHEETS: Final[tuple[Colour, ...]] = (
    (44, 96, 150), (40, 84, 60), (188, 190, 186), (70, 72, 70), (196, 110, 44),
)  # fmt: skip


def _sheet_ring(stack: DrumStack) -> Floats:
    """Return the (4, 2) outline of the part of a stack that lies under a tarpaulin."""
    pitch = VESSELS[stack.kind][0]
    half = stack.columns * pitch / 2
    box = rectangle(half - 2 * half * stack.covered, half, stack.rows * pitch / 2)
    return oriented(stack.centre, stack.heading_deg, box)


def _sheet(stack: DrumStack, random: np.random.Generator, light: Light, *, lit: bool) -> Mesh:
    """Return a tarpaulin over one end of a stack, hanging down its sides, sagging between the vessels."""
    ring, top = _sheet_ring(stack), stack_height_m(stack)
    colour = SHEETS[int(random.integers(len(SHEETS)))]
    faces = prism_faces(ring, (0.15, top + 0.04), (darker(colour, 0.12), None), light, lit=lit)
    folds = max(2, round(stack.columns * stack.covered) + 1)
    near, far = ring[[0, 3]], ring[[1, 2]]
    for fold in range(folds):
        low, high = fold / folds, (fold + 1) / folds
        strip = np.stack([*(near + (far - near) * low), *(near + (far - near) * high)[::-1]])
        tone = darker(colour, float(random.uniform(-0.12, 0.16)))
        faces.append(level_face(strip, top + 0.05, tone, light, lit=lit))
    return mesh_of(faces)


def _drum(centre: tuple[float, float], stack: DrumStack, colour: Colour, light: Light, *, lit: bool) -> list[Face]:
    """Return a drum with its lid and bung, or a gas cylinder with its shoulder and valve."""
    top = stack_height_m(stack)
    pitch = VESSELS[stack.kind][0]
    radius = pitch * 0.48
    faces: list[Face] = []
    if stack.palleted:
        pallet = oriented(centre, stack.heading_deg, rectangle(-pitch / 2, pitch / 2, pitch / 2))
        faces += prism_faces(pallet, (0.0, 0.14), ((120, 98, 66), (158, 130, 92)), light, lit=lit)
    if stack.kind is StackKind.CYLINDER:
        body, neck = circle(centre, radius, 8), circle(centre, radius * 0.35, 8)
        shoulder = prism_faces(body, (top - 0.3, top - 0.12), (colour, None), light, lit=lit, top_ring=neck)
        valve = prism_faces(neck, (top - 0.12, top), ((120, 116, 100), (170, 160, 120)), light, lit=lit)
        return faces + prism_faces(body, (0.0, top - 0.3), (colour, None), light, lit=lit) + shoulder + valve
    faces += prism_faces(circle(centre, radius, 10), (0.0, top), (colour, colour), light, lit=lit)
    faces.append(level_face(circle(centre, radius * 0.8, 8), top, darker(colour, -0.2), light, lit=lit))
    bung = circle((centre[0] + 0.15, centre[1]), 0.05, 5)
    faces.append(level_face(bung, top + 0.01, (210, 210, 205), light, lit=lit))
    return faces


def _tote(centre: tuple[float, float], stack: DrumStack, colour: Colour, light: Light, *, lit: bool) -> list[Face]:
    """Return a caged tote on its pallet: translucent body, bars, cap."""
    top = stack_height_m(stack)
    heading = stack.heading_deg
    body: Colour = mixed((222, 224, 218), colour, 0.06)
    outline = oriented(centre, heading, rectangle(-0.58, 0.58, 0.49))
    faces = prism_faces(outline, (0.0, 0.16), ((120, 98, 66), None), light, lit=lit)
    faces += prism_faces(outline, (0.16, top), (body, body), light, lit=lit)
    for ahead in (-0.3, 0.0, 0.3):
        bar = oriented(centre, heading, rectangle(ahead - 0.025, ahead + 0.025, 0.49))
        faces.append(level_face(bar, top + 0.01, (128, 132, 134), light, lit=lit))
    for across in (-0.46, 0.46):
        bar = oriented(centre, heading, rectangle(-0.58, 0.58, 0.03) + np.array([0.0, across]))
        faces.append(level_face(bar, top + 0.01, (128, 132, 134), light, lit=lit))
    faces.append(level_face(circle(centre, 0.13, 10), top + 0.03, (40, 42, 46), light, lit=lit))
    return faces


HEAP_COLOURS: Final[tuple[Colour, ...]] = (
    (150, 128, 98), (118, 96, 70), (176, 170, 160), (204, 200, 192),
    (90, 86, 82), (132, 70, 54), (70, 92, 120), (210, 206, 150),
)  # fmt: skip


def heap_ring(heap: Heap) -> Floats:
    """Return the (12, 2) outline of a heap."""
    unit = circle((0.0, 0.0), 1.0, 12) * np.array([heap.length_m / 2, heap.width_m / 2])
    return oriented(heap.centre, heap.heading_deg, unit)


def heap_pieces(heap: Heap, light: Light, *, lit: bool) -> list[Mesh | Lines]:
    """Return a heap: a rough mound of soil with boards, sheets and bags thrown over it."""
    random = np.random.default_rng((*heap.heap_id.encode(), 11))
    ring = heap_ring(heap)
    middle = ring.mean(axis=0)
    palette = HEAP_COLOURS if heap.tone is None else (heap.tone, darker(heap.tone, 0.2), darker(heap.tone, -0.15))
    ground: Colour = palette[int(random.integers(len(palette)))]
    faces: list[Face] = []
    for share, level in ((1.0, 0.0), (0.75, 0.4), (0.5, 0.72), (0.25, 0.95)):
        rough = middle + (ring - middle) * share * random.uniform(0.8, 1.05, (len(ring), 1))
        faces.append(level_face(rough, heap.height_m * level, darker(ground, 0.25 - 0.25 * level), light, lit=lit))
    pieces = int(np.clip(heap.length_m * heap.width_m * 5, 25, 160))
    reach = np.sqrt(random.uniform(0, 1, pieces))
    turn = random.uniform(0, 2 * math.pi, pieces)
    lift = (1 - reach) * heap.height_m
    for index in np.argsort(lift).tolist():
        local = np.array([[heap.length_m / 2 * math.cos(turn[index]), heap.width_m / 2 * math.sin(turn[index])]])
        spot = oriented(heap.centre, heap.heading_deg, local * reach[index])[0]
        length, half = random.uniform(0.15, 1.5), random.uniform(0.04, 0.3)
        board = oriented(
            (spot[0], spot[1]), float(random.uniform(0, 360)), rectangle(-length / 2, length / 2, float(half))
        )
        colour = darker(palette[int(random.integers(len(palette)))], float(random.uniform(-0.1, 0.3)))
        tilt = random.uniform(0, 0.25, 4)
        corners = np.column_stack([board, lift[index] + tilt])
        faces.append((corners, None, shaded(colour, upward(corners), light, lit=lit)))
    return [mesh_of(faces)]


def tent_ring(tent: Tent) -> Floats:
    """Return the (4, 2) outline of a tent."""
    return oriented(tent.centre, tent.heading_deg, rectangle(-tent.length_m / 2, tent.length_m / 2, tent.width_m / 2))


def tent_pieces(tent: Tent, light: Light, *, lit: bool) -> list[Mesh | Lines]:
    """Return a canopy: four slopes to a ridge, a valance, seams."""
    ring = tent_ring(tent)
    eaves = tent.height_m * 0.72
    ridge_half = max(0.05, (tent.length_m - tent.width_m) / 2)
    ridge = oriented(tent.centre, tent.heading_deg, rectangle(-ridge_half, ridge_half, 0.02))
    faces = prism_faces(ring, (eaves - 0.3, eaves), (darker(tent.colour, 0.1), None), light, lit=lit)
    faces += prism_faces(ring, (eaves, tent.height_m), (tent.colour, None), light, lit=lit, top_ring=ridge)
    seams = np.stack([at_height(ring, eaves), at_height(ridge, tent.height_m)], axis=1)
    seam_colour = shaded(darker(tent.colour, -0.15), UP, light, lit=lit)
    return [mesh_of(faces), Lines(segments=seams, colour=seam_colour, width_m=0.06, normal=UP)]


def person_ring(person: Person) -> Floats:
    """Return the (8, 2) outline of what of a person is widest: shoulders, and legs where they reach out."""
    reach = {Posture.STANDING: 0.15, Posture.WALKING: 0.3, Posture.SITTING: 0.34}[person.pose]
    return oriented(person.centre, person.heading_deg, circle((0.0, 0.0), 1.0, 8) * np.array([reach, 0.25]))


def person_height_m(person: Person) -> float:
    """Return the height of a person's top as the person stands or sits."""
    return person.height_m * (0.72 if person.pose is Posture.SITTING else 1.0)


def person_pieces(person: Person, light: Light, *, lit: bool) -> list[Mesh | Lines]:
    """Return a person: legs, upper body, arms where they swing, head."""
    tall, top = person.height_m, person_height_m(person)
    shoulders = oriented(person.centre, person.heading_deg, circle((0.0, 0.0), 1.0, 8) * np.array([0.15, 0.25]))
    middle = np.asarray(person.centre)

    def limb(ahead: float, right: float, size: tuple[float, float]) -> Floats:
        local = circle((0.0, 0.0), 1.0, 6) * np.array(size) + np.array([ahead, right])
        return oriented(person.centre, person.heading_deg, local)

    cloth, legs_paint = (person.clothes, person.clothes), (person.trousers, person.trousers)
    faces: list[Face] = []
    if person.pose is Posture.WALKING:
        for ahead, right in ((0.18, -0.1), (-0.18, 0.1)):
            faces += prism_faces(limb(ahead, right, (0.13, 0.07)), (0.0, tall * 0.5), legs_paint, light, lit=lit)
    elif person.pose is Posture.SITTING:
        for right in (-0.1, 0.1):
            faces += prism_faces(limb(0.2, right, (0.22, 0.08)), (0.0, tall * 0.28), legs_paint, light, lit=lit)
    else:
        legs = middle + (shoulders - middle) * 0.65
        faces += prism_faces(legs, (0.0, tall * 0.5), legs_paint, light, lit=lit)
    faces += prism_faces(shoulders, (top - tall * 0.55, top - tall * 0.18), cloth, light, lit=lit)
    if person.pose is Posture.WALKING:
        for ahead, right in ((0.14, 0.24), (-0.14, -0.24)):
            arm = limb(ahead, right, (0.12, 0.06))
            faces += prism_faces(arm, (tall * 0.5, tall * 0.72), (darker(person.clothes, 0.1), None), light, lit=lit)
            faces.append(level_face(arm, tall * 0.72, person.clothes, light, lit=lit))
    head = circle((person.centre[0], person.centre[1]), 0.12, 8)
    faces += prism_faces(head, (top - tall * 0.16, top), (person.head, person.head), light, lit=lit)
    return [mesh_of(faces)]


class Crown:
    """A tree's leaf clumps, darker below and brighter towards the sun, settled once and painted many times."""

    def __init__(self, tree: Tree, light: Light, seed: int) -> None:
        key = (seed, round(tree.centre[0] * 100) & 0xFFFFFF, round(tree.centre[1] * 100) & 0xFFFFFF)
        random = np.random.default_rng(key)
        clumps = int(np.clip(26 * tree.radius_m, 24, 110))
        angle, reach = random.uniform(0, 2 * math.pi, clumps), np.sqrt(random.uniform(0, 1, clumps))
        lift = (1 - reach**2) * 0.5 + random.uniform(0.0, 0.25, clumps)
        order = np.argsort(lift)
        angle, reach, lift = angle[order], reach[order], lift[order]
        wide = tree.radius_m * reach * 0.85
        self.places = np.column_stack(
            [
                tree.centre[0] + wide * np.cos(angle),
                tree.centre[1] + wide * np.sin(angle),
                tree.height_m * (0.45 + 0.7 * np.clip(lift, 0, 0.78)),
            ]
        )
        sun = math.radians(light.azimuth_deg)
        towards = np.cos(angle - (math.pi / 2 - sun)) * reach
        bright = random.uniform(0.85, 1.15) * (0.62 + 0.45 * lift + 0.16 * towards) * random.uniform(0.9, 1.1, clumps)
        self.colours = [(58 * b, 112 * b, 86 * b) for b in bright.tolist()]
        self.radii_m = tree.radius_m * 0.26 * random.uniform(0.6, 1.1, clumps)
        self.middle_m = tree.height_m / 2

    def paint(self, canvas: Canvas) -> None:
        """Paint the clumps that lie before the camera."""
        import cv2

        flat = pixels_of(canvas.view, self.places)
        fixed = fixed_point(np.nan_to_num(flat)).tolist()
        scale = canvas.view.focal_px / np.linalg.norm(canvas.view.place - self.places[0])
        sizes = np.maximum(1, np.round(self.radii_m * scale * 16)).astype(int).tolist()
        hidden = np.isnan(flat[:, 0]).tolist()
        for centre, size, colour, behind in zip(fixed, sizes, self.colours, hidden, strict=True):
            if not behind:
                cv2.circle(canvas.pixels, centre, size, colour, -1, cv2.LINE_AA, 4)
