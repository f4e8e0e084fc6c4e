"""Whether counts are of things: parked vehicles of rendered sites over three sorties, gathered with and without colour.

Each site is flown over at 45 m, a quarter of an hour later at 75 m from the other side, and the day after, when every
second vehicle has gone and another of its kind stands in its bay, in another colour now and then. Boxes are the true
ones, off by 3 % of their size; poses are off as the device class says, four fifths of it for a whole sortie. A thing
that ends in two sightings is counted twice; a sighting that holds two things hides one.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
from rich.console import Console
from rich.table import Table

from core.heights import TakeoffHeight
from core.points import GeoPoint, LocalPlane, from_plane
from detection.detection import Box, Detection
from flight.camera import Camera, Orientation
from flight.rehearsal.render import prepare, render
from flight.rehearsal.render_truth import seen_things
from flight.rehearsal.scenes_site import random_world
from flight.rehearsal.world import World
from flight.track import Pose
from geofence.fix import Fix
from geofence.gather import Gathering, gather
from geofence.locate import locate
from geofence.locating.error_budget import DeviceClass, class_budget
from geofence.locating.ground import FlatAtTakeoff
from geofence.locating.look_colour import colour_of

START = datetime(2026, 10, 1, 2, 0, tzinfo=UTC)
SIZE = (1280, 960)
CAMERA = Camera(
    model="bench", width_px=SIZE[0], height_px=SIZE[1], focal_px=0.7 * SIZE[0], centre_x_px=SIZE[0] / 2,
    centre_y_px=SIZE[1] / 2, source="benchmark",
)  # fmt: skip
GROUND = FlatAtTakeoff(sigma_m=0.5)
PAINTS = ((235, 235, 230), (28, 28, 30), (150, 152, 155), (170, 30, 35), (30, 60, 140), (205, 190, 160))
WHEELED = {"car", "van", "truck", "tanker", "bus", "vehicle"}
BOX_SHARE = 0.03
LEAST_SEEN = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Sortie:
    """A sortie: when it begins, how high it flies, which way it looks, over which world."""

    after_s: float
    height_m: float
    yaw_deg: float
    pitch_deg: float
    world: World


def next_day(world: World, rng: np.random.Generator) -> World:
    """Return the world a day later: every second vehicle is another one of the same size, in a colour drawn anew."""
    vehicles = []
    for vehicle in world.vehicles:
        if rng.random() < 0.5:
            paint = PAINTS[rng.integers(len(PAINTS))]
            vehicle = replace(vehicle, vehicle_id=f"{vehicle.vehicle_id}-new", colour=paint)  # noqa: PLW2901 - the next
        vehicles.append(vehicle)
    return replace(world, vehicles=tuple(vehicles))


def sorties_over(seed: int) -> list[Sortie]:
    world = random_world(seed)
    later = next_day(world, np.random.default_rng(seed))
    return [
        Sortie(after_s=0, height_m=45, yaw_deg=0, pitch_deg=-75, world=world),
        Sortie(after_s=1200, height_m=75, yaw_deg=180, pitch_deg=-60, world=world),
        Sortie(after_s=86_400, height_m=45, yaw_deg=0, pitch_deg=-75, world=later),
    ]


def fixes_of(seed: int) -> tuple[list[Fix], dict[str, str]]:
    """Return the fixes of a site's vehicles, and which thing each detection truly is."""
    rng = np.random.default_rng((seed, 7))
    budget = class_budget(DeviceClass.GNSS)
    sigma = np.array(
        [budget.horizontal_m, budget.horizontal_m, budget.vertical_m, budget.yaw_deg, budget.pitch_deg, budget.tilt_deg]
    )
    fixes, truth = [], {}
    for number, sortie in enumerate(sorties_over(seed)):
        scene, plane = prepare(sortie.world), LocalPlane(origin=sortie.world.origin)
        common = np.sqrt(0.8) * sigma * rng.normal(0, 1, 6)
        step = 0.45 * sortie.height_m
        behind = sortie.height_m / np.tan(np.radians(-sortie.pitch_deg)) * np.cos(np.radians(sortie.yaw_deg))
        for shot, (east, north) in enumerate((e * step, n * step) for n in (-1, 0, 1) for e in (-1, 0, 1)):
            off = common + np.sqrt(0.2) * sigma * rng.normal(0, 1, 6)
            looks = Orientation(yaw_deg=sortie.yaw_deg, pitch_deg=sortie.pitch_deg, roll_deg=0.0)
            place = (east, north - float(behind), sortie.height_m)
            pixels = render(scene, CAMERA, looks, place, seed=shot)
            frame_id, at = f"{seed}-{number}-{shot}", START + timedelta(seconds=sortie.after_s + 4.0 * shot)
            lon, lat = from_plane(plane, [place[0] + off[0], place[1] + off[1]])
            pose = Pose(
                captured_at=at,
                position=GeoPoint(lon_deg=float(lon), lat_deg=float(lat)),
                height_takeoff=TakeoffHeight(metres=sortie.height_m + off[2]),
                yaw_deg=sortie.yaw_deg + off[3],
                pitch_deg=max(-90.0, sortie.pitch_deg + off[4]),
                roll_deg=off[5],
            )
            for thing in seen_things(scene, CAMERA, looks, place):
                if thing.label not in WHEELED or thing.visible_share < LEAST_SEEN:
                    continue
                wide, high = thing.right_px - thing.left_px, thing.bottom_px - thing.top_px
                left, right = thing.left_px + wide * rng.normal(0, BOX_SHARE, 2) * [1, 1] + [0, wide]
                top, bottom = thing.top_px + high * rng.normal(0, BOX_SHARE, 2) * [1, 1] + [0, high]
                box = Box(left_px=float(left), top_px=float(top), right_px=float(right), bottom_px=float(bottom))
                seen = Detection(frame_id=frame_id, label="vehicle", score=1.0, box=box, weight_sha256="0" * 64)
                fix = locate(seen, pose=pose, camera=CAMERA, ground=GROUND, captured_at=at)
                if isinstance(fix, Fix):
                    fixes.append(replace(fix, colour_lab=colour_of(pixels, box)))
                    truth[seen.detection_id] = thing.thing_id
    return fixes, truth


def counted(fixes: list[Fix], truth: dict[str, str], *, by_colour: bool) -> tuple[int, int, int, int]:
    """Return how many sightings there are, how often a thing is counted again, and how many are hidden and switched."""
    sightings = gather(fixes, how=Gathering(by_colour=by_colour))
    pieces: dict[str, set[str]] = defaultdict(set)
    hidden = switched = 0
    for sighting in sightings:
        things = [truth[fix.detection.detection_id] for fix in sighting.fixes]
        for thing in things:
            pieces[thing].add(sighting.sighting_id)
        hidden += len(set(things)) - 1
        switched += sum(one != two for one, two in pairwise(things))
    return len(sightings), sum(len(of) - 1 for of in pieces.values()), hidden, switched


def gathered_counts(console: Console, seeds: tuple[int, ...] = (3, 5, 8, 13)) -> None:
    table = Table(title=f"Parked vehicles of {len(seeds)} rendered sites over three sorties: what is counted")
    for heading in ("gathered", "boxes", "things", "sightings", "counted again", "hidden in another", "switches"):
        table.add_column(heading, justify="left" if heading == "gathered" else "right")
    drawn = [fixes_of(seed) for seed in seeds]
    boxes, things = sum(len(fixes) for fixes, _truth in drawn), sum(len(set(truth.values())) for _fixes, truth in drawn)
    for name, by_colour in (("by place and size", False), ("and by colour", True)):
        told = np.sum([counted(fixes, truth, by_colour=by_colour) for fixes, truth in drawn], axis=0)
        table.add_row(name, str(boxes), str(things), *(str(count) for count in told))
    console.print(table)


if __name__ == "__main__":
    gathered_counts(Console(width=110))
