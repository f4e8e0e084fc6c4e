"""Changes between two patrols, on rendered sites with truth, against the difference of the same pictures.

Each site is photographed twice, a week apart, in the morning and in the afternoon, so that every shadow lies elsewhere;
poses err as a GNSS aircraft's do (1.5 m, 1° of yaw, half a degree of pitch and roll). In between drums are stacked, a
container is set down, a roof is built, a container is taken away and a stain grows; some vehicles leave, others come.
Vehicles are told to both by boxes from the truth, one in five of them missing.

The peer lays the same pictures upon each other by the same corners, evens their light by the same gain, and takes what
differs by more than a number of grey levels; the number is the one of five that does best by F1.

    python -m benchmarks.changes [SITES]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from app.comparing.ground_changes import VEHICLES, find_changes
from app.comparing.ground_squares import CORE_M, Pictures, seen_twice
from app.comparing.patrol_view import PatrolView
from app.instruments import Jurisdiction
from app.wiring import open_jurisdiction
from core.heights import TakeoffHeight
from core.points import GeoPoint, LocalPlane, from_plane, to_plane
from core.refusal import Refusal
from detection.changes.compare import Comparison, compare_square
from detection.detection import Box, Detection
from detection.frame_on_ground import View
from evidence.sealing.frame_record import FrameRecord
from flight.calendars.sun import sun_place
from flight.camera import Camera, Orientation
from flight.rehearsal.render import prepare, render
from flight.rehearsal.render_shapes import circle
from flight.rehearsal.render_truth import seen_things
from flight.rehearsal.scenes_site import random_world
from flight.rehearsal.world import World
from flight.rehearsal.world_things import Building, Container, DrumStack, Material, Patch, PlanePoint, RoofKind
from flight.track import Pose
from geofence.fix import Fix
from geofence.locate import locate
from geofence.locating.ground import FlatAtTakeoff

CAMERA: Final = Camera(
    model="rendered", width_px=1200, height_px=900, focal_px=850, centre_x_px=600, centre_y_px=450, source="benchmark"
)
HEIGHT_M: Final = 70.0
HALF_M: Final = 55.0
MORNING: Final = datetime(2026, 10, 1, 2, 0, tzinfo=UTC)
AFTERNOON: Final = datetime(2026, 10, 8, 7, 0, tzinfo=UTC)
PEER_GREYS: Final = (25, 35, 45, 60, 80)
LEAST_M2: Final = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """One change that was planted."""

    kind: str
    place: PlanePoint
    area_m2: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One change that was found: where, and what it is said to be."""

    place: PlanePoint
    kind: str
    area_m2: float


class _Quiet:
    def start(self, stage: str, total: int) -> None:
        pass

    def step(self) -> None:
        pass


def _ring(points: NDArray[np.float64]) -> tuple[PlanePoint, ...]:
    return tuple((float(x), float(y)) for x, y in points)


def _free(world: World, random: np.random.Generator, taken: list[PlanePoint], apart: float) -> PlanePoint:
    """Return a place with nothing near it."""
    things = [(vehicle.centre, 5.0) for vehicle in world.vehicles] + [(box.centre, 6.0) for box in world.containers]
    things += [(tank.centre, tank.radius_m + 3) for tank in world.tanks] + [
        (stack.centre, 5.0) for stack in world.drums
    ]
    things += [(tree.centre, tree.radius_m + 2) for tree in world.trees] + [(heap.centre, 6.0) for heap in world.heaps]
    things += [(tent.centre, 4.0) for tent in world.tents] + [(place, apart) for place in taken]
    for building in world.buildings:
        ring = np.asarray(building.ring)
        things.append((tuple(ring.mean(axis=0)), float(np.hypot(*(ring - ring.mean(axis=0)).T).max()) + 2))
    for _try in range(2_000):
        east, north = random.uniform(-HALF_M + 12, HALF_M - 12, 2).tolist()
        if all(np.hypot(east - x, north - y) > reach + 4 for (x, y), reach in things):
            taken.append((east, north))
            return east, north
    raise LookupError("the site is full")


def make_site(seed: int) -> tuple[World, World, tuple[Truth, ...]]:
    """Return a site before and after, and what changed."""
    random = np.random.default_rng((seed, 77))
    world = replace(random_world(seed), people=(), plumes=(), lamps=())
    taken: list[PlanePoint] = []
    stack, box, roof, gone, stain = (_free(world, random, taken, apart) for apart in (5, 5, 9, 5, 6))
    heading = float(random.uniform(0, 180))
    ring = np.array([[-5, -3.5], [5, -3.5], [5, 3.5], [-5, 3.5]]) + roof
    small, large = float(random.uniform(0.9, 1.5)), float(random.uniform(2.2, 3.2))
    wet = (58, 55, 50)

    def stained(radius: float) -> Patch:
        return Patch(material=Material.ASPHALT, ring=_ring(circle(stain, radius, 20)), colour=wet)

    def container(name: str, place: PlanePoint) -> Container:
        return Container(container_id=name, centre=place, heading_deg=heading, colour=(150, 60, 40))

    keep = random.random(len(world.vehicles)) > 0.3
    moved = [
        replace(vehicle, centre=_free(world, random, taken, 4))
        for vehicle, stays in zip(world.vehicles, keep, strict=True)
        if not stays and random.random() < 0.4
    ][:4]
    stayed = tuple(vehicle for vehicle, stays in zip(world.vehicles, keep, strict=True) if stays)
    before = replace(
        world, patches=(*world.patches, stained(small)), containers=(*world.containers, container("gone-box", gone))
    )
    after = replace(
        world,
        patches=(*world.patches, stained(large)),
        containers=(*world.containers, container("new-box", box)),
        drums=(
            *world.drums,
            DrumStack(stack_id="new-stack", centre=stack, heading_deg=heading, columns=6, rows=4, layers=2),
        ),
        buildings=(
            *world.buildings,
            Building(
                building_id="new-roof",
                ring=_ring(ring),
                height_m=3.5,
                roof=RoofKind.CORRUGATED,
                roof_colour=(60, 110, 170) if random.random() < 0.5 else (170, 172, 170),
            ),
        ),
        vehicles=(*stayed, *moved),
    )
    truths = (
        Truth(kind="new stack of drums", place=stack, area_m2=9.0),
        Truth(kind="new container", place=box, area_m2=14.8),
        Truth(kind="new roof", place=roof, area_m2=70.0),
        Truth(kind="container gone", place=gone, area_m2=14.8),
        Truth(kind="stain that grew", place=stain, area_m2=float(np.pi * (large**2 - small**2))),
    )
    return before, after, truths


def photograph(world: World, at: datetime, seed: int) -> PatrolView:
    """Return a patrol over a site: photos straight down in lines, reported where the aircraft believes it was."""
    azimuth, elevation = sun_place(world.origin, at)
    random = np.random.default_rng((seed, at.hour))
    light = replace(
        world.light,
        azimuth_deg=azimuth,
        elevation_deg=elevation,
        ambient=0.5,
        dark=0.0,
        haze=0.02,
        exposure=float(random.uniform(0.85, 1.15)),
    )
    scene = prepare(replace(world, light=light))
    plane = LocalPlane(origin=world.origin)
    frames, views, fixes = [], {}, []
    for number, (east, north, yaw) in enumerate(_places(random)):
        true = Orientation(
            yaw_deg=yaw + random.normal(0, 2), pitch_deg=-88 + random.normal(0, 0.5), roll_deg=random.normal(0, 0.5)
        )
        pixels = render(scene, CAMERA, true, (east, north, HEIGHT_M), seed=number)
        told = Orientation(
            yaw_deg=true.yaw_deg + random.normal(0, 1),
            pitch_deg=true.pitch_deg + random.normal(0, 0.5),
            roll_deg=true.roll_deg + random.normal(0, 0.5),
        )
        lon, lat = from_plane(plane, np.array([east, north]) + random.normal(0, 1.5, 2))
        point = GeoPoint(lon_deg=float(lon), lat_deg=float(lat))
        up = HEIGHT_M + float(random.normal(0, 0.5))
        when = at + timedelta(seconds=4 * number)
        pose = Pose(
            captured_at=when,
            position=point,
            height_takeoff=TakeoffHeight(metres=up),
            yaw_deg=told.yaw_deg,
            pitch_deg=told.pitch_deg,
            roll_deg=told.roll_deg,
        )
        frame = FrameRecord(
            original_sha256=f"{seed:032x}{at.hour:016x}{number:016x}",
            original_name=f"{at:%m%d}_{number:04d}.JPG",
            index=0,
            captured_at=when,
            width_px=CAMERA.width_px,
            height_px=CAMERA.height_px,
            pose=pose,
            camera=CAMERA,
        )
        frames.append(frame)
        views[frame.frame_id] = View(pixels=pixels, camera=CAMERA, orientation=told, point=point, height_m=up)
        seen = seen_things(scene, CAMERA, true, (east, north, HEIGHT_M))
        fixes += list(_vehicles(seen, frame, random))
    return PatrolView(
        name=f"{at:%Y-%m-%d}", frames=tuple(frames), fixes=tuple(fixes), view_of=lambda frame: views[frame.frame_id]
    )


def _places(random: np.random.Generator) -> Iterator[tuple[float, float, float]]:
    for line, north in enumerate(np.arange(-HALF_M, HALF_M + 1, 30.0)):
        for east in np.arange(-HALF_M, HALF_M + 1, 22.0):
            off = random.normal(0, 3, 2)
            yield float(east + off[0]), float(north + off[1]), 90.0 if line % 2 == 0 else -90.0


def _vehicles(seen: Sequence[object], frame: FrameRecord, random: np.random.Generator) -> Iterator[Fix]:
    """Yield the vehicles that a detector would have found: one in five is missed."""
    for thing in seen:
        if thing.label in VEHICLES and thing.visible_share > 0.5 and random.random() > 0.2:  # type: ignore[attr-defined]
            box = Box(left_px=thing.left_px, top_px=thing.top_px, right_px=thing.right_px, bottom_px=thing.bottom_px)  # type: ignore[attr-defined]
            detection = Detection(
                frame_id=frame.frame_id,
                label=thing.label,
                score=0.8,
                box=box,
                weight_sha256="truth",  # type: ignore[attr-defined]
            )
            fix = locate(
                detection, pose=frame.pose, camera=frame.camera, ground=FlatAtTakeoff(), captured_at=frame.captured_at
            )
            if isinstance(fix, Fix):
                yield fix


def differences(before: PatrolView, after: PatrolView, grey: int) -> Iterator[Found]:
    """Yield what the difference of the same pictures shows: the peer."""
    pictures = Pictures(before, after)
    vehicles = [fix.point for patrol in (before, after) for fix in patrol.fixes]
    for comparison in _comparisons(before, after, pictures):
        square = comparison.square
        one, other = (laid.pixels.astype(np.float32) for laid in (comparison.before[0], comparison.after[0]))
        seen = comparison.seen
        gain = np.median((one[seen] + 4) / (other[seen] + 4), axis=0)
        apart = cv2.GaussianBlur(np.abs(one - np.clip(other * gain, 0, 255)).max(axis=-1), (0, 0), 1.5)
        over = ((apart > grey) & seen).astype(np.uint8)
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
        clean = cv2.morphologyEx(cv2.morphologyEx(over, cv2.MORPH_OPEN, disc), cv2.MORPH_CLOSE, disc)
        count, _numbers, stats, middles = cv2.connectedComponentsWithStats(clean)
        places = to_plane(
            LocalPlane(origin=square.centre), [[point.lon_deg, point.lat_deg] for point in vehicles] or [[0, 0]]
        )
        for index in range(1, count):
            area = float(stats[index, cv2.CC_STAT_AREA]) * square.gsd_m**2
            off = (middles[index] - square.side_px / 2) * [square.gsd_m, -square.gsd_m]
            if area < LEAST_M2 or np.abs(off).max() > CORE_M / 2:
                continue
            if area <= 60 and vehicles and np.hypot(*(places - off).T).min() <= 5:
                continue
            lon, lat = from_plane(LocalPlane(origin=square.centre), off)
            yield Found(place=(float(lon), float(lat)), kind="difference", area_m2=area)


_KEPT: dict[int, list[Comparison]] = {}


def _comparisons(before: PatrolView, after: PatrolView, pictures: Pictures) -> list[Comparison]:
    """Return the squares as both methods see them: laid together once."""
    if id(before) not in _KEPT:
        _KEPT.clear()
        found = (
            compare_square(twice.square, pictures.epoch(twice.before)[0], pictures.epoch(twice.after)[0])
            for twice in seen_twice(before, after)
        )
        _KEPT[id(before)] = [one for one in found if not isinstance(one, Refusal)]
    return _KEPT[id(before)]


@dataclass(slots=True)
class Score:
    """Counts over sites."""

    hit: int = 0
    missed: int = 0
    false: int = 0
    seconds: float = 0.0
    area_m2: float = 0.0

    @property
    def recall(self) -> float:
        """Share of the planted changes that were found."""
        return self.hit / max(1, self.hit + self.missed)

    @property
    def f1(self) -> float:
        """Harmonic mean of recall and precision."""
        return 2 * self.hit / max(1, 2 * self.hit + self.missed + self.false)


def score(found: Sequence[Found], truths: Sequence[Truth], origin: GeoPoint, into: Score) -> dict[str, Found]:
    """Count hits and false changes of one site; return the hit of each truth."""
    plane = LocalPlane(origin=origin)
    places = [to_plane(plane, list(one.place)) for one in found]
    used: set[int] = set()
    hits: dict[str, Found] = {}
    for truth in truths:
        reach = max(3.5, 1.2 * float(np.sqrt(truth.area_m2)) / 2 + 2.5)  # poses err by metres
        near = [
            (float(np.hypot(*(place - truth.place))), index)
            for index, place in enumerate(places)
            if np.hypot(*(place - truth.place)) <= reach
        ]
        used |= {index for _off, index in near}
        into.hit, into.missed = into.hit + bool(near), into.missed + (not near)
        if near:
            hits[truth.kind] = max((found[index] for _off, index in near), key=lambda one: one.area_m2)
    into.false += len(found) - len(used)
    return hits


def run(sites: int, console: Console) -> None:
    """Run the benchmark and print its tables."""
    jurisdiction = _jurisdiction()
    ours, peers = Score(), {grey: Score() for grey in PEER_GREYS}
    by_kind: dict[str, list[Found | None]] = {}
    truth_areas: dict[str, list[float]] = {}
    squares = refused = 0
    for seed in range(900, 900 + sites):
        try:
            before_world, after_world, truths = make_site(seed)
        except LookupError:
            continue
        before, after = photograph(before_world, MORNING, seed), photograph(after_world, AFTERNOON, seed)
        started = time.perf_counter()
        changes = find_changes(
            before, after, ground=FlatAtTakeoff(), jurisdiction=jurisdiction, progress=_Quiet(), least_m2=LEAST_M2
        )
        ours.seconds += time.perf_counter() - started
        ours.area_m2 += changes.compared_m2
        squares, refused = squares + changes.squares, refused + len(changes.refusals)
        found = [
            Found(
                place=(change.sighting.point.lon_deg, change.sighting.point.lat_deg),
                kind=change.patch.becoming.value,
                area_m2=change.patch.after_m2 - change.patch.before_m2
                if change.patch.becoming.value == "grew"
                else change.patch.area_m2,
            )
            for change in changes.changes
        ]
        hits = score(found, truths, before_world.origin, ours)
        for truth in truths:
            by_kind.setdefault(truth.kind, []).append(hits.get(truth.kind))
            truth_areas.setdefault(truth.kind, []).append(truth.area_m2)
        for grey, peer in peers.items():
            score(list(differences(before, after, grey)), truths, before_world.origin, peer)
            peer.area_m2 = ours.area_m2
    _print(console, ours, peers, by_kind, truth_areas, squares=squares, refused=refused)


def _print(
    console: Console,
    ours: Score,
    peers: dict[int, Score],
    by_kind: dict[str, list[Found | None]],
    truth_areas: dict[str, list[float]],
    *,
    squares: int,
    refused: int,
) -> None:
    km2 = ours.area_m2 / 1e6
    console.print(
        f"{len(next(iter(by_kind.values()), []))} sites, {ours.area_m2 / 1e4:.1f} ha compared, "
        f"{refused} of {squares} squares refused, {ours.seconds / max(1, squares):.1f} s a square"
    )
    table = Table("method", "recall", "false a km²", "F1", "false, over ours")
    best = max(peers, key=lambda grey: peers[grey].f1)
    rows = [
        ("skywarden changes", ours),
        *((f"difference > {grey}{' (best F1)' if grey == best else ''}", peers[grey]) for grey in peers),
    ]
    for name, each in rows:
        ratio = each.false / max(1, ours.false)
        table.add_row(name, f"{each.recall:.2f}", f"{each.false / km2:.0f}", f"{each.f1:.2f}", f"{ratio:.1f}")
    console.print(table)
    kinds = Table("planted", "found", "said to have", "area found over true, median")
    for kind, hits in by_kind.items():
        there = [hit for hit in hits if hit is not None]
        said = ", ".join(
            f"{word} {sum(hit.kind == word for hit in there)}" for word in sorted({hit.kind for hit in there})
        )
        shares = [hit.area_m2 / true for hit, true in zip(hits, truth_areas[kind], strict=True) if hit is not None]
        kinds.add_row(kind, f"{len(there)} of {len(hits)}", said, f"{np.median(shares):.2f}" if shares else "-")
    console.print(kinds)


def _jurisdiction() -> Jurisdiction:
    from pathlib import Path

    missions = Path(__file__).resolve().parents[1] / "missions" / "demo"
    return open_jurisdiction(sites=missions / "sites.geojson", zones=missions / "zones.geojson", rules=None)[0]


if __name__ == "__main__":
    cv2.setNumThreads(2)
    run(int(sys.argv[1]) if len(sys.argv) > 1 else 6, Console())
