"""Smoke and fire on rendered sites whose truth is known: what lives, what keeps still, and the ground under smoke.

    python -m benchmarks.smoke [--sites 40]

A random site gets a plume and is filmed for three seconds, hovering and at 5 m/s, with a gimbal that shakes by a tenth
of a degree. Alarms are put on the plume, and falsely on everything else that could be boxed and on bare ground. The
outline of smoke is compared with the pixels that the same picture without the plume has otherwise (more than 12 of 255
grey levels, smoothed); the box itself and the ellipse in it are the peers.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from core.heights import TakeoffHeight
from core.points import GeoPoint, LocalPlane, from_plane
from detection.detection import Box
from detection.frame import Frame
from detection.frames.video_burst import BURST_FRAMES, BURST_STEP_S, boxes_over
from detection.plumes import PlumeLife, watch_plume
from detection.smoke_area import cut_smoke, smoke_mask
from flight.camera import Camera, Orientation
from flight.rehearsal.render import Scene, prepare, render
from flight.rehearsal.render_truth import SeenThing, seen_things
from flight.rehearsal.render_view import ground_under, view_of
from flight.rehearsal.scenes_plot import HALF_M
from flight.rehearsal.scenes_site import random_world
from flight.rehearsal.world_things import Plume, PlumeKind
from flight.track import Pose

PLANE = LocalPlane(origin=GeoPoint(lon_deg=113.58, lat_deg=22.76))
START = datetime(2026, 10, 1, 2, tzinfo=UTC)
LEAST_PX = 20
LEVELS = 12
FIRST_SEED = 700


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class View:
    """A camera over a site."""

    camera: Camera
    orientation: Orientation
    place: tuple[float, float, float]
    time_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """An alarm, true or false, and what watching it said."""

    label: str
    speed_m_s: float
    life: PlumeLife


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sites", type=int, default=40)
    asked = parser.parse_args()
    alarms: list[Alarm] = []
    outlines: list[tuple[float, float, float, float]] = []
    untold = 0
    for seed in range(FIRST_SEED, FIRST_SEED + asked.sites):
        random = np.random.default_rng(seed)
        world = random_world(seed)
        plume = drawn_plume(random, seed)
        scene, bare = prepare(replace(world, plumes=(plume,))), prepare(replace(world, plumes=()))
        for speed in (0.0, 5.0):
            view = drawn_view(random, plume)
            alarms += watched(scene, view, speed, random)
            if plume.kind is PlumeKind.SMOKE:
                found = outlined(scene, bare, view)
                untold += found is None
                outlines += [] if found is None else [found]
    console = Console(width=110)
    console.print(_lives(alarms))
    console.print(_outlines(outlines, untold))


def drawn_plume(random: np.random.Generator, seed: int) -> Plume:
    """Return smoke, and for one site in four fire, somewhere on a site."""
    radius = float(random.uniform(1.2, 6))
    east, north = random.uniform(-HALF_M * 0.6, HALF_M * 0.6, 2).tolist()
    height, drift = radius * float(random.uniform(2.5, 7)), float(random.uniform(0, 360))
    if seed % 4 == 0:
        return Plume(
            plume_id=f"f{seed}", kind=PlumeKind.FIRE, centre=(east, north), radius_m=radius * 0.6, height_m=radius,
            drift_deg=drift,
        )  # fmt: skip
    return Plume(
        plume_id=f"s{seed}", kind=PlumeKind.SMOKE, centre=(east, north), radius_m=radius, height_m=height,
        drift_deg=drift,
    )  # fmt: skip


def drawn_view(random: np.random.Generator, plume: Plume) -> View:
    """Return a camera whose picture has the plume's foot in its middle."""
    gsd, height = float(np.exp(random.uniform(*np.log((0.04, 0.1))))), float(random.uniform(40, 110))
    pitch = -90.0 if random.random() < 0.5 else float(random.uniform(-85, -45))
    focal = height / np.sin(np.radians(-pitch)) / gsd
    camera = Camera(
        model="r", width_px=960, height_px=640, focal_px=focal, centre_x_px=480, centre_y_px=320, source="drawn"
    )
    orientation = Orientation(yaw_deg=float(random.uniform(0, 360)), pitch_deg=pitch, roll_deg=0.0)
    east, north = ground_under(view_of(camera, orientation, (0.0, 0.0, height)), (480, 320), farthest_m=600.0)
    place = (plume.centre[0] - east, plume.centre[1] - north, height)
    return View(camera=camera, orientation=orientation, place=place, time_s=float(random.uniform(0, 60)))


def filmed(scene: Scene, view: View, speed_m_s: float, random: np.random.Generator) -> list[Frame]:
    """Return the frames of a burst, coded as video is, with the poses that the aircraft believes."""
    heading, frames = float(random.uniform(0, 2 * np.pi)), []
    for number in range(BURST_FRAMES):
        after_s = number * BURST_STEP_S
        east, north = np.array(view.place[:2]) + speed_m_s * after_s * np.array([np.sin(heading), np.cos(heading)])
        shaken = replace(
            view.orientation,
            yaw_deg=view.orientation.yaw_deg + float(random.normal(0, 0.1)),
            roll_deg=float(random.normal(0, 0.1)),
        )
        place = (float(east), float(north), view.place[2])
        pixels = render(scene, view.camera, shaken, place, time_s=view.time_s + after_s, seed=number)
        coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
        lon, lat = from_plane(PLANE, np.array([east, north]) + random.normal(0, 0.02, 2))
        pose = Pose(
            captured_at=START + timedelta(seconds=after_s),
            position=GeoPoint(lon_deg=float(lon), lat_deg=float(lat)),
            height_takeoff=TakeoffHeight(metres=view.place[2]),
            yaw_deg=view.orientation.yaw_deg,
            pitch_deg=view.orientation.pitch_deg,
            roll_deg=0.0,
        )
        frames.append(
            Frame(
                original_sha256="0" * 64,
                original_name="rendered",
                index=number,
                captured_at=pose.captured_at,
                pixels=np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), dtype=np.uint8),
                pose=pose,
                camera=view.camera,
            )
        )
    return frames


def watched(scene: Scene, view: View, speed_m_s: float, random: np.random.Generator) -> Iterator[Alarm]:
    """Yield what watching says of the plume, of everything else that stands there, and of bare ground."""
    frames = filmed(scene, view, speed_m_s, random)
    things = seen_things(scene, view.camera, view.orientation, view.place, time_s=view.time_s)
    boxed = [
        (thing.label, box_of(thing))
        for thing in things
        if thing.visible_share > 0.9
        and thing.label not in {"car", "truck", "person"}  # they may drive
        and max(thing.right_px - thing.left_px, thing.bottom_px - thing.top_px) >= LEAST_PX
    ]
    boxed += [("bare ground", box) for box in _empty_boxes(things, random)]
    for label, box in boxed:
        seen = boxes_over(frames, box)
        motion = watch_plume([frame for frame, _box in seen], [there for _frame, there in seen])
        if motion is not None:
            yield Alarm(label=label, speed_m_s=speed_m_s, life=motion.life)


def box_of(thing: SeenThing) -> Box:
    return Box(left_px=thing.left_px, top_px=thing.top_px, right_px=thing.right_px, bottom_px=thing.bottom_px)


def _empty_boxes(things: tuple[SeenThing, ...], random: np.random.Generator) -> Iterator[Box]:
    for _try in range(3):
        (left, top), side = random.uniform((100, 80), (800, 500)), float(random.uniform(30, 120))
        box = Box(left_px=left, top_px=top, right_px=left + side, bottom_px=top + side)
        if not any(thing.label in {"smoke", "fire"} and _meet(box, box_of(thing)) for thing in things):
            yield box


def _meet(one: Box, other: Box) -> bool:
    across = one.left_px < other.right_px and other.left_px < one.right_px
    return across and one.top_px < other.bottom_px and other.top_px < one.bottom_px


def outlined(scene: Scene, bare: Scene, view: View) -> tuple[float, float, float, float] | None:
    """Return the overlap (IoU) of cut, box and ellipse with the true smoke, and the cut's area over the true one."""
    things = seen_things(scene, view.camera, view.orientation, view.place, time_s=view.time_s)
    smoke = next((thing for thing in things if thing.label == "smoke"), None)
    if smoke is None:
        return None
    pixels, without = (
        render(one, view.camera, view.orientation, view.place, time_s=view.time_s) for one in (scene, bare)
    )
    change = np.abs(pixels.astype(np.int16) - without).max(axis=2).astype(np.float32)
    box = box_of(smoke)
    truth = (cv2.GaussianBlur(change, (0, 0), 2) > LEVELS) & _filled(pixels.shape[:2], box, 1.4)
    patch = cut_smoke(pixels, box)
    if patch is None or not truth.any():
        return None
    cut = smoke_mask(patch, (pixels.shape[0], pixels.shape[1]))
    ellipse = np.zeros(truth.shape, np.uint8)
    middle = (round((box.left_px + box.right_px) / 2), round((box.top_px + box.bottom_px) / 2))
    half = (round((box.right_px - box.left_px) / 2), round((box.bottom_px - box.top_px) / 2))
    cv2.ellipse(ellipse, middle, half, 0, 0, 360, 1, -1)
    peers = (cut, _filled(truth.shape, box, 1.0), ellipse.astype(bool))
    overlaps = [float((one & truth).sum() / (one | truth).sum()) for one in peers]
    return overlaps[0], overlaps[1], overlaps[2], float(cut.sum() / truth.sum())


def _filled(shape: tuple[int, ...], box: Box, times: float) -> NDArray[np.bool_]:
    """Return the pixels of a box that is so many times as large."""
    filled = np.zeros(shape[:2], dtype=bool)
    grow_x, grow_y = ((times - 1) / 2 * side for side in (box.right_px - box.left_px, box.bottom_px - box.top_px))
    rows = slice(max(0, round(box.top_px - grow_y)), max(0, round(box.bottom_px + grow_y)))
    filled[rows, max(0, round(box.left_px - grow_x)) : max(0, round(box.right_px + grow_x))] = True
    return filled


def _lives(alarms: list[Alarm]) -> Table:
    table = Table(title=f"Alarms watched over {(BURST_FRAMES - 1) * BURST_STEP_S:.1f} s", title_justify="left")
    for name in ("what it is", "camera", "alarms", *(life.value for life in PlumeLife)):
        table.add_column(name)
    burning = {"smoke", "fire"}
    kinds = [("smoke", {"smoke"}), ("fire", {"fire"}), ("neither", {one.label for one in alarms} - burning)]
    for name, labels in kinds:
        for speed in (0.0, 5.0):
            mine = [one for one in alarms if one.label in labels and one.speed_m_s == speed]
            shares = (sum(one.life is life for one in mine) / max(1, len(mine)) for life in PlumeLife)
            camera = f"{speed:g} m/s" if speed else "hovers"
            table.add_row(name, camera, str(len(mine)), *(f"{share:.2f}" for share in shares))
    return table


def _outlines(found: list[tuple[float, float, float, float]], untold: int) -> Table:
    table = Table(title=f"Outline of smoke, {len(found)} cut, {untold} not told from the ground", title_justify="left")
    for name in ("", "IoU, median", "IoU, a tenth is below"):
        table.add_column(name)
    for place, name in enumerate(("cut", "its box", "ellipse in its box")):
        figures = [row[place] for row in found]
        table.add_row(name, f"{np.median(figures):.2f}", f"{np.quantile(figures, 0.1):.2f}")
    ratio = np.log([row[3] for row in found])
    spread = float(np.sqrt(np.mean(ratio**2)))
    table.add_row("cut area over true area", f"{np.exp(np.median(ratio)):.2f}", f"rms of the logarithm {spread:.2f}")
    return table


if __name__ == "__main__":
    main()
