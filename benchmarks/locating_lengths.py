"""Which vehicles of rendered sites are told to be longer than any car, by the sizes that the sites were made with.

Each site is photographed straight down from 100 m and aslant from 60 m, so that a vehicle is seen some nine times.
Poses are off as the device class says, four fifths of it for the whole flight. Boxes are

* ``drawn``: the true ones, each edge off by 0.12 ± 0.2 m; of every hundred five show a piece, and of those that touch a
  neighbour's three are boxed together with it;
* ``found``: those of the default weight in the rendered pictures.

A sighting counts for the thing that two thirds of its looks or more show. "asked" are those whose boxes might be of
something long; "length within" are those of them whose true length lies within the nine tenths that are stated.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from core.heights import TakeoffHeight
from core.points import GeoPoint, LocalPlane, from_plane
from detection.detection import Box, Detection
from detection.frame import Frame
from flight.camera import Camera, Orientation
from flight.rehearsal.render import prepare, render
from flight.rehearsal.render_scene import Scene
from flight.rehearsal.render_truth import SeenThing, seen_things
from flight.rehearsal.scenes_site import random_world
from flight.rehearsal.world import Vehicle
from flight.track import Pose
from geofence.fix import Fix
from geofence.gather import gather
from geofence.gathering.body_length import CAR_MOST_M, LONG, SURE, UNTOLD, name_by_length
from geofence.locate import locate
from geofence.locating.error_budget import DeviceClass, class_budget
from geofence.locating.ground import FlatAtTakeoff
from geofence.sighting import Sighting

START = datetime(2026, 10, 1, 2, 0, tzinfo=UTC)
WIDTH, HEIGHT = 2000, 1500
CAMERA = Camera(
    model="bench", width_px=WIDTH, height_px=HEIGHT, focal_px=0.7 * WIDTH, centre_x_px=WIDTH / 2,
    centre_y_px=HEIGHT / 2, focal_sigma=0.015, source="benchmark",
)  # fmt: skip
GROUND = FlatAtTakeoff(sigma_m=2.0)
EXCESS_M, EDGE_SIGMA_M = 0.12, 0.2
PIECES, DOUBLES = 0.05, 0.03
LEAST_SEEN = 0.6
LEAST_IOU = 0.3
WEIGHT = Path(__file__).resolve().parents[1] / "detection" / "weights" / "vehicle_yolov8n_3.pt"

Found = list[tuple[Box, str]]
"""Boxes, and which thing each shows; empty for none."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shot:
    """One look at a site."""

    scene: Scene
    seed: int
    place: tuple[float, float, float]
    looks: Orientation
    pose: Pose
    frame_id: str
    things: tuple[SeenThing, ...]


def shots_over(seed: int) -> list[Shot]:
    """Return what a camera sees of a site's vehicles on a flight whose poses are off."""
    rng = np.random.default_rng((seed, 11))
    budget = class_budget(DeviceClass.GNSS)
    sigma = np.array(
        [budget.horizontal_m, budget.horizontal_m, budget.vertical_m, budget.yaw_deg, budget.pitch_deg, budget.tilt_deg]
    )
    world = random_world(seed)
    scene, plane = prepare(world), LocalPlane(origin=world.origin)
    wheeled = {vehicle.vehicle_id for vehicle in world.vehicles}
    common = np.sqrt(0.8) * sigma * rng.normal(0, 1, 6)
    yaw_deg = float(rng.uniform(0, 360))
    shots = []
    for number, (height_m, pitch_deg) in enumerate(((100.0, -90.0), (60.0, -75.0))):
        step, aslant = 0.3 * height_m, height_m / math.tan(math.radians(-pitch_deg))
        behind = aslant * np.array([math.sin(math.radians(yaw_deg)), math.cos(math.radians(yaw_deg))])
        for shot, (east, north) in enumerate((e * step, n * step) for n in (-1, 0, 1) for e in (-1, 0, 1)):
            off = common + np.sqrt(0.2) * sigma * rng.normal(0, 1, 6)
            place = (east - float(behind[0]), north - float(behind[1]), height_m)
            looks = Orientation(yaw_deg=yaw_deg, pitch_deg=pitch_deg, roll_deg=0.0)
            lon, lat = from_plane(plane, [place[0] + off[0], place[1] + off[1]])
            pose = Pose(
                captured_at=START + timedelta(seconds=60.0 * number + 4.0 * shot),
                position=GeoPoint(lon_deg=float(lon), lat_deg=float(lat)),
                height_takeoff=TakeoffHeight(metres=height_m + off[2]),
                yaw_deg=yaw_deg + off[3],
                pitch_deg=pitch_deg + off[4],
                roll_deg=off[5],
            )
            shots.append(
                Shot(
                    scene=scene,
                    seed=shot,
                    place=place,
                    looks=looks,
                    pose=pose,
                    frame_id=f"{seed}-{number}-{shot}",
                    things=tuple(
                        thing
                        for thing in seen_things(scene, CAMERA, looks, place)
                        if thing.thing_id in wheeled and thing.visible_share >= LEAST_SEEN
                    ),
                )
            )
    return shots


def edges(thing: SeenThing) -> np.ndarray:
    return np.array([thing.left_px, thing.top_px, thing.right_px, thing.bottom_px])


def drawn_boxes(shot: Shot) -> Found:
    """Return boxes that are off as a detector's are."""
    rng = np.random.default_rng([ord(letter) for letter in shot.frame_id])
    metre_px = CAMERA.focal_px / shot.place[2]
    found: Found = []
    taken: set[str] = set()
    for thing in shot.things:
        if thing.thing_id in taken:
            continue
        box = edges(thing)
        neighbour = next((other for other in shot.things if other is not thing and touches(box, edges(other))), None)
        if neighbour is not None and rng.random() < DOUBLES:
            other = edges(neighbour)
            box = np.concatenate([np.minimum(box[:2], other[:2]), np.maximum(box[2:], other[2:])])
            taken.add(neighbour.thing_id)
        elif rng.random() < PIECES:
            side = int(rng.integers(2))
            box[2 + side] -= rng.uniform(0.2, 0.6) * (box[2 + side] - box[side])
        box += np.array([-1, -1, 1, 1]) * rng.normal(EXCESS_M, EDGE_SIGMA_M, 4) * metre_px
        found.append((box_of(box), thing.thing_id))
    return found


def touches(one: np.ndarray, other: np.ndarray) -> bool:
    return bool((np.minimum(one[2:], other[2:]) >= np.maximum(one[:2], other[:2])).all())


def box_of(sides: np.ndarray) -> Box:
    left, top, right, bottom = sides.tolist()
    return Box(left_px=left, top_px=top, right_px=right, bottom_px=bottom)


def finder() -> Callable[[Shot], Found]:
    """Return what finds boxes with the default weight in a shot's picture."""
    from detection.yolo import YoloDetector

    detector = YoloDetector(WEIGHT, device="auto", threads=1)

    def find(shot: Shot) -> Found:
        pixels = render(shot.scene, CAMERA, shot.looks, shot.place, seed=shot.seed)
        frame = Frame(
            original_sha256="0" * 64, original_name=shot.frame_id, captured_at=shot.pose.captured_at, pixels=pixels,
            pose=shot.pose, camera=CAMERA,
        )  # fmt: skip
        return [(seen.box, shown_by(seen.box, shot.things)) for seen in detector.detect([frame])[0]]

    return find


def shown_by(box: Box, things: Iterable[SeenThing]) -> str:
    """Return the thing that a box overlaps most; empty where it overlaps none well."""
    own = np.array([box.left_px, box.top_px, box.right_px, box.bottom_px])

    def shared(thing: SeenThing) -> float:
        other = edges(thing)
        common = float(np.prod(np.clip(np.minimum(own[2:], other[2:]) - np.maximum(own[:2], other[:2]), 0, None)))
        return common / (float(np.prod(own[2:] - own[:2])) + float(np.prod(other[2:] - other[:2])) - common)

    best = max(things, key=shared, default=None)
    return "" if best is None or shared(best) < LEAST_IOU else best.thing_id


def sightings_of(shots: list[Shot], find: Callable[[Shot], Found]) -> list[tuple[Sighting, str]]:
    """Return what is gathered of a flight, with the thing that most looks of each sighting show."""
    fixes, truth = [], {}
    for shot in shots:
        for box, thing_id in find(shot):
            seen = Detection(frame_id=shot.frame_id, label=UNTOLD, score=0.9, box=box, weight_sha256="0" * 64)
            fix = locate(seen, pose=shot.pose, camera=CAMERA, ground=GROUND, captured_at=shot.pose.captured_at)
            if isinstance(fix, Fix):
                fixes.append(fix)
                truth[seen.detection_id] = thing_id
    named = []
    for sighting in map(name_by_length, gather(fixes)):
        thing, looks = Counter(truth[fix.detection.detection_id] for fix in sighting.fixes).most_common(1)[0]
        named.append((sighting, thing if looks * 3 >= 2 * len(sighting.fixes) else ""))
    return named


@dataclass(slots=True, kw_only=True)
class Count:
    """Sightings of vehicles of one length."""

    seen: int = 0
    sides: int = 0
    asked: int = 0
    told: int = 0
    within: int = 0
    most: float = 0.0


ROWS = (  # as said in the table, from, below
    ("cars and vans to 5.5 m", 0.0, 5.5),
    ("vans, lorries 5.5 to 7.5 m", 5.5, CAR_MOST_M),
    ("lorries and buses 7.5 to 9 m", CAR_MOST_M, 9.0),
    ("9 to 11 m", 9.0, 11.0),
    ("11 m and more", 11.0, 99.0),
    ("no vehicle, or more than one", -1.0, 0.0),
)


def count(named: Iterable[tuple[Sighting, str]], vehicles: dict[str, Vehicle], counts: dict[str, Count]) -> None:
    for sighting, thing in named:
        true_m = vehicles[thing].length_m if thing in vehicles else -1.0
        row = counts[next(name for name, least, below in ROWS if least <= true_m < below)]
        row.seen += 1
        row.told += sighting.label == LONG
        if sighting.length is not None:
            row.asked += 1
            row.sides += sighting.length.sides >= 2
            row.within += sighting.length.least_m <= true_m <= sighting.length.most_m
            row.most = max(row.most, sighting.length.longer)


def told_lengths(console: Console, seeds: tuple[int, ...], *, find: bool) -> None:
    for name, finding in (("drawn", drawn_boxes), *((("found", finder()),) if find else ())):
        counts = {row: Count() for row, _least, _below in ROWS}
        for seed in seeds:
            vehicles = {vehicle.vehicle_id: vehicle for vehicle in random_world(seed).vehicles}
            count(sightings_of(shots_over(seed), finding), vehicles, counts)
        table = Table(
            title=f"Vehicles of {len(seeds)} rendered sites, boxes {name}: {LONG} from {SURE:g} and two sides on"
        )
        for heading in (
            "true length",
            "sightings",
            "asked",
            "two sides",
            "truck",
            "length within",
            "most probable",
        ):
            table.add_column(heading, justify="left" if heading == "true length" else "right")
        for row, one in counts.items():
            share = f"{one.within / one.asked:.0%}" if one.asked and not row.startswith("no") else ""
            table.add_row(row, str(one.seen), str(one.asked), str(one.sides), str(one.told), share, f"{one.most:.3f}")
        console.print(table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--sites", type=int, default=24)
    parser.add_argument("--find", action="store_true", help="with the default weight on rendered pictures too")
    given = parser.parse_args()
    told_lengths(Console(width=110), tuple(range(100, 100 + given.sites)), find=given.find)
