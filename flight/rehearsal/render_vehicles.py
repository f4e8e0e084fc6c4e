"""Draws road vehicles: bodies with bonnet, glass, roof, lamps and wheels.

A vehicle is built in its own axes (forward, right, up; metres; zero at the middle of its outline on the ground) and is
painted from its lowest part to its highest, which is the right order for anything seen from above.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Final

import numpy as np

from flight.rehearsal.render_canvas import UP, Face, Mesh, mesh_of, prism_faces, shaded
from flight.rehearsal.render_shapes import mixed, oriented, rectangle, rounded
from flight.rehearsal.render_view import Floats
from flight.rehearsal.world import Light
from flight.rehearsal.world_things import Colour, Vehicle, VehicleKind

GLASS: Final[Colour] = (46, 51, 57)
WINDSCREEN: Final[Colour] = (78, 87, 96)
RUBBER: Final[Colour] = (30, 30, 31)


class _Body:
    """Collects the faces of one vehicle."""

    def __init__(self, vehicle: Vehicle, light: Light, *, lit: bool) -> None:
        self.vehicle = vehicle
        self.light = light
        self.lit = lit
        self.faces: list[Face] = []

    def at(self, local: Floats) -> Floats:
        """Return world east-north of forward-right points."""
        return oriented(self.vehicle.centre, self.vehicle.heading_deg, local)

    def flat(self, local: Floats, height_m: float, colour: Colour, gain: float = 1.0) -> None:
        """Add a level face."""
        ring = self.at(local)
        bgr = shaded(colour, UP, self.light, lit=self.lit, gain=gain)
        self.faces.append((np.column_stack([ring, np.full(len(ring), height_m)]), UP, bgr))

    def solid(
        self,
        local: Floats,
        levels_m: tuple[float, float],
        colours: tuple[Colour, Colour | None],
        upper: Floats | None = None,
    ) -> None:
        """Add a prism or frustum: outline, heights of bottom and top, colours of sides and top."""
        top_ring = None if upper is None else self.at(upper)
        self.faces.extend(prism_faces(self.at(local), levels_m, colours, self.light, lit=self.lit, top_ring=top_ring))

    def quad(self, corners: list[tuple[float, float, float]], colour: Colour, gain: float = 1.0) -> None:
        """Add a face of forward-right-up corners, shaded as if level."""
        points = np.array(corners)
        quad = np.column_stack([self.at(points[:, :2]), points[:, 2]])
        middle = np.array([*self.vehicle.centre, self.vehicle.height_m * 0.4])
        normal = np.cross(quad[1] - quad[0], quad[-1] - quad[0])
        if normal @ (quad.mean(axis=0) - middle) < 0:
            normal = -normal
        self.faces.append((quad, normal, shaded(colour, UP, self.light, lit=self.lit, gain=gain)))


def _running_gear(body: _Body, half: float, rear: float, front: float, *places: float) -> None:
    """Add what carries a lorry: gloom, wheels, chassis, and side skirts between the axles."""
    body.flat(rectangle(rear + 0.1, front - 0.1, half * 0.92), 0.02, (46, 47, 50), gain=0.8)
    for place in places:
        body.solid(rectangle(place - 0.5, place + 0.5, half * 0.98), (0.0, 1.0), (RUBBER, (44, 44, 46)))
    body.solid(rectangle(rear + 0.2, front - 0.5, half * 0.8), (0.45, 1.0), ((96, 99, 102), (70, 72, 74)))


def _lamps(body: _Body, height_m: float, half: float, front: float, rear: float) -> None:
    """Add headlamps and tail lamps at the corners."""
    for side in (-1, 1):
        inner, outer = side * half * 0.55, side * half * 0.93
        body.quad(
            [
                (front - 0.32, outer, height_m),
                (front - 0.06, outer * 0.93, height_m - 0.1),
                (front - 0.04, inner, height_m - 0.1),
                (front - 0.2, inner, height_m),
            ],
            (212, 216, 220),
        )
        body.quad(
            [
                (rear + 0.2, outer, height_m),
                (rear + 0.05, outer * 0.95, height_m - 0.1),
                (rear + 0.04, inner, height_m - 0.1),
                (rear + 0.14, inner, height_m),
            ],
            (150, 24, 22),
        )


def _wheels(body: _Body, half: float, *places: float) -> None:
    """Add the gloom under the vehicle and the wheels that show at its sides."""
    length = body.vehicle.length_m
    body.flat(rounded(-length / 2 - 0.04, length / 2 + 0.04, half + 0.06, 0.4), 0.02, (26, 27, 29), gain=0.8)
    for place in places:
        body.solid(rectangle(place - 0.32, place + 0.32, half), (0.0, 0.5), (RUBBER, None))


def _car(body: _Body) -> None:
    vehicle = body.vehicle
    length, half, height = vehicle.length_m, vehicle.width_m / 2, vehicle.height_m
    front, rear = length / 2, -length / 2
    paint = vehicle.colour
    deck = height * 0.60
    _wheels(body, half, length * 0.31, -length * 0.29)
    body.solid(rounded(rear, front, half, 0.36), (0.22, deck * 0.86), (mixed(paint, (0, 0, 0), 0.12), paint))
    # The shoulders lean in, so the outline is a shade darker than the bonnet.
    body.solid(
        rounded(rear, front, half, 0.36),
        (deck * 0.86, deck),
        (mixed(paint, (0, 0, 0), 0.06), paint),
        rounded(rear + 0.12, front - 0.16, half - 0.09, 0.34),
    )
    _lamps(body, deck * 0.97, half, front, rear)
    body.flat(rectangle(length * 0.20, front - 0.42, half * 0.62), deck + 0.02, mixed(paint, (255, 255, 255), 0.09))
    body.quad(
        [
            (length * 0.20, -half * 0.64, deck + 0.03),
            (length * 0.20 + 0.05, -half * 0.64, deck + 0.03),
            (length * 0.20 + 0.05, half * 0.64, deck + 0.03),
            (length * 0.20, half * 0.64, deck + 0.03),
        ],
        mixed(paint, (0, 0, 0), 0.55),
    )
    hatchback = length < 4.25
    tail_low, tail_high = (-0.47, -0.40) if hatchback else (-0.36, -0.23)
    base = rounded(length * tail_low, length * 0.215, half * 0.90, 0.2)
    roof = rounded(length * tail_high, length * 0.02, half * 0.74, 0.16)
    body.solid(base, (deck, height - 0.04), (GLASS, None), roof)
    body.quad(
        [
            (length * 0.215, -half * 0.74, deck + 0.04),
            (length * 0.215, half * 0.74, deck + 0.04),
            (length * 0.03, half * 0.64, height - 0.05),
            (length * 0.03, -half * 0.64, height - 0.05),
        ],
        WINDSCREEN,
    )
    for side in (-1, 1):  # pillars
        for ahead in (length * 0.03, length * (tail_high + 0.02), -length * 0.09):
            low = ahead + (length * 0.10 if ahead > 0 else (-length * 0.06 if ahead < -length * 0.15 else 0.0))
            body.quad(
                [
                    (low - 0.05, side * half * 0.90, deck),
                    (low + 0.05, side * half * 0.90, deck),
                    (ahead + 0.05, side * half * 0.73, height - 0.05),
                    (ahead - 0.05, side * half * 0.73, height - 0.05),
                ],
                paint,
                0.85,
            )
        body.quad(
            [
                (length * 0.15, side * (half - 0.02), deck + 0.1),
                (length * 0.15 + 0.16, side * (half - 0.02), deck + 0.1),
                (length * 0.15 + 0.12, side * (half + 0.17), deck + 0.12),
                (length * 0.15, side * (half + 0.17), deck + 0.12),
            ],
            paint,
            0.8,
        )
    body.flat(roof, height - 0.03, mixed(paint, (0, 0, 0), 0.05))
    body.flat(
        rounded(length * tail_high + 0.1, length * 0.02 - 0.12, half * 0.62, 0.14),
        height,
        mixed(paint, (255, 255, 255), 0.07),
    )


def _van(body: _Body) -> None:
    vehicle = body.vehicle
    length, half, height = vehicle.length_m, vehicle.width_m / 2, vehicle.height_m
    front, rear, paint = length / 2, -length / 2, vehicle.colour
    deck = height * 0.52
    _wheels(body, half, length * 0.30, -length * 0.30)
    body.solid(rounded(rear, front, half, 0.25), (0.25, deck), (mixed(paint, (0, 0, 0), 0.1), paint))
    _lamps(body, deck + 0.02, half, front, rear)
    base = rounded(rear + 0.03, front - length * 0.13, half * 0.97, 0.16)
    roof = rounded(rear + 0.12, front - length * 0.28, half * 0.86, 0.16)
    body.solid(base, (deck, height - 0.05), (mixed(paint, (0, 0, 0), 0.08), None), roof)
    body.quad(
        [
            (front - length * 0.135, -half * 0.84, deck + 0.06),
            (front - length * 0.135, half * 0.84, deck + 0.06),
            (front - length * 0.275, half * 0.76, height - 0.1),
            (front - length * 0.275, -half * 0.76, height - 0.1),
        ],
        WINDSCREEN,
        0.85,
    )
    for side in (-1, 1):
        body.quad(
            [
                (front - length * 0.30, side * half * 0.95, deck + 0.25),
                (front - length * 0.42, side * half * 0.95, deck + 0.25),
                (front - length * 0.42, side * half * 0.90, height - 0.25),
                (front - length * 0.30, side * half * 0.90, height - 0.25),
            ],
            GLASS,
        )
    body.flat(roof, height - 0.04, mixed(paint, (0, 0, 0), 0.04))
    body.flat(
        rounded(rear + 0.3, front - length * 0.31, half * 0.74, 0.12), height, mixed(paint, (255, 255, 255), 0.06)
    )
    for share in (0.25, 0.45, 0.65):  # pressed ribs
        ahead = rear + length * share
        body.flat(rectangle(ahead, ahead + 0.05, half * 0.72), height + 0.01, mixed(paint, (0, 0, 0), 0.14))


def _cab(body: _Body, rear: float, paint: Colour, height: float) -> None:
    """Add a flat-fronted lorry cab from ``rear`` to the vehicle's front."""
    front, half = body.vehicle.length_m / 2, body.vehicle.width_m / 2 * 0.97
    body.solid(rounded(rear, front, half, 0.2), (0.5, height * 0.55), (mixed(paint, (0, 0, 0), 0.1), paint))
    top = rounded(rear + 0.1, front - 0.32, half * 0.92, 0.18)
    body.solid(rounded(rear, front - 0.02, half, 0.2), (height * 0.55, height), (GLASS, paint), top)
    body.flat(rectangle(front - 0.95, front - 0.55, half * 0.7), height + 0.02, mixed(paint, (0, 0, 0), 0.12))
    for side in (-1, 1):
        body.quad(
            [
                (front - 0.1, side * half, height * 0.6),
                (front - 0.1, side * (half + 0.28), height * 0.6),
                (front - 0.24, side * (half + 0.28), height * 0.6),
                (front - 0.24, side * half, height * 0.6),
            ],
            RUBBER,
        )


def _truck(body: _Body) -> None:
    vehicle = body.vehicle
    length, half, height = vehicle.length_m, vehicle.width_m / 2, vehicle.height_m
    front, rear = length / 2, -length / 2
    cab = front - min(2.3, length * 0.28)
    box: Colour = (214, 216, 216) if sum(vehicle.colour) < 660 else (196, 200, 204)
    _running_gear(body, half, rear, front, front - 1.2, rear + 2.6, rear + 1.4)
    _cab(body, cab, vehicle.colour, height * 0.80)
    body.solid(rectangle(rear, cab - 0.25, half), (0.9, height), (box, box))
    for place in np.arange(rear + 0.6, cab - 0.5, 1.1):
        body.flat(rectangle(place, place + 0.06, half * 0.96), height + 0.01, mixed(box, (0, 0, 0), 0.18))
    body.flat(rectangle(rear, cab - 0.25, half * 0.06), height + 0.01, mixed(box, (0, 0, 0), 0.08))


def _tanker(body: _Body) -> None:
    vehicle = body.vehicle
    length, half, height = vehicle.length_m, vehicle.width_m / 2, vehicle.height_m
    front, rear = length / 2, -length / 2
    cab = front - 2.2
    shell: Colour = (206, 210, 214)
    _running_gear(body, half, rear, front, front - 1.3, rear + 3.7, rear + 2.5, rear + 1.3)
    _cab(body, cab, vehicle.colour, height * 0.85)
    middle, radius = (0.9 + height) / 2, (height - 0.9) / 2
    tail, nose = rear + 0.15, cab - 0.35
    sine, cosine = math.sin(math.radians(vehicle.heading_deg)), math.cos(math.radians(vehicle.heading_deg))
    angles = np.radians(np.linspace(-20, 200, 12))
    for place, facing in ((tail, -1.0), (nose, 1.0)):
        round_end = np.array([[place, math.cos(a) * half] for a in angles])
        disc = np.column_stack([body.at(round_end), middle + np.sin(angles) * radius])
        ahead = np.array([sine, cosine, 0.0]) * facing
        body.faces.append((disc, ahead, shaded(mixed(shell, (0, 0, 0), 0.15), ahead, body.light, lit=body.lit)))
    for first, second in pairwise(angles):
        pair = [(math.cos(a) * half, middle + math.sin(a) * radius) for a in (first, second)]
        across, up = math.cos((first + second) / 2), math.sin((first + second) / 2)
        normal = np.array([across * cosine, -across * sine, up])
        corners = np.array([[tail, *pair[0]], [nose, *pair[0]], [nose, *pair[1]], [tail, *pair[1]]])
        points = np.column_stack([body.at(corners[:, :2]), corners[:, 2]])
        body.faces.append((points, normal, shaded(shell, normal, body.light, lit=body.lit)))
    body.flat(rectangle(tail + 0.4, nose - 0.4, 0.22), height + 0.02, (120, 124, 128))
    for share in (0.22, 0.5, 0.78):
        place = tail + (nose - tail) * share
        body.flat(rounded(place - 0.3, place + 0.3, 0.3, 0.2), height + 0.05, (150, 154, 158))
    body.flat(rectangle(tail + 0.1, nose - 0.1, half * 1.0) * [1, 0.02] + [0, half * 0.9], middle, (186, 66, 24))


def _bus(body: _Body) -> None:
    vehicle = body.vehicle
    length, half, height = vehicle.length_m, vehicle.width_m / 2, vehicle.height_m
    front, rear, paint = length / 2, -length / 2, vehicle.colour
    body.flat(rounded(rear + 0.1, front - 0.1, half * 0.95, 0.3), 0.02, (46, 47, 50), gain=0.8)
    body.solid(rounded(rear, front, half, 0.3), (0.3, 1.2), (paint, paint))
    body.solid(rounded(rear, front, half, 0.3), (1.2, height - 0.4), (GLASS, paint))
    body.solid(
        rounded(rear, front, half, 0.3),
        (height - 0.4, height),
        (paint, mixed(paint, (255, 255, 255), 0.1)),
        rounded(rear + 0.1, front - 0.2, half * 0.95, 0.3),
    )
    for share in (0.2, 0.6):
        place = rear + length * share
        body.solid(
            rectangle(place, place + 1.8, half * 0.6), (height, height + 0.25), ((200, 202, 204), (212, 214, 216))
        )


_BODIES: Final[dict[VehicleKind, Callable[[_Body], None]]] = {
    VehicleKind.CAR: _car,
    VehicleKind.VAN: _van,
    VehicleKind.TRUCK: _truck,
    VehicleKind.TANKER: _tanker,
    VehicleKind.BUS: _bus,
}


def vehicle_mesh(vehicle: Vehicle, light: Light, *, lit: bool) -> Mesh:
    """Return a vehicle's faces in painting order; ``lit`` false when it stands in the shade."""
    body = _Body(vehicle, light, lit=lit)
    _BODIES[vehicle.kind](body)
    return mesh_of(body.faces)


def outline(vehicle: Vehicle) -> Floats:
    """Return the (4, 2) east-north corners of a vehicle's outline on the ground."""
    return oriented(
        vehicle.centre, vehicle.heading_deg, rectangle(-vehicle.length_m / 2, vehicle.length_m / 2, vehicle.width_m / 2)
    )
