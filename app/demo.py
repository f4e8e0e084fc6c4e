"""The demonstration: plan, fly, film, process and score one patrol over the demo district.

The patrol is planned from its file, flown by DroneKit against a simulated vehicle over TCP, and filmed by a renderer
that sees the world from the poses really flown while the footage carries the poses that the vehicle reported. The
footage is then processed by the same steps as any other. Only at the very end the renderer's truth is opened, to count
what of the planted hazards was found.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Final

from shapely import Point

from app.instruments import Progress
from core.clock import BEIJING, Clock
from core.errors import LinkFailed
from core.points import GeoPoint, distance_m
from core.text import _
from flight.dronekit_link import connect
from flight.exports.qgc import write_plan
from flight.flight_log import FlightLog, Outcome, outcome_name
from flight.flight_plan import FlightPlan, Leg
from flight.fly import fly
from flight.patrol import Patrol
from flight.plan import plan
from flight.planning.patrol_file import read_patrol
from flight.planning.plan_file import write_plan_file
from flight.rehearsal.footage import video_camera, write_photos, write_video
from flight.rehearsal.vehicle import RehearsalVehicle
from flight.rehearsal.world import Truth, truths
from flight.rehearsal.world_file import read_world
from flight.track import Track

# A National Day morning: the holiday period and the forest-fire period are both running.
TAKEOFF_AT: Final = datetime(2026, 10, 1, 10, 0, tzinfo=BEIJING)
SPEEDUP: Final = 12.0
VIDEO_S: Final = 10.0
VIDEO_FPS: Final = 10
SAME_PLACE_M: Final = 8.0  # an incident this near to a planted thing is taken to be about it
DISTRICT: Final = Path(str(files("missions") / "demo"))
PATROL: Final = DISTRICT / "patrol.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """What the flights left: their plan, logs and footage.

    Attributes:
        patrol: The patrol that was flown.
        plan: Its flight plan.
        logs: One per sortie.
        footage: The folder of photos and videos.
    """

    patrol: Patrol
    plan: FlightPlan
    logs: tuple[FlightLog, ...]
    footage: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """An incident as the scorer needs it: hazard code, enterprise and place."""

    hazard: str
    site_code: str
    point: GeoPoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How a rehearsal's incidents compare with what was planted.

    Attributes:
        planted: Hazards planted.
        found: Of these, found as the same hazard.
        right_site: Of the found, tied to the right enterprise.
        wrong_site: Of the found, tied to a wrong enterprise (an undecided one is neither).
        false: Incidents that are about nothing planted.
        median_error_m: Median distance of found incidents from the truth, metres; None when none was found.
        missed: What was not found.
    """

    planted: int
    found: int
    right_site: int
    wrong_site: int
    false: int
    median_error_m: float | None
    missed: tuple[Truth, ...]


def rehearse(
    folder: Path,
    *,
    progress: Progress,
    clock: Clock,
    seed: int = 1,
    patrol_file: Path = PATROL,
    video_s: float = VIDEO_S,
) -> Rehearsed:
    """Plan a patrol of the demo district, fly it against a simulated vehicle, and render what its camera saw.

    Args:
        folder: Where the plan, the logs and the footage go.
        progress: Told of planning, flying and filming.
        clock: The station's clock.
        seed: Of the flight's wind and sensor errors.
        patrol_file: The patrol; it must lie over the demo district, or the camera sees empty ground.
        video_s: Length of the video, seconds.

    Raises:
        InputRefused: The patrol file cannot be used.
        PlanRefused: No flight keeps its promises.
        LinkFailed: A sortie did not come to its end.
    """
    folder.mkdir(parents=True, exist_ok=True)
    patrol = read_patrol(patrol_file)
    progress.start(_("planning"), 1)
    made = plan(patrol, at=TAKEOFF_AT)
    write_plan_file(made, folder / "plan.json")
    write_plan(made, folder / "plan.plan")
    progress.step()
    footage = folder / "footage"
    logs = tuple(
        _fly_and_film(patrol, made, sortie.number, footage, progress=progress, clock=clock, seed=seed, video_s=video_s)
        for sortie in made.sorties
    )
    return Rehearsed(patrol=patrol, plan=made, logs=logs, footage=footage)


def _fly_and_film(
    patrol: Patrol,
    made: FlightPlan,
    number: int,
    footage: Path,
    *,
    progress: Progress,
    clock: Clock,
    seed: int,
    video_s: float,
) -> FlightLog:
    """Fly one sortie and render its photos, and for the first sortie a video."""
    sortie = made.sorties[number - 1]
    started = TAKEOFF_AT + timedelta(hours=number - 1)
    progress.start(_("flying sortie {number}").format(number=number), len(sortie.waypoints))
    reached = 0

    def show(item: int) -> None:
        nonlocal reached
        while reached < min(item, len(sortie.waypoints)):
            reached += 1
            progress.step()

    with RehearsalVehicle(
        patrol.home, speedup=SPEEDUP, start_at=started, seed=seed + number, wind=patrol.wind
    ) as vehicle:
        link = connect(vehicle.address, clock=clock)
        try:
            log = fly(
                link,
                made,
                number,
                clock=clock,
                log_path=footage.parent / f"sortie-{number}.jsonl",
                approval=patrol.approval,
                rehearsal=True,
                on_state=lambda state: show(state.item),
            )
        finally:
            link.close()
        true_track, true_triggers = vehicle.true_track(), vehicle.true_triggers()
    if log.outcome is not Outcome.COMPLETED:
        raise LinkFailed(
            _("Sortie {number} of the rehearsal ended early ({outcome}); see {log}.").format(
                number=number, outcome=outcome_name(log.outcome), log=footage.parent / f"sortie-{number}.jsonl"
            )
        )
    world = read_world(DISTRICT / "world.yaml")
    progress.start(_("filming sortie {number}").format(number=number), len(log.triggers))
    write_photos(
        world,
        true_triggers,
        log.triggers,
        patrol.camera,
        footage / f"sortie-{number}",
        progress=lambda _done, _all: progress.step(),
    )
    if number == 1:
        start = _first_line(made, true_track)
        progress.start(_("filming a video"), round(video_s * VIDEO_FPS))
        write_video(
            world,
            true_track,
            log.track,
            video_camera(patrol.camera),
            footage / f"sortie-{number}",
            start=start,
            seconds=video_s,
            fps=VIDEO_FPS,
            progress=lambda _done, _all: progress.step(),
        )
    return log


def _first_line(made: FlightPlan, track: Track) -> datetime:
    """Return when the vehicle came nearest to the start of its first photographed line."""
    waypoints = made.sorties[0].waypoints
    first = next(index for index, waypoint in enumerate(waypoints) if waypoint.leg is Leg.LINE)
    start = waypoints[first - 1].position
    height_m = waypoints[first].height.metres
    near = [
        (distance_m(start, pose.position), pose.captured_at)
        for pose in track.poses
        if pose.position is not None
        and pose.height_takeoff is not None
        and abs(pose.height_takeoff.metres - height_m) < 3
    ]
    return min(near)[1]


def planted_in(patrol: Patrol) -> tuple[Truth, ...]:
    """Return what was planted on the ground that a patrol looks at; to be called only after processing is over."""
    return tuple(
        truth
        for truth in truths(read_world(DISTRICT / "world.yaml"))
        if any(area.shape.covers(Point(truth.position.lon_deg, truth.position.lat_deg)) for area in patrol.areas)
    )


def score(planted: Sequence[Truth], found: Sequence[Finding]) -> Score:
    """Return how findings compare with the truth; each finding counts for the nearest planted thing, once.

    A finding within :data:`SAME_PLACE_M` of a planted thing of the same hazard code is about it. Pairs are taken in
    order of distance, so no finding and no planted thing is used twice.
    """
    pairs = sorted(
        (distance_m(truth.position, finding.point), place, number)
        for place, truth in enumerate(planted)
        for number, finding in enumerate(found)
        if truth.hazard == finding.hazard
    )
    errors: list[float] = []
    taken: dict[int, int] = {}
    used: set[int] = set()
    for error_m, place, number in pairs:
        if error_m <= SAME_PLACE_M and place not in taken and number not in used:
            taken[place] = number
            used.add(number)
            errors.append(error_m)
    right = sum(found[number].site_code == planted[place].site_code for place, number in taken.items())
    decided_wrong = sum(
        found[number].site_code not in {"", planted[place].site_code} for place, number in taken.items()
    )
    return Score(
        planted=len(planted),
        found=len(taken),
        right_site=right,
        wrong_site=decided_wrong,
        false=len(found) - len(used),
        median_error_m=statistics.median(errors) if errors else None,
        missed=tuple(truth for place, truth in enumerate(planted) if place not in taken),
    )
